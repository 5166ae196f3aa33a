"""The command line: what it prints, what it refuses in one line, and what it leaves alone."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import papermill
import pytest
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from effnet_lib.apps import cli, commands, listing
from effnet_lib.artefacts import all_artefacts
from effnet_lib.runs.run_store import RunStore
from effnet_lib.study.decided_study import Study
from effnet_lib.study.profiles import PROFILES


@pytest.fixture
def kernels(monkeypatch) -> list:
    """Count the notebooks that would be executed; none is."""
    started = []
    monkeypatch.setattr(papermill, "execute_notebook", lambda *args, **given: started.append(given["parameters"]))
    return started


@pytest.fixture
def refused(capsys, roots):
    """Return a function that runs a command which must be refused: exit code 2, one line, nothing written."""

    def run(*argv: str) -> str:
        assert cli.main(list(argv)) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("effnet: ") and len(err.splitlines()) == 1
        assert list(roots.iterdir()) == []
        return err

    return run


def test_list_names_artefacts_and_profiles(capsys):
    assert cli.main(["list"]) == 0
    text = capsys.readouterr().out
    for name, module in all_artefacts().items():
        assert f"{name} " in text and module.title in text and f"notebooks/{module.notebook}.ipynb" in text
    for profile in PROFILES.values():
        assert profile.name in text and profile.summary in text


def test_list_has_every_figure_and_table_of_the_paper_once_with_needs_and_state(capsys, roots):
    figures, tables = ([f"{kind} {number}" for number in range(1, 9)] for kind in ("Figure", "Table"))
    names = [item.name for item in listing.items()]
    assert names[:16] == figures + tables and "Grid search" in names[16:] and len(set(names)) == len(names)
    published = roots / "published/photos/table2_imagenet.png"
    published.parent.mkdir(parents=True)
    published.write_bytes(b"")
    (roots / "figures/smoke").mkdir(parents=True)
    (roots / "figures/smoke/table1_architecture.png").write_bytes(b"")
    assert cli.main(["list"]) == 0
    text = capsys.readouterr().out
    assert "Figure 5             table2         published: photos\n" in text
    assert (
        "Figure 2             table1         yours: smoke\n" in text
        and "Figure 3             fig3           not made yet\n" in text
    )
    assert "needs data: cc-by-1000, or none; network: for B0 to B7; time in cpu: 1 min\n" in text


def test_a_terminal_without_greek_letters_is_no_error():
    ascii_only = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = subprocess.run([sys.executable, "-m", "effnet_lib", "list"], env=ascii_only, capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stderr == "" and "grid_search    Grid search: (?, ?, ?)" in ended.stdout


@pytest.mark.parametrize("place", ["~nosuchuser/x", "a" * 300])
def test_a_root_that_cannot_be_is_one_line(capsys, monkeypatch, place):
    monkeypatch.setenv("EFFNET_RESULTS", place)
    assert cli.main(["status", "--profile", "smoke"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "EFFNET_RESULTS=" in err


def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-u", "-m", "effnet_lib", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_status_needs_nothing_that_another_command_imported():
    command = [sys.executable, "-m", "effnet_lib", "status", "--profile", "smoke"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0 and "Figure 3, one seed" in ended.stdout and ended.stderr == ""


def test_ids_stand_one_a_line_for_scripts(capsys):
    assert cli.main(["list", "--ids"]) == 0
    assert capsys.readouterr().out.split("\n") == [*all_artefacts(), ""]


@pytest.mark.parametrize(
    "argv, words",
    [
        (["run", "fig33"], "artefact='fig33' is not accepted; artefact takes one of fig3"),
        (["run", "fig3", "--profile", "smok"], "profile='smok' is not accepted"),
        (["run", "fig3", "--profile", "smoke", "-p", "seed", "3"], "(did you mean seeds?)"),
        (["run", "fig3", "--profile", "smoke", "-p", "seeds", "0"], "seeds=0 is not accepted"),
        (["run", "fig3", "--profile", "smoke", "-p", "widths", "[1.0, 2.0]"], "-y 'widths: [1.0, 1.4]'"),
        (["run", "fig3", "--profile", "smoke", "-y", "widths: [1.0, -2.0]"], "widths=-2.0 is not accepted"),
        (["run", "fig3", "--profile", "smoke", "-y", "widths: [1.0"], "-y='widths: [1.0' is not accepted"),
        (["run", "fig3", "--profile", "smoke", "-y", "widths"], "-y='widths' is not accepted"),
        (["run", "fig3", "-y", "widths: [1.0e+308]"], "widths=1e+308 is not accepted"),
        (["run", "fig3", "-y", "seeds: 10000000"], "seeds=10000000 is not accepted"),
        (["run", "fig3", "-y", "3: 4"], "3=4 is not accepted"),
        (["run", "table5", "-y", "models: [[lite0]]"], "models=['lite0'] is not accepted"),
        (["run", "fig3", "-p", "In", "3"], "In=3 is not accepted"),
        (["run", "all", "--profile", "smoke", "-p", "device", "abacus"], "device='abacus' is not accepted"),
    ],
)
def test_run_refuses_before_a_kernel_starts(refused, kernels, argv, words):
    assert words in refused(*argv) and kernels == []


@pytest.mark.parametrize(
    "argv, words",
    [
        (["status", "--profile", "photo"], "(did you mean photos?)"),
        (["status", "--dataset", "imagenete-224"], "(did you mean imagenette-224?)"),
        (["status", "--dataset", ""], "dataset='' is not accepted"),
        (["queue", "--budget", "1e300"], "budget=1e+300 is not accepted"),
        (["status", "--workers", "9999"], "workers takes a whole number from 0 to 1,024"),
        (["status", "--workers", "-1"], "workers=-1 is not accepted"),
        (["queue", "--budget", "0"], "budget=0.0 is not accepted"),
        (["queue", "--budget", "-5"], "budget=-5.0 is not accepted"),
        (["queue", "--budget", "nan"], "budget=nan is not accepted"),
        (["queue", "--budget", "9", "--workers", "-1"], "workers=-1 is not accepted"),
        (["queue", "--budget", "9", "--artefact", "fig33"], "artefact='fig33' is not accepted"),
        (["queue", "--budget", "9", "--device", "gpu"], "device='gpu' is not accepted"),
        (["queue", "--budget", "9", "--profile", "gpus"], "(did you mean gpu?)"),
        (["tune", "--budget", "0"], "budget=0.0 is not accepted"),
        (["tune", "--budget", "9", "--dataset", "no/such/folder"], "is not a folder"),
        (["publish", "--profile", "phots"], "(did you mean photos?)"),
    ],
)
def test_other_commands_refuse_in_one_line(refused, argv, words):
    assert words in refused(*argv)


def test_a_device_that_is_not_there_is_refused_before_every_run_fails(refused, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "device takes a device of this machine: cpu" in refused("queue", "--budget", "9", "--device", "cuda")


def test_status_of_an_empty_store(capsys, roots):
    assert cli.main(["status"]) == 0
    text = capsys.readouterr().out
    assert text.count("held-out top-1 -, - %") == 13 and "baseline: not decided yet" in text
    assert "baseline candidates" in text and "tuning" not in text
    assert list(roots.iterdir()) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_has_a_status(capsys, profile):
    assert cli.main(["status", "--profile", profile, "--workers", "4"]) == 0
    assert "left with 4 worker(s)" in capsys.readouterr().out


def test_status_shows_a_failure_with_its_reason(capsys, store):
    study = Study.of(PROFILES["smoke"], store)
    store.fail(study.spec(study.baseline, 0).key, "MemoryError: too large")
    assert cli.main(["status", "--profile", "smoke"]) == 0
    assert "MemoryError: too large" in capsys.readouterr().out


@pytest.mark.parametrize("profile", ["photos", "smoke"])
def test_a_budget_that_is_too_short_leaves_everything_for_next_time(capsys, profile):
    budget = "1" if profile == "photos" else "1e-9"
    command = ["queue", "--profile", profile, "--budget", budget, "--workers", "1", "--artefact", "fig3"]
    assert cli.main(command) == 0
    *_, why, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"no run was started: .* the first pending one needs about \d+ \w+ for it, of [01] s", why)
    assert last == f"0 runs stored, 0 failed, 0 paused, {26 if profile == 'photos' else 7} left for next time"
    assert list(RunStore().own()) == []


def test_a_tuning_out_of_time_says_what_is_open(capsys):
    assert cli.main(["tune", "--budget", "1", "--workers", "1"]) == 0
    assert "baseline: not decided yet" in capsys.readouterr().out


def test_run_passes_parameters_on_as_papermill_would(capsys, kernels):
    command = "run fig3 --profile smoke -p dry_run True -p seeds 2 -p dataset fractals-10 -p device cpu -p fresh false"
    assert cli.main([*command.split(), "-y", "widths: [1.0, 2]", "-p", "workers", "None"]) == 0
    assert kernels == [
        {
            "profile": "smoke", "dry_run": True, "seeds": 2, "dataset": "fractals-10", "device": "cpu",
            "fresh": "false", "workers": None, "widths": [1.0, 2],
        }
    ]  # fmt: skip
    assert capsys.readouterr().out == "fig3: dry run, nothing written\n"


def error_in_a_cell(*_, **__):
    raise PapermillExecutionError(1, 1, "", "StoreError", "results folder cannot be written", [])


def dead_kernel(*_, **__):
    raise DeadKernelError("Kernel died")


def somebody_elses_error(*_, **__):
    raise PapermillExecutionError(1, 1, "", "KeyError", "'seeds'", [])


def no_such_kernel(*_, **__):
    raise NoSuchKernel("python3")


@pytest.mark.parametrize(
    "failure, code, words",
    [
        (error_in_a_cell, 2, "results folder cannot be written"),
        (somebody_elses_error, 70, "KeyError: 'seeds' (not expected; EFFNET_DEBUG=1 shows where it came from)"),
        (dead_kernel, 2, "fig3_single_dim.ipynb died"),
        (no_such_kernel, 2, "the kernel of fig3_single_dim.ipynb could not be started"),
    ],
)
def test_what_goes_wrong_in_the_kernel_is_one_line(capsys, roots, monkeypatch, failure, code, words):
    """Also where the failed notebook cannot be kept: here the results folder is a file."""
    (roots / "results").write_text("in the way")
    monkeypatch.setattr(papermill, "execute_notebook", failure)
    assert cli.main(["run", "fig3", "--profile", "smoke"]) == code
    err = capsys.readouterr().err
    assert words in err and len(err.splitlines()) == 1 and "kept" not in err
    assert not (roots / "figures").exists()


@pytest.mark.parametrize("spec", ["{", '{"argv": ["/nowhere/python"], "display_name": "x", "language": "python"}'])
def test_a_broken_kernelspec_is_one_line(capsys, roots, tmp_path, monkeypatch, spec):
    (tmp_path / "jupyter/kernels/python3").mkdir(parents=True)
    (tmp_path / "jupyter/kernels/python3/kernel.json").write_text(spec)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setattr("jupyter_client.kernelspec.KernelSpecManager.ensure_native_kernel", False)
    monkeypatch.setattr("jupyter_core.paths.ENV_JUPYTER_PATH", [])
    code = cli.main(["run", "fig3", "--profile", "smoke", "-p", "dry_run", "True"])
    err = capsys.readouterr().err
    assert code == 2 and len(err.splitlines()) == 1 and "could not be started" in err


@pytest.mark.parametrize("in_the_way", ["figures/smoke/fig3_single_dim.ipynb", "scratch"])
def test_an_output_that_cannot_be_written_is_one_line(capsys, roots, monkeypatch, in_the_way):
    monkeypatch.setattr(papermill, "execute_notebook", lambda _, out, **__: Path(out).write_text("{}"))
    if in_the_way == "scratch":  # a full or missing temporary folder
        monkeypatch.setattr(tempfile, "TemporaryDirectory", lambda: (_ for _ in ()).throw(OSError(28, "No space left")))
    else:
        (roots / in_the_way).mkdir(parents=True)
    assert cli.main(["run", "fig3", "--profile", "smoke"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "could not be executed or kept" in err


def test_what_nobody_thought_of_is_one_line_with_a_hint(capsys, monkeypatch):
    def fault(_):
        raise KeyError("a fault\nof two lines")

    monkeypatch.setattr(commands, "list_all", fault)
    assert cli.main(["list"]) == 70
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "KeyError" in err and "EFFNET_DEBUG=1" in err
    monkeypatch.setenv("EFFNET_DEBUG", "1")
    with pytest.raises(KeyError):
        cli.main(["list"])


def test_an_interrupt_is_one_line(capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(papermill, "execute_notebook", interrupt)
    assert cli.main(["run", "fig3", "--profile", "smoke"]) == 130
    assert capsys.readouterr().err == "effnet: interrupted; what was finished is kept\n"
