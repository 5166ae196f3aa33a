"""One record file, of whichever kind: where runs and measurements lie side by side, as in the published layer."""

from pathlib import Path

from ..core.errors import StoreError, one_line
from .measurement_store import Measurement, is_measurement, parse_measurement
from .record_checks import read_text
from .run_store import RunRecord, parse_record


def read_record(path: Path, published: bool = False) -> RunRecord | Measurement:
    """Read and check a record file, <key>.json.

    Raises:
        StoreError: In one line: it cannot be read, is no whole record, or has the key of another file.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise StoreError(one_line(error)) from error
    record = parse_measurement(text, published) if is_measurement(text) else parse_record(text, published)
    if path.stem != record.key:
        raise StoreError(f"the record in it has key {record.key[:12]}")
    return record
