"""Importing this loads the kernels: the server of worker processes does, so that no worker has to."""

from .compiled import load

KERNELS = load()
