"""The MnasNet space centred on B0: seven stages, each with its operator, kernel, squeeze, skip, width and depth.

Tan et al. 2019 (arXiv 1807.11626), section 4.1, with B0's widths and depths (Table 1 of the paper) as the reference, so
that B0 is a point of the space. MnasNet-A1 is none: its last but one stage has 160 channels, 0.83 of B0's 192.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from ..core.errors import ParameterError, nearest
from ..models import complexity
from ..models.archs.efficientnet import HEAD, STEM, TABLE1, EfficientNet
from ..models.archs.layers import strided
from ..models.archs.mnasnet import A1, MBCONV, SEPARABLE, MnasNet, MnasStage, plain, scale
from ..models.scaling import REFERENCE, Scaling
from ..study.profiles import UNSCALED, ProxyBaseline
from .space import Candidate, Space

OPERATORS = {"MBConv1": (MBCONV, 1), "MBConv3": (MBCONV, 3), "MBConv6": (MBCONV, 6), "separable": (SEPARABLE, 1)}
CHOICES: dict[str, tuple] = {
    "operator": tuple(OPERATORS),
    "kernel": (3, 5),
    "squeeze": ("none", "quarter"),
    "skip": ("none", "identity"),
    "width": (0.75, 1.0, 1.25),  # times B0's channels
    "depth": (-1, 0, 1),  # blocks more than B0's, at least one
}
PLACES = len(CHOICES)  # of a stage
Genes = tuple[int, ...]  # the options of one stage


def candidate_of(stages: list[dict]) -> Candidate:
    """Return the candidate with these choices, a mapping of `CHOICES` for each stage."""
    return tuple(options.index(stage[name]) for stage in stages for name, options in CHOICES.items())


B0 = candidate_of(
    [
        {
            "operator": f"MBConv{stage.expand}",
            "kernel": stage.kernel,
            "squeeze": "quarter",
            "skip": "identity",
            "width": 1.0,
            "depth": 0,
        }
        for stage in TABLE1
    ]
)


def choices_of(candidate: Candidate) -> list[dict]:
    """Return a candidate's choices, a mapping of `CHOICES` for each stage."""
    return [{name: CHOICES[name][one] for name, one in zip(CHOICES, part, strict=True)} for part in _parts(candidate)]


def _parts(candidate: Candidate) -> list[Genes]:
    return [candidate[i : i + PLACES] for i in range(0, len(candidate), PLACES)]


