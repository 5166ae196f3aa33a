"""The public API: what `import effnet_lib as eff` offers, what it costs, and that its own example holds."""

import doctest
import subprocess
import sys

import pytest

import effnet_lib as eff
from effnet_lib.core.errors import ParameterError

PROMISED = """plan artefacts resolve profile Scaling compound scale published count training_bytes load_pretrained
    paper RunStore RunSpec contrast Claim judge create_model"""


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", PROMISED.split())
def test_every_name_is_there_and_listed(name):
    assert name in eff.__all__ and name in dir(eff)
    assert getattr(eff, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'plam'"):
        _ = eff.plam
    assert not hasattr(eff, "Plan")


def test_the_example_in_the_docstring_holds():
    ended = doctest.testmod(eff)
    assert ended.attempted >= 8 and not ended.failed


def test_importing_it_costs_neither_torch_nor_timm_nor_pandas():
    loaded = run("import sys, effnet_lib as eff; eff.__version__; print(*sys.modules)").split()
    assert not {"torch", "timm", "numpy", "pandas"} & set(loaded)


def test_planning_a_figure_needs_no_torch():
    loaded = run("import sys, effnet_lib as eff; eff.plan('fig3', profile='smoke'); print(*sys.modules)").split()
    assert "effnet_lib.artefacts.fig3" in loaded and "torch" not in loaded


def test_a_plan_goes_from_runs_to_a_figure(roots):
    plan = eff.plan("fig3", profile="smoke", widths=[1.0, 2.6], depths=[1.0], resolutions=[1.0])
    assert list(plan.overview()["stored"]) == ["0 of 1"] * 2
    results = plan.run()
    rows = plan.table(results)
    folder = plan.save(plan.draw(results, rows), rows, plan.claims(results))
    assert sorted(path.suffix for path in folder.iterdir()) == [".csv", ".json", ".pdf", ".png", ".svg"]


def test_an_unknown_artefact_or_parameter_is_named_with_the_nearest():
    with pytest.raises(ParameterError, match=r"artefact='fig33' is not accepted.*did you mean fig3"):
        eff.plan("fig33")
    with pytest.raises(ParameterError, match=r"seed=3 is not accepted.*did you mean seeds"):
        eff.plan("fig3", seed=3)
