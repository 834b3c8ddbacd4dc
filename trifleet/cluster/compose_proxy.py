"""The proxy's file for containers: `python -m trifleet.cluster.compose_proxy` writes
deploy/compose/haproxy.cfg, which a test holds against this."""

from pathlib import Path

from trifleet.cluster import proxy
from trifleet.cluster.place import APIS
from trifleet.cluster.prepare import AMQP_PORT, API_PORT, COMPOSE_NODES, MQTT_PORT

FILE = Path(__file__).resolve().parents[2] / "deploy/compose/haproxy.cfg"
_DNS = "127.0.0.11:53"  # of the container engine


def compose_text() -> str:
    """What the file has to say."""
    nodes = [name.partition("@")[2] for name in COMPOSE_NODES]
    return proxy.text(
        proxy.Front(MQTT_PORT, {name: f"{name}:{MQTT_PORT}" for name in nodes}),
        proxy.Front(AMQP_PORT, {name: f"{name}:{AMQP_PORT}" for name in nodes}),
        proxy.Front(API_PORT, {name: f"{name}:{API_PORT}" for name in APIS}),
        "0.0.0.0",  # noqa: S104 - in a container
        _DNS,
    )


if __name__ == "__main__":
    FILE.write_text(compose_text())