@dataclass(frozen=True)
class MnasNetSpace:
    """The space at the size of a proxy baseline: every network is scaled as B0 is, then rounded once.

    Counts need no network: those of a stage depend on the channels before it and its own choices alone, and are kept.

    Args:
        operators: those that a search may choose; B0 and MnasNet-A1 stand beside it in any case.

    Raises:
        ParameterError: an operator that is not known.
    """

    base: ProxyBaseline
    classes: int
    padding: str = "symmetric"
    operators: tuple[str, ...] = tuple(OPERATORS)

    def __post_init__(self) -> None:
        for one in self.operators:
            if one not in OPERATORS:
                raise ParameterError("operators", one, nearest(one, OPERATORS))

    @cached_property
    def space(self) -> Space:
        """What a search chooses from."""
        stage = [tuple(range(len(options))) for options in CHOICES.values()]
        stage[0] = tuple(CHOICES["operator"].index(one) for one in self.operators)
        return Space(tuple(stage) * len(TABLE1))

    @property
    def _scaling(self) -> Scaling:
        return Scaling(self.base.depth, self.base.width)

    def arch(self, candidate: Candidate, scaling: Scaling = UNSCALED) -> EfficientNet | MnasNet:
        """Return a candidate's network, scaled beyond the proxy by `scaling`; equal networks are equal objects.

        Raises:
            ParameterError: a scaled network beyond the limits of `RoundingRule`.
        """
        total = self._scaling * scaling
        stem, head = (REFERENCE.end(channels, total.width) for channels in (STEM, HEAD))
        stages = tuple(_stage(i, part, total) for i, part in enumerate(_parts(candidate)))
        px = REFERENCE.image_size(self.base.px, total.resolution)
        made = MnasNet(px, self.classes, stem, stages, head, self.padding)
        return plain(made.at_stride(self.base.stride))

    @cached_property
    def mnasnet_a1(self) -> EfficientNet | MnasNet:
        """MnasNet-A1 at this size, with B0's activation."""
        made = scale(A1, self._scaling, self.base.px, self.classes, self.padding)
        return plain(made.at_stride(self.base.stride))

    @cached_property
    def _reference(self) -> EfficientNet | MnasNet:
        return self.arch(B0)

    @cached_property
    def _blank(self) -> MnasNet:
        b0 = self._reference
        return MnasNet(b0.px, b0.classes, b0.stem, (), b0.head, b0.padding)

    @cached_property
    def _sizes(self) -> list[int]:
        """Height = width of what each stage reads, and of what the head reads."""
        sizes = [strided(self.base.px, 2)]
        for stage in self._reference.stages:
            sizes.append(strided(sizes[-1], stage.stride))
        return sizes

    @cached_property
    def _kept(self) -> dict[tuple[int, int, Genes], tuple[int, int]]:
        return {}

    @cached_property
    def _ends(self) -> dict[int, int]:
        return {}

    def madds(self, candidate: Candidate) -> int:
        """Return the multiply-adds of a candidate's network; equals `complexity.count`."""
        kept, channels, total = self._kept, self._blank.stem, 0
        for i in range(len(TABLE1)):
            place = (i, channels, candidate[i * PLACES : (i + 1) * PLACES])
            found = kept.get(place)
            if found is None:
                found = kept[place] = self._counted(*place)
            channels = found[0]
            total += found[1]
        if channels not in self._ends:
            self._ends[channels] = self._counted_ends(channels)
        return total + self._ends[channels]

    def _counted(self, i: int, in_channels: int, genes: Genes) -> tuple[int, int]:
        """Return a stage's channels and its multiply-adds."""
        stage = replace(_stage(i, genes, self._scaling), stride=self._reference.stages[i].stride)
        layers = self._blank.stage_layers(in_channels, stage, self._sizes[i])
        return stage.channels, sum(layer.madds for layer in layers)

    def _counted_ends(self, channels: int) -> int:
        """Return the multiply-adds of stem, head and classifier after a last stage of so many channels."""
        stem, *_ = self._blank.layers()
        after = replace(self._blank, stem=channels, px=2 * self._sizes[-1])
        _, *rest = after.layers()
        return stem.madds + sum(layer.madds for layer in rest)

    def neighbours(self, number: int, tolerance: float = 0.1, seed: int = 0) -> list[Candidate]:
        """Draw candidates of B0's multiply-adds within a share, uniformly, each network once and B0 not.

        Returns:
            Fewer than `number` where the space has hardly more.
        """
        draw, unit = Random(seed), complexity.count(self._reference).madds
        found = {self._reference: B0}
        for _ in range(100_000):
            if len(found) > number:
                break
            one = self.space.random(draw)
            if abs(self.madds(one) / unit - 1) <= tolerance:
                found.setdefault(self.arch(one), one)
        return list(found.values())[1:]


def _stage(i: int, genes: Genes, scaling: Scaling) -> MnasStage:
    operator, kernel, squeeze, skip, width, depth = (
        options[one] for options, one in zip(CHOICES.values(), genes, strict=True)
    )
    (block, expand), row = OPERATORS[operator], TABLE1[i]
    channels = REFERENCE.channels(row.channels, width * scaling.width)
    repeats = REFERENCE.repeats(max(1, row.repeats + depth), scaling.depth)
    return MnasStage(expand, kernel, row.stride, channels, repeats, block, squeeze, skip)
