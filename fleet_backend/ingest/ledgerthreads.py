"""Sequencer and publisher as threads of one program, ended in the order that loses nothing."""

from collections.abc import Callable
from contextlib import ExitStack

from fleet_backend.ingest.publishing import PublisherThread
from fleet_backend.ingest.sequencer import Sequencer, SequencerThread
from fleet_backend.ingest.settings import LogSettings
from fleet_backend.ledger.policy import Policy


def start_threads(
    opened: Sequencer,
    policy: Policy | None,
    log: LogSettings,
    failed: Callable[[], None],
    ends: ExitStack,
    changed: Callable[[], bool] = lambda: True,
    told: Callable[[float, bool], None] = lambda seconds, met: None,
) -> SequencerThread:
    """Start both; `ends` stops them, the publisher first, and raises what went wrong in them."""
    publisher = PublisherThread(opened.writer, policy, log.cosign_s, failed, told)
    sequencer = SequencerThread(opened, failed, changed)
    ends.callback(publisher.check)
    ends.callback(sequencer.stop, publisher.stop)
    publisher.start()
    sequencer.start(log.integrate_s)
    return sequencer
