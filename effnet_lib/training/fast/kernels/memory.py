"""What the kernels share: how they are compiled, floats at an address, the logistic function.

Tensors come as addresses, since to wrap one as an array takes longer than many a kernel, and a call has many. Loops are
over one row of floats at a time, from addresses that do not depend on the counter: nothing else is vectorised.
"""

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# As torch's own kernels: sums in any order, but what is no number stays none (no "nnan", no "ninf").
OPTIONS = {"fastmath": {"reassoc", "nsz", "arcp", "contract", "afn"}, "error_model": "numpy", "boundscheck": False}
inlined = njit(inline="always", **OPTIONS)
FLOAT = 4  # bytes


def kernel(addresses: int, sizes: int, reals: int = 0):
    """Return a decorator that compiles a function of tuples: so many addresses, whole and, if any, real numbers."""
    given = [types.UniTuple(types.int64, addresses), types.UniTuple(types.int64, sizes)]
    given += [types.UniTuple(types.float64, reals)] if reals else []
    return njit(types.void(*given), cache=True, **OPTIONS)


@intrinsic
def _pointer(context, address):
    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@inlined
def floats(address, count):
    """Return `count` floats at an address."""
    return carray(_pointer(address), (count,), np.float32)


@inlined
def rows(address, count, length):
    """Return `count` rows of `length` floats at an address."""
    return carray(_pointer(address), (count, length), np.float32)


@inlined
def pixels(address, count):
    """Return `count` bytes at an address."""
    return carray(_pointer(address), (count,), np.uint8)


@inlined
def whole_numbers(address, count):
    """Return `count` whole numbers of 64 bits at an address."""
    return carray(_pointer(address), (count,), np.int64)


@inlined
def doubles(address, count):
    """Return `count` floats of double precision at an address."""
    return carray(_pointer(address), (count,), np.float64)


@inlined
def clear(to, count):
    """Write zeros."""
    out = floats(to, count)
    for i in range(count):
        out[i] = 0


@inlined
def copy(to, source, count):
    """Copy floats."""
    out, given = floats(to, count), floats(source, count)
    for i in range(count):
        out[i] = given[i]


ONE, HALF, LARGEST = np.float32(1), np.float32(0.5), np.float32(87)
PER_LN2, LN2, REST = np.float32(1.4426950408889634), np.float32(0.693359375), np.float32(-2.12194440e-4)
# exp(r) = 1 + r + r^2 P(r) for |r| <= ln(2) / 2: Cephes' polynomial for single precision.
P0, P1, P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
P3, P4, P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)


@inlined
def sigmoid(u):
    """Return 1 / (1 + exp(-u)). numpy's exp is not vectorised without a library of Intel's; this is."""
    v = min(max(-u, -LARGEST), LARGEST)
    n = np.floor(v * PER_LN2 + HALF)
    r = v - n * LN2 - n * REST
    p = ((((P0 * r + P1) * r + P2) * r + P3) * r + P4) * r + P5
    power = (np.int32(n) + np.int32(127)) << np.int32(23)  # 2^n, by its exponent's bits
    return ONE / (ONE + (p * r * r + r + ONE) * np.int32(power).view(np.float32))
