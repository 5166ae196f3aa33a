"""What no record could hold is refused in one line, whatever its key says."""

import copy
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.measurements import PUBLISHED, measurements, put, rekeyed

from effnet_lib.core.errors import StoreError
from effnet_lib.measure.evaluation.task import Evaluation
from effnet_lib.measure.latency.task import Latency
from effnet_lib.measure.maps.evaluation_images import Thumbnails
from effnet_lib.measure.maps.labelled_photographs import CreditedPhotograph, Faithfulness
from effnet_lib.measure.maps.network_maps import NetworkMaps
from effnet_lib.measure.maps.photographs import Photograph
from effnet_lib.measure.transfer.tasks import FineTune, Probe
from effnet_lib.runs.measurement_store import KINDS, Measurement, parse_measurement
from effnet_lib.runs.record_files import read_record
from effnet_lib.runs.run_spec import RunSpec
from effnet_lib.runs.run_store import parse_record
from effnet_lib.search.table_search import TableSearch
from effnet_lib.study.profiles import ProxyBaseline
from effnet_lib.training.recipes import SHORT

SPEC = RunSpec(ProxyBaseline(0.5, 0.5, 64).arch(10), SHORT, "imagenette-224/holdout", 0)
MEASURED = measurements()["probe"]


def test_every_published_record_is_valid_and_comes_back():
    assert len(PUBLISHED) >= 270
    for path in PUBLISHED:
        record = read_record(path, True)
        assert type(record).parse(record.to_json()) == record
        assert not isinstance(record, Measurement) or record.kind in KINDS


INVALID = {
    "empty spec": ((), {}, "spec lacks arch, recipe, data, seed, micro_batch, semantics"),
    "spec a list": ((), [], "not accepted; it takes a mapping"),
    "more in the spec": (("note",), 1, "no part of a run's"),
    "unknown family": (("arch", "family"), "vgg", "family='vgg' is not accepted"),
    "family a list": (("arch", "family"), [], "arch is no network's"),
    "arch a string": (("arch",), "b0", "arch='b0' is not accepted"),
    "px a string": (("arch", "px"), "64", "px='64' is not accepted; it takes a whole number from 1"),
    "px a boolean": (("arch", "px"), True, "px=True is not accepted"),
    "no stage": (("arch", "stages"), [], "has 0 entries"),
    "stages a string": (("arch", "stages"), "abc", "arch is no network's"),
    "no channel": (("arch", "stages", 0, "channels"), 0, "channels=0 is not accepted"),
    "padding": (("arch", "padding"), "reflect", "padding='reflect' is not accepted; it takes symmetric or same"),
    "recipe a list": (("recipe",), [], "recipe=a list of 0 is not accepted"),
    "unknown part of the recipe": (("recipe", "colour"), 1, "recipe lacks, or does not know, 'colour'"),
    "no epoch": (("recipe", "epochs"), 0, "epochs=0 is not accepted"),
    "epochs a float": (("recipe", "epochs"), 12.0, "epochs=12.0 is not accepted"),
    "batch 0": (("recipe", "batch"), 0, "batch=0 is not accepted"),
    "negative rate": (("recipe", "lr"), -0.1, "lr=-0.1 is not accepted"),
    "share above 1": (("recipe", "dropout"), 1.5, "dropout=1.5 is not accepted; it takes a finite number from 0 to 1"),
    "flag a number": (("recipe", "zero_gamma"), 1, "zero_gamma=1 is not accepted; it takes true or false"),
    "unnamed optimiser": (("recipe", "optimiser"), "", "optimiser='' is not accepted"),
    "seed x": (("seed",), "x", "seed='x' is not accepted; it takes a whole number from 0 up"),
    "negative seed": (("seed",), -1, "seed=-1 is not accepted"),
    "seed a boolean": (("seed",), False, "seed=False is not accepted"),
    "micro_batch 0": (("micro_batch",), 0, "micro_batch=0 is not accepted"),
    "no data": (("data",), "", "data='' is not accepted"),
    "semantics a string": (("semantics",), "1", "semantics='1' is not accepted"),
}


@pytest.mark.parametrize("where, value, words", INVALID.values(), ids=INVALID)
def test_a_spec_that_is_no_run_s_is_refused_though_its_key_agrees(record_of, where, value, words):
    body = json.loads(record_of(SPEC).to_json())
    put(body, ("spec", *where), value)
    refused(rekeyed(body), words)


def refused(body: dict, words: str) -> None:
    parse = parse_measurement if "kind" in body else parse_record
    with pytest.raises(StoreError) as caught:
        parse(json.dumps(body))
    assert words in str(caught.value) and len(str(caught.value).splitlines()) == 1


RESULTS = {
    "top1 above 100": ("top1", 101.0, "top1=101.0 is not accepted; it takes a finite number from 0 to 100"),
    "top1 of larger images": ("top1_larger_test", -1, "top1_larger_test=-1 is not accepted"),
    "loss NaN": ("loss", math.nan, "loss=nan is not accepted; it takes finite numbers"),
    "loss infinite": ("train_loss", math.inf, "train_loss=inf is not accepted"),
    "loss negative": ("loss", -1.0, "loss=-1.0 is not accepted"),
    "loss a string": ("loss", "1", "loss='1' is not accepted"),
    "count negative": ("madds", -1, "madds=-1 is not accepted; it takes a whole number from 1 up"),
    "count a boolean": ("params", True, "params=True is not accepted"),
    "count a float": ("source_px", 54.0, "source_px=54.0 is not accepted"),
    "count beyond 64 bits": ("train_pictures", 2**64, "it takes whole numbers of at most 64 bits"),
    "no validation image": ("val_pictures", 0, "val_pictures=0 is not accepted"),
    "seconds negative": ("train_seconds", -1.0, "train_seconds=-1.0 is not accepted"),
    "history a number": ("history", 1.0, "history=1.0 is not accepted; it takes a list of numbers"),
    "history of strings": ("history", ["1"], "history='1' is not accepted; it takes a finite number"),
    "bits a number": ("correct", 7, "correct=7 is not accepted"),
    "bits of no alphabet": ("correct", "é", "correct is no base64"),
    "NaN in what else there is": ("more", [{"a": math.nan}], "a=nan is not accepted"),
}


