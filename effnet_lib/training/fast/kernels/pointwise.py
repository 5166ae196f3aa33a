"""1 x 1 convolutions as matrix products over blocks of pixels that stay in the cache, both gradients in one pass.

A channels_last map is a matrix of pixels by channels as it lies. The products are those of the BLAS that scipy brings.
"""

import numpy as np

from .memory import FLOAT, kernel, rows

BLOCK = 1024  # pixels


@kernel(3, 3)
def forward(tensors, sizes):
    """Write y = x w^T."""
    x, weight, y = tensors
    pixels, inputs, outputs = sizes
    turned = np.ascontiguousarray(rows(weight, outputs, inputs).T)
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        given = rows(x + FLOAT * start * inputs, count, inputs)
        np.dot(given, turned, rows(y + FLOAT * start * outputs, count, outputs))


@kernel(5, 3)
def backward(tensors, sizes):
    """Write the gradients of input and weight; g is the output's."""
    x, g, weight, dx, dweight = tensors
    pixels, inputs, outputs = sizes
    by, out = rows(weight, outputs, inputs), rows(dweight, outputs, inputs)
    product, total = np.empty((outputs, inputs), np.float32), np.zeros((outputs, inputs))
    for start in range(0, pixels, BLOCK):
        count = min(BLOCK, pixels - start)
        coming = rows(g + FLOAT * start * outputs, count, outputs)
        np.dot(coming, by, rows(dx + FLOAT * start * inputs, count, inputs))
        np.dot(coming.T, rows(x + FLOAT * start * inputs, count, inputs), product)
        for i in range(outputs):
            for j in range(inputs):
                total[i, j] += product[i, j]
    for i in range(outputs):
        for j in range(inputs):
            out[i, j] = total[i, j]
