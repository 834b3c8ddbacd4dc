"""Publishes the ledger's checkpoints once its witnesses have cosigned them, beside the sequencer.

Without witnesses there is nothing to do: the writer publishes at once.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import overload

from fleet_backend.ingest.errors import PublisherError
from fleet_backend.ledger.errors import ConfigError
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.publisher import Publisher, PublisherSettings
from fleet_backend.ledger.writer import LedgerWriter

_LOG = logging.getLogger("fleet_backend.ingest")


@overload
def read_policy(path: Path) -> Policy: ...
@overload
def read_policy(path: Path | None) -> Policy | None: ...
def read_policy(path: Path | None) -> Policy | None:
    """The policy of a file. Raises LedgerError."""
    if path is None:
        return None
    try:
        return parse_policy(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


class PublisherThread:
    """Runs a publisher; its failure ends the program (see `check`)."""

    def __init__(
        self,
        writer: LedgerWriter,
        policy: Policy | None,
        interval_s: float,
        failed: Callable[[], None],
        told: Callable[[float, bool], None] = lambda seconds, met: None,
    ) -> None:
        self._publisher: Publisher | None = None
        if policy is not None and policy.needs_cosigners:
            settings = PublisherSettings(interval_s=interval_s)
            self._publisher = Publisher(writer, policy, settings, told)
        self._failed = failed
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._publisher is not None:
            self._thread = threading.Thread(
                target=self._run, args=(self._publisher,), name="publisher", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Ask the witnesses once more, and end. The writer must still be open."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._publisher is not None:
            self._publisher.close()

    def check(self) -> None:
        """Raises PublisherError if the thread has failed."""
        if self._error is not None:
            raise PublisherError(f"the publisher failed: {self._error}") from self._error

    def _run(self, publisher: Publisher) -> None:
        try:
            publisher.run(self._stop)
        except Exception as error:
            # Whatever it was: without this thread nothing is published, and nobody is told.
            _LOG.exception("the publisher failed")
            self._error = error
            self._failed()
