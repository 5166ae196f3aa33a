"""What no measurement of its kind could hold is refused in one line, whatever its key says."""

import base64
import copy
import io
import json
from dataclasses import replace

import pytest
from PIL import Image
from support.measurements import PUBLISHED, measurements, put, rekeyed

from effnet_lib.core.errors import StoreError
from effnet_lib.runs.measurement_checks import CHECKS
from effnet_lib.runs.measurement_store import KINDS, Measurement, MeasurementStore, parse_measurement
from effnet_lib.runs.record_files import read_record


def encoded(image: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


LARGE = encoded(Image.new("RGB", (2000, 10)), "JPEG")
PNG = encoded(Image.new("RGB", (10, 10)), "PNG")
INVALID = {
    # kind: place, value, words
    "latency": [
        (("spec", "rounds"), 0, "rounds=0 is not accepted; it takes a whole number from 1 to 100000"),
        (("spec", "together"), 1, "together=1 is not accepted; it takes true or false"),
        (("spec", "entries"), [], "entries=a list of 0 is not accepted; it takes a list of at least 1"),
        (("spec", "entries", 0), "ResNet-152", "entries='ResNet-152' is not accepted; it takes a mapping"),
        (("spec", "entries", 0, "px"), 64, "entries: px of a result is not that of the spec"),
        (("result", "entries", 0, "network"), "VGG", "entries: network of a result is not that of the spec"),
        (("result", "entries"), [], "entries=a list of 0 is not accepted; it takes a list of"),
        (("result", "entries", 0, "cpu", 0), -1.0, "cpu=-1.0 is not accepted; it takes a finite number from 0"),
        (("result", "entries", 0, "cpu", 0), "1", "cpu='1' is not accepted"),
        (("result", "entries", 0, "wall"), [1.0], "wall=a list of 1 is not accepted; it takes a list of"),
        (("result", "entries", 0, "failed"), "no memory", "is not accepted; it takes a list of 0"),
        (("result", "entries", 0, "madds"), 0, "madds=0 is not accepted"),
        (("result", "entries", 0, "error"), -1e-9, "error=-1e-09 is not accepted"),
        (("result", "entries", 0, "peak_running"), 1.5, "peak_running=1.5 is not accepted"),
        (("result", "before", "seconds"), None, "seconds=None is not accepted"),
        (("result", "before", "mhz"), [2.0, 1.0], "mhz=1.0 is not accepted; it takes a finite number from 2"),
        (("result", "during"), [], "during=a list of 0 is not accepted"),
        (("result", "during", 0, "steal"), -0.5, "steal=-0.5 is not accepted"),
        (("result", "busy"), [7], "busy=7 is not accepted"),
        (("result", "core"), -1, "core=-1 is not accepted"),
        (("result", "refusal"), "", "refusal='' is not accepted"),
    ],
    "cam": [
        (("spec", "run"), "xyz", "run='xyz' is not accepted; it takes the 64 hexadecimal digits"),
        (("spec", "pictures"), 201, "is not accepted; it takes a list of 201"),
        (("spec", "layer"), None, "layer=None is not accepted; it takes a string"),
        (("result", "cells", "count"), 5, "grids: "),
        (("result", "cells", "count"), 10**6, "grids: "),
        (("result", "cells", "step"), 0, "step=0 is not accepted"),
        (("result", "empty"), 201, "empty=201 is not accepted; it takes a whole number from 0 to 200"),
        (("result", "predicted", 0), -1, "predicted=-1 is not accepted"),
        (("result", "probability"), "é", "probability='é' is not accepted; it takes base64 of packed numbers"),
        (("result", "probability"), "AAA=", "probability: 1 packed values cannot have shape (200,)"),
        (("result", "grids"), "A", "grids='A' is not accepted"),
        (("result", "scores", "pooled", "energy"), "8b0=", "energy: 1 packed values cannot have shape (200,)"),
        (("result", "scores", "uniform", "iou"), 7, "iou=7 is not accepted"),
        (("result", "scores", "native"), {}, "it lacks energy"),
        (("result", "agreement", "same", "dilated"), 1.1, "same dilated=1.1 is not accepted; it takes a finite number"),
        (("result", "agreement", "top1", "trained"), 101, "top1 trained=101 is not accepted"),
    ],
    "cam pictures": [
        (("result", "classes", 0), 10**3, "classes=1000 is not accepted; it takes a whole number from 0 to "),
        (("result", "names"), [], "names=a list of 0 is not accepted"),
        (("result", "thumbnails", 0), PNG, "is not accepted; it takes base64 of a JPEG"),
        (("result", "thumbnails", 0), LARGE, "thumbnails=(2000, 10) is not accepted; it takes at most 1024 px a side"),
        (("result", "thumbnails"), [], "thumbnails=a list of 0 is not accepted"),
        (("result", "outlines"), "AAAA", "outlines: "),
    ],
    "cam photograph": [
        (("spec", "class"), 1000, "class=1000 is not accepted; it takes a whole number from 0 to 999"),
        (("spec", "models"), ["lite0"], "models of the result are not those of the spec"),
        (("result", "models", "lite0", "probability"), 1.5, "probability=1.5 is not accepted"),
        (("result", "models", "lite0", "grid"), "AAAA", "grid: 3 packed values cannot have shape"),
        (("result", "models", "lite0", "thumbnail"), "AAAA", "thumbnail='AAAA' is not accepted"),
        (("result", "models", "lite0", "mapped"), "", "mapped='' is not accepted"),
    ],
    "probe": [
        (("spec", "grid"), [], "grid=a list of 0 is not accepted"),
        (("spec", "train_pictures"), 0, "train_pictures=0 is not accepted"),
        (("spec", "block"), -1, "block=-1 is not accepted"),
        (("result", "top1"), 50.0, "top1=50.0 disagrees with its correctness bits"),
        (("result", "mean_per_class"), 101.0, "mean_per_class=101.0 is not accepted"),
        (("result", "accuracy"), 1.0, "accuracy=1.0 is not its top-1"),
        (("result", "metric"), "top-5", "metric='top-5' is not accepted; it takes top-1 or mean per class"),
        (("result", "correct"), "é", "correct is no base64"),
        (("result", "test_pictures"), 8, "cannot hold one bit for each of 8 images"),
        (("result", "c"), 2.0, "c=2.0 is not accepted; it takes a number of the grid"),
        (("result", "held_out"), {"1": 50.0}, "held_out is not of the grid's numbers"),
        (("result", "shown"), "half", "shown='half' is not accepted; it takes whole or central"),
        (("result", "params"), True, "params=True is not accepted"),
    ],
    "finetune": [
        (("spec", "arch"), "lite0", "arch='lite0' is not accepted; it takes a mapping"),
        (("spec", "arch", "family"), "vgg", "family='vgg' is not accepted"),
        (("spec", "recipe", "epochs"), 0, "epochs=0 is not accepted"),
        (("spec", "recipe", "epochs"), 11, "history=a list of 10 is not accepted; it takes a list of 11"),
        (("spec", "weights"), None, "weights=None is not accepted; it takes a string"),
        (("spec", "grid"), [[0.1]], "grid=a list of 1 is not accepted; it takes a list of 2"),
        (("spec", "grid"), [[0.1, 0.0]], "tried=a list of 0 is not accepted; it takes a list of 1"),
        (("result", "rate"), -0.1, "rate=-0.1 is not accepted"),
        (("result", "train_top1"), None, "train_top1=None is not accepted"),
    ],
    "finetune-trial": [
        (("spec", "seed"), "x", "seed='x' is not accepted"),
        (("result", "top1"), 100.5, "top1=100.5 is not accepted; it takes a finite number from 0 to 100"),
    ],
    "evaluation": [
        (("spec", "px"), 0, "px=0 is not accepted"),
        (("result", "top1"), 50.0, "top1=50.0 disagrees with its predictions"),
        (("result", "top5"), 101.0, "top5=101.0 is not accepted"),
        (("result", "images"), 1001, "images=1001 is not accepted; 1000 are listed"),
        (("result", "listed"), 999, "images_timed=1000 is not accepted; it takes a whole number from 0 to 999"),
        (("result", "predicted"), "é", "its predictions cannot be read"),
        (("result", "skipped"), [7], "skipped=7 is not accepted"),
        (("result", "images_timed"), 1001, "images_timed=1001 is not accepted"),
    ],
    "search": [
        (("spec", "seeds"), [], "seeds=a list of 0 is not accepted"),
        (("spec", "evaluations"), 0, "is not accepted"),
        (("result", "searches"), [], "searches=a list of 0 is not accepted"),
        (("result", "searches", 0, "seed"), 10**6, "the search of seed"),
        (("result", "front", 0, 0), 101.0, "accuracy=101.0 is not accepted"),
    ],
    "cam row": [
        (("spec", "class"), 1000, "class=1000 is not accepted; it takes a whole number from 0 to 999"),
        (("spec", "file"), "", "file='' is not accepted"),
        (("spec", "models"), ["lite0"], "models of the result are not those of the spec"),
        (("result", "credit"), {}, "it lacks author"),
        (("result", "credit", "licence"), "", "licence='' is not accepted"),
        (("result", "models", "lite0", "thumbnail"), PNG, "is not accepted; it takes base64 of a JPEG"),
    ],
    "cam faithfulness": [
        (("spec", "pictures"), 0, "pictures=0 is not accepted"),
        (("spec", "percentiles"), [], "percentiles=a list of 0 is not accepted"),
        (("result", "images"), 7, "images=7 is not accepted; the spec has"),
        (("result", "empty"), 1, "road: 0 images have no score, and 1 were skipped or have an empty map"),
        (("result", "scores", "deletion"), "AAA=", "1 packed values cannot have shape"),
        (("result", "scores"), {}, "it lacks road"),
    ],
}  # fmt: skip
CASES = [(kind, *case) for kind, cases in INVALID.items() for case in cases]


@pytest.mark.parametrize("kind, where, value, words", CASES, ids=lambda part: str(part)[:40])
def test_what_no_measurement_of_its_kind_could_hold_is_refused_though_its_key_agrees(kind, where, value, words):
    body = copy.deepcopy(json.loads(measurements()[kind].to_json()))
    put(body, where, value)
    with pytest.raises(StoreError) as caught:
        parse_measurement(json.dumps(rekeyed(body)))
    assert words in str(caught.value) and len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 300


@pytest.mark.parametrize("kind", CHECKS)
def test_a_field_that_lacks_is_named(kind):
    body = json.loads(measurements()[kind].to_json())
    optional = {"class", "outlines"}  # absent where there is none to say, or none to draw
    for part in ("spec", "result"):
        for name in body[part].keys() - optional:
            odd = copy.deepcopy(body)
            del odd[part][name]
            with pytest.raises(StoreError, match="it lacks"):
                parse_measurement(json.dumps(rekeyed(odd)))


def test_every_kind_has_a_published_measurement_or_one_like_it_that_comes_back():
    assert measurements().keys() == set(KINDS) == CHECKS.keys() == INVALID.keys() and len(PUBLISHED) >= 290
    for one in measurements().values():
        assert parse_measurement(one.to_json()) == one
    read = [read_record(path, True) for path in PUBLISHED]
    assert sum(isinstance(record, Measurement) for record in read) >= 66


def test_a_measurement_that_could_not_be_read_back_is_not_stored():
    probe, store = measurements()["probe"], MeasurementStore()
    with pytest.raises(StoreError, match="is not its top-1"):
        store.put(replace(probe, result=probe.result | {"accuracy": 0.0}))
    assert not store.path(probe.key).exists()
    store.put(probe)
    assert store.get(probe.key) == probe


def test_a_kind_that_is_not_of_the_library_is_kept_and_does_not_ship():
    odd = replace(measurements()["probe"], kind="length", spec={"word": "gamma"}, result={"letters": 5})
    assert parse_measurement(odd.to_json()) == odd and "length" not in KINDS
