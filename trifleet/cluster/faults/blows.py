"""What is done to a cluster: each blow looks for its victim, strikes, and may have to be ended.

A partition is made by cookies: the node takes its peers for strangers, so that no distribution
between them is possible in either direction. That is what a cut network does to the brokers; their
clients still reach all three, as they would through another network.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from trifleet.brokers.child import listens
from trifleet.brokers.rabbitmq import RabbitMq
from trifleet.brokers.rabbitmq_config import UP_QUEUE
from trifleet.cluster.cluster import Cluster
from trifleet.cluster.handover import hand_over_from
from trifleet.cluster.place import NODES
from trifleet.cluster.programs import LEASE_S
from trifleet.errors import ChildError

_PATIENCE_S = 60.0
_PARTED_S = 10.0  # that the other two go on without it
_CUT = (
    "[begin erlang:set_cookie(N, stranger), erlang:disconnect_node(N) end || N <- nodes(),"
    ' lists:prefix("node-", atom_to_list(N))].'
)


@dataclass(frozen=True)
class Blow:
    """`strike` returns what was hit. It may take its time: the load goes on meanwhile."""

    name: str
    words: str
    strike: Callable[[Cluster], str]


def _kill(cluster: Cluster, names: list[str]) -> str:
    pids = cluster.pids()
    for name in names:
        os.kill(pids[name], signal.SIGKILL)
    return ", ".join(names)


def _writer(cluster: Cluster) -> str:
    found = cluster.writer()
    if found is None:
        raise ChildError("nobody writes the log: see the logs of ledger-1 and ledger-2")
    return found


def leader(cluster: Cluster) -> RabbitMq:
    """The node that leads the queue of the ingest. Raises BrokerError, ChildError."""
    asked = cluster.brokers.running()[0]
    rows = json.loads(asked.control("list_queues", "name", "leader", "--formatter", "json"))
    found = {row["name"]: row["leader"] for row in rows}.get(UP_QUEUE, "")
    for node in cluster.brokers.nodes:
        if node.node == found:
            return node
    raise ChildError(f"the queue {UP_QUEUE} has no leader")


def _name(node: RabbitMq) -> str:
    return node.settings.name


def _follower(cluster: Cluster) -> str:
    leads = _name(leader(cluster))
    return _kill(cluster, [next(name for name in NODES if name != leads)])


def _primary(cluster: Cluster) -> str:
    pid = cluster.pair.primary.pid
    return _kill(cluster, [name for name, one in cluster.pids().items() if one == pid])


def _standby(cluster: Cluster) -> str:
    pid = cluster.pair.follower.pid
    return _kill(cluster, [name for name, one in cluster.pids().items() if one == pid])


def _until(ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not ready():
        if time.monotonic() > end:
            raise ChildError(f"not in {_PATIENCE_S:.0f} s: {what}")
        time.sleep(0.05)


def _stop_and_go(cluster: Cluster) -> str:
    name = _writer(cluster)
    pid = cluster.pids()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        _until(lambda: cluster.writer() not in (None, name), "another one writes the log")
        time.sleep(LEASE_S)  # the other one writes for a while
    finally:
        os.kill(pid, signal.SIGCONT)
    _until(lambda: cluster.pids().get(name) != pid, f"{name}, which was refused, ends")
    return f"{name}, refused when it went on"


def _part(cluster: Cluster) -> str:
    node = leader(cluster)
    heal = (
        '[erlang:set_cookie(list_to_atom("node-" ++ integer_to_list(N) ++ "@localhost"),'
        " erlang:get_cookie()) || N <- [1, 2, 3]]."
    )
    node.control("eval", _CUT)
    try:
        # Alone it is the minority, and serves nobody: that it was parted is seen from outside.
        _until(lambda: not listens(node.port), f"{_name(node)}, which is alone, closes its doors")
        time.sleep(_PARTED_S)
    finally:
        node.control("eval", heal)
    return f"{_name(node)} from the other two for {_PARTED_S:.0f} s"


def _everything(cluster: Cluster) -> str:
    return f"all {len(_kill(cluster, list(cluster.pids())).split())} processes"


def _hand_over(cluster: Cluster) -> str:
    name = _writer(cluster)
    before, after, _ = hand_over_from(name, lambda: cluster.pids().get(name), cluster.ports)
    return f"{before} to {after}"


BLOWS = (
    Blow("node", "kill -9 of a broker node", _follower),
    Blow("leader", "kill -9 of the queue's leader", lambda c: _kill(c, [_name(leader(c))])),
    Blow("primary", "kill -9 of the database primary", _primary),
    Blow("standby", "kill -9 of the database standby", _standby),
    Blow("writer", "kill -9 of the log's writer", lambda c: _kill(c, [_writer(c)])),
    Blow("workers", "kill -9 of half of the workers",
         lambda c: _kill(c, c.workers[: (len(c.workers) + 1) // 2])),
    Blow("api", "kill -9 of one API", lambda c: _kill(c, ["api-1"])),
    Blow("proxy", "kill -9 of the proxy", lambda c: _kill(c, ["proxy"])),
    Blow("stopped", "the writer stands still past its lease, and goes on", _stop_and_go),
    Blow("partition", "the queue's leader is parted from its peers", _part),
    Blow("blackout", "kill -9 of everything at once", _everything),
    Blow("hand-over", "the writer gives the log over in good order", _hand_over),
)  # fmt: skip
