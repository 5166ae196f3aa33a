"""What a record says of its device: TF32 is off where we train, and a GPU's record says whether it was."""

import pytest

from effnet_lib.runs import provenance
from effnet_lib.runs.run_store import parse_record

torch = pytest.importorskip("torch")


@pytest.fixture
def gpu(monkeypatch):
    """A made-up GPU, and torch's switches put back afterwards."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    backends = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = True
    yield
    for backend, allowed in zip(backends, before, strict=True):
        backend.allow_tf32 = allowed


def test_a_gpus_record_says_whether_tf32_was_on_and_it_is_off_by_default(gpu):
    assert provenance.provenance("cuda:0", 1, "")["tf32"] is True
    provenance.full_precision()
    made = provenance.provenance("cuda:0", 1, "")
    assert made["tf32"] is False and made["device"] == "a GPU"
    assert "tf32" not in provenance.provenance("cpu", 1, "")


def test_records_with_and_without_the_key_are_read(tiny_spec, record_of):
    old = record_of(tiny_spec)
    assert "tf32" not in old.provenance
    old.provenance["tf32"] = False
    assert parse_record(old.to_json()).provenance["tf32"] is False
