"""One round of a registrar that is killed right after the write that it is told."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet_backend.fleet import enrolments, gateways
from fleet_backend.registrar.invitations import Invitations
from tests.registrar.registrar_stand import Stand
from trifleet.certificates import register
from trifleet.certificates.registrar import RegistrarAuthority

WRITES = [
    (Invitations, "save"),
    (gateways, "register"),  # in a transaction: not committed
    (register, "save"),  # the authority's own first write
    (RegistrarAuthority, "issue"),
    (Invitations, "save"),
    (enrolments, "answer"),
]


def dying_after(step: int) -> None:
    place, name = WRITES[step]
    wanted = sum(1 for one in WRITES[: step + 1] if one == (place, name))
    calls = [0]
    real: Callable[..., Any] = getattr(place, name)

    def wrapped(*given: Any, **named: Any) -> Any:
        result = real(*given, **named)
        calls[0] += 1
        if calls[0] == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(place, name, wrapped)


if __name__ == "__main__":
    stand = Stand(Path(sys.argv[1]))
    dying_after(int(sys.argv[2]))
    stand.worker.step()
