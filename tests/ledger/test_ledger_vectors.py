"""The committed cases of the log's formats: the package gives the answer that each file says."""

import subprocess
import sys
from pathlib import Path

import pytest
from ledger_cases import answer, read_cases

CASES = read_cases()


@pytest.mark.parametrize("name", CASES)
def test_vector(name):
    case = CASES[name]
    assert answer(case["operation"], case["input"]) == case["expect"]


def test_the_generator_still_writes_every_file():
    script = Path(__file__).with_name("generate_vectors.py")
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(CASES) > 250
