"""What a PolyNet is made of, for both its closed form and its modules: paths, blocks, reductions, scales."""

from typing import NamedTuple


class Conv(NamedTuple):
    """A convolution with batch norm and ReLU: channels, kernel height and width, stride (2 is not padded)."""

    out_channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


Path = tuple[Conv, ...]
THREE = (3, 3)

# The channels of the three stages, the paths of their blocks and those of the reductions after the first two, beside
# which a max-pooling passes the channels on.
CHANNELS = (384, 1152, 2048)
BLOCKS: tuple[tuple[Path, ...], ...] = (
    ((Conv(32), Conv(48, THREE), Conv(64, THREE)), (Conv(32), Conv(32, THREE)), (Conv(32),)),
    ((Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1))), (Conv(192),)),
    ((Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1))), (Conv(192),)),
)
REDUCTIONS: tuple[tuple[Path, ...], ...] = (
    ((Conv(256), Conv(256, THREE), Conv(384, THREE, 2)), (Conv(384, THREE, 2),)),
    (
        (Conv(256), Conv(256, THREE), Conv(256, THREE, 2)),
        (Conv(256), Conv(256, THREE, 2)),
        (Conv(256), Conv(384, THREE, 2)),
    ),
)
FIRST_SCALE, LAST_SCALE = 1.0, 0.7  # of what a module adds to its input, over all modules


def is_poly(stage: int, module: int) -> bool:
    """Say whether a module, counted from 0 in its stage, is poly-3 and not 2-way."""
    return stage > 0 and module % 2 == 0
