"""The finest rounding that counts exactly: single blocks, 4 channels, 4 px, from a baseline as it stands."""

from dataclasses import replace

from ..models.archs.efficientnet import EfficientNet
from ..models.scaling import RoundingRule, Scaling

FINE = RoundingRule(divisor=4, round_limit=None, resolution=4)  # for channels and px; blocks are added by `add_blocks`


def add_blocks(repeats: tuple[int, ...], depth: float) -> tuple[int, ...]:
    """Scale the blocks of all stages together: round(depth * sum) in all, each added where most is missing.

    `depth` is at least 1. Block by block the stage with the largest remainder (its exact share minus its blocks) gets
    the next one, ties the longer and then the earlier stage. Remainders of the final total only would not be monotone:
    (1, 2, 2, 3, 3, 4, 1) has 2 blocks in its first stage at depth 1.49, and 1 again at 1.5.
    """
    total, blocks = sum(repeats), list(repeats)
    for target in range(total + 1, round(round(total * depth, 9)) + 1):
        missing = [target * n - total * have for n, have in zip(repeats, blocks, strict=True)]  # x total: exact
        blocks[max(range(len(blocks)), key=lambda i: (missing[i], repeats[i], -i))] += 1
    return tuple(blocks)


def fine(base: EfficientNet, scaling: Scaling) -> EfficientNet:
    """Scale a rounded network by the finest steps that count exactly: single blocks, 4 channels, 4 px.

    Unlike the paper's rule this starts from the baseline as it stands: B0's table at depth 0.5 is 8 blocks where the
    baseline has 10, and at (1, 1, 1) the search must be at the baseline. Channels go to the nearest multiple of 4
    (expanded sixfold they are multiples of 8, which timm asks for). Multipliers are at least 1.

    Raises:
        ParameterError: a channel count or size that `RoundingRule` refuses.
    """
    blocks = add_blocks(tuple(stage.repeats for stage in base.stages), scaling.depth)
    return replace(
        base,
        px=FINE.image_size(base.px, scaling.resolution),
        stem=FINE.end(base.stem, scaling.width),
        stages=tuple(
            replace(stage, channels=FINE.channels(stage.channels, scaling.width), repeats=repeats)
            for stage, repeats in zip(base.stages, blocks, strict=True)
        ),
        head=FINE.end(base.head, scaling.width),
    )
