"""The numbers of docs/faq.md, made anew: for every section the lines and phrases that must stand in it."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from math import log

import effnet_lib as eff
from effnet_lib.core import paths
from effnet_lib.models.archs import efficientnet, mobilenet_v1
from effnet_lib.models.archs.efficientnet import TABLE1, EfficientNet
from effnet_lib.models.scaling import (
    ALPHA,
    BETA,
    GAMMA,
    PUBLISHED,
    RoundingRule,
    Scaling,
    compound,
    constraint,
    round_filters,
    round_repeats,
)
from effnet_lib.study.fine_rounding import fine
from effnet_lib.study.profiles import ALPHAS, GRID

B0 = efficientnet.scale(Scaling())
UNIT = eff.count(B0)
EVIDENCE = paths.ROOT / "figures/published/cpu"


def cost(arch, unit: int = UNIT.madds) -> float:
    return eff.count(arch).madds / unit


def blocks(arch: EfficientNet) -> int:
    return sum(stage.repeats for stage in arch.stages)


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def phis() -> Iterator[str]:
    """Yield the phi of B1 to B7 by each column of the table, and what B7's depth saves."""
    for number, one in enumerate(PUBLISHED[1:], 1):
        rule, flops = compound(float(number)), cost(eff.published(one.name))
        by = (log(one.depth, ALPHA), log(one.width, BETA), log(one.px / 224, GAMMA), log(flops, constraint()))
        given = f"{one.depth:g}, {one.width:g}, {one.px}"
        scaled = f"{rule.depth:.2f}, {rule.width:.2f}, {224 * rule.resolution:.0f}"
        yield row(f"B{number}", given, *(f"{phi:.2f}" for phi in by), scaled)
    b7, rule = PUBLISHED[7], compound(7.0)
    deep = efficientnet.scale(Scaling(rule.depth, b7.width), b7.px)
    table = eff.published("b7")
    parts = [
        f"{blocks(one)} blocks, {cost(one):.1f}x B0's FLOPS and {eff.count(one).params / 1e6:.1f} M parameters"
        for one in (deep, table)
    ]
    deeper = f"With d = {rule.depth:.2f} and all else as printed it would have {parts[0]}"
    yield f"{deeper}; with {b7.depth:g} it has {parts[1]}"
    b2, one = PUBLISHED[2], compound(1.0)
    assert (b2.depth, b2.width) == (one.depth, one.width)
    yield f"B2 is nearly phi = 1, with {b2.px} px in place of {224 * one.resolution:.0f}"
    yield f"alpha beta^2 gamma^2 is {constraint():.2f} and not 2"


def networks(scale: Callable[[Scaling], object], tolerance: float = 0.05) -> tuple[int, int, int]:
    """Return how many networks the grid rounds to, how many of them cost about 2, and of how many triples."""
    found: dict = {}
    for triple in product(ALPHAS, GRID, GRID):
        found.setdefault(scale(Scaling(*triple)), []).append(triple)
    unit = eff.count(scale(Scaling())).madds
    near = [triples for arch, triples in found.items() if abs(cost(arch, unit) / 2 - 1) <= tolerance]
    return len(found), len(near), sum(map(len, near))


def grid() -> Iterator[str]:
    """Yield how large the grid is for B0, with finer rounding, and for MobileNetV1."""
    sizes = [len(ALPHAS), len(GRID), len(GRID)]
    triples = [Scaling(*triple) for triple in product(ALPHAS, GRID, GRID)]
    near = sum(abs(triple.flops_factor / 2 - 1) <= 0.05 for triple in triples)
    yield f"in steps of {GRID[1] - GRID[0]:.2f}, alpha to {max(ALPHAS):g}, beta and gamma to {max(GRID):g}"
    size = f"{' x '.join(map(str, sizes))} = {len(triples):,} triples"
    yield f"{size}, {near} of them with alpha beta^2 gamma^2 within 5 % of 2"
    for name, scale in (
        ("B0", efficientnet.scale),
        ("MobileNetV1", mobilenet_v1.scale),
        ("B0, fine rounding", lambda scaling: fine(B0, scaling)),
    ):
        unit = eff.count(scale(Scaling())).madds
        yield row(name, *networks(scale), f"{cost(scale(compound(1.0)), unit):.2f}x")


