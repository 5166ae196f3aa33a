"""Squeeze-and-excitation as one operation: y = x * sigmoid(expand(silu(reduce(mean of x)))), and its gradients.

A network has it in each block, as a dozen of operations on a value a channel, which cost more in calls than in work.
A map is taken as `count` rows of `length` floats an image, as in `norm`.
"""

import numpy as np

from .memory import FLOAT, ONE, clear, floats, inlined, kernel, rows, sigmoid


@kernel(9, 5)
def forward(tensors, sizes):
    """Write the output, and what the backward pass reads: mean, hidden (before its activation) and gate."""
    x, y, reduce, reduce_bias, expand, expand_bias, mean, hidden, gate = tensors
    images, count, length, channels, squeezed = sizes
    first, second = rows(reduce, squeezed, channels), rows(expand, channels, squeezed)
    first_bias, second_bias = floats(reduce_bias, squeezed), floats(expand_bias, channels)
    means, inner, gates = rows(mean, images, channels), rows(hidden, images, squeezed), rows(gate, images, channels)
    share = np.float32(1.0 / (count * (length // channels)))
    clear(mean, images * channels)
    line = np.empty(length, np.float32)
    for n in range(images):
        for j in range(length):
            line[j] = 0
        for i in range(count):
            given = floats(x + FLOAT * (n * count + i) * length, length)
            for j in range(length):
                line[j] += given[j]
        for c in range(channels):
            for j in range(c, length, channels):
                means[n, c] += line[j] * share
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
        for c in range(channels):
            for j in range(c, length, channels):
                line[j] = gates[n, c]
        for i in range(count):
            place = FLOAT * (n * count + i) * length
            given, out = floats(x + place, length), floats(y + place, length)
            for j in range(length):
                out[j] = given[j] * line[j]


@inlined
def _products(x, g, count, line):
    """Write the sum over an image's rows of x times g."""
    length = len(line)
    for j in range(length):
        line[j] = 0
    for i in range(count):
        given, coming = floats(x + FLOAT * i * length, length), floats(g + FLOAT * i * length, length)
        for j in range(length):
            line[j] += given[j] * coming[j]


@kernel(13, 5)
def backward(tensors, sizes):
    """Write the gradients of input, weights and biases; g is the output's, scratch: room for a mean."""
    x, g, dx, reduce, expand, mean, hidden, gate, dreduce, dreduce_bias, dexpand, dexpand_bias, scratch = tensors
    images, count, length, channels, squeezed = sizes
    first, second = rows(reduce, squeezed, channels), rows(expand, channels, squeezed)
    means, inner, gates = rows(mean, images, channels), rows(hidden, images, squeezed), rows(gate, images, channels)
    dfirst, dfirst_bias = rows(dreduce, squeezed, channels), floats(dreduce_bias, squeezed)
    dsecond, dsecond_bias = rows(dexpand, channels, squeezed), floats(dexpand_bias, channels)
    wide = rows(scratch, images, channels)
    clear(scratch, images * channels)
    clear(dreduce_bias, squeezed)
    clear(dexpand_bias, channels)
    line, all_over = np.empty(length, np.float32), np.empty(length, np.float32)
    for n in range(images):
        start = FLOAT * n * count * length
        _products(x + start, g + start, count, line)
        for c in range(channels):
            for j in range(c, length, channels):
                wide[n, c] += line[j]
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
    share = np.float32(1.0 / (count * (length // channels)))
    for n in range(images):
        for c in range(channels):
            for j in range(c, length, channels):
                line[j], all_over[j] = gates[n, c], wide[n, c] * share
        for i in range(count):
            place = FLOAT * (n * count + i) * length
            coming, out = floats(g + place, length), floats(dx + place, length)
            for j in range(length):
                out[j] = coming[j] * line[j] + all_over[j]
