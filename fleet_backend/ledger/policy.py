"""Trust policies (C2SP tlog-policy): which logs, which witnesses, and how many of them.

Refuses a file that is not written exactly as specified, and by name whatever this package cannot
check: a line that is not understood is never ignored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .checkpoint import SignedCheckpoint, open_checkpoint
from .errors import NoteError, PolicyError
from .note import COSIGNATURE_KINDS, ED25519, KIND_NAMES, Verifier, parse_vkey

MAX_POLICY_BYTES = 262_144  # a witness line with an ML-DSA-44 key has 1,800 characters and more
NO_QUORUM = "none"
_ALLOWED = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


@dataclass(frozen=True)
class Group:
    """Witnesses a checkpoint when at least `threshold` of its members do."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """What a verifier trusts. Names are opaque; groups stand in the order of their definition."""

    logs: tuple[Verifier, ...]
    witnesses: Mapping[str, Verifier]
    groups: Mapping[str, Group]
    quorum: str

    def open_checkpoint(self, note: bytes) -> SignedCheckpoint:
        """Verify a checkpoint with everything that the policy asks for.

        Raises NoteError or CheckpointError (signatures, format), PolicyError (quorum not met).
        """
        if not self.logs:
            raise PolicyError("policy names no log")
        signed = open_checkpoint(note, self.logs, tuple(self.witnesses.values()))
        if not self.is_met_by(signed.cosigners):
            raise PolicyError(f"checkpoint is not cosigned by the quorum {self.quorum!r}")
        return signed

    def is_met_by(self, cosigners: frozenset[Verifier]) -> bool:
        """Whether these cosigners are a quorum."""
        if self.quorum == NO_QUORUM:
            return True
        met = {name for name, witness in self.witnesses.items() if witness in cosigners}
        # Members are defined before their group, so one pass does and nothing recurses.
        for name, group in self.groups.items():
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(name)
        return self.quorum in met


@dataclass
class _Draft:
    logs: list[Verifier] = field(default_factory=list)
    witnesses: dict[str, Verifier] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    quorum: str | None = None

    def define(self, name: str) -> None:
        if name == NO_QUORUM or name in self.witnesses or name in self.groups:
            raise PolicyError(f"name {name!r} is taken")

    def require(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyError(f"{name!r} is not defined above")


def parse_policy(data: bytes) -> Policy:
    """Policy of a file's bytes. Raises PolicyError with the line."""
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyError(f"policy of {len(data)} bytes; at most {MAX_POLICY_BYTES} are read")
    if not _ALLOWED.fullmatch(data):
        raise PolicyError("policy holds a control character")
    if not data.endswith(b"\n"):
        raise PolicyError("policy does not end in a newline")
    draft = _Draft()
    # Octets above 0x7f are opaque to the specification: one character each keeps them apart.
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for number, line in enumerate(lines, start=1):
        if line:
            _read_line(draft, line.strip(" \t"), number)
    if draft.quorum is None:
        raise PolicyError("policy has no quorum line")
    return Policy(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)


def _read_line(draft: _Draft, line: str, number: int) -> None:
    if not line or line.startswith("#"):
        return
    keyword, *items = re.split(r"[ \t]+", line)
    read = _LINES.get(keyword)
    try:
        if read is None:
            raise PolicyError(f"unknown line {keyword[:32]!r}")
        read(draft, items)
    except (PolicyError, NoteError) as error:
        raise PolicyError(f"policy, line {number}: {error}") from error


def _read_log(draft: _Draft, items: list[str]) -> None:
    if len(items) not in (1, 2):
        raise PolicyError("a log line is: log <vkey> [<url>]")
    draft.logs.append(_parse_key(items[0], (ED25519,), draft.logs))


def _read_witness(draft: _Draft, items: list[str]) -> None:
    if len(items) not in (2, 3):
        raise PolicyError("a witness line is: witness <name> <vkey> [<url>]")
    draft.define(items[0])
    known = list(draft.witnesses.values())
    draft.witnesses[items[0]] = _parse_key(items[1], COSIGNATURE_KINDS, known)


def _parse_key(vkey: str, kinds: tuple[int, ...], known: list[Verifier]) -> Verifier:
    verifier = parse_vkey(vkey)
    if verifier.kind not in kinds:
        due = " or ".join(KIND_NAMES[kind] for kind in kinds)
        raise PolicyError(f"key {verifier.name!r} must be of type {due}")
    # One public key under two names would count twice towards a quorum.
    if any(verifier.public_key == other.public_key for other in known):
        raise PolicyError(f"key {verifier.name!r} is there twice")
    return verifier


def _read_group(draft: _Draft, items: list[str]) -> None:
    if len(items) < 3:
        raise PolicyError("a group line is: group <name> <all|any|k> <member>...")
    name, rule, *members = items
    draft.define(name)
    for member in members:
        draft.require(member)
        if member in draft.members:
            raise PolicyError(f"{member!r} is a member twice")
        draft.members.add(member)
    draft.groups[name] = Group(_parse_threshold(rule, len(members)), tuple(members))


def _parse_threshold(rule: str, members: int) -> int:
    if rule in ("all", "any"):
        return members if rule == "all" else 1
    if not _THRESHOLD.fullmatch(rule) or int(rule) > members:
        raise PolicyError(f"threshold {rule[:32]!r} is not all, any or 1 to {members}")
    return int(rule)


def _read_quorum(draft: _Draft, items: list[str]) -> None:
    if len(items) != 1:
        raise PolicyError("a quorum line is: quorum <name>")
    if draft.quorum is not None:
        raise PolicyError("there is a quorum already")
    if items[0] != NO_QUORUM:
        draft.require(items[0])
    draft.quorum = items[0]


_LINES: dict[str, Callable[[_Draft, list[str]], None]] = {
    "log": _read_log,
    "witness": _read_witness,
    "group": _read_group,
    "quorum": _read_quorum,
}
