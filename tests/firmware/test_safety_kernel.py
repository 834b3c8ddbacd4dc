"""The safety kernel keeps every rule; the rules reach every line and branch of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import safety_rules_drive  # noqa: F401  (adds its rules)
from safety_rules import RULES
from vcu import safety

from protocol import lock, refusal, texts

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KERNEL = ROOT / "firmware/vcu/safety.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")
PLACES = f"{ROOT / 'firmware'}:{ROOT}:{HERE}"


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_rule(rule):
    rule(safety)


COVER = """
import coverage, json, sys
run = coverage.Coverage(branch=True, include=[sys.argv[1]], data_file=None, config_file=False)
run.start()
from vcu import safety
import safety_rules_drive
from safety_rules import RULES
for rule in RULES[int(sys.argv[2]):]:
    rule(safety)
run.stop()
run.json_report(outfile="-", show_contexts=False)
"""


def covered(skipped):
    """(percent of lines, percent of branches) that the rules behind the first `skipped` reach."""
    done = subprocess.run(
        [sys.executable, "-c", COVER, str(KERNEL), str(skipped)],
        env={"PYTHONPATH": PLACES},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout.splitlines()[0])["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    return lines, 100 * totals["covered_branches"] / totals["num_branches"]


def test_the_rules_cover_every_line_and_branch():
    assert covered(0) == (100, 100)
    assert min(covered(len(RULES) - 1)) < 100


def test_it_can_be_read_at_one_sitting():
    assert len(KERNEL.read_text().splitlines()) < 300


def test_every_number_that_it_tells_has_a_text():
    assert set(texts.DRIVE_REASONS) == set(lock.DRIVE_REASONS)
    assert set(texts.LOCK_REASONS) == set(lock.REASONS)
    assert set(texts.WARNINGS) == set(lock.WARNINGS)
    assert set(texts.REFUSALS) == set(refusal.NAMES)
    for table in (texts.DRIVE_REASONS, texts.LOCK_REASONS, texts.WARNINGS, texts.REFUSALS):
        assert all(len(text) > 8 and text[0].isupper() for text in table.values())
        assert len(set(table.values())) == len(table)


def twin(*interpreter, environment):
    line = [*interpreter, str(HERE / "safety_twin.py"), "20000"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_interpreters_agree():
    here = twin(sys.executable, environment={"PYTHONPATH": PLACES})
    there = twin(MICROPYTHON, environment={"MICROPYPATH": PLACES})
    assert here == there and here.startswith("20000 ")