@pytest.mark.parametrize("name, value, words", RESULTS.values(), ids=RESULTS)
def test_a_result_that_no_run_could_have_is_refused(record_of, name, value, words):
    body = json.loads(record_of(SPEC).to_json())
    body["result"][name] = value
    refused(body, words)


def test_a_run_of_no_logged_loss_and_without_what_older_versions_left_out_is_accepted(record_of):
    record = record_of(SPEC, history=[], train_top1=100, more=None)
    assert parse_record(record.to_json()) == record


PROVENANCE = {
    "date a number": ("date", 20200101, "date=20200101 is not accepted; it takes a string"),
    "date no date": ("date", "yesterday", "date='yesterday' is not accepted; it takes a date as ISO 8601 writes it"),
    "device a list": ("device", ["a"], "device=a list of 1 is not accepted"),
    "host a number": ("host", 7, "host=7 is not accepted"),
    "versions a list": ("versions", ["torch"], "versions=a list of 1 is not accepted; it takes a mapping"),
    "version a number": ("versions", {"torch": 2.1}, "version of torch=2.1 is not accepted"),
    "fingerprint": ("data_fingerprint", "xyz", "data_fingerprint='xyz' is not accepted; it takes hexadecimal digits"),
    "no thread": ("threads", 0, "threads=0 is not accepted"),
}


@pytest.mark.parametrize("name, value, words", PROVENANCE.values(), ids=PROVENANCE)
def test_a_provenance_that_does_not_say_when_and_where_is_refused(record_of, name, value, words):
    for record in (record_of(SPEC), MEASURED):
        body = json.loads(record.to_json())
        body["provenance"][name] = value
        refused(body, words)


@pytest.mark.parametrize("kind", ["", "  ", 7, None, ["probe"]])
def test_a_measurement_without_a_kind_is_refused(kind):
    refused(rekeyed(json.loads(MEASURED.to_json()) | {"kind": kind}), "is not accepted; it takes a string")


@pytest.mark.parametrize("part, value", [("spec", []), ("result", 7), ("result", {"a": [math.inf]}), ("spec", None)])
def test_a_measurement_of_no_numbers_is_refused(part, value):
    refused(rekeyed(json.loads(MEASURED.to_json()) | {part: value}), "is not accepted; it takes")


@pytest.mark.parametrize("loss", [math.nan, -1.0, {1}])
def test_a_record_that_would_count_as_damaged_is_never_stored(store, record_of, loss):
    record = record_of(SPEC)
    with pytest.raises(StoreError):
        store.put(replace(record, result=record.result | {"loss": loss}))
    assert store.get(SPEC.key) is None and not store.path(SPEC.key).exists()


# Any change ---------------------------------------------------------------------------------------------------

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([10**30, "\ud800"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def places(value, here=()):
    """Yield every place of a body."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*here, name)
        yield from places(part, (*here, name))


def one_line_or_the_same(text: str, parse) -> None:
    try:
        record = parse(text)
    except StoreError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 500
    else:
        body, again = json.loads(text), json.loads(record.to_json())
        assert again == {name: body[name] for name in again} and parse(record.to_json()) == record


def bodies(record_of) -> list[dict]:
    return [json.loads(record.to_json()) for record in (record_of(SPEC), MEASURED)]


@given(st.data(), st.integers(0, 1), st.booleans())
def test_any_changed_value_is_refused_in_one_line_or_kept_as_it_is(record_of, data, which, agrees):
    body = copy.deepcopy(bodies(record_of)[which])
    for _ in range(data.draw(st.integers(1, 2))):
        where = data.draw(st.sampled_from(list(places(body))))
        holder = body
        for name in where[:-1]:
            holder = holder[name]
        if isinstance(holder, dict) and data.draw(st.booleans()):
            del holder[where[-1]]
        else:
            holder[where[-1]] = data.draw(VALUES)
    one_line_or_the_same(json.dumps(rekeyed(body) if agrees else body), (parse_record, parse_measurement)[which])


@given(st.data(), st.integers(0, 1), st.text(max_size=4))
def test_any_changed_text_is_refused_in_one_line_or_kept_as_it_is(record_of, data, which, put_in):
    text = json.dumps(bodies(record_of)[which])
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 4, len(text))) | st.just(len(text)))
    one_line_or_the_same(text[:start] + put_in + text[end:], (parse_record, parse_measurement)[which])


def test_every_kind_that_is_measured_may_ship():
    maps = (Thumbnails, Photograph, NetworkMaps, CreditedPhotograph, Faithfulness)
    tasks = (*maps, Latency, Probe, FineTune, Evaluation, TableSearch)
    assert {task.kind for task in tasks} | {"finetune-trial"} == set(KINDS)
