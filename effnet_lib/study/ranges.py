"""The least and the most of every number that a notebook or a command takes; docs/running.md has the same table.

The limits are no advice: they keep a typing error from becoming a night of work, and all of the paper lies far inside.
"""

from dataclasses import dataclass
from typing import Any

from ..core.errors import ParameterError
from ..models.scaling import MAX_MULTIPLIER, MAX_PHI, MAX_PX, MIN_PX


def is_number(value: Any, whole: bool = False) -> bool:
    """Say whether a value is a number, which True and False are not."""
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True)
class Range:
    """The numbers from `least` to `most` as a check of one parameter; None, "nothing given", passes too.

    `kind` says what they are; `above`: `least` itself is refused; `whole`: so is what is no whole number.
    """

    least: float
    most: float
    kind: str = "a whole number"
    whole: bool = True
    above: bool = False

    def __str__(self) -> str:
        least, most = (f"{limit:,}" for limit in (self.least, self.most))
        return f"{self.kind} above {least} and at most {most}" if self.above else f"{self.kind} from {least} to {most}"

    def __contains__(self, value: Any) -> bool:
        # Compared as it stands: a whole number of 400 digits has no float. NaN compares with nothing.
        return (
            is_number(value, self.whole)
            and self.least <= value <= self.most
            and (not self.above or value != self.least)
        )

    def __call__(self, name: str, value: Any) -> Any:
        """Return the value.

        Raises:
            ParameterError: it is neither inside nor None.
        """
        if value is not None and value not in self:
            raise ParameterError(name, value, f"{self}, or None")
        return value


COEFFICIENTS = Range(0, MAX_MULTIPLIER, "coefficients", whole=False, above=True)
SEARCHED = Range(1, MAX_MULTIPLIER, "coefficients (equation 3)", whole=False)
RANGES = {  # of a notebook's parameters; those below the line are of one artefact alone
    "seeds": Range(1, 1_000),
    "workers": Range(0, 1_024),
    "widths": COEFFICIENTS,
    "depths": COEFFICIENTS,
    "resolutions": COEFFICIENTS,
    "phis": Range(0, MAX_PHI, "coefficients", whole=False, above=True),
    "alphas": SEARCHED,
    "betas": SEARCHED,
    "gammas": SEARCHED,
    "rounds": Range(1, 100_000),
    "train_pictures": Range(2, 100_000_000),
    "test_pictures": Range(2, 100_000_000),
    **dict.fromkeys(("depth", "width", "resolution"), COEFFICIENTS),
    "pictures": Range(2, 1_000),
    "px": Range(MIN_PX, MAX_PX),
    "epochs": Range(1, 100_000),
    "steps": Range(1, 100_000_000),
    "networks": Range(6, 100),  # fewer have no response surface
    "evaluations": Range(1, 100_000),
    "neighbours": Range(1, 100_000),
    "population": Range(1, 10_000),
    "tournament": Range(1, 10_000),
}
OPTIONS = {  # of a command
    "budget": Range(0, 1_000_000_000, "seconds", whole=False, above=True),
    "every": Range(0, 1_000_000_000, "seconds (0: after each step)", whole=False),
    "epochs": RANGES["epochs"],
    "seed": Range(0, 2**31 - 1),
    "batch": Range(1, 1_000_000),
    "micro_batch": Range(0, 1_000_000),
    "minival": Range(0, 100_000_000),
    "workers": RANGES["workers"],
    "runs": Range(1, 1_000),
    "fold": Range(1, 256),
}
MOST_LISTED = 100  # values of a list of coefficients
MOST_RUNS = 100_000  # of one plan, and networks of one grid
MOST_MEASUREMENTS = 10_000  # of one plan: one after the other, most of them minutes


def check_options(given: dict[str, Any]) -> None:
    """Check a command's numbers; one that was not given is None.

    Raises:
        ParameterError: one lies outside its range.
    """
    for name, value in given.items():
        if value is not None and value not in OPTIONS[name]:
            raise ParameterError(name, value, str(OPTIONS[name]))


def check_runs(networks: int, seeds: int) -> None:
    """Refuse a plan that nobody would live to see the end of.

    Raises:
        ParameterError: more than 100,000 runs.
    """
    if networks * seeds > MOST_RUNS:
        planned = f"{networks:,} networks x {seeds:,} seeds are {networks * seeds:,} runs"
        raise ParameterError("seeds", seeds, f"fewer: {planned}, and a plan has at most {MOST_RUNS:,}")


def check_measurements(tasks: int, seeds: int) -> None:
    """Refuse a plan of more measurements than anybody waits for.

    Args:
        seeds: of the plan, which multiply it.

    Raises:
        ParameterError: more than 10,000 measurements.
    """
    if tasks > MOST_MEASUREMENTS:
        accepted = f"fewer: they make {tasks:,} measurements, and a plan has at most {MOST_MEASUREMENTS:,}"
        raise ParameterError("seeds", seeds, accepted)
