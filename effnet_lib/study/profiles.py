"""How big a study is: data, baseline candidates, recipe, coefficients and seeds of each profile."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..core.errors import ParameterError, nearest
from ..models.archs import efficientnet
from ..models.scaling import Scaling
from ..training.recipes import PAPER, SHORT, Recipe
from .protocol import LONG

UNSCALED = Scaling()
WIDTHS = (1.0, 1.4, 1.8, 2.6, 3.8, 5.0)
DEPTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
RESOLUTIONS = (1.0, 1.3, 1.5, 1.7, 1.9, 2.2, 2.5)
PHIS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5)  # Figure 8
LINE_WIDTHS = (1.0, 1.4, 1.8, 2.6)  # Figure 4
FAMILIES = ("MobileNetV1", "MobileNetV2", "ResNet-50")  # Table 3
# Grid search: up to 1.4 in width and resolution, since 1.41^2 = 2.
GRID = tuple(round(1 + 0.05 * i, 2) for i in range(9))
ALPHAS = (*GRID, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0)
ROUNDINGS = ("fine", "paper")  # of the grid search's networks (grid.fine, and the reference implementation's rule)
# The protocol's levels: multiples of the baseline's counted FLOPS between which they lie (`levels.equal_cost`).
LEVEL_A, LEVEL_B = (3.0, 4.0), (5.0, 6.5)


@dataclass(frozen=True)
class ProxyBaseline:
    """A proxy baseline: B0 scaled to a width and a depth, trained at `px`.

    `stride`: of the last feature map; below 32, the last strides are left out (Figure 7, where a map must show more).
    """

    width: float
    depth: float
    px: int
    stride: int = 32

    def arch(self, classes: int, scaling: Scaling = UNSCALED, padding: str = "symmetric") -> efficientnet.EfficientNet:
        """Scale the baseline; coefficients multiply, then round once from B0's own table."""
        made = efficientnet.scale(Scaling(self.depth, self.width) * scaling, self.px, classes, padding)
        return made.at_stride(self.stride)

    def __str__(self) -> str:
        name = f"B0 x (w {self.width:g}, d {self.depth:g}) at {self.px} px"
        return name if self.stride == 32 else f"{name}, stride {self.stride}"


@dataclass(frozen=True)
class Profile:
    """One size of study.

    `candidates`: baselines of equal cost among which step 0 of the protocol chooses (one: fixed), trained by `recipe`.
    `learning_rates`: with which the tuning begins, the middle one the recipe's (none: all of the recipe is fixed);
    `batches`, `crops`, `emas`: what it tries besides. `family_rates`: of Table 3's families, where the recipe is
    fixed. `deciding`: the training budget that decides the claims that the protocol asks for at the long one.
    `declared`: seeds that decide a claim where the profile has no step 0.
    `trains`: whether a notebook trains what is missing unless told otherwise. `published`: whether published records
    count. `in_process`: train in the notebook's own process by default.
    `widths`, `depths`, `resolutions`: Figure 3's coefficients; `phis`: Figure 8's; `line_widths`: Figure 4's, on its
    baselines with a scaled depth or resolution. `levels`: between which multiples of its FLOPS the scaling
    methods are compared; `curves`: whether Figure 8 draws the methods' curves beside them. `families`: whose rows of
    Table 3 are measured.
    `alphas`, `betas`, `gammas`: the grid search's grid, pruned to twice the baseline's FLOPS within the share
    `tolerance`, its networks rounded by `rounding`; `networks`: how many of them are trained at most; `fresh_seeds`:
    seeds on which winner and paper's triple meet again.
    `map_base`, `map_data`, `map_epochs`: Figure 7's baseline, data set and length of training, where the profile's own
    show too little in a map (None: the profile's own); `map_seeds`: seeds of its five models; `map_pictures`: on how
    many pictures their maps are measured.
    """

    name: str
    summary: str
    dataset: str
    recipe: Recipe
    candidates: tuple[ProxyBaseline, ...]
    seeds: int
    learning_rates: tuple[float, ...] = ()
    batches: tuple[int, ...] = ()
    crops: tuple[float, ...] = ()
    emas: tuple[float, ...] = ()
    family_rates: Mapping[str, float] = field(default_factory=dict, hash=False)
    deciding: str = "short"
    declared: int = 3
    widths: tuple[float, ...] = WIDTHS
    depths: tuple[float, ...] = DEPTHS
    resolutions: tuple[float, ...] = RESOLUTIONS
    phis: tuple[float, ...] = PHIS
    curves: bool = True
    line_widths: tuple[float, ...] = LINE_WIDTHS
    levels: tuple[tuple[float, float], ...] = (LEVEL_A, LEVEL_B)
    families: tuple[str, ...] = FAMILIES
    alphas: tuple[float, ...] = ALPHAS
    betas: tuple[float, ...] = GRID
    gammas: tuple[float, ...] = GRID
    tolerance: float = 0.05
    rounding: str = "fine"
    networks: int = 12
    fresh_seeds: int = 5
    map_base: ProxyBaseline | None = None
    map_data: str | None = None
    map_seeds: int = 5
    map_epochs: int | None = None
    map_images: int = 200
    trains: bool = False
    published: bool = True
    in_process: bool = False
    padding: str = "symmetric"


