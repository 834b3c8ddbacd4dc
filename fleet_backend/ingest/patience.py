"""Waits for a database that is away: an answer that comes late beats a program that starts again.

Nothing is lost meanwhile: what is in hand is not done, so the broker holds back what follows, and
the gateways keep it all.
"""

import logging
import random
import threading
from collections.abc import Callable
from typing import TypeVar

from fleet_backend.ingest import faults

_LOG = logging.getLogger("fleet_backend.ingest")
_FIRST_S = 0.1
# Not the shared generator: what else in the process draws from that one must stay repeatable.
_JITTER = random.SystemRandom()

T = TypeVar("T")


def jittered(wait_s: float) -> float:
    """Between half and the whole of it, so that many who wait do not knock at once."""
    return wait_s * _JITTER.uniform(0.5, 1)


def patiently(step: Callable[[], T], stop: threading.Event, most_s: float) -> T | None:
    """What `step` gives, after as many tries as it takes; None where we are to stop before.

    Between two tries lie up to `most_s` seconds. Raises what no waiting mends.
    """
    wait_s = _FIRST_S
    while not stop.is_set():
        try:
            return step()
        except Exception as error:
            if not faults.is_operational(error):
                raise
            _LOG.error("waiting for the database: %s", faults.where(error))
        stop.wait(jittered(wait_s))
        wait_s = min(2 * wait_s, most_s)
    return None
