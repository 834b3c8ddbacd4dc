"""Which policies are not safe, in words and with the formula.

A quorum is safe while two histories cannot both be cosigned without more liars than the witnesses
that may fail. With n witnesses of which n - k may fail and as many may lie that is
k >= 1 + floor(2n/3). Nested groups are judged exactly: no name is a member twice, so they are a
tree, and what a split or a stop costs at least is the sum of the cheapest members' costs.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .policy import NO_QUORUM, Policy

SMALLEST = "the smallest set in which one may fail and one may lie is 3 of 4"


@dataclass(frozen=True)
class Strength:
    """Of a witness or a group: how many liars split it, and how many that fail stop it."""

    to_split: int
    to_stop: int


def least_safe(n: int) -> int:
    """The k that is safe for `n` witnesses: 1 + floor(2n/3)."""
    return 1 + 2 * n // 3


def strengths(policy: Policy) -> dict[str, Strength]:
    """Strength of every witness and group. A group of one witness's several keys is one witness."""
    found = dict.fromkeys(policy.witnesses, Strength(1, 1))
    for name, group in policy.groups.items():  # members stand before their group
        members = [found[member] for member in group.members]
        n, k = len(members), group.threshold
        if _is_one_witness(policy, group.members):
            found[name] = Strength(1, 1)
            continue
        # Two histories need k members each. n members give n votes, so 2k - n of them vote twice.
        splits = sorted(member.to_split for member in members)
        stops = sorted(member.to_stop for member in members)
        found[name] = Strength(sum(splits[: max(0, 2 * k - n)]), sum(stops[: n - k + 1]))
    return found


def warnings(policy: Policy) -> list[str]:
    """A sentence for each thing that is not safe; none for a policy that is."""
    if policy.quorum == NO_QUORUM:
        return [
            "quorum none: no witness is asked, so the log's operator can show different histories"
            " to different people"
        ]
    return [*_about_quorum(policy), *_about_names(policy)]


def _about_quorum(policy: Policy) -> Iterator[str]:
    strength = strengths(policy)[policy.quorum]
    may_fail = strength.to_stop - 1
    if len(_names(policy, policy.quorum)) == 1:
        yield (
            f"quorum {policy.quorum!r} is one witness: if it fails nothing is published, if it"
            f" lies nobody notices; {SMALLEST}"
        )
        return
    if strength.to_split > may_fail:
        return
    liars = f"{strength.to_split} that lie" if strength.to_split else "nobody has to lie"
    yield (
        f"quorum {policy.quorum!r} is not safe: {may_fail} of its witnesses may fail, but"
        f" {liars} for two histories to be cosigned{_formula(policy)}"
    )


def _formula(policy: Policy) -> str:
    group = policy.groups[policy.quorum]
    if any(member in policy.groups and not _is_one_witness(policy, policy.groups[member].members)
           for member in group.members):  # fmt: skip
        return "; more must have to lie than may fail, in the groups of a group, too"
    n, k = len(group.members), group.threshold
    return f"; {k} of {n}: the formula is k >= 1 + floor(2n/3), here {least_safe(n)} of {n}"


def _about_names(policy: Policy) -> Iterator[str]:
    asked = _members(policy, policy.quorum)
    for name in policy.witnesses:
        if name not in asked:
            yield f"witness {name!r} is not part of the quorum: its cosignature is never needed"
    origins = {log.name for log in policy.logs}
    log_keys = {log.public_key for log in policy.logs}
    voters: dict[str, set[str]] = defaultdict(set)
    for name in sorted(asked):
        voters[policy.witnesses[name].name].add(_voter(policy, name))
        if policy.witnesses[name].name in origins:
            yield f"witness {name!r} has the log's own name: it is no second party"
        if policy.witnesses[name].public_key in log_keys:
            yield f"witness {name!r} has the log's own key: it is no second party"
    for key_name, names in sorted(voters.items()):
        if len(names) > 1:
            yield (
                f"keys of witness {key_name!r} count {len(names)} times: put them into one group"
            )


def _voter(policy: Policy, witness: str) -> str:
    """The group of one witness's keys that it is in, else itself."""
    for name, group in policy.groups.items():
        if witness in group.members and _is_one_witness(policy, group.members):
            return f"group {name}"
    return f"witness {witness}"


def _is_one_witness(policy: Policy, members: tuple[str, ...]) -> bool:
    keys = [policy.witnesses.get(member) for member in members]
    return len({key.name if key else None for key in keys}) == 1 and None not in keys


def _members(policy: Policy, top: str) -> set[str]:
    """The witnesses below a name."""
    found: set[str] = set()
    waiting = [top]
    while waiting:
        name = waiting.pop()
        if name in policy.groups:
            waiting += policy.groups[name].members
        else:
            found.add(name)
    return found


def _names(policy: Policy, top: str) -> set[str]:
    return {policy.witnesses[name].name for name in _members(policy, top)}
