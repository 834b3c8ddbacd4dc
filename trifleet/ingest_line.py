"""How the workers of the ingest share what the broker of a stack carries.

RabbitMQ: they compete for its quorum queue, by AMQP. mosquitto: they are a group (`$share`).
nats-server shares nothing out, so there is one worker.
"""

import dataclasses
import importlib.util
import secrets

from trifleet.brokers import mosquitto, rabbitmq
from trifleet.brokers.common import BrokerError
from trifleet.brokers.kinds import BrokerKind

FIRST = "ingest"
MOST_WORKERS = 16


@dataclasses.dataclass(frozen=True)
class IngestLine:
    """By AMQP where there is a port for it, else by MQTT; in a group where it has a name."""

    amqp_port: int = 0
    group: str = ""
    workers: int = 1

    @property
    def names(self) -> list[str]:
        """Of the workers: programs, certificates and settings files are called so."""
        return worker_names(self.workers)


BY_MQTT = IngestLine()


def worker_names(count: int) -> list[str]:
    """The first one writes the log, too."""
    return [FIRST, *(f"{FIRST}-{number}" for number in range(2, count + 1))]


def is_worker(name: str) -> bool:
    """Is this the name of a worker?"""
    return name in worker_names(MOST_WORKERS)


def to(broker: object, workers: int) -> IngestLine:
    """The line to a broker that was made for the stack."""
    if isinstance(broker, rabbitmq.RabbitMq):
        return IngestLine(amqp_port=broker.amqp_port, workers=workers)
    # Whoever knows the name of a group can join it: see docs/transport.md. A new one each time.
    return IngestLine(group=secrets.token_hex(16) if workers > 1 else "", workers=workers)


def require(kind: BrokerKind, workers: int) -> None:
    """Before anything is made. Raises BrokerError: what is missing, and how to get it."""
    if not 1 <= workers <= MOST_WORKERS:
        raise BrokerError(f"--workers {workers}: from 1 to {MOST_WORKERS}")
    if kind is BrokerKind.EMBEDDED and workers > 1:
        raise BrokerError(
            f"--workers {workers}: the embedded broker shares nothing out among workers; add"
            " --broker mosquitto or --broker rabbitmq"
        )
    if kind is BrokerKind.MOSQUITTO:
        mosquitto.find_binary()
    if kind is BrokerKind.RABBITMQ:
        rabbitmq.find_home()
        if importlib.util.find_spec("pika") is None:
            raise BrokerError(
                "the ingest takes from RabbitMQ by AMQP, which needs a package:"
                " .venv/bin/pip install -r requirements-scale.txt"
            )
