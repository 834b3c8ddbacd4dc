"""Shared by the ledger's tests: the seed of whatever is chosen at random."""

import os
import random

import pytest


@pytest.fixture
def seed() -> int:
    value = int(os.environ.get("LEDGER_SEED", random.randrange(1 << 32)))
    print(f"LEDGER_SEED={value}")
    return value