def nni() -> Iterator[str]:
    """Yield what the grid of microsoft/nni (its search_net.json and tuner.py, PR 1497) costs: steps of 0.1."""
    alphas, others = ([round(1 + 0.1 * i, 1) for i in range(size)] for size in (11, 6))
    triples = [Scaling(*triple) for triple in product(alphas, others, others)]
    kept = [triple for triple in triples if abs(triple.flops_factor - 2) < 0.1]
    products = [triple.flops_factor for triple in kept]
    costs = [cost(efficientnet.scale(triple)) for triple in kept]
    said = f"{len(kept)} triples in steps of {alphas[1] - 1:.1f}, with products from {min(products):.2f} to"
    yield f"{said} {max(products):.2f}, whose networks cost {min(costs):.2f}x to {max(costs):.2f}x of B0"
    assert Scaling(ALPHA, BETA, GAMMA) not in kept


def next_block(repeats: int) -> float:
    """Return above which depth multiplier a stage gets a second further block."""
    depths = [d / 1000 for d in range(1001, 4000)]
    return max(d for d in depths if round_repeats(repeats, d) == repeats + 1)


def layers() -> Iterator[str]:
    """Yield the blocks of every stage of B0 to B7, and above which depth each stage grows again."""
    archs = [eff.published(one.name) for one in PUBLISHED]
    for i, stage in enumerate(TABLE1):
        yield row(i + 2, stage.channels, *(arch.stages[i].repeats for arch in archs))
    yield row("all", "", *map(blocks, archs))
    more = efficientnet.scale(Scaling(depth=1.001))
    yield f"all seven get one: {blocks(B0)} blocks are {blocks(more)} at d = 1.001, and still at d = 1.2"
    assert blocks(efficientnet.scale(Scaling(depth=1.2))) == blocks(more) == blocks(B0) + len(TABLE1)
    groups: dict[int, list[int]] = {}
    for i, stage in enumerate(TABLE1):
        groups.setdefault(stage.repeats, []).append(i + 2)
    for repeats, stages in groups.items():
        name = "stage" if len(stages) == 1 else "stages"
        yield f"{name} {' and '.join(map(str, stages))} above {next_block(repeats):.4g}"


def rounding() -> Iterator[str]:
    """Yield what phi should cost and does, and what each rounding alone adds."""
    nearest = RoundingRule(depth="round")
    for phi in map(float, range(1, 8)):
        rule, counted = compound(phi).flops_factor, cost(efficientnet.scale(compound(phi)))
        near = cost(efficientnet.scale(compound(phi), rule=nearest))
        yield row(f"{phi:g}", f"{rule:.2f}x", f"{counted:.2f}x", _off(counted, rule), f"{near:.2f}x", _off(near, rule))
    for name, one in (
        ("d = 1.2", Scaling(depth=1.2)),
        ("w = 1.1", Scaling(width=1.1)),
        ("r = 1.15", Scaling(1, 1, 1.15)),
    ):
        yield f"{name} alone should cost {one.flops_factor:.2f}x and costs {cost(efficientnet.scale(one)):.2f}x"
    kept = [str(c) for c in (stage.channels for stage in TABLE1) if round_filters(c, 1.1) == c]
    yield f"{', '.join(kept)} channels stay as they are, 40 become {round_filters(40, 1.1)}"
    large = efficientnet.scale(Scaling(1, 1, 1.15))
    last, first = (f"{one.final_px} x {one.final_px}" for one in (large, B0))
    yield f"{large.px} px end in a map of {last}, {B0.px} in one of {first}"


def _off(counted: float, rule: float) -> str:
    return f"{100 * (counted / rule - 1):+.0f} %"


