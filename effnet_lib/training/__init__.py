"""Recipes, the training loop, augmentation, checkpoints."""
