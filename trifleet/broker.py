"""The embedded broker under the name that the stack and its tests have always used."""

from trifleet.brokers.common import BrokerError, Role, User
from trifleet.brokers.embedded import (
    BrokerSettings,
    ask_to_empty,
    empty_if_asked,
    ensure_credentials,
)
from trifleet.brokers.embedded import EmbeddedBroker as Broker

__all__ = [
    "Broker",
    "BrokerError",
    "BrokerSettings",
    "Role",
    "User",
    "ask_to_empty",
    "empty_if_asked",
    "ensure_credentials",
]
