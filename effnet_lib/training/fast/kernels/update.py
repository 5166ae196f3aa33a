"""Clipping and SGD with Nesterov's momentum over all weights of a network at once."""

import numpy as np

from .memory import doubles, floats, kernel, whole_numbers

TINY = 1e-6  # beside the norm, as torch's clip_grad_norm_ has it


@kernel(3, 1, 2)
def clipped_sgd(tables, sizes, reals):
    """Update weights in place.

    tables: addresses (weight, gradient, momentum) of each tensor; their lengths; rate and decay of each.
    reals: largest norm of all gradients together (0: any), momentum.
    """
    places, lengths, rates = tables
    (count,) = sizes
    clip, momentum = reals
    where, length, rate = whole_numbers(places, 3 * count), whole_numbers(lengths, count), doubles(rates, 2 * count)
    factor = 1.0
    if clip > 0:
        total = 0.0
        for n in range(count):
            gradient, part = floats(where[3 * n + 1], length[n]), np.float32(0)
            for i in range(length[n]):
                part += gradient[i] * gradient[i]
            total += part
        factor = clip / (np.sqrt(total) + TINY)
        if factor >= 1:
            factor = 1.0
    share, keep = np.float32(factor), np.float32(momentum)
    for n in range(count):
        weight, gradient = floats(where[3 * n], length[n]), floats(where[3 * n + 1], length[n])
        moved = floats(where[3 * n + 2], length[n])
        step, decay = np.float32(rate[2 * n]), np.float32(rate[2 * n + 1])
        for i in range(length[n]):
            g = share * gradient[i] + decay * weight[i]
            m = keep * moved[i] + g
            moved[i] = m
            weight[i] -= step * (g + keep * m)
