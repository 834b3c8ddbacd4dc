"""Every small change to the safety kernel breaks one of its rules, or is listed as no change."""

from pathlib import Path

import mutants
import safety_rules_drive  # noqa: F401  (adds its rules)
from safety_rules import RULES

SOURCE = (Path(__file__).resolve().parents[2] / "firmware/vcu/safety.py").read_text()

ROLLS = "so slow, it is not fast, and the way that it rolls has no say"
# What remains the same program, and why.
EQUIVALENT = {
    "GtE -> Gt in: if goal >= cap:": "at the goal both ramps stay there",
    "GtE -> Gt in: if goal >= state.torque_ppm:": "at the goal both ramps stay there",
    "0 -> 1 in: moves = speed >= STILL_MMPS or abs(inputs.motor_mmps or 0) >= MOTOR_TURNS_MMPS": (
        "a motor that nobody reports is below the limit at 1 mm/s, too"
    ),
    "0 -> -1 in: moves = speed >= STILL_MMPS or abs(inputs.motor_mmps or 0) >= MOTOR_TURNS_MMPS": (
        "a motor that nobody reports is below the limit at -1 mm/s, too"
    ),
    "Gt -> GtE in: rolls = FORWARD if speed is None or speed > 0 else REVERSE": ROLLS,
    "0 -> 1 in: rolls = FORWARD if speed is None or speed > 0 else REVERSE": ROLLS,
    "0 -> -1 in: rolls = FORWARD if speed is None or speed > 0 else REVERSE": ROLLS,
}
FEWEST = 600


def survives(mutant, rules):
    """Puts the rule that notices it first: the next mutant is often noticed by the same one."""
    try:
        kernel = mutant.module("safety")
    except Exception:  # a mutant may fail in any way
        return False
    for place, rule in enumerate(rules):
        try:
            rule(kernel)
        except Exception:
            rules.insert(0, rules.pop(place))
            return False
    return True


def test_every_mutant_is_noticed():
    made, alive, rules = 0, set(), list(RULES)
    for mutant in mutants.mutants(SOURCE):  # one at a time: each is a whole tree
        made += 1
        if survives(mutant, rules):
            alive.add(mutant.text)
    print(f"{made} mutants, {len(alive)} alive")
    assert made >= FEWEST
    assert alive == set(EQUIVALENT)


def test_the_runner_makes_the_changes_that_it_names():
    source = "def f(a, b):\n    if not a < 1:\n        return max(a, b) + 2\n    return 0\n"
    texts = [mutant.text.partition(" in: ")[0] for mutant in mutants.mutants(source)]
    for text in ("Lt -> LtE", "Lt -> GtE", "1 -> 2", "1 -> 0", "without Not", "max -> min",
                 "Add -> Sub", "`not a < 1` -> True", "without `return 0`"):  # fmt: skip
        assert text in texts
    low = [mutant.module("m").f(0, 5) for mutant in mutants.mutants(source)]
    high = [mutant.module("m").f(1, 5) for mutant in mutants.mutants(source)]
    assert {0, 1, -1, 7, None} <= set(low) and {7, 3, 6, 8, 0} <= set(high)
