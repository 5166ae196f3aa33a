"""Data sets as uint8 images and int64 labels: fractals and scenes, named photographs, any folder of class folders.

Splits, array caches, streaming and the transfer sets of Table 6 live here; networks, augmentation and training do not.
"""
