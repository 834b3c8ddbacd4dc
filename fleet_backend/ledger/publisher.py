"""Publishes the newest signed checkpoint once a quorum has cosigned it, beside a writer at work.

`append` never waits for it. A quorum that is not reached leaves the last cosigned checkpoint where
it is; the next round asks for whatever is the newest then.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .policy import Policy
from .quorum import Quorum, QuorumSettings
from .writer import LedgerWriter


@dataclass(frozen=True)
class PublisherSettings:
    """How often witnesses are asked."""

    # From one checkpoint that is sent to witnesses to the next, if they have answered by then.
    interval_s: float = 0.2
    # The same after a round that did not reach the quorum.
    retry_s: float = 1.0
    quorum: QuorumSettings = field(default_factory=QuorumSettings)


class Publisher:
    """Steps 5 and 6 for one writer that was opened with the same policy. One thread."""

    def __init__(
        self,
        writer: LedgerWriter,
        policy: Policy,
        settings: PublisherSettings | None = None,
        told: Callable[[float, bool], None] = lambda seconds, met: None,
    ) -> None:
        """`told` hears of each round: how long it took, and whether the quorum was reached."""
        self._writer = writer
        self._settings = settings or PublisherSettings()
        self._told = told
        self._quorum = Quorum(policy, self._settings.quorum)

    def step(self) -> bool:
        """One round. False where the quorum was not reached.

        Raises what `LedgerWriter.publish` does where the writer has to stop.
        """
        if self._writer.is_published:
            return True
        signed = self._writer.checkpoint
        begun = time.monotonic()
        note = self._quorum.cosign(signed, self._writer.fetch)
        met = self._quorum.is_met_by(note)
        self._told(time.monotonic() - begun, met)
        if not met:
            return False
        self._writer.publish(note)
        return True

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set, and once more then: what is signed last should not stay pending."""
        while not stop.is_set():
            begun = time.monotonic()
            met = self.step()
            pause_s = self._settings.interval_s if met else self._settings.retry_s
            stop.wait(max(0.0, begun + pause_s - time.monotonic()))
        self.step()

    def close(self) -> None:
        self._quorum.close()
