"""Which policies are warned about: held to the formula, and to every pair of quorums."""

from itertools import combinations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_tools import KEY, SIGNER
from witness_tools import cosigners

from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.policysafety import least_safe, strengths, warnings

LOG = f"log {SIGNER.verifier.vkey}\n"


def key(number: int, name: str = "") -> Verifier:
    private = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
    return Cosigner(name or f"w{number}.example", private).verifier


def policy_of(lines: str, witnesses: int) -> Policy:
    known = "".join(f"witness w{n} {key(n).vkey}\n" for n in range(1, witnesses + 1))
    return parse_policy((LOG + known + lines).encode())


def flat(k: int, n: int) -> Policy:
    names = " ".join(f"w{number}" for number in range(1, n + 1))
    return policy_of(f"group g {k} {names}\nquorum g\n", n)


@pytest.mark.parametrize("n", range(2, 14))
def test_the_formula_decides_k_of_n(n):
    for k in range(1, n + 1):
        assert bool(warnings(flat(k, n))) is (k < 1 + 2 * n // 3), (k, n)


def test_two_of_four_is_warned_about_with_the_formula():
    [words] = warnings(flat(2, 4))
    assert "2 of its witnesses may fail" in words
    assert "nobody has to lie" in words
    assert "2 of 4: the formula is k >= 1 + floor(2n/3), here 3 of 4" in words
    assert not warnings(flat(3, 4))
    [words] = warnings(flat(4, 6))
    assert "2 of its witnesses may fail, but 2 that lie" in words
    assert least_safe(6) == 5


def test_no_witness_and_one_witness_are_warned_about():
    [words] = warnings(policy_of("quorum none\n", 0))
    assert "no witness is asked" in words
    [words] = warnings(policy_of("quorum w1\n", 1))
    assert "is one witness" in words
    assert "3 of 4" in words
    [words] = warnings(policy_of("group g any w1\nquorum g\n", 1))
    assert "is one witness" in words


def test_a_witness_that_is_never_needed_is_named():
    [words] = warnings(policy_of("group g 3 w1 w2 w3 w4\nquorum g\n", 5))
    assert "'w5' is not part of the quorum" in words


def test_a_safe_group_beside_an_unsafe_one_is_enough_where_both_are_asked():
    lines = "group a 3 w1 w2 w3 w4\ngroup b any w5 w6 w7\ngroup g all a b\nquorum g\n"
    assert not warnings(policy_of(lines, 7))
    [words] = warnings(policy_of(lines.replace("g all", "g any"), 7))
    assert "in the groups of a group" in words


def two_keys(operators: int, rule: str = "all") -> tuple[str, list[str]]:
    lines, names = "", []
    for number in range(1, operators + 1):
        ed25519, ml_dsa = cosigners(number, f"op{number}.example")
        lines += f"witness e{number} {ed25519.verifier.vkey}\n"
        lines += f"witness m{number} {ml_dsa.verifier.vkey}\n"
        lines += f"group op{number} {rule} e{number} m{number}\n"
        names.append(f"op{number}")
    return lines, names


@pytest.mark.parametrize("rule", ["all", "any"])
def test_two_keys_of_one_witness_in_a_group_are_one_witness(rule):
    lines, names = two_keys(4, rule)
    safe = f"{LOG}{lines}group g 3 {' '.join(names)}\nquorum g\n"
    assert not warnings(parse_policy(safe.encode()))
    [words] = warnings(parse_policy(safe.replace("g 3", "g 2").encode()))
    assert "2 of 4" in words


def test_two_keys_of_one_witness_that_count_twice_are_named():
    ed25519, ml_dsa = cosigners(9, "op.example")
    lines = (
        f"{LOG}witness e {ed25519.verifier.vkey}\nwitness m {ml_dsa.verifier.vkey}\n"
        f"witness a {key(1).vkey}\nwitness b {key(2).vkey}\ngroup g 3 e m a b\nquorum g\n"
    )
    [words] = warnings(parse_policy(lines.encode()))
    assert "'op.example' count 2 times" in words


def test_the_log_is_no_witness_of_itself():
    own = key(1, SIGNER.name)
    others = "".join(f"witness w{n} {key(n).vkey}\n" for n in (2, 3, 4))
    lines = f"{LOG}witness w1 {own.vkey}\n{others}group g 3 w1 w2 w3 w4\nquorum g\n"
    [words] = warnings(parse_policy(lines.encode()))
    assert "the log's own name" in words
    renamed = Cosigner("somebody.example", KEY).verifier
    [words] = warnings(parse_policy(lines.replace(own.vkey, renamed.vkey).encode()))
    assert "the log's own key" in words


@st.composite
def trees(draw: st.DrawFn) -> Policy:
    """Any tree of groups over up to seven witnesses."""
    count = draw(st.integers(2, 7))
    free = [f"w{number}" for number in range(1, count + 1)]
    lines = ""
    for number in range(draw(st.integers(0, 3))):
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        free = [name for name in free if name not in members] + [f"g{number}"]
        lines += f"group g{number} {draw(st.integers(1, len(members)))} {' '.join(members)}\n"
    lines += f"group top {draw(st.integers(1, len(free)))} {' '.join(free)}\nquorum top\n"
    return policy_of(lines, count)


@settings(max_examples=120, deadline=None)
@given(trees())
def test_nested_groups_are_judged_as_every_pair_of_quorums_says(policy):
    """Oracle: all sets of witnesses; a split costs the smallest overlap of two quorums."""
    keys = list(policy.witnesses.values())
    sets = [frozenset(some) for size in range(len(keys) + 1) for some in combinations(keys, size)]
    quorums = [some for some in sets if policy.is_met_by(some)]
    to_split = min(len(one & two) for one in quorums for two in quorums)
    everybody = frozenset(keys)
    to_stop = min(len(some) for some in sets if not policy.is_met_by(everybody - some))
    found = strengths(policy)["top"]
    assert (found.to_split, found.to_stop) == (to_split, to_stop)
    is_warned = any("not safe" in words for words in warnings(policy))
    assert is_warned is (to_split < to_stop and len(keys) > 1)
