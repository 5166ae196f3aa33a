"""Errors: a value that types cannot see is there is handed on, and its absence is a fault of ours."""

import pytest

from effnet_lib.core.errors import known


def test_what_is_known_is_handed_on():
    assert known(0) == 0 and known("") == "" and known(False) is False


def test_a_value_that_is_not_there_names_no_attribute_of_none():
    with pytest.raises(RuntimeError, match="before it is known"):
        known(None)
