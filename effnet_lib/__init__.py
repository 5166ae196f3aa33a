"""Regenerate the figures and tables of EfficientNet (Tan & Le 2019, arXiv 1905.11946v5)."""

__version__ = "0.1.0"
