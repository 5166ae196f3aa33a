"""Random resized crop, flip and standardisation of a batch of uint8 images, in one pass.

The same bilinear sampling as `training.augment`'s, which is `grid_sample`'s with borders repeated. A crop is not
rotated: two source rows are mixed first, over a whole row of bytes at a time, and columns afterwards.
"""

import numpy as np

from .memory import FLOAT, HALF, ONE, floats, kernel, pixels


@kernel(5, 4)
def crop(tensors, sizes):
    """Write crops (count, size, size, 3) of images (count, height, width, 3), times scale plus shift."""
    images, matrices, out, shift, scale = tensors
    count, height, width, size = sizes
    affine, add, times = floats(matrices, 6 * count), floats(shift, 3), floats(scale, 3)
    left, right, share = np.empty(size, np.uint64), np.empty(size, np.uint64), np.empty(size, np.float32)
    mixed = np.empty(3 * width, np.float32)
    for n in range(count):
        for j in range(size):
            step = np.float32(2 * j + 1) / np.float32(size) - ONE
            at = ((step * affine[6 * n] + affine[6 * n + 2] + ONE) * np.float32(width) - ONE) * HALF
            at = min(max(at, np.float32(0)), np.float32(width - 1))
            whole = np.int64(at)
            left[j], right[j], share[j] = 3 * whole, 3 * min(whole + 1, width - 1), at - np.float32(whole)
        first = min(np.int64(left[0]), np.int64(left[size - 1]))
        length = max(np.int64(right[0]), np.int64(right[size - 1])) + 3 - first
        for i in range(size):
            step = np.float32(2 * i + 1) / np.float32(size) - ONE
            at = ((step * affine[6 * n + 4] + affine[6 * n + 5] + ONE) * np.float32(height) - ONE) * HALF
            at = min(max(at, np.float32(0)), np.float32(height - 1))
            whole = np.int64(at)
            down = at - np.float32(whole)
            above = pixels(images + (n * height + whole) * width * 3 + first, length)
            below = pixels(images + (n * height + min(whole + 1, height - 1)) * width * 3 + first, length)
            part = mixed[first : first + length]
            for t in range(length):
                value = np.float32(above[t])
                part[t] = value + down * (np.float32(below[t]) - value)
            row = floats(out + FLOAT * (n * size + i) * size * 3, 3 * size)
            for j in range(size):
                for c in range(3):
                    value = mixed[left[j] + np.uint64(c)]
                    value += share[j] * (mixed[right[j] + np.uint64(c)] - value)
                    row[3 * j + c] = value * times[c] + add[c]
