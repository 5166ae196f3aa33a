"""A user's own function: what it makes as data, what a record holds of it, and how it is refused."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from support import thirty_lines
from support.torch_counts import measured

from effnet_lib.core.errors import EffnetError, ParameterError, StoreError
from effnet_lib.models.archs import from_data, to_data
from effnet_lib.models.complexity import count
from effnet_lib.models.memory import activation_bytes, training_bytes
from effnet_lib.models.scaling import Scaling
from effnet_lib.models.user_module import maker
from effnet_lib.models.user_scaling import UserFamily
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import parse_record
from effnet_lib.training.recipes import Recipe

SOURCE = Path(thirty_lines.__file__).read_text()


@pytest.fixture
def file(tmp_path) -> Path:
    """The network of thirty lines as a user's file."""
    path = tmp_path / "mynet.py"
    path.write_text(SOURCE)
    return path


def described(path: Path, depth: float = 1.0, width: float = 1.0, px: int = 32):
    return UserFamily(maker(f"{path}:make"), 3).network(Scaling(depth, width), px)


def test_counts_are_torchs(file):
    for depth, width, px in ((1, 1, 32), (2, 1.5, 48), (0.5, 0.5, 33)):
        arch = described(file, depth, width, px)
        assert count(arch) == measured(arch)
        assert arch.final_px == -(-px // 8)


def test_memory_is_what_autograd_saves(file):
    arch = described(file)
    with torch.device("cpu"):
        model = arch.build().train()
    saved = {}
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda x: saved.setdefault(x.data_ptr(), x), lambda x: x)
    with hooks:
        answer = model(torch.randn(4, 3, 32, 32))
    own = {p.data_ptr() for p in (*model.parameters(), *model.buffers())}
    bytes_kept = sum(x.untyped_storage().nbytes() for at, x in saved.items() if at not in own)
    assert answer.shape == (4, 3) and activation_bytes(arch, 4) == pytest.approx(bytes_kept, rel=0.02)
    assert training_bytes(arch, 64) > training_bytes(arch, 4)


def test_multipliers_that_round_alike_are_one_network(file):
    family = UserFamily(maker(f"{file}:make"), 3)
    one, other = (family.network(Scaling(1.0, width), 32) for width in (1.0, 1.01))
    assert one == other and to_data(one) == to_data(other) and "where" not in to_data(one)
    assert family.network(Scaling(1.0, 1.5), 32) != one


def test_a_file_edited_within_a_second_to_the_same_length_is_the_new_one(file):
    for width in ("1.25", "1.75"):
        file.write_text(f"WIDTH = {width}\n\n\ndef make(depth, width, classes):\n    return WIDTH\n")
        os.utime(file, (1_700_000_000, 1_700_000_000))
        assert maker(f"{file}:make").function(1.0, 1.0, 10) == float(width)


def test_an_edited_forward_is_another_network(file, record_of):
    before = described(file)
    spec = RunSpec(before, Recipe(2, 0.1), "some", 0)
    file.write_text(SOURCE.replace("torch.relu(", "torch.tanh("))
    after = described(file)
    assert after.structure == before.structure and after.source != before.source
    assert RunSpec(after, Recipe(2, 0.1), "some", 0).key != spec.key
    with pytest.raises(EffnetError, match="has changed since this plan was made"):
        before.build()


def test_a_dropout_that_depends_on_depth_is_another_structure(file):
    text = SOURCE.replace("nn.Flatten(),", "nn.Flatten(), nn.Dropout(0.1 * depth),")
    file.write_text(text)
    assert described(file, depth=1.0).structure != described(file, depth=1.1).structure


def test_a_record_is_read_without_anybodys_code(file, record_of, monkeypatch):
    text = record_of(RunSpec(described(file), Recipe(2, 0.1), "some", 0)).to_json()
    file.unlink()
    for name in [name for name in sys.modules if name.startswith("effnet_user_")]:
        monkeypatch.delitem(sys.modules, name)
    record = parse_record(text)
    assert count(record.arch).params == record.result["params"] and "mynet" not in text and str(file.parent) not in text
    assert not [name for name in sys.modules if name.startswith("effnet_user_")]
    with pytest.raises(EffnetError, match="a record holds none"):
        record.arch.build()


@pytest.mark.parametrize("field", ["where", "depth", "width"])
def test_a_record_that_names_code_is_refused(file, record_of, field):
    data = to_data(described(file)) | {field: str(file)}
    with pytest.raises(ParameterError, match="a record names no code"):
        from_data(data)
    body = json.loads(record_of(RunSpec(described(file), Recipe(2, 0.1), "some", 0)).to_json())
    body["spec"]["arch"] = data
    with pytest.raises(StoreError):
        parse_record(json.dumps(body))


HEAD = "def make(depth, width, classes):\n"
BAD = {
    "other arguments": ("def make(d, w):\n    pass\n", r"make\(depth, width, classes\).*this one is make\(d, w\)"),
    "no module": (f"{HEAD}    return 7\n", "returned int"),
    "raises": (f"{HEAD}\n    raise ValueError('no such width')\n", r"no such width \(mynet.py, line 3\)"),
    "exits": (f"import sys\n{HEAD}    sys.exit('bye')\n", r"SystemExit: bye \(mynet.py, line 3\)"),
    "syntax": ("def make(depth:\n", "SyntaxError.*line 1"),
    "import": ("import nothing_of_the_kind\n", r"No module named 'nothing_of_the_kind' \(mynet.py, line 1\)"),
    "no such name": ("def mike(depth, width, classes):\n    pass\n", "did you mean mike"),
    "not called": ("make = 7\n", "a function of that file: none"),
    "flat": (SOURCE.replace("channels * width", "channels"), "whose width changes the network"),
    "shallow": (SOURCE.replace("blocks * depth", "blocks"), "whose depth changes the network"),
    "forward": (SOURCE.replace("torch.relu(", "torch.rolu("), r"no attribute 'rolu' \(mynet.py, line 19\)"),
    "answers": (
        SOURCE.replace("nn.Linear(inside, classes)", "nn.Linear(inside, 7)"),
        r"3 numbers, one a class;.*\(1, 7\)",
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_bad_function_is_one_line(file, text, words):
    file.write_text(text)
    with pytest.raises(ParameterError, match=words) as error:
        UserFamily(maker(f"{file}:make"), 3).check(32)
    assert "\n" not in str(error.value) and str(error.value).startswith("network=")


@pytest.mark.parametrize("where", ["mynet.py", "nothing.py:make", "nothing.here:make", ":make", "x.py:not a name"])
def test_a_place_that_is_none_is_one_line(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match=r"FILE\.py:FUNCTION or package\.module:FUNCTION") as error:
        maker(where)
    assert "\n" not in str(error.value)


def test_a_module_and_its_siblings_are_found(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert maker("mynet:make").function(1, 1, 3)(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    (tmp_path / "beside.py").write_text(
        "from mynet import make as made\n\ndef make(d, w, n):\n    return made(d, w, n)\n"
    )
    monkeypatch.chdir("/")
    assert count(described(tmp_path / "beside.py")) == count(described(file))
    monkeypatch.delitem(sys.modules, "mynet")
