"""The architecture search as an artefact: plan, rounds, replay, table, claims, drawing; bad input; killed."""

import signal
from dataclasses import replace
from math import inf, nan

import matplotlib.pyplot as plt
import pytest
from support import searching
from support.killing import until
from support.readable import assert_readable, labels

import effnet_lib as eff
from effnet_lib.artefacts import artefact, nas_b0, resolve
from effnet_lib.core.errors import ParameterError
from effnet_lib.data.splits import HOLDOUT
from effnet_lib.models.complexity import count
from effnet_lib.runs.measurement_store import KINDS
from effnet_lib.runs.progress.face import shown
from effnet_lib.runs.run_store import RunStore
from effnet_lib.runs.sweep import SweepOptions
from effnet_lib.search import nas_bench_macro
from effnet_lib.search.settings import SETTINGS
from effnet_lib.search.table_search import TableSearch
from effnet_lib.stats.verdicts import CONTRADICTED, HOLDS, NOT_ENOUGH
from effnet_lib.study.decided_study import Study
from effnet_lib.study.measurement_plan import MeasurementPlan
from effnet_lib.study.profiles import PROFILES
from effnet_lib.study.queue import stages, work
from effnet_lib.study.scaled_model import METHODS

NAS = artefact("nas_b0")
# Without Optuna, which is an extra, and slow.
QUICK = {"profile": "cpu", "searchers": ("evolution", "random")}
SMALL = {"evaluations": 16, "batch": 6, "neighbours": 7, "long": 5, "table_evaluations": 100}


@pytest.fixture
def small(monkeypatch):
    """Profile `cpu` with fewer networks."""
    monkeypatch.setitem(SETTINGS, "cpu", replace(SETTINGS["cpu"], **SMALL))


@pytest.fixture
def real(monkeypatch):
    """A made-up table in the place of the published one, as if it lay in the data root."""
    made = nas_bench_macro.synthetic()
    monkeypatch.setattr(nas_bench_macro, "missing", lambda: "")
    monkeypatch.setattr(nas_bench_macro, "table", lambda name: made)


def searched(monkeypatch, record_of, of=searching.accuracy, **given) -> tuple[MeasurementPlan, list]:
    rounds = searching.pretend(monkeypatch, record_of, of)
    plan = eff.plan("nas_b0", **(QUICK | given))
    plan.run()
    return plan, rounds


# Plan and rounds ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_a_search_goes_on_in_batches_until_everything_is_there(monkeypatch, record_of):
    plan, rounds = searched(monkeypatch, record_of)
    setting, search = SETTINGS["cpu"], nas_b0.searched(plan.study)
    assert search.known() and not [spec for spec in search.known() if not plan.study.store.find(spec)]
    held = {spec.arch for spec in search.fixed()} | set(search.progress(-0.07).found)
    assert len(search.progress(-0.07).scores) == setting.evaluations == 16
    both = len(search.progress(-0.07).found.keys() & search.neighbours.keys())
    assert len(rounds[0]) == 2 * 3 and sum(map(len, rounds[1:-1])) == 3 + 1 + 7 + 5 + 16 - both  # B0 twice
    assert max(map(len, rounds[2:-1])) <= 6 and len(rounds[-1]) == 2 * 3  # batches, and the winner twice
    trained = [spec for asked in rounds for spec in asked]
    assert len(trained) == len({spec.key for spec in trained})
    assert {spec.arch for spec in trained if spec.data.endswith(HOLDOUT)} == held
    assert len(list((plan.study.store.root / "records").iterdir())) == len(trained)


@pytest.mark.usefixtures("small")
def test_the_same_records_are_the_same_search(monkeypatch, record_of):
    plan, rounds = searched(monkeypatch, record_of, evaluations=12)
    before = len(rounds)
    again = eff.plan("nas_b0", **QUICK, evaluations=12)
    assert again.run() == plan.results() and rounds[before:] == [[]]  # nothing is missing
    eff.plan("nas_b0", **QUICK, evaluations=18).run()
    assert len([spec for asked in rounds[before:] for spec in asked]) <= 6 + 6  # a batch more, and perhaps a new winner


@pytest.mark.usefixtures("small")
def test_searching_never_looks_at_the_validation_images(monkeypatch, record_of):
    plan, rounds = searched(monkeypatch, record_of)
    search = nas_b0.searched(plan.study)
    final = {spec for specs in search.final_specs().values() for spec in specs}
    assert {spec for asked in rounds for spec in asked if not spec.data.endswith(HOLDOUT)} == final
    other, rounds = searched(monkeypatch, record_of, lambda spec: 50 if spec in final else searching.accuracy(spec))
    assert nas_b0.searched(other.study).progress(-0.07).scores == search.progress(-0.07).scores


def test_a_network_that_diverges_counts_as_one_that_guesses(roots):
    plan = eff.plan("nas_b0", **QUICK)
    search = nas_b0.searched(plan.study)
    arch, candidate = next(iter(search.progress(-0.07).pending.items()))
    plan.study.store.fail(search.spec(arch).key, "Diverged: the loss is nan")
    assert search._score(arch, candidate) == (1.0, count(arch).madds)  # of 100 classes
    assert search.spec(arch) not in NAS.later(plan.study)


