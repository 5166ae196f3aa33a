"""What numba compiles: plain loops over float32 in channels_last, on one core. Importing a module here compiles it."""
