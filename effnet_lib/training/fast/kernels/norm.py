"""Batch norm and SiLU in one: statistics in one pass, output in a second; only the convolution's output is kept.

The backward pass computes the activation's gradient again, once for the two sums and once for the result, which is
cheaper than to write and read it. A map is taken as `count` rows of `length` floats, several pixels of all channels
each: so that a map of 8 channels is vectorised as one of 500 is.
"""

import numpy as np

from .memory import ONE, floats, inlined, kernel, rows, sigmoid

SUMMED = 64  # rows that are summed in single precision before they are added in double
GLANCE = 16  # rows whose mean is taken off first, since a square of what is left cancels nothing


@inlined
def _statistics(x, channels, mean, variance):
    """Write the mean and the biased variance of each channel."""
    count, length = x.shape
    middle, add, square = np.zeros(length, np.float32), np.zeros(length, np.float32), np.zeros(length, np.float32)
    adds, squares = np.zeros(length), np.zeros(length)
    seen = min(count, GLANCE)
    for i in range(seen):
        for j in range(length):
            add[j] += x[i, j]
    for c in range(channels):
        total = 0.0
        for j in range(c, length, channels):
            total += add[j]
        for j in range(c, length, channels):
            middle[j] = total / (seen * (length // channels))
    for start in range(0, count, SUMMED):
        for j in range(length):
            add[j] = 0
            square[j] = 0
        for i in range(start, min(start + SUMMED, count)):
            for j in range(length):
                off = x[i, j] - middle[j]
                add[j] += off
                square[j] += off * off
        for j in range(length):
            adds[j] += add[j]
            squares[j] += square[j]
    for c in range(channels):
        total, spread = 0.0, 0.0
        for j in range(c, length, channels):
            total += adds[j]
            spread += squares[j]
        total /= count * (length // channels)
        mean[c] = total + middle[c]
        variance[c] = spread / (count * (length // channels)) - total * total


@inlined
def _line(norm, channels, scale, shift):
    """Write batch norm as one line a channel, scale * x + shift, for each float of a row."""
    weight, bias, mean, inverse = norm
    length = len(scale)
    for c in range(channels):
        slope = weight[c] * inverse[c]
        for j in range(c, length, channels):
            scale[j] = slope
            shift[j] = bias[c] - mean[c] * slope


@kernel(8, 4, 2)
def forward(tensors, sizes, reals):
    """Write the norm of x to y, activated where `active`; also mean and 1 / sd, and move the running values."""
    x, y, weight, bias, mean, inverse, moving, spread = tensors
    count, length, channels, active = sizes
    eps, momentum = reals
    given, out = rows(x, count, length), rows(y, count, length)
    center, per_sd = floats(mean, channels), floats(inverse, channels)
    running_mean, running_variance = floats(moving, channels), floats(spread, channels)
    means, variances = np.empty(channels), np.empty(channels)
    scale, shift = np.empty(length, np.float32), np.empty(length, np.float32)
    _statistics(given, channels, means, variances)
    n = count * (length // channels)
    unbiased = n / max(n - 1.0, 1.0)
    for c in range(channels):
        center[c], per_sd[c] = means[c], 1 / np.sqrt(variances[c] + eps)
        running_mean[c] += momentum * (means[c] - running_mean[c])
        running_variance[c] += momentum * (variances[c] * unbiased - running_variance[c])
    _line((floats(weight, channels), floats(bias, channels), center, per_sd), channels, scale, shift)
    if active:
        for i in range(count):
            for j in range(length):
                u = given[i, j] * scale[j] + shift[j]
                out[i, j] = u * sigmoid(u)
    else:
        for i in range(count):
            for j in range(length):
                out[i, j] = given[i, j] * scale[j] + shift[j]


@inlined
def _sums(x, g, line, active, sums, products):
    """Add up the gradient of the norm's output and its product with what lies off the mean, for each float of a row."""
    scale, shift, center = line
    count, length = x.shape
    add, product = np.zeros(length, np.float32), np.zeros(length, np.float32)
    for start in range(0, count, SUMMED):
        for j in range(length):
            add[j] = 0
            product[j] = 0
        for i in range(start, min(start + SUMMED, count)):
            if active:
                for j in range(length):
                    u = x[i, j] * scale[j] + shift[j]
                    s = sigmoid(u)
                    du = g[i, j] * (s + u * s * (ONE - s))
                    add[j] += du
                    product[j] += du * (x[i, j] - center[j])
            else:
                for j in range(length):
                    add[j] += g[i, j]
                    product[j] += g[i, j] * (x[i, j] - center[j])
        for j in range(length):
            sums[j] += add[j]
            products[j] += product[j]


@kernel(9, 4)
def backward(tensors, sizes):
    """Write the gradients of input, weight and bias; g is the output's."""
    x, g, dx, weight, bias, mean, inverse, dweight, dbias = tensors
    count, length, channels, active = sizes
    given, coming, out = rows(x, count, length), rows(g, count, length), rows(dx, count, length)
    per_sd, mu = floats(inverse, channels), floats(mean, channels)
    dgamma, dbeta = floats(dweight, channels), floats(dbias, channels)
    scale, shift, center = np.empty(length, np.float32), np.empty(length, np.float32), np.empty(length, np.float32)
    constant, slope = np.empty(length, np.float32), np.empty(length, np.float32)
    _line((floats(weight, channels), floats(bias, channels), mu, per_sd), channels, scale, shift)
    for c in range(channels):
        for j in range(c, length, channels):
            center[j] = mu[c]
    sums, products = np.zeros(length), np.zeros(length)
    _sums(given, coming, (scale, shift, center), active, sums, products)
    for c in range(channels):
        total, product = 0.0, 0.0
        for j in range(c, length, channels):
            total += sums[j]
            product += products[j]
        dbeta[c], dgamma[c] = total, product * per_sd[c]
        n = count * (length // channels)
        # dx = scale (du - mean(du) - x' mean(du x')), x' the normalised input: a line in du and x.
        for j in range(c, length, channels):
            slope[j] = -scale[j] * product * per_sd[c] * per_sd[c] / n
            constant[j] = -scale[j] * total / n - slope[j] * mu[c]
    if active:
        for i in range(count):
            for j in range(length):
                u = given[i, j] * scale[j] + shift[j]
                s = sigmoid(u)
                du = coming[i, j] * (s + u * s * (ONE - s))
                out[i, j] = scale[j] * du + constant[j] + given[i, j] * slope[j]
    else:
        for i in range(count):
            for j in range(length):
                out[i, j] = scale[j] * coming[i, j] + constant[j] + given[i, j] * slope[j]
