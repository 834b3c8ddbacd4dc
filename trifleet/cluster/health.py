"""What of a cluster is there, seen from outside: by its ports, as its users see it."""

import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException

from trifleet.brokers.child import listens
from trifleet.cluster.place import APIS, ISSUER, LEDGERS, NODES
from trifleet.ports import LOOPBACK

_PROBE_S = 3.0


def missing(ports: dict[str, int], pids: Mapping[str, int], others: Sequence[str]) -> list[str]:
    """Names of what does not run (`others`: beside the fixed parts) or does not answer."""
    wanted = [*NODES, *others, *LEDGERS, ISSUER, *APIS]
    gone = [name for name in wanted if name not in pids]
    gone += [n for n in NODES if n not in gone and not listens(ports[f"{n}-amqp"])]
    gone += [n for n in APIS if n not in gone and not is_well(ports[n], "/healthz")]
    return gone if writer(ports) else [*gone, "a writer of the log"]


def writer(ports: dict[str, int]) -> str | None:
    """The ledger's program that serves its figures; who stands still does not."""
    found = [name for name in LEDGERS if is_well(ports[f"{name}-metrics"], "/metrics")]
    return found[0] if found else None


def is_well(port: int, path: str) -> bool:
    """Does a server on loopback answer 200?"""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{LOOPBACK}:{port}{path}", timeout=_PROBE_S) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):  # another program may have the port
        return False
