"""Answers sightings with the published checkpoint and the proof that it continues what was seen.

On a thread of its own, so that no statement waits for a tile. Of each gateway the last question
alone is answered; one that gets no answer asks again.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from fleet_backend.ingest.sightings import Asked
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.treefiles import Fetch
from protocol import courier, sighting

_LOG = logging.getLogger("fleet_backend.ingest")

Send = Callable[[str, str, bytes], None]


class Answers:
    """`ask` from any thread; it never waits."""

    def __init__(self, fetch: Fetch, logs: Sequence[Verifier], send: Send) -> None:
        """`fetch` gives the published log, `logs` are its keys, `send` is an adapter's."""
        self._origin = logs[0].name
        self._reader = LedgerReader(fetch, *logs)
        self._send = send
        self._asked: OrderedDict[str, int] = OrderedDict()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="answers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask(self, asked: Iterable[Asked]) -> None:
        """Questions about our log; of others we publish nothing."""
        with self._changed:
            for one in asked:
                if one.origin == self._origin:
                    self._asked[one.gateway] = one.size
            self._changed.notify()

    def stop(self) -> None:
        """What is still asked stays without an answer."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (question := self._next()) is not None:
            gateway, size = question
            try:
                answer = self._answer(size)
            except LedgerError as error:
                _LOG.error("no answer to a sighting: %s", error)
                continue
            self._send(gateway, courier.DOWN_CHECKPOINT, answer)

    def _next(self) -> tuple[str, int] | None:
        """None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._asked)
            return None if self._ended else self._asked.popitem(last=False)

    def _answer(self, size: int) -> bytes:
        """Raises LedgerError where the published log cannot be read."""
        published = self._reader.update()
        if len(published.note) > sighting.MAX_NOTE:
            raise LedgerError(
                f"a checkpoint of {len(published.note)} bytes has no room in a message"
            )
        # Who holds more than is published is shown that: a gateway is the one to judge it.
        proof = self._reader.consistency_proof(size) if size <= published.size else []
        return courier.encode_checkpoint(self._origin, published.note, size, proof)
