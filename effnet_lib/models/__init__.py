"""Networks as plain data, what follows from it in closed form, and published weights.

Scaling and rounding rules, architectures (`archs`), counts, memory of a training step, the model zoo, timm's registry.
Nothing here trains, reads a data set, or runs a network on it; torch is imported only where a network is built.
"""