@pytest.mark.parametrize("profile", ["smoke", "cpu", "gpu"])
def test_the_queue_asks_for_the_same_runs(profile):
    rates = dict.fromkeys(("baseline", *METHODS), 0.2)  # those of profile gpu are to be decided
    study = Study.of(PROFILES[profile], RunStore(), base=SETTINGS[profile].base, learning_rates=rates)
    own = [stage for stage in stages(study, ["nas_b0"]) if stage.artefact == "nas_b0"]
    search = nas_b0.searched(eff.plan("nas_b0", profile=profile).study)
    assert [spec for stage in own for spec in stage.specs] == [
        *dict.fromkeys(search.fixed()), *search.searched(), *search.longer().values(),
    ]  # fmt: skip


@pytest.mark.usefixtures("small")
def test_the_queue_goes_through_a_whole_search(monkeypatch, record_of):
    rounds, study = searching.pretend(monkeypatch, record_of), Study.of(PROFILES["cpu"], RunStore())
    work(study, ["nas_b0"], SweepOptions(0, say=lambda line: None))
    made = {path.stem for path in (study.store.root / "records").iterdir()}
    assert made == {spec.key for stage in stages(study, ["nas_b0"]) for spec in stage.specs}  # what publish takes
    search = nas_b0.searched(eff.plan("nas_b0", profile="cpu").study)
    assert search.winner(-0.07) and all(search.study.store.find(spec) for spec in search.known())
    assert len(rounds) >= 4  # the fixed runs, three batches, the finals


def test_the_sizes_are_those_that_were_asked_for():
    """Six candidates in smoke; 40 and more in cpu; 300 and more in gpu; 30 for longer; 46 decide at one better."""
    for name, least in (("smoke", 6), ("cpu", 40), ("gpu", 300)):
        setting = SETTINGS[name]
        assert setting.evaluations * len(setting.ws) + setting.neighbours * (name == "smoke") >= least
    assert all(SETTINGS[name].long >= 30 and SETTINGS[name].neighbours >= 46 for name in ("cpu", "gpu"))


@pytest.mark.parametrize("profile", ["photos", "imagenet"])
def test_other_profiles_search_nothing_and_say_so(profile):
    plan = eff.plan("nas_b0", profile=profile)
    assert plan.tasks == () and plan.networks.models == [] and plan.run() == {}
    assert NAS.notes(plan.study) == f"Profile {profile} searches nothing: smoke, cpu, gpu do."


# Table, claims and drawing ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_without_the_published_table_nothing_is_claimed_from_it(monkeypatch, record_of):
    plan, _ = searched(monkeypatch, record_of)
    results = plan.results()
    assert {task.table for task in results} == {nas_bench_macro.SYNTHETIC}
    assert "a made-up table, and nothing is claimed" in NAS.notes(plan.study)
    first, _, last = plan.claims(results)
    assert first.verdict == last.verdict == NOT_ENOUGH and "not measured" in first.line() + last.line()


@pytest.mark.usefixtures("small")
def test_the_table_decides_what_the_exponent_does_and_whether_evolution_beats_chance(monkeypatch, record_of, real):
    plan, _ = searched(monkeypatch, record_of)
    first, _, last = plan.claims(plan.results())
    assert (first.verdict, last.verdict) == (HOLDS, HOLDS)
    assert first.estimate.n == 10 and set(first.verdicts) == {"w = 0", "w = -0.07"}
    assert last.estimate.value > 0 and "points" in last.line()


@pytest.mark.parametrize("b0, verdict", [(99.0, HOLDS), (10.0, CONTRADICTED)])
def test_b0s_place_is_counted_among_networks_of_its_cost(monkeypatch, record_of, b0, verdict):
    search = nas_b0.searched(eff.plan("nas_b0", **QUICK).study)
    plan = eff.plan("nas_b0", **QUICK)
    searching.pretend(monkeypatch, record_of, lambda spec: b0 if spec.arch == search.b0 else searching.accuracy(spec))
    plan.networks._train(search.fixed(), shown(print))
    _, place, _ = plan.claims({})
    assert (place.verdict, place.n, place.count) == (verdict, 46, 0 if verdict == HOLDS else 46)