def smaller() -> Iterator[str]:
    """Yield what negative phi gives, a network of a million parameters at 128 px, and our slopes."""
    for phi in (-1.0, -2.0, -3.0, -4.0, -6.0):
        scaling = compound(phi)
        arch = efficientnet.scale(scaling)
        size, counts = f"{scaling.depth:.2f}, {scaling.width:.2f}, {arch.px}", eff.count(arch)
        flops = f"{counts.madds / 1e6:.0f} M", f"{cost(arch):.2f}x", f"{scaling.flops_factor:.2f}x"
        yield row(f"{phi:g}", size, blocks(arch), f"{counts.params / 1e6:.1f} M", *flops)
    one = efficientnet.scale(Scaling(width=0.35), 128)
    counts = eff.count(one)
    million = f"{counts.params / 1e6:.2f} M parameters and {counts.madds / 1e6:.0f} M FLOPS"
    yield f"B0 at width 0.35 and 128 px has {million}, with a last map of {one.final_px} x {one.final_px}"
    claim, resolution, depth = (_claim(words) for words in ("Compound", "resolution matters", "depth matters"))
    slopes = claim["premise"]["slopes"]
    said = [
        "{} {:+.1f} ({:+.1f} to {:+.1f})".format(name, slopes[name]["points_a_doubling"], *slopes[name]["interval"])
        for name in ("resolution", "width", "depth")
    ]
    yield f"points a doubling of FLOPS: {', '.join(said)}, {slopes['depth']['n']} seeds"
    assert depth["interval"][1] < 0 < resolution["interval"][1] and resolution["interval"][0] < 0  # as the page says
    said = ["{:+.1f} ({:+.1f} to {:+.1f})".format(one["measured"], *one["interval"]) for one in (depth, resolution)]
    yield f"depth minus width {said[0]}, resolution minus width {said[1]}"


def _claim(words: str) -> dict:
    """Return the published verdict of Figure 8 in profile cpu that has these words."""
    text = (EVIDENCE / "fig8_scaling_methods.claims.json").read_text(encoding="utf-8")
    (found,) = (one for one in json.loads(text) if words in one["claim"])
    return found


def pixels() -> Iterator[str]:
    """Yield the last map and the FLOPS of B0 by input size and stride."""
    for px in (32, 64, 128, 224):
        archs = [efficientnet.scale(Scaling(), px).at_stride(stride) for stride in (32, 16, 8)]
        yield row(px, *(f"{a.final_px} x {a.final_px}, {eff.count(a).madds / 1e6:.0f} M" for a in archs))


def speed() -> Iterator[str]:
    """Yield Table 4's published latencies of B0 to B7, and how far FLOPS predict a speedup in each runtime."""
    rows = list(csv.DictReader((EVIDENCE / "table4_latency.csv").open(encoding="utf-8")))
    survey = {one["model"]: one for one in rows if one["group"] == "survey"}
    first = survey["EfficientNet-B0"]
    for number in range(8):
        one = survey[f"EfficientNet-B{number}"]
        flops, seconds = (float(one[name]) for name in ("flops", "seconds"))
        times = flops / float(first["flops"]), seconds / float(first["seconds"])
        pace = flops / seconds / 1e9
        yield row(
            f"B{number}", f"{flops / 1e6:,.0f}", f"{1e3 * seconds:,.0f}", *(f"{x:.1f}x" for x in times), f"{pace:.0f}"
        )
    pair = [one for one in rows if one["group"].startswith("ResNet-152")]
    flops = float(pair[0]["flops"]) / float(pair[1]["flops"])
    faster = {one["runtime"]: float(one["speedup"]) for one in pair if one["speedup"]}
    said = ", ".join(f"{faster[name]:.1f}x in {word}" for name, word in RUNTIMES.items())
    yield f"B1 has {flops:.1f} times fewer FLOPS than ResNet-152 and is faster by {said}"
    yield f"{first['device']}, one core, {first['date']}"


RUNTIMES = {
    "eager": "PyTorch eager",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "openvino_bf16": "OpenVINO bf16",
}


def fragments() -> Iterable[str]:
    """Return everything on the page that holds a measured or counted number."""
    return [words for part in (phis, grid, nni, layers, rounding, smaller, pixels, speed) for words in part()]
