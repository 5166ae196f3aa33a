"""A training step's costly operations on a CPU core, compiled by numba (the extra `fast`), chosen by a measurement.

One switch: how a step is launched (`training.execution`). "auto" takes what lies here where numba is installed, "eager"
is torch's own in any case.
"""
