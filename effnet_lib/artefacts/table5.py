"""Table 5 with Figure 6 as an artefact: its plan, table, claims and drawing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from .. import paper
from ..core.errors import ParameterError
from ..core.hardware import cpu_count
from ..data import transfer_datasets
from ..data.datasets import DataSet, declare
from ..measure.transfer import finetune
from ..measure.transfer.tasks import FineTune, Probe
from ..models import pretrained
from ..report.tables import transfer
from ..report.tables.transfer import Records, accuracy, outcomes, series, title
from ..stats.claims import Claim, JudgedClaim, judge
from ..stats.intervals import Estimate, contrast
from ..study.decided_study import Study
from ..study.parameters import Parameters, flag, listed
from ..study.profiles import Profile
from ..study.ranges import RANGES
from ..study.registry import Artefact, Needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = ("probe", "finetune", "scratch")


@dataclass(frozen=True)
class Setting:
    """What a profile measures.

    `draws`: sets of `train_pictures` (None: a share of the set) that share no picture. `whole`: also one probe on the
    whole training set. `tuned`: networks to train fully, with their input size (None: their own).
    """

    models: tuple[str, ...] = pretrained.LITE
    methods: tuple[str, ...] = ("probe",)
    draws: int = 3
    train_images: int | None = None
    test_images: int | None = None
    whole: bool = False
    tuned: tuple[tuple[str, int | None], ...] = ()
    epochs: int = 10
    steps: int | None = None
    micro_batch: int = 32
    precision: str = "fp32"


SETTINGS = {
    "smoke": Setting(models=("lite0", "lite2"), draws=2, train_images=40, test_images=40),
    "cpu": Setting(test_images=1000),
    # Fifths of CIFAR-10's training set: independent training sets, so that a difference has an interval.
    "photos": Setting(
        methods=("probe", "finetune"),
        draws=5,
        train_images=10_000,
        whole=True,
        tuned=(("lite0", 96),),
        epochs=3,
        micro_batch=64,
    ),
    "gpu": Setting(methods=("finetune",), tuned=(("lite0", None), ("lite2", None)), micro_batch=0, precision="bf16"),
    "imagenet": Setting(
        models=pretrained.PAPER,
        methods=("finetune",),
        draws=1,
        tuned=tuple((name, None) for name in pretrained.PAPER),
        steps=finetune.STEPS,
        micro_batch=0,
        precision="bf16",
    ),
}
FEW = {"cifar10": 500, "digits": 380, "fractals-10": 130}  # training pictures a draw of profile cpu
OFFLINE = ("digits", "fractals-10")


def data_sets(parameters: Parameters, profile: Profile) -> tuple[str, ...]:
    """Return the sets of a profile: the one asked for, else CIFAR-10, and without it what needs no download."""
    if parameters.dataset:
        return (parameters.dataset,)
    if profile.name == "imagenet":
        return tuple(one.id for one in transfer_datasets.SETS.values() if one.printed)
    if profile.name == "smoke":
        return ("digits",)
    return ("cifar10",) if profile.name != "cpu" or transfer_datasets.there("cifar10") else OFFLINE


def _few(dataset: DataSet, draws: int) -> int:
    return FEW.get(dataset.id) or max(
        2 * dataset.classes, min(50 * dataset.classes, dataset.train_images // (2 * draws))
    )


def _probes(study: Study, setting: Setting, dataset: DataSet) -> list[Probe]:
    """Return the probes of a data set: every draw of training images, then the whole set where a profile has it."""
    parameters, own = study.parameters, study.parameters.own
    workers, draws = parameters.workers, parameters.seeds or setting.draws
    if workers is None:
        workers = 0 if study.profile.in_process else cpu_count()
    train = own["train_pictures"] or setting.train_images or _few(dataset, draws)
    test = own["test_pictures"] or setting.test_images
    if test and test >= dataset.val_images:
        test = None
    for given, images in (("train_pictures", train), ("test_pictures", test)):
        if images and images < dataset.classes:
            raise ParameterError(given, images, f"at least one picture a class, {dataset.classes} for {dataset.id}")
    plan = [(train, draw) for draw in range(draws)]
    plan += [(None, 0)] if setting.whole and not own["train_pictures"] else []
    models = own["models"] or setting.models
    return [Probe(model, dataset, some, draw, test, workers) for some, draw in plan for model in models]


def _trainings(parameters: Parameters, setting: Setting, dataset: DataSet, scratch: bool) -> list[FineTune]:
    """Return the networks that are trained whole on a data set, each on every seed."""
    own = parameters.own
    sizes = dict(setting.tuned) or dict.fromkeys(own["models"] or setting.models)
    return [
        FineTune(
            model,
            dataset,
            own["px"] or sizes.get(model),
            own["epochs"] or setting.epochs,
            own["steps"] or (None if own["epochs"] else setting.steps),
            scratch,
            seed,
            setting.micro_batch,
            setting.precision,
            finetune.RATES if own["grid"] else (),
            finetune.DECAYS if own["grid"] else (),
            parameters.device,
        )
        for model in own["models"] or sizes
        for seed in range(parameters.seeds or 1)
    ]


class Table5(Artefact[Records]):
    """Table 5 and Figure 6: published ImageNet weights on other data sets, by linear probe and full fine-tuning."""

    id = "table5"
    notebook = "table5_transfer"
    title = "Table 5 and Figure 6: transfer learning"
    covers = ("Table 5", "Figure 6")
    needs = Needs("CIFAR-10, or embedded digits and fractals", "profile gpu", "for B0 to B7", "3 min")
    trains = False
    measures = True
    parameters: ClassVar = {
        "models": (None, listed(pretrained.NAMES)),
        "methods": (None, listed(METHODS)),
        "train_pictures": (None, RANGES["train_pictures"]),
        "test_pictures": (None, RANGES["test_pictures"]),
        "px": (None, RANGES["px"]),
        "epochs": (None, RANGES["epochs"]),
        "steps": (None, RANGES["steps"]),
        "grid": (False, flag),
    }

    def dataset(self, profile: Profile, parameters: Parameters) -> DataSet:
        """Declare the profile's own: those that are transferred to are `transfer_datasets`."""
        return declare(profile.dataset)

    def measurements(self, study: Study) -> list[Probe | FineTune]:
        """List the measurements.

        Raises:
            ParameterError or DataError: before any is made.
        """
        setting, own = SETTINGS[study.profile.name], study.parameters.own
        tasks: list[Probe | FineTune] = []
        methods = own["methods"] or setting.methods
        for name in data_sets(study.parameters, study.profile):
            dataset = transfer_datasets.declare(name)
            if "probe" in methods:
                tasks += _probes(study, setting, dataset)
            for method in ("finetune", "scratch"):
                if method in methods:
                    tasks += _trainings(study.parameters, setting, dataset, method == "scratch")
        return tasks

    def table(self, study: Study, results: Records) -> pd.DataFrame:
        """Return a row a network and way of training, what is printed first."""
        return transfer.table(results)

    def ratios(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return parameters over those of the other networks, printed and ours."""
        return transfer.ratios(rows)

    def sizes(self) -> pd.DataFrame:
        """Return the data sets' sizes beside those of Table 6."""
        return transfer_datasets.sizes()

    def claims(self, study: Study, results: Records) -> list[JudgedClaim]:
        """Judge "a larger model of the family transfers better" on what is measured; the comparisons need B0 to B7.

        A seed of a probe is a draw of training images that shares none with the others; the test images are common to
        all, so differences are paired by image and by draw. A probe on the whole training set is a single one (n = 1),
        since a second would be the same numbers.
        """
        listed_claims, lines = [], series(results)
        for line, networks in lines.items():
            sizes = [name for name in ("lite0", "lite2") if name in networks]
            if len(sizes) == 2:
                effect = contrast(outcomes(networks), {"lite2": 1.0, "lite0": -1.0})
                listed_claims.append(Claim(f"Lite2 beats Lite0 on {line.label} ({line.words})", effect))
        controls = {
            (line.label, line.px, line.epochs): nets for line, nets in lines.items() if line.method == "scratch"
        }
        for line, networks in lines.items():
            control = controls.get((line.label, line.px, line.epochs), {}) if line.method == "finetune" else {}
            for name in sorted(set(networks) & set(control)):
                both = outcomes({"tuned": networks[name], "scratch": control[name]})
                effect = contrast(both, {"tuned": 1.0, "scratch": -1.0})
                words = f"{title(name)}'s ImageNet weights beat training from scratch on {line.label} ({line.words})"
                listed_claims.append(Claim(words, effect))
        printed = paper.table(5).dropna(subset=["other_accuracy_percent"])
        fewer = paper.table(5).set_index(["dataset", "comparison"])["params_ratio"]["Geo-Mean"]
        for comparison, others, said in (
            ("public", "the public models (NASNet-A, Inception-v4, ResNet-152)", ""),
            ("best", "GPipe and DAT", 'the paper says "5 out of 8" (section 5.3); '),
        ):
            part = printed[printed["comparison"] == comparison]
            listed_claims.append(
                Claim(
                    f"EfficientNets beat {others} with fewer parameters: needs B0 to B7 fine-tuned on all eight sets",
                    Estimate(),
                    printed=f"{said}{_digits(part)}, {fewer[comparison]:g}x fewer parameters",
                )
            )
        return judge(listed_claims)

    def draw(self, study: Study, results: Records, rows: pd.DataFrame) -> "Figure":
        """Draw Figure 6: what is measured, a panel a data set, and what the paper prints on axes of its own."""
        from ..report.figures import transfer as panels  # drawing needs matplotlib, planning and measuring do not

        return panels.figure(self.title, series(results), rows, accuracy)


def _digits(part: pd.DataFrame) -> str:
    """Say what the printed digits give: wins, ties and losses of the EfficientNets' accuracy."""
    sign = np.sign(part["efficientnet_accuracy_percent"] - part["other_accuracy_percent"])
    wins, ties, losses = (int((sign == one).sum()) for one in (1, 0, -1))
    words = [f"{wins} wins", f"{ties} tie{'' if ties == 1 else 's'}", f"{losses} loss{'' if losses == 1 else 'es'}"]
    return "its printed digits give " + ", ".join(words)
