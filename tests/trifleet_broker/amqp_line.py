"""A line to RabbitMQ by AMQP 0-9-1, with a certificate and without a password."""

import contextlib
from collections.abc import Iterator

import pika
from broker_stand import Site
from pika.adapters.blocking_connection import BlockingChannel
from pika.credentials import ExternalCredentials

from trifleet.brokers.rabbitmq import RabbitMq


@contextlib.contextmanager
def amqp_channel(site: Site, name: str) -> Iterator[BlockingChannel]:
    """As the holder of this name's certificate."""
    assert isinstance(site.broker, RabbitMq)
    options = pika.SSLOptions(site.tls(name).context(), "localhost")
    parameters = pika.ConnectionParameters(
        "127.0.0.1",
        site.broker.amqp_port,
        credentials=ExternalCredentials(),
        ssl_options=options,
    )
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()
