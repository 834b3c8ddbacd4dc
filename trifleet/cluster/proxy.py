"""haproxy in front: one address for gateways, one for workers, one for people. Pure, but `find`.

TLS is not ended here for MQTT and AMQP: client and broker see each other's certificates. The API
learns the caller's address from the header that is set here, and from no header that he sent.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from trifleet.errors import ChildError
from trifleet.ports import LOOPBACK

# Longer than the keep-alive of MQTT (60 s) and two heartbeats of AMQP (30 s).
_SILENT_S = 150
_CHECK = "check inter 500ms fall 2 rise 2 on-marked-down shutdown-sessions"
ALIVE = "/ride"  # answered by a process that is well, whatever becomes of the others
_NAMES = [
    "resolvers names",
    "    nameserver engine {resolver}",
    "    hold valid 1s",
]
_BY_NAME = " resolvers names init-addr last,libc,none"


def find() -> str:
    """Raises ChildError where haproxy is not installed."""
    found = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        raise ChildError("haproxy is not installed: apt-get install haproxy")
    return found


@dataclass(frozen=True)
class Front:
    """A port, and who is behind it: name -> address:port."""

    port: int
    servers: Mapping[str, str]


def text(
    mqtt: Front, amqp: Front, http: Front, interface: str = LOOPBACK, resolver: str | None = None
) -> str:
    """haproxy.cfg. `resolver`: who knows the servers' addresses where they are names."""
    check = _CHECK + (_BY_NAME if resolver else "")
    lines = [
        # As many connections as the limit on open files allows, two for each.
        "global",
        "    log stderr local0 warning",
        *(line.format(resolver=resolver) for line in _NAMES if resolver),
        "defaults",
        "    log global",
        "    timeout connect 2s",
        f"    timeout client {_SILENT_S}s",
        f"    timeout server {_SILENT_S}s",
        "    option redispatch 1",
        "    retries 3",
        "listen mqtt",
        *_tcp(interface, mqtt, check),
        "listen amqp",
        *_tcp(interface, amqp, check),
        "listen http",
        "    mode http",
        f"    bind {interface}:{http.port}",
        "    balance roundrobin",
        # A page, and not /healthz: that tells of what all APIs share, and would take all away.
        f"    option httpchk GET {ALIVE}",
        "    http-request del-header X-Forwarded-For",
        "    http-request del-header X-Forwarded-Proto",
        "    option forwardfor",
        # What was sent once must not be done twice; a GET may be asked of the other one.
        "    http-request disable-l7-retry unless METH_GET",
        "    retry-on conn-failure empty-response",
        *_servers(http, check),
    ]
    return "\n".join(lines) + "\n"


def _tcp(interface: str, front: Front, check: str) -> list[str]:
    return [
        "    mode tcp",
        f"    bind {interface}:{front.port}",
        "    balance leastconn",
        *_servers(front, check),
    ]


def _servers(front: Front, check: str) -> list[str]:
    return [f"    server {name} {where} {check}" for name, where in front.servers.items()]
