"""What tests of several artefacts share."""

import pytest
from support.invented import DECIDED

from effnet_lib.study.profiles import PROFILES


@pytest.fixture
def decided(monkeypatch):
    """Fix the baseline and the learning rate of `photos`, which step 0 and the tuning would choose."""
    monkeypatch.setitem(PROFILES, "photos", DECIDED)
