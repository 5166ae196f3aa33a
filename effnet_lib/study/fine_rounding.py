"""The finest rounding that counts exactly: single blocks, 4 channels, 4 px, from a baseline as it stands."""

from dataclasses import replace
from typing import Any

from ..models.scaling import RoundingRule, Scaling

PX_STEP = 4
# For channels and px; blocks are added by `add_blocks`.
FINE = RoundingRule(divisor=4, round_limit=None, resolution=PX_STEP)


def add_blocks(repeats: tuple[int, ...], depth: float) -> tuple[int, ...]:
    """Scale the blocks of all stages together: round(depth * sum) in all, each added where most is missing.

    Block by block the stage with the largest remainder (its exact share minus its blocks) gets the next one, ties the
    longer and then the earlier stage. Remainders of the final total only would not be monotone: (1, 2, 2, 3, 3, 4, 1)
    has 2 blocks in its first stage at depth 1.49, and 1 again at 1.5. Where `depth` is below 1, the stage with the
    smallest remainder of those with two blocks or more loses the next one, until none has.
    """
    total, blocks = sum(repeats), list(repeats)
    for target in range(total - 1, max(len(repeats), round(round(total * depth, 9))) - 1, -1):
        over = [total * have - target * n if have > 1 else -total for n, have in zip(repeats, blocks, strict=True)]
        blocks[max(range(len(blocks)), key=lambda i: (over[i], blocks[i], -i))] -= 1
    for target in range(total + 1, round(round(total * depth, 9)) + 1):
        missing = [target * n - total * have for n, have in zip(repeats, blocks, strict=True)]  # x total: exact
        blocks[max(range(len(blocks)), key=lambda i: (missing[i], repeats[i], -i))] += 1
    return tuple(blocks)


def fine(base: Any, scaling: Scaling, px_step: int = PX_STEP) -> Any:
    """Scale a rounded network by the finest steps that count exactly: single blocks, 4 channels, 4 px.

    Unlike the paper's rule this starts from the baseline as it stands: B0's table at depth 0.5 is 8 blocks where the
    baseline has 10, and at (1, 1, 1) the search must be at the baseline. Channels go to the nearest multiple of 4
    (expanded sixfold they are multiples of 8, which timm asks for), or of what the family has for `channel_step`.

    Args:
        base: a network of a family with `px`, `stages` of `channels` and `repeats`, and perhaps `stem`, `last`, `head`.
        px_step: multiple of the input size in pixels.

    Returns:
        A network of the same family.

    Raises:
        ParameterError: a channel count or size that `RoundingRule` refuses.
    """
    rule = replace(FINE, divisor=getattr(base, "channel_step", FINE.divisor), resolution=px_step)
    blocks = add_blocks(tuple(stage.repeats for stage in base.stages), scaling.depth)
    ends = {name: getattr(base, name) for name in ("stem", "last", "head") if hasattr(base, name)}
    return replace(
        base,
        px=rule.image_size(base.px, scaling.resolution),
        stages=tuple(
            replace(stage, channels=rule.channels(stage.channels, scaling.width), repeats=repeats)
            for stage, repeats in zip(base.stages, blocks, strict=True)
        ),
        **{name: FINE.end(channels, scaling.width) for name, channels in ends.items()},
    )
