"""How fast this library trains on a GPU, against timm and against the device itself."""
