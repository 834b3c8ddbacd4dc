"""RabbitMQ's files (3.10): settings, users with their rights, and the queue of the ingest. Pure.

Deny first: no listener without TLS, no user with a password, no `guest`; rights are anchored
patterns over queue names and routing keys, made from identifiers alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trifleet.brokers.common import (
    LOOPBACK,
    Limits,
    Role,
    ServerTls,
    User,
    topics_of,
    with_certificates,
)

VHOST = "/"
EXCHANGE = "amq.topic"  # of the MQTT plugin
UP_QUEUE = "trifleet.up"
DEAD_EXCHANGE = "trifleet.dead"
DEAD_QUEUE = "trifleet.dead"
UP_KEY = "tf.1.*.up.#"
DELIVERY_LIMIT = 5  # a message that ends so many consumers is set aside
DEAD_BYTES = 256 * 1024 * 1024
SESSION_S = 86_400  # what an absent client's session lives
PLUGINS = "[rabbitmq_mqtt,rabbitmq_auth_mechanism_ssl].\n"
_NAME = "[a-z0-9-]{1,32}"
_WORD = "[a-z]{1,32}"


@dataclass(frozen=True)
class Ports:
    """Of one node, all on loopback: MQTT, AMQP, between the nodes, and the port mapper."""

    mqtt: int
    amqp: int
    distribution: int
    epmd: int


def settings_text(
    folder: Path,
    ports: Ports,
    tls: ServerTls,
    limits: Limits,
    nodes: Sequence[str] = (),
    interface: str = LOOPBACK,
) -> str:
    """rabbitmq.conf; `nodes` are those of the cluster, this one included."""
    lines = [
        "listeners.tcp = none",
        f"listeners.ssl.default = {interface}:{ports.amqp}",
        "mqtt.listeners.tcp = none",
        f"mqtt.listeners.ssl.default = {interface}:{ports.mqtt}",
        "ssl_cert_login_from = common_name",
        "auth_mechanisms.1 = EXTERNAL",
        "mqtt.ssl_cert_login = true",
        "mqtt.allow_anonymous = false",
        f"mqtt.vhost = {VHOST}",
        f"mqtt.exchange = {EXCHANGE}",
        f"mqtt.durable_queue_type = {'quorum' if nodes else 'classic'}",
        f"mqtt.subscription_ttl = {SESSION_S * 1000}",
        f"mqtt.prefetch = {limits.inflight}",
        f"mqtt.login_timeout = {limits.silent_s * 1000}",
        f"handshake_timeout = {limits.silent_s * 1000}",
        f"ssl_handshake_timeout = {limits.silent_s * 1000}",
        # A reader who takes nothing for so long is cut off.
        "mqtt.tcp_listen_options.send_timeout = 10000",
        "mqtt.tcp_listen_options.send_timeout_close = true",
        "mqtt.tcp_listen_options.backlog = 4096",
        "mqtt.tcp_listen_options.nodelay = true",
        f"max_message_size = {limits.payload_bytes}",
        f"vm_memory_high_watermark.absolute = {limits.memory_bytes}",
        "disk_free_limit.absolute = 64MB",
        f"load_definitions = {folder}/definitions.json",
        f"distribution.listener.interface = {interface}",
        f"distribution.listener.port_range.min = {ports.distribution}",
        f"distribution.listener.port_range.max = {ports.distribution}",
        "log.file = false",
        "log.console = true",
        "log.console.level = warning",
    ]
    if nodes:
        lines.append("cluster_formation.peer_discovery_backend = classic_config")
        lines.append("cluster_partition_handling = pause_minority")
        for number, node in enumerate(nodes, 1):
            lines.append(f"cluster_formation.classic_config.nodes.{number} = {node}")
    return "\n".join(lines) + "\n"


def advanced_text(folder: Path, tls: ServerTls) -> str:
    """advanced.config: TLS, for which rabbitmq.conf has no words for the revoked ones.

    The folder is read for every connection, and no session of before is taken up again: what was
    revoked does not get in by any way.
    """
    return f"""[
 {{rabbit, [{{ssl_options, {_tls_options(folder, tls)}}}]}}
].
"""


def _tls_options(folder: Path, tls: ServerTls) -> str:
    return f"""[
   {{cacertfile, {_text(tls.ca_file)}}},
   {{certfile, {_text(tls.certificate_file)}}},
   {{keyfile, {_text(tls.private_key_file)}}},
   {{verify, verify_peer}},
   {{fail_if_no_peer_cert, true}},
   {{depth, 1}},
   {{versions, ['tlsv1.3', 'tlsv1.2']}},
   {{reuse_sessions, false}},
   {{client_renegotiation, false}},
   {{crl_check, peer}},
   {{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, {_text(folder / "revoked")}}}]}}}}}}
  ]"""


def _text(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def definitions_text(users: Sequence[User], limits: Limits, *, queues: bool = True) -> str:
    """definitions.json: everything that the broker knows of users, rights, queues and bounds."""
    listed = with_certificates(users)
    value: dict[str, object] = {
        "vhosts": [{"name": VHOST}],
        "users": [{"name": user.name, "password_hash": "", "tags": ""} for user in listed],
        "permissions": [_permission(user) for user in listed],
        "topic_permissions": [_topic_permission(user) for user in listed],
        "policies": [_session_policy(limits)],
    }
    if queues:
        value |= {
            "exchanges": [
                {
                    "name": DEAD_EXCHANGE,
                    "vhost": VHOST,
                    "type": "fanout",
                    "durable": True,
                    "auto_delete": False,
                    "internal": True,
                    "arguments": {},
                }
            ],
            "queues": [
                _queue(UP_QUEUE, _up_arguments(limits)),
                _queue(DEAD_QUEUE, _dead_arguments()),
            ],
            "bindings": [
                _binding(EXCHANGE, UP_QUEUE, UP_KEY),
                _binding(DEAD_EXCHANGE, DEAD_QUEUE, ""),
            ],
        }
    return json.dumps(value, indent=1) + "\n"


def _permission(user: User) -> dict[str, str]:
    # The plugin's queues carry the client id, and that begins with the name: nobody opens, reads
    # or deletes the session of another, whatever client id he gives.
    own = f"mqtt-subscription-{user.name}-[0-9a-f]{{32}}qos[01]"
    read = f"^({own}|amq\\.topic)$"
    if user.role is Role.INGEST:
        read = f"^({own}|amq\\.topic|trifleet\\.(up|dead))$"
    return {
        "user": user.name,
        "vhost": VHOST,
        "configure": f"^{own}$",
        "write": f"^({own}|amq\\.topic)$",
        "read": read,
    }


def _topic_permission(user: User) -> dict[str, str]:
    publish, subscribe = topics_of(user)
    return {
        "user": user.name,
        "vhost": VHOST,
        "exchange": EXCHANGE,
        "write": _one_of([_published(topic) for topic in publish]),
        "read": _one_of([_bound(topic) for topic in subscribe]),
    }


def _published(topic: str) -> str:
    """Routing keys that a topic filter covers."""
    return topic.replace("/", "\\.").replace("+", _NAME).replace("#", _WORD)


def _bound(topic: str) -> str:
    """Binding keys that ask for no more than a topic filter."""
    return topic.replace("/", "\\.").replace("+", "\\*").replace("#", f"({_WORD}|#)")


def _one_of(patterns: Sequence[str]) -> str:
    return f"^({'|'.join(patterns)})$" if patterns else "^$"


def _queue(name: str, arguments: dict[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "vhost": VHOST,
        "durable": True,
        "auto_delete": False,
        "arguments": {"x-queue-type": "quorum", **arguments},
    }


def _up_arguments(limits: Limits) -> dict[str, object]:
    # Full means that a publish is not confirmed: the gateway keeps the statement and slows down.
    return {
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-max-length-bytes": limits.store_bytes,
        "x-overflow": "reject-publish",
    }


def _dead_arguments() -> dict[str, object]:
    return {"x-max-length-bytes": DEAD_BYTES, "x-overflow": "drop-head"}


def _binding(source: str, queue: str, key: str) -> dict[str, object]:
    return {
        "source": source,
        "vhost": VHOST,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }


def _session_policy(limits: Limits) -> dict[str, object]:
    return {
        "name": "sessions",
        "vhost": VHOST,
        "pattern": "^mqtt-subscription-",
        "apply-to": "queues",
        "priority": 0,
        "definition": {
            "max-length": limits.queue_messages,
            "max-length-bytes": limits.queue_bytes,
            "overflow": "drop-head",
        },
    }
