"""Changed records of runs and measurements, of each kind: refused in one line, or kept as they are."""

import copy
import json
from functools import cache
from typing import Any

from hypothesis import strategies as st
from support.fuzzing.guard import REFUSED, TAKEN, ends, refused_well
from support.measurements import PUBLISHED, measurements, rekeyed

from effnet_lib.core.errors import StoreError
from effnet_lib.runs.measurement_store import parse_measurement
from effnet_lib.runs.run_store import parse_record

NUMBERS = st.integers() | st.floats() | st.sampled_from([0, -1, 1e308, 10**30, 2**63, 1.5, 101, True])
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.sampled_from(["\ud800", "AAAA", "x" * 1000])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def bodies() -> list[dict[str, Any]]:
    """Return a record of each kind as JSON says it: the smallest published run, and every kind of measurement."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(PUBLISHED, key=lambda path: path.stat().st_size)]
    run = next(text for text in texts if '"kind"' not in text)
    return [json.loads(run), *(json.loads(one.to_json()) for one in measurements().values())]


def _places(value: Any, here: tuple = ()) -> list[tuple]:
    """Return every place of a body; of a long list, the first entries."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return [place for name, part in inner for place in ((*here, name), *_places(part, (*here, name)))]


@cache
def _originals() -> list[tuple[dict[str, Any], list[tuple]]]:
    return [(body, _places(body)) for body in bodies()]


@st.composite
def _changed(draw) -> str:
    """Change one to three values, remove them, or add one beside them; the key follows or does not."""
    original, places = _originals()[draw(st.integers(0, len(_originals()) - 1))]
    body = copy.deepcopy(original)
    for number in draw(st.lists(st.integers(0, len(places) - 1), min_size=1, max_size=3)):
        *way, last = places[number]
        holder: Any = body
        try:
            for name in way:
                holder = holder[name]
            old = holder[last]
        except (KeyError, IndexError, TypeError):  # an earlier change took it away
            continue
        how = draw(st.sampled_from(["value", "value", "number", "remove", "repeat"]))
        if not isinstance(holder, dict | list):  # a letter of a text that came there
            continue
        if how == "remove":
            del holder[last]
        elif how == "repeat" and isinstance(holder, list):
            holder.append(old)
        else:
            holder[last] = draw(NUMBERS if how == "number" else VALUES)
    return json.dumps(rekeyed(body) if draw(st.integers(0, 4)) else body)


@st.composite
def _spliced(draw) -> str:
    """Replace a piece of a text."""
    text = json.dumps(_originals()[draw(st.integers(0, len(_originals()) - 1))][0])
    put_in = draw(st.text(max_size=4) | st.sampled_from(["[" * 5000, "NaN", "1e999"]))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(start + 4, len(text))) | st.just(len(text)))
    return text[:start] + put_in + text[end:]


def strategy(_folders: list[str]) -> st.SearchStrategy[str]:
    """Return texts of record files."""
    return _changed() | _changed() | _spliced()


def check(text: str) -> str:
    """Read a record; one that is taken is written as it was, and is the same when it is read again."""
    parse = parse_measurement if '"kind"' in text else parse_record
    try:
        with ends():
            record = parse(text)
    except StoreError as error:
        refused_well(str(error))
        return REFUSED
    body, again = json.loads(text), json.loads(record.to_json())
    assert again == {name: body[name] for name in again} and parse(record.to_json()) == record
    return TAKEN