@pytest.mark.usefixtures("small")
def test_every_network_has_one_row_and_says_who_asked_for_it(monkeypatch, record_of):
    plan, _ = searched(monkeypatch, record_of)
    rows = plan.table(plan.results())
    trained = rows[rows["part"] == "trained"]
    roles = trained["role"].value_counts()
    assert roles["B0"] == roles["MnasNet-A1"] == 1 and roles["neighbour of B0"] == 7
    assert trained["long_top1"].notna().sum() == 5 and trained.loc[trained["role"] == "B0", "evaluations"].item() == 3
    assert (trained.loc[trained["role"] == "neighbour of B0", "flops_ratio"] - 1).abs().max() <= 0.1
    assert list(rows.loc[rows["part"] == "scaled", "role"]) == ["winner", "winner", "B0", "B0"]
    assert len(rows[rows["part"] == "table"]) == 4 * 10  # evolution for three exponents, and random search


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("empty", [False, True], ids=["all", "nothing trained"])
def test_a_figure_whose_words_can_be_read(monkeypatch, record_of, empty):
    plan, _ = searched(monkeypatch, record_of)
    results = plan.results()
    if empty:
        plan = eff.plan("nas_b0", profile="gpu", searchers=("evolution", "random"))
    rows = plan.table(results)
    plt.close("all")
    figure = plan.draw(results, rows)
    assert_readable(figure, labels(figure), 0.3)
    said = " ".join(text for texts in labels(figure).values() for text, _ in texts)
    assert "a made-up table" in said and ("no candidate is trained yet" in said) == empty
    assert len(figure.axes) == 6 and ("tau = " in said) != empty


# Parameters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, words",
    [
        ({"w": nan}, "w=nan is not accepted; w takes a finite number"),
        ({"w": "-0.07"}, "w='-0.07' is not accepted"),
        ({"target": inf}, "target=inf is not accepted; target takes a finite number of multiply-adds above 0"),
        ({"target": 0}, "target=0 is not accepted"),
        ({"operators": "MBConv6,MBConv4"}, "operators='MBConv4' is not accepted; operators takes one of MBConv1"),
        ({"searchers": "evolution,optunna"}, "searchers='optunna' is not accepted; searchers takes one of evolution"),
        ({"evaluations": 0}, "evaluations=0 is not accepted; evaluations takes a whole number from 1 to 100,000"),
        ({"population": 2.5}, "population=2.5 is not accepted"),
        ({"population": 3}, "population=3 is not accepted; population takes a whole number of at least the tournament"),
        ({"tournament": 50}, "population=16 is not accepted; population takes a whole number of at least the tournam"),
        ({"ws": [0.0]}, "there is no such parameter"),
    ],
)
def test_a_bad_parameter_is_one_line_before_anything_runs(roots, given, words):
    with pytest.raises(ParameterError) as error:
        eff.plan("nas_b0", resolve({"profile": "cpu"} | given, "nas_b0"))
    assert words in str(error.value) and "\n" not in str(error.value)
    assert not (roots / "results").exists()


def test_parameters_reach_the_search():
    given = {"w": 0.0, "operators": "MBConv3,separable", "population": 8, "target": 1e9, "evaluations": 9}
    search = nas_b0.searched(eff.plan("nas_b0", profile="cpu", **given).study)
    assert search.setting.ws == (0.0,) and search.setting.searcher.population == 8
    assert search.objective(0.0).target == pytest.approx(1e9 * count(search.b0).madds / 385_814_752)
    assert set(search.space.space.options[::6]) == {(1, 3)}


def test_what_optuna_would_search_is_left_out_with_a_reason_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(nas_b0, "find_spec", lambda name: None)
    plan = eff.plan("nas_b0", profile="smoke")
    assert {task.searcher.name for task in plan.tasks} == {"evolution", "random"}
    assert "Left out: optuna; pip install 'effnet-lib[search]' brings it" in NAS.notes(plan.study)
    with pytest.raises(ParameterError, match=r"^searchers='optuna' .* 'effnet-lib\[search\]'"):
        eff.plan("nas_b0", profile="smoke", searchers="optuna")
    seen = eff.plan("nas_b0", profile="smoke", train=False)
    assert "optuna" in {task.searcher.name for task in seen.tasks}  # nothing is searched: it may be stored


def test_a_search_on_a_table_is_a_task(roots):
    task = TableSearch(nas_bench_macro.SYNTHETIC, SETTINGS["smoke"].table_searcher, 0.0, (0, 1), 20)
    assert task.label == "evolution, w = 0, 2 searches on synthetic" and 0 < task.seconds() < 1
    assert task.spec() != replace(task, w=-0.07).spec() and task.kind in KINDS


# Killed -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_search_goes_on_and_loses_no_evaluation(roots, tmp_path):
    """Killed twice, then finished: the candidates, their order and every bit are those of a search left in peace."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    kept: dict[str, int] = {}
    for number in (2, 5):
        process = searching.process(killed)
        until(lambda number=number: len(list((killed / "records").glob("*.json"))) >= number, 90)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        now = {path.name: path.stat().st_mtime_ns for path in (killed / "records").glob("*.json")}
        assert kept.items() <= now.items() and len(now) >= number
        kept = now
    for results in (killed, whole):
        assert searching.process(results).wait(120) == 0
    stores = [RunStore(root=results) for results in (killed, whole)]
    plan = eff.plan("nas_b0", **searching.GIVEN)
    one, other = (nas_b0.searched(replace(plan.study, store=store)).progress(-0.07) for store in stores)
    assert list(one.scores.items()) == list(other.scores.items()) and len(one.scores) == 4
    results = [{record.key: record.result["correct"] for record in store.own()} for store in stores]
    assert results[0] == results[1]
    assert all((killed / "records" / name).stat().st_mtime_ns == when for name, when in kept.items())
