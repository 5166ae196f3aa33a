"""Squeeze-and-excitation as one operation: y = x * sigmoid(expand(silu(reduce(mean of x)))), and its gradients.

A network has it in each block, as a dozen of operations on a value a channel, which cost more in calls than in work.
Maps are (images, pixels, channels).
"""

import numpy as np

from .memory import FLOAT, ONE, clear, floats, kernel, rows, sigmoid


@kernel(9, 4)
def forward(tensors, sizes):
    """Write the output, and what the backward pass reads: mean, hidden (before its activation) and gate."""
    x, y, reduce, reduce_bias, expand, expand_bias, mean, hidden, gate = tensors
    images, pixels, channels, squeezed = sizes
    first, second = rows(reduce, squeezed, channels), rows(expand, channels, squeezed)
    first_bias, second_bias = floats(reduce_bias, squeezed), floats(expand_bias, channels)
    means, inner, gates = rows(mean, images, channels), rows(hidden, images, squeezed), rows(gate, images, channels)
    share = np.float32(1.0 / pixels)
    clear(mean, images * channels)
    for n in range(images):
        total = floats(mean + FLOAT * n * channels, channels)
        for p in range(pixels):
            given = floats(x + FLOAT * (n * pixels + p) * channels, channels)
            for c in range(channels):
                total[c] += given[c]
        for c in range(channels):
            total[c] *= share
    np.dot(means, first.T, inner)
    active = np.empty((images, squeezed), np.float32)
    for n in range(images):
        for r in range(squeezed):
            inner[n, r] += first_bias[r]
            active[n, r] = inner[n, r] * sigmoid(inner[n, r])
    np.dot(active, second.T, gates)
    for n in range(images):
        for c in range(channels):
            gates[n, c] = sigmoid(gates[n, c] + second_bias[c])
    for n in range(images):
        factor = floats(gate + FLOAT * n * channels, channels)
        for p in range(pixels):
            place = FLOAT * (n * pixels + p) * channels
            given, out = floats(x + place, channels), floats(y + place, channels)
            for c in range(channels):
                out[c] = given[c] * factor[c]


@kernel(13, 4)
def backward(tensors, sizes):
    """Write the gradients of input, weights and biases; g is the output's, scratch has room for a mean."""
    x, g, dx, reduce, expand, mean, hidden, gate, dreduce, dreduce_bias, dexpand, dexpand_bias, scratch = tensors
    images, pixels, channels, squeezed = sizes
    first, second = rows(reduce, squeezed, channels), rows(expand, channels, squeezed)
    means, inner, gates = rows(mean, images, channels), rows(hidden, images, squeezed), rows(gate, images, channels)
    dfirst, dfirst_bias = rows(dreduce, squeezed, channels), floats(dreduce_bias, squeezed)
    dsecond, dsecond_bias = rows(dexpand, channels, squeezed), floats(dexpand_bias, channels)
    wide = rows(scratch, images, channels)
    clear(scratch, images * channels)
    clear(dreduce_bias, squeezed)
    clear(dexpand_bias, channels)
    for n in range(images):
        total = floats(scratch + FLOAT * n * channels, channels)
        for p in range(pixels):
            place = FLOAT * (n * pixels + p) * channels
            given, coming = floats(x + place, channels), floats(g + place, channels)
            for c in range(channels):
                total[c] += given[c] * coming[c]
    for n in range(images):
        for c in range(channels):
            wide[n, c] *= gates[n, c] * (ONE - gates[n, c])
            dsecond_bias[c] += wide[n, c]
    active, narrow = np.empty((images, squeezed), np.float32), np.empty((images, squeezed), np.float32)
    np.dot(wide, second, narrow)
    for n in range(images):
        for r in range(squeezed):
            u = inner[n, r]
            s = sigmoid(u)
            active[n, r] = u * s
            narrow[n, r] *= s + u * s * (ONE - s)
            dfirst_bias[r] += narrow[n, r]
    np.dot(wide.T, active, dsecond)
    np.dot(narrow.T, means, dfirst)
    np.dot(narrow, first, wide)
    share = np.float32(1.0 / pixels)
    for n in range(images):
        factor, all_over = (
            floats(gate + FLOAT * n * channels, channels),
            floats(scratch + FLOAT * n * channels, channels),
        )
        for c in range(channels):
            all_over[c] *= share
        for p in range(pixels):
            place = FLOAT * (n * pixels + p) * channels
            coming, out = floats(g + place, channels), floats(dx + place, channels)
            for c in range(channels):
                out[c] = coming[c] * factor[c] + all_over[c]
