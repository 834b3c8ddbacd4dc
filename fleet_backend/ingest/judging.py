"""Judges the statements of a batch: neighbours from the database, signatures over the cores.

The judgement is made outside of the write transaction, on one moment's view. Inside of it whoever
writes is alone, so `settle` looks at what others stored since that moment and judges again what it
concerns: two workers with the same message store it once, and two halves of a fork that two
workers hold at the same time do not both get in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from fleet_backend.fleet.database import Database
from fleet_backend.fleet.schema import statements
from fleet_backend.ingest import acceptance, reasons, registry, signatures
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.registry import Registry
from fleet_backend.ingest.signatures import Check, SignaturePool
from fleet_backend.ingest.verdicts import (
    Accepted,
    Chain,
    Claim,
    Keyring,
    Refused,
    Verdict,
    VerifyWith,
    View,
)
from protocol import statement

# A registration that came after our copy was made must not turn into a refusal.
MAYBE_NEW = frozenset((reasons.UNKNOWN_GATEWAY, reasons.RECORD_VEHICLE, reasons.COURIER_VEHICLE))

# Of every batch: to put it together costs more than to ask it.
_NEWEST = select(func.max(statements.c.id))

Chains = dict[str, Chain]
Checked = dict[Check, bool]


@dataclass
class Judgement:
    """One verdict a claim, made when `newest` was the last statement that was stored."""

    claims: list[Claim | Refused]
    verdicts: list[Verdict] = field(default_factory=list)
    newest: int = 0
    # Signatures that were checked: a second look at the same claims costs none.
    checked: Checked = field(default_factory=dict)


class Judge:
    """Holds a copy of what is registered. One thread."""

    def __init__(self, database: Database, pool: SignaturePool) -> None:
        self._database = database
        self._pool = pool
        with database.read() as connection:
            self._registry = registry.load(connection)

    @property
    def registry(self) -> Registry:
        return self._registry

    def reload(self, connection: Connection) -> None:
        """Somebody may have been registered."""
        self._registry = registry.load(connection)

    def refresh(self, connection: Connection) -> None:
        """Somebody may have been revoked, or have another key: looked up for each batch, and
        cheap."""
        self._registry = registry.current(connection, self._registry)

    def judge(self, batch: Sequence[Message], now: int) -> Judgement:
        """Verdicts on messages that came on the topics of statements."""
        made = Judgement([acceptance.read(one.payload, one.gateway) for one in batch])
        if not batch:
            return made
        self._judge(made, now)
        if any(map(_maybe_new, made.verdicts)):
            with self._database.read() as connection:
                self.reload(connection)
            self._judge(made, now)
        return made

    def settle(self, connection: Connection, made: Judgement, newest: int, now: int) -> None:
        """In the write transaction: what was stored since then may change verdicts.

        `newest` is the last statement that is stored now.
        """
        named = {one.gateway: one for one in made.claims if isinstance(one, Claim)}
        if not named or newest == made.newest:
            return
        since = select(statements.c.gateway).where(statements.c.id > made.newest).distinct()
        touched = named.keys() & set(connection.execute(since).scalars())
        if not touched:
            return
        places = [
            place
            for place, one in enumerate(made.claims)
            if isinstance(one, Claim) and one.gateway in touched
        ]
        claims = [made.claims[place] for place in places]
        chains = registry.load_chains(connection, _named(claims))
        highest = registry.load_highest(connection, _telling(claims))
        verdicts = self._look(claims, chains, highest, made, now)
        for place, verdict in zip(places, verdicts, strict=True):
            made.verdicts[place] = verdict

    def _judge(self, made: Judgement, now: int) -> None:
        with self._database.read() as connection:
            made.newest = newest_id(connection)
            chains = registry.load_chains(connection, _named(made.claims))
            highest = registry.load_highest(connection, _telling(made.claims))
            self.refresh(connection)
        made.verdicts = self._look(made.claims, chains, highest, made, now)

    def _look(
        self,
        claims: Sequence[Claim | Refused],
        chains: Chains,
        highest: dict[str, int],
        made: Judgement,
        now: int,
    ) -> list[Verdict]:
        """Each by itself, in order: an accepted one is a neighbour of those behind it."""
        self._check_signatures(claims, chains, made)
        known, verify = self._registry, _told(made.checked)
        gateways = {
            one.gateway: Keyring(known.keys[one.gateway], verify, _makes(known, one.gateway))
            for one in claims
            if one.gateway in known.keys
        }
        view = View(gateways, known.vehicles, chains, highest, known.taken)
        verdicts: list[Verdict] = []
        for claim in claims:
            if isinstance(claim, Refused):
                verdicts.append(claim)
                continue
            verdict = acceptance.judge_claim(claim, view, now)
            verdicts.append(verdict)
            if isinstance(verdict, Accepted):
                view.note(verdict)
        return verdicts

    def _check_signatures(
        self, claims: Iterable[Claim | Refused], chains: Chains, made: Judgement
    ) -> None:
        """All that are not known: what is stored was verified when it came first."""
        due: dict[Check, None] = {}
        for claim in claims:
            if isinstance(claim, Refused):
                continue
            keys = self._registry.keys.get(claim.gateway)
            parts = claim.parts
            held = chains[claim.gateway].get(parts.seq)
            if keys is None or (held is not None and held[0] == claim.hash):
                continue
            check = Check(keys.at(parts.seq), parts.message, parts.signature)
            if check not in made.checked:
                due[check] = None
        made.checked.update(zip(due, self._pool.check(list(due)), strict=True))


def _makes(known: Registry, name: str) -> tuple[int, ...]:
    return statement.NOTARIES_MAKE if name in known.notaries else statement.GATEWAYS_MAKE


def _told(checked: Checked) -> VerifyWith:
    """What the pool found; a signature that nobody foresaw is checked when it is asked for."""

    def verify(key: bytes, message: bytes, signature: bytes) -> bool:
        found = checked.get(Check(key, message, signature))
        return signatures.verify(key, message, signature) if found is None else found

    return verify


def _telling(claims: Iterable[Claim | Refused]) -> set[str]:
    """Gateways that tell something of themselves, which may be a change of key; seldom any."""
    told = (one for one in claims if isinstance(one, Claim))
    return {one.gateway for one in told if one.parts.kind == statement.GATEWAY}


def _maybe_new(verdict: Verdict) -> bool:
    """Does it miss a gateway or a vehicle that may have been registered in the meantime?"""
    if isinstance(verdict, Refused):
        return verdict.reason in MAYBE_NEW
    return isinstance(verdict, Accepted) and any(
        bad.reason in MAYBE_NEW for bad in verdict.set_aside
    )


def _named(claims: Iterable[Claim | Refused]) -> list[tuple[str, int]]:
    return [(one.gateway, one.parts.seq) for one in claims if isinstance(one, Claim)]


def newest_id(connection: Connection) -> int:
    """Of the statements that are stored; numbers are given in the order of commits."""
    return connection.execute(_NEWEST).scalar() or 0
