"""What is measured of trained networks: one measurement a module, and no drawing."""
