"""Gradients of depthwise 3 x 3 and 5 x 5 convolutions padded by k // 2, of stride 1 or 2.

Rows of a map go through a ring of k padded rows, columns of different phase (modulo the stride) apart, so that every
tap reads and adds up a run of neighbours that is as long as a block of pixels times channels.
"""

import numpy as np

from .memory import FLOAT, clear, copy, floats, inlined, kernel


@inlined
def _load(x, image, row, ring, sizes):
    """Put a row of an image into its place in the ring; a row outside is zero."""
    k, stride, height, width, channels, run = sizes
    pad = k // 2
    place = ring + FLOAT * ((row + pad) % k) * stride * run
    if row < 0 or row >= height:
        clear(place, stride * run)
    elif stride == 1:
        copy(place + FLOAT * pad * channels, x + FLOAT * (image * height + row) * width * channels, width * channels)
    else:
        for q in range(width):
            to = place + FLOAT * ((q + pad) % stride * run + (q + pad) // stride * channels)
            copy(to, x + FLOAT * ((image * height + row) * width + q) * channels, channels)


@inlined
def _add_product(to, one, other, count):
    out, first, second = floats(to, count), floats(one, count), floats(other, count)
    for t in range(count):
        out[t] += first[t] * second[t]


@kernel(5, 7)
def weight_gradient(tensors, sizes):
    """Write the weight's gradient (channels, 1, k, k).

    ring: zeros for k rows of stride phases of (width + 2 (k // 2) + stride - 1) // stride pixels;
    sums: zeros for k * k * block pixels.
    """
    x, g, dweight, ring, sums = tensors
    images, height, width, channels, k, stride, block = sizes
    pad = k // 2
    rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
    run = (width + 2 * pad + stride - 1) // stride * channels
    total, added, out = (
        np.zeros(k * k * channels),
        floats(sums, k * k * block * channels),
        floats(dweight, channels * k * k),
    )
    for n in range(images):
        loaded = -pad - 1
        for i in range(rows):
            for row in range(loaded + 1, stride * i - pad + k):
                _load(x, n, row, ring, (k, stride, height, width, channels, run))
            loaded = stride * i - pad + k - 1
            for j in range(0, columns, block):
                count = min(block, columns - j) * channels
                coming = g + FLOAT * ((n * rows + i) * columns + j) * channels
                for a in range(k):
                    if 0 <= stride * i - pad + a < height:
                        place = ring + FLOAT * ((stride * i + a) % k * stride * run + j * channels)
                        for b in range(k):
                            read = place + FLOAT * (b % stride * run + b // stride * channels)
                            _add_product(sums + FLOAT * (a * k + b) * block * channels, read, coming, count)
        for tap in range(k * k):  # a whole image in single precision, images in double
            for q in range(block):
                for c in range(channels):
                    at = (tap * block + q) * channels + c
                    total[tap * channels + c] += added[at]
                    added[at] = 0
    for tap in range(k * k):
        for c in range(channels):
            out[c * k * k + tap] = total[tap * channels + c]


@inlined
def _tiled(weight, k, channels, block, tile):
    """Repeat every tap's channels for each pixel of a block."""
    given, out = floats(weight, channels * k * k), floats(tile, k * k * block * channels)
    for tap in range(k * k):
        for q in range(block):
            for c in range(channels):
                out[(tap * block + q) * channels + c] = given[c * k * k + tap]


@kernel(6, 7)
def input_gradient(tensors, sizes):
    """Write the input's gradient; height and width are the input's.

    ring: zeros for k rows of (columns + 2 (k // 2)) pixels; tile: k * k * block pixels; block_sums: a block's pixels.
    """
    g, weight, dx, ring, tile, block_sums = tensors
    images, height, width, channels, k, stride, block = sizes
    pad = k // 2
    rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
    line = (columns + 2 * pad) * channels
    _tiled(weight, k, channels, block, tile)
    for n in range(images):
        loaded = -1
        for h in range(height):
            for row in range(loaded + 1, min((h + pad) // stride, rows - 1) + 1):
                source = g + FLOAT * (n * rows + row) * columns * channels
                copy(ring + FLOAT * (row % k * line + pad * channels), source, columns * channels)
                loaded = row
            for phase in range(stride):  # of the input's columns
                reached = (width - phase + stride - 1) // stride
                for j in range(0, reached, block):
                    count = min(block, reached - j)
                    clear(block_sums, count * channels)
                    for a in range((h + pad) % stride, k, stride):
                        row = (h + pad - a) // stride
                        if 0 <= row < rows:
                            place = ring + FLOAT * (row % k * line + (pad + j) * channels)
                            for b in range((phase + pad) % stride, k, stride):
                                read = place + FLOAT * (phase + pad - b) // stride * channels
                                tap = tile + FLOAT * (a * k + b) * block * channels
                                _add_product(block_sums, read, tap, count * channels)
                    for q in range(count):
                        to = dx + FLOAT * ((n * height + h) * width + stride * (j + q) + phase) * channels
                        copy(to, block_sums + FLOAT * q * channels, channels)
