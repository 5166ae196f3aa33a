"""The benchmark of a GPU, where there is none: its arithmetic, and whether every row comes to be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from effnet_lib.core import paths
from effnet_lib.models.archs.efficientnet import EfficientNet, published, scale
from effnet_lib.models.scaling import Scaling

NEEDS_GPU = {
    ("step", "ours graph"),
    ("step", "ours compile"),
    ("step", "timm compile"),
    ("roofline", "b0 time"),
    ("roofline", "baseline time"),
    ("memory", "b0 bf16"),
    ("memory", "b0 fp32"),
    ("memory", "b4 bf16"),
    ("memory", "wide bf16"),
    ("kinds", "graph"),
    ("kinds", "compile"),
    ("cudnn", "graph"),
}


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch):
    """Make the repository's benchmarks importable; they are no part of the library."""
    monkeypatch.syspath_prepend(str(paths.ROOT))


def run(out: Path, *options: str, start: tuple[str, ...] = ("-m", "benchmarks.gpu")) -> tuple[int, str, dict]:
    """Run the command; return its exit code, the table and what it wrote, rows by part and name."""
    command = [sys.executable, *start, "--out", str(out), *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert out.is_file(), done.stderr
    written = json.loads(out.read_text(), parse_constant=pytest.fail)
    rows = {(row["part"], row["name"]): row for row in written["rows"]}
    return done.returncode, done.stdout, written | {"rows": rows}


@pytest.mark.slow
def test_every_row_comes_to_be(tmp_path):
    from_folder = (str(paths.ROOT / "benchmarks" / "gpu"),)
    code, text, written = run(tmp_path / "out.json", "--device", "cpu", "--small", start=from_folder)
    rows = written["rows"]
    assert {key for key, row in rows.items() if row["state"] == "needs a GPU"} == NEEDS_GPU
    assert {row["state"] for key, row in rows.items() if key not in NEEDS_GPU} == {"measured"}, text
    assert all(row["value"] > 0 and row["unit"] for key, row in rows.items() if key not in NEEDS_GPU)
    assert code == 0 and all(row["what"] in text for row in rows.values())
    about = written["about"]
    assert (about["device"], about["shapes"], about["clocks"]) == ("cpu", "small", "unknown")
    assert {"date", "torch", "timm", "python", "seconds", "budget"} < about.keys()
    assert not (tmp_path / "results").exists()  # nothing is written but the file given


@pytest.mark.slow
def test_figure_3_can_really_be_run(tmp_path):
    options = ("--device", "cpu", "--small", "--only", "figure", "--whole", "--workers", "0")
    code, text, written = run(tmp_path / "out.json", *options)
    row = written["rows"]["figure", "all"]
    assert (code, row["state"], len(row["detail"]["keys"])) == (0, "measured", 2), text
    others = {row["state"] for row in written["rows"].values() if row["part"] != "figure"}
    assert others == {"left out"} and not (tmp_path / "results").exists()


@pytest.mark.slow
def test_what_does_not_fit_says_so(tmp_path):
    code, _, written = run(tmp_path / "out.json", "--device", "cpu", "--small", "--budget", "11")
    assert code == 0 and {row["state"] for row in written["rows"].values()} == {"did not fit"}
    assert written["about"]["seconds"] < 30


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_what_fails_says_why_and_the_others_go_on(tmp_path):
    code, text, written = run(tmp_path / "out.json", "--small", "--only", "step,memory")
    tried = [row for key, row in written["rows"].items() if key[0] in ("step", "memory")]
    assert code == 1 and {row["state"] for row in tried} == {"failed"}, text
    assert {row["note"] for row in tried} == {"RuntimeError: device=cuda: torch sees no GPU"}


def test_every_part_can_be_imported(importable):
    from importlib import import_module

    from benchmarks.gpu.plan import PARTS

    for part in PARTS:
        assert callable(getattr(import_module(f"benchmarks.gpu.{part.module}"), part.function))
    assert len({part.name for part in PARTS}) == len(PARTS)


@pytest.mark.parametrize(
    "arch",
    [scale(Scaling(0.5, 0.5), 64, 10), scale(Scaling(1.2, 0.25), 75, 10), published("b0", 10)],
    ids=["small", "odd", "b0"],
)
def test_the_roofline_counts_what_layers_read_and_write(importable, arch: EfficientNet):
    from benchmarks.gpu.roofline import activations, step_bytes

    seen = 0

    def count(_, given, output):
        nonlocal seen
        seen += given[0].numel() + output.numel()

    with torch.device("meta"):
        model = arch.build().eval()
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.register_forward_hook(count)
        model(torch.empty(1, 3, arch.px, arch.px))
    assert activations(arch) == seen
    params = sum(value.numel() for value in model.parameters())
    assert step_bytes(arch, 8, "bf16") == 3 * 8 * 2 * seen + 4 * params * 8
    assert step_bytes(arch, 8, "fp32", "rmsproptf") == 3 * 8 * 4 * seen + 4 * params * 10


def test_a_profile_is_grouped_by_what_kernels_do(importable):
    from benchmarks.gpu.roofline import grouped

    spans = [
        ("cudnn_infer_ampere_scudnn_128x64_relu_nhwc_v1", 0.0, 40.0),
        ("void at::native::batch_norm_collect_statistics_channels_last_kernel<...>", 40.0, 50.0),
        ("void at::native::vectorized_elementwise_kernel<4, at::native::silu_backward_kernel>", 45.0, 60.0),
        ("void at::native::multi_tensor_apply_kernel<FusedSgdMathFunctor>", 70.0, 80.0),
        ("Memcpy DtoD (Device -> Device)", 80.0, 85.0),
        ("void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda>", 85.0, 90.0),
        ("sm90_xmma_wgrad_implicit_gemm", 90.0, 100.0),
    ]
    shares = grouped(reversed(spans))
    assert next(iter(shares)) == "convolution" and sum(shares.values()) == pytest.approx(1)
    expected = {"convolution": 0.5, "batch norm": 0.1, "elementwise and sums": 0.1, "optimiser": 0.1}
    assert shares == pytest.approx(expected | {"copies": 0.1, "idle": 0.1})
    with pytest.raises(RuntimeError, match="saw nothing"):
        grouped([])


def test_a_ratio_is_the_median_over_rounds(importable):
    from benchmarks.gpu.kit import in_turn, ratio

    assert ratio([1.0, 2.0, 4.0], [2.0, 4.0, 40.0]) == 2.0
    order = []
    calls = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    times = in_turn(calls, torch.device("cpu"), rounds=2, repeats=2)
    assert order == ["a", "a", "b", "b"] * 2 and {len(seconds) for seconds in times.values()} == {2}
