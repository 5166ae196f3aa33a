"""Data sets: the embedded fractals, torchvision's, and any folder of class folders."""
