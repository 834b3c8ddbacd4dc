"""Follows logs: remembers what each one showed, refuses what does not continue it, tells of both.

Sightings are made here and published by the gateway's thread. Nothing is told before it is on disk;
one that is lost on its way is told again.
"""

import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence

from edge_gateway.checkpoints import Checkpoints, Disagreement
from edge_gateway.errors import CheckpointsError
from edge_gateway.judge import Shown, Verdict, judge, read
from edge_gateway.outbox import known_time
from edge_gateway.settings import GatewaySettings
from edge_gateway.variants import Pace
from fleet_backend.ledger.checkpoint import Checkpoint, SignedCheckpoint
from fleet_backend.ledger.errors import UntrustedDataError
from fleet_backend.ledger.note import Verifier
from protocol import courier, sighting
from protocol.errors import DecodeError

log = logging.getLogger("edge_gateway")

_BURST = 4
# What is to be told of a log: what is held of it, or a disagreement by its number.
_HELD = 0
_Item = tuple[str, int]


class Gossip:
    """One thread only. Without keys it follows no log, refuses everything and tells nothing."""

    def __init__(
        self,
        settings: GatewaySettings,
        store: Checkpoints | None,
        sign: Callable[[bytes], bytes],
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """Without a `store` nothing can be remembered, so no log is followed. Raises
        CheckpointsError."""
        self.counters: Counter[str] = Counter()
        self._gateway = settings.gateway
        self._limits = settings.limits
        self._sign = sign
        self._wall_s = wall_s
        self._store = store
        self._keys: dict[str, tuple[Verifier, ...]] = {}
        self._held: dict[str, tuple[bytes, Checkpoint] | None] = {}
        self._due: OrderedDict[_Item, None] = OrderedDict()
        # Of each log one for what is held and one for disagreements: neither delays the other.
        self._paces: dict[tuple[str, bool], Pace] = {}
        self._unchained: deque[int] = deque()
        self._all_at: float | None = None
        # How often a question was put without an answer, and when it is put again.
        self._asked: Counter[str] = Counter()
        self._ask_at: dict[str, float] = {}
        if store is not None:
            self._follow(store, settings.logs)
        elif settings.logs:
            self.counters["logs not followed"] = len({key.name for key in settings.logs})

    def _follow(self, store: Checkpoints, keys: tuple[Verifier, ...]) -> None:
        for key in keys:
            self._keys[key.name] = (*self._keys.get(key.name, ()), key)
        for origin in self._keys:
            self._held[origin] = store.held(origin)
            for is_held in (True, False):
                self._paces[origin, is_held] = Pace(_BURST, 1 / self._limits.sighting_s)
            self.counters["log disagreements kept"] += len(store.numbers(origin))
        self._unchained.extend(store.unchained())

    def received(self, payload: bytes) -> Disagreement | None:
        """A message on down/checkpoint. Returns a disagreement that is new, and on disk.

        Raises DecodeError for what is no checkpoint of a log that is followed.
        """
        shown = Shown(*courier.decode_checkpoint(payload))
        keys = self._keys.get(shown.origin)
        if keys is None or self._store is None:
            raise DecodeError("unknown-log", "checkpoint.origin")
        try:
            signed = read(shown, keys)
        except UntrustedDataError as error:
            self.counters["checkpoints refused"] += 1
            log.warning("checkpoint of %s refused: %s", shown.origin, error)
            return None
        if signed.size:  # a log that has not begun yet is asked again as if it were silent
            self._asked.pop(shown.origin, None)
            self._ask_at.pop(shown.origin, None)
        try:
            return self._apply(self._store, signed, shown)
        except CheckpointsError as error:
            # Not on disk, so not accepted: the log will show it again.
            self.counters["checkpoints not stored"] += 1
            log.error("%s", error)
            return None

    def _apply(
        self, store: Checkpoints, signed: SignedCheckpoint, shown: Shown
    ) -> Disagreement | None:
        verdict = judge(self._held[shown.origin], signed, shown)
        if isinstance(verdict, Disagreement):
            return self._disagrees(store, verdict)
        self.counters[f"checkpoints {verdict.value}"] += 1
        if verdict is Verdict.ACCEPTED:
            # Power goes before this line: the older one is held, and this one is shown again.
            store.accept(shown.origin, shown.note)
            self._held[shown.origin] = shown.note, signed
            self._due[shown.origin, _HELD] = None
        return None

    def _disagrees(self, store: Checkpoints, found: Disagreement) -> Disagreement | None:
        self.counters[f"log {found.kind.words}"] += 1
        number = store.keep(found)
        if number is None:
            return None
        self.counters["log disagreements kept"] += 1
        self._unchained.append(number)
        self._due[found.origin, number] = None
        self._due.move_to_end((found.origin, number), last=False)
        return found

    def to_chain(self, store: Callable[[str], bool]) -> None:
        """Have each disagreement told in the chain that is not yet; `store` says whether it is.

        Power goes after `store`: it is told in the chain twice, and never not at all. One that
        cannot be read is left for the next start, and holds up no other.
        """
        while self._store is not None and self._unchained:
            number = self._unchained[0]
            try:
                if not store(str(self._store.disagreement(number))):
                    return
                self._store.note_chained(number)
            except CheckpointsError as error:
                log.error("%s", error)
            self._unchained.popleft()

    def connected(self) -> None:
        """A new connection: everything is told again, what is held first."""
        self._all_at = None

    def due(self, now_s: float) -> Iterator[bytes]:
        """Sightings to publish; one counts as told once the next is asked for."""
        if self._all_at is None or now_s >= self._all_at:
            self._all_at = now_s + self._limits.sighting_again_s
            self._tell_all()
        for origin in [origin for origin, at in self._ask_at.items() if at <= now_s]:
            self._due[origin, _HELD] = None
        for item in list(self._due):
            origin, number = item
            if not self._paces[origin, number == _HELD].take(now_s):
                continue
            made = self._made(origin, number)
            if made is not None:
                yield sighting.encode(made, self._sign)
            if number == _HELD:
                self._await_answer(origin, now_s)
            del self._due[item]

    def _await_answer(self, origin: str, now_s: float) -> None:
        """Nothing acknowledges a sighting but its answer: the backend may not have been there."""
        limits, times = self._limits, self._asked[origin]
        wait = min(limits.first_resend_s * 2 ** min(times, 16), limits.sighting_again_s)
        self._asked[origin] += 1
        self._ask_at[origin] = now_s + wait

    def _tell_all(self) -> None:
        for origin in self._keys:
            self._due[origin, _HELD] = None
            for number in self._numbers(origin):
                self._due[origin, number] = None

    def _numbers(self, origin: str) -> Sequence[int]:
        try:
            return self._store.numbers(origin) if self._store is not None else ()
        except CheckpointsError as error:
            log.error("%s", error)
            return ()

    def _made(self, origin: str, number: int) -> sighting.Sighting | None:
        """None for what cannot be read now; it comes up again when everything does."""
        now = known_time(self._wall_s())
        if number == _HELD:
            held = self._held[origin]
            return sighting.Sighting(self._gateway, now, origin, held[0] if held else b"")
        try:
            found = self._store.disagreement(number) if self._store is not None else None
        except CheckpointsError as error:
            log.error("%s", error)
            return None
        if found is None:
            return None
        return sighting.Sighting(self._gateway, now, origin, found.held, found.refused, found.proof)
