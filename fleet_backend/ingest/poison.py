"""Messages that the worker cannot handle: found among the others, and set aside after few tries.

Two ways to fail. An exception that is no verdict: the batch is split in halves until the culprit is
alone. The death of the process: at the next start what was in hand then is handled in small groups,
at the second death each alone, and what is in hand alone at the third is set aside untouched.

What is set aside is in quarantine and not acknowledged, so its gateway still has it and sends it
again. It is let in again after a while, and by a program that was mended it is taken then.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from fleet_backend.fleet.settings import Bounds
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.inhand import DIGEST_BYTES, Note, Suspect, Suspects

_LOG = logging.getLogger("fleet_backend.ingest")


@dataclass(frozen=True)
class PoisonLimits:
    tries: Annotated[int, Bounds(1, 10)] = 2  # of a message alone that ends in an exception
    deaths: Annotated[int, Bounds(2, 100)] = 3  # with it in hand; then it is set aside
    group: Annotated[int, Bounds(1, 1_000)] = 32  # suspects of one death at a time
    again_s: Annotated[int, Bounds(1, 86_400)] = 600  # so long it is refused without a try
    # Deliveries that came to nothing, where the broker counts them: handled alone, set aside.
    alone_tries: Annotated[int, Bounds(1, 1_000)] = 3
    most_tries: Annotated[int, Bounds(2, 1_000)] = 12


@dataclass(frozen=True)
class Sorted:
    """A batch by how much it is trusted. Together they are the batch."""

    parts: list[list[Message]]  # to be handled one after the other
    hopeless: list[Message]  # to be set aside untouched
    shut_out: list[Message]  # set aside not long ago


class Suspicion:
    """Knows what was in hand when a process died. One thread."""

    def __init__(self, note: Note, limits: PoisonLimits, now: Callable[[], int]) -> None:
        self._note = note
        self._limits = limits
        self._now = now
        self._suspects, in_hand = note.read()
        for digest in in_hand:
            before = self._suspects.pop(digest, Suspect(0, 0))
            self._suspects[digest] = Suspect(min(before.deaths + 1, 255), before.until)
        if in_hand:
            _LOG.warning("a worker died with %d messages in hand", len(in_hand))
        note.write(self._suspects, [])

    @property
    def suspects(self) -> Suspects:
        return dict(self._suspects)

    def sort(self, batch: Sequence[Message]) -> Sorted:
        """Trusted ones first and together, suspects after them."""
        limits = self._limits
        found = Sorted([], [], [])
        trusted: list[Message] = []
        group: list[Message] = []
        alone: list[Message] = []
        for message in batch:
            deaths, until = self._of(message)
            if until > self._now():
                found.shut_out.append(message)
            elif deaths >= limits.deaths or message.tries >= limits.most_tries:
                found.hopeless.append(message)
            elif deaths > 1 or message.tries >= limits.alone_tries:
                alone.append(message)
            else:
                (group if deaths else trusted).append(message)
        if trusted:
            found.parts.append(trusted)
        found.parts.extend(
            group[at : at + limits.group] for at in range(0, len(group), limits.group)
        )
        found.parts.extend([message] for message in alone)
        return found

    def take_up(self, part: Sequence[Message]) -> None:
        """From now on a death is blamed on these."""
        self._note.write(self._suspects, map(digest_of, part))

    def put_down(self, part: Sequence[Message], *, cleared: bool) -> None:
        """They are no longer in hand; `cleared` where they were handled, whatever came of it."""
        if cleared and self._suspects:
            for message in part:
                if self._of(message).until <= self._now():
                    self._suspects.pop(digest_of(message), None)
        self._note.write(self._suspects, [])

    def shut_out(self, message: Message) -> None:
        """It is set aside: for a while its copies are not tried."""
        digest = digest_of(message)
        deaths = self._suspects.pop(digest, Suspect(0, 0)).deaths
        # Afterwards it is tried alone, and the next death is its last for as long again.
        deaths = min(max(deaths, 1), self._limits.deaths - 1)
        self._suspects[digest] = Suspect(deaths, self._now() + self._limits.again_s)
        self._note.write(self._suspects, [])

    def close(self) -> None:
        self._note.close()

    def _of(self, message: Message) -> Suspect:
        if not self._suspects:
            return Suspect(0, 0)
        return self._suspects.get(digest_of(message), Suspect(0, 0))


def digest_of(message: Message) -> bytes:
    """The name of these bytes."""
    return sha256(message.payload).digest()[:DIGEST_BYTES]
