"""What the vehicle's pieces of work cost, counted exactly: within their limits, and no dearer than
recorded. `python -m tests.bench.bench_instructions --record` writes tests/bench/budgets.json anew.
"""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.instructions import budgets, compile_application, measure

# Of x86 instructions; other machines have others.
SLACK = 1.10


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    compile_application(folder)
    return measure(folder, list(budgets()))


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.parametrize("case", budgets())
def test_a_piece_keeps_its_budget(counts, case):
    recorded = budgets()[case]
    print(f"{case}: {counts[case]} instructions, {recorded['instructions']} recorded")
    assert counts[case] <= recorded["limit"]
    assert counts[case] <= SLACK * recorded["instructions"]
