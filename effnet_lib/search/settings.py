"""What the search does in each profile: at which size, on which data, how many networks; all of it data."""

from dataclasses import dataclass, replace

from ..study.profiles import ProxyBaseline
from ..training.recipes import SHORT, Recipe
from .mnasnet_space import OPERATORS
from .objective import TARGET, W
from .searchers import SearcherSetting

WS = (0.0, W, -0.15)
TRAINED, TABLE = SearcherSetting(population=16, tournament=5), SearcherSetting(population=20, tournament=10)
TABLE_SEED = 100  # the first of those on the table


@dataclass(frozen=True)
class SearchSetting:
    """What one profile searches.

    Args:
        dataset: id of the data set; candidates are scored on its tuning split (`splits.HOLDOUT`), never on the
            validation images, which winner and B0 meet on alone.
        base: the size at which the space is searched.
        evaluations: networks that evolution trains for each exponent of `ws`, `batch` at a time.
        neighbours: random networks of B0's FLOPS that are trained beside it. From 46 on, B0 may have one better and
            still be in the top tenth at 95 %; from 61 on two.
        b0_seeds: seeds of B0 on the tuning split.
        long: how many of the neighbours are trained again, `long_factor` times as long.
        phi: of the compound scaling of winner and B0.
        seeds: of winner and B0 on the validation images.
        target: T of the objective at full size, in multiply-adds.
        operators: those that a search may choose.
        table_searcher, table_seeds, table_evaluations: searches of each searcher on the table, and their length. Of
            the settings tried on seeds 1,000 to 1,049 this one was within 0.1 points of the best in all 50 searches of
            100 evaluations. The first choice, a tournament of 5, was in 49 of those and in 7 of 10 on seeds 0 to 9;
            hence the other setting, and other seeds, which were declared before anything ran on them.
    """

    dataset: str
    base: ProxyBaseline
    recipe: Recipe
    evaluations: int
    neighbours: int
    ws: tuple[float, ...] = (W,)
    searcher: SearcherSetting = TRAINED
    batch: int = 8
    b0_seeds: int = 3
    long: int = 30
    long_factor: int = 3
    phi: float = 1.0
    seeds: int = 3
    target: float = TARGET
    operators: tuple[str, ...] = tuple(OPERATORS)
    table_searcher: SearcherSetting = TABLE
    table_seeds: int = 10
    table_evaluations: int = 300


SETTINGS = {
    "smoke": SearchSetting(
        "fractals-10",
        ProxyBaseline(0.25, 0.25, 32),
        replace(SHORT, epochs=1, batch=16, min_area=0.7),
        evaluations=3,
        neighbours=3,
        searcher=SearcherSetting(population=2, tournament=2),
        batch=2,
        b0_seeds=1,
        long=2,
        long_factor=2,
        seeds=1,
        table_seeds=3,
        table_evaluations=60,
    ),
    # Not the profile's own baseline: at its depth of 0.25 nearly all choices of depth round to one block a stage. At
    # 32 px and stride 8 the last map has 4 x 4 cells; B0 takes 20 s of one core for three epochs, and its seeds agree.
    "cpu": SearchSetting(
        "fractals-100",
        ProxyBaseline(0.25, 0.5, 32, stride=8),
        replace(SHORT, epochs=3, batch=32, min_area=0.5),
        evaluations=40,
        neighbours=46,
    ),
    "gpu": SearchSetting(
        "imagenette-224",
        ProxyBaseline(0.35, 0.5, 80, stride=16),
        replace(SHORT, batch=32, precision="bf16"),
        evaluations=100,
        neighbours=61,
        ws=WS,
        searcher=SearcherSetting(population=32, tournament=8),
    ),
}
