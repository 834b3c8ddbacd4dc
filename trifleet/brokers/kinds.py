"""The names of the brokers."""

from enum import StrEnum


class BrokerKind(StrEnum):
    """Which broker carries the messages."""

    EMBEDDED = "embedded"
    MOSQUITTO = "mosquitto"
    RABBITMQ = "rabbitmq"
