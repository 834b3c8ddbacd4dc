"""Chooses the adapter that the settings name: MQTT or AMQP."""

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.ingest.adapter import Adapter
from fleet_backend.ingest.amqp import AmqpAdapter, AmqpSettings
from fleet_backend.ingest.mqtt import MqttAdapter, MqttSettings


def open_adapter(mqtt: MqttSettings | None, amqp: AmqpSettings | None) -> Adapter:
    """Begins to connect. Raises SettingsError where there is none or both."""
    if mqtt is not None and amqp is None:
        return MqttAdapter(mqtt)
    if amqp is not None and mqtt is None:
        return AmqpAdapter(amqp)
    raise SettingsError("the broker: either a table [mqtt] or a table [amqp]")