def _candidates(*listed: tuple[float, float, int, int]) -> tuple[ProxyBaseline, ...]:
    """Return baselines of (width, depth, px, stride of the last map)."""
    return tuple(ProxyBaseline(*one) for one in listed)


TUNED: dict[str, Any] = {  # what the protocol tries on the baseline that step 0 chose
    "learning_rates": (0.1, 0.2, 0.4),
    "batches": (16, 32, 64),
    "crops": (0.35, 0.6),
    "emas": (0.0, 0.99),
    "deciding": LONG,
}

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            "seconds: tiny networks on ten embedded fractal classes, to test the machinery",
            "fractals-10",
            replace(SHORT, epochs=2, batch=32, min_area=0.7),
            (ProxyBaseline(0.25, 0.25, 32, stride=8),),
            seeds=1,
            declared=1,
            widths=(1.0, 1.8, 2.6),
            depths=(1.0, 4.0, 6.0),
            resolutions=(1.0, 1.7, 2.2),
            phis=(1.0, 2.0),
            line_widths=(1.0, 1.8),
            levels=(LEVEL_A,),
            families=("MobileNetV2",),
            networks=4,
            fresh_seeds=1,
            map_data="scenes-10",
            map_seeds=1,
            map_epochs=2,
            map_images=12,
            trains=True,
            published=False,
            in_process=True,
        ),
        Profile(
            "cpu",
            "minutes: small networks on twenty embedded fractal classes",
            "fractals-20-jitter-50",
            # Chosen on the tuning split, on seeds that no figure uses, and then left alone: docs/profiles.md.
            replace(SHORT, epochs=4, batch=32, min_area=0.7),
            (ProxyBaseline(0.15, 0.25, 40, stride=8),),
            seeds=3,
            widths=(1.0, 1.8, 2.6),  # the predeclared points alone: three seeds of them take two cores ten minutes
            depths=(1.0, 4.0, 6.0),
            resolutions=(1.0, 1.7, 2.2),
            phis=(),
            curves=False,
            line_widths=(1.0, 1.8),
            levels=(LEVEL_A,),
            families=("MobileNetV1", "ResNet-50"),  # MobileNetV2's five networks alone would take six of ten minutes
            family_rates={"MobileNetV1": 0.4, "ResNet-50": 0.4},
            networks=5,
            fresh_seeds=3,
            map_base=ProxyBaseline(0.15, 0.25, 48, stride=8),
            map_data="scenes-20",
            map_seeds=3,
            map_epochs=6,
            trains=True,
            published=False,
        ),
        Profile(
            "photos",
            "hours on any CPU, published: real photographs at a proxy scale of 6 M multiply-adds",
            "imagenette-224",
            replace(SHORT, batch=32),
            # 5.5 to 6.1 M multiply-adds: from the most pixels at the smallest width to the least, at every stride.
            _candidates(
                (0.2, 0.25, 120, 32),
                (0.25, 0.25, 104, 32),
                (0.1, 0.25, 120, 16),
                (0.25, 0.25, 84, 16),
                (0.2, 0.25, 100, 16),
                (0.15, 0.25, 124, 32),
                (0.25, 0.5, 96, 32),
                (0.1, 0.25, 132, 32),
                (0.25, 0.75, 64, 16),
                (0.25, 0.25, 52, 8),
                (0.35, 0.5, 72, 32),
                (0.1, 0.25, 92, 8),
                (0.15, 0.25, 112, 16),
            ),
            seeds=3,
            **TUNED,
        ),
        Profile(
            "gpu",
            "minutes on one GPU: real photographs at a proxy scale of 31 M multiply-adds",
            "imagenette-224",
            replace(SHORT, batch=32, precision="bf16"),
            # 30.2 to 31.5 M multiply-adds, the cost of B0 at 60 px; 224 px is the size of the photographs.
            _candidates(
                (0.6, 1, 96, 32),
                (0.5, 0.75, 112, 32),
                (0.5, 0.5, 136, 32),
                (0.35, 0.5, 184, 32),
                (0.3, 0.5, 200, 32),
                (0.25, 0.5, 221, 32),
                (0.35, 0.25, 212, 32),
                (0.25, 0.25, 256, 32),
                (0.2, 0.5, 256, 32),
                (0.15, 0.75, 228, 32),
                (0.5, 0.25, 124, 16),
                (0.3, 0.25, 180, 16),
                (0.5, 0.25, 68, 8),
            ),
            seeds=3,
            **TUNED,
            line_widths=(*LINE_WIDTHS, 3.8),
        ),
        Profile(
            "imagenet",
            "many GPUs: the paper's own recipe on ImageNet at 224 px",
            "imagenet",
            PAPER,
            (ProxyBaseline(1, 1, 224),),
            seeds=1,
            declared=1,
            padding="same",
        ),
    )
}


def profile(name: str) -> Profile:
    """Return a profile by name.

    Raises:
        ParameterError: with the nearest name, for an unknown one.
    """
    if name not in PROFILES:
        raise ParameterError("profile", name, nearest(name, PROFILES))
    return PROFILES[name]
