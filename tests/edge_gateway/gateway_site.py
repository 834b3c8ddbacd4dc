"""Broker, bus and backend around a gateway in a process of its own."""

from collections.abc import Sequence
from pathlib import Path

import paho.mqtt.publish as publish
from gateway_stand import (
    GATEWAY,
    FakeBackend,
    FakeVcu,
    GatewayProcess,
    sealed,
    telemetry,
    wait_until,
    write_gateway,
)

from hw.virtual_bus import VirtualBus
from protocol import courier
from trifleet.broker import Broker, BrokerSettings, Role, User
from trifleet.ports import free_port


class Stand:
    """Broker, bus and backend; `gateway` and `vcu` are for the test to start."""

    def __init__(
        self, folder: Path, with_bus: bool = True, vkeys: Sequence[str] = (), **limits: int
    ) -> None:
        users = [
            User("ingest", Role.INGEST, folder / "ingest.password"),
            User("api", Role.API, folder / "api.password"),
            User(GATEWAY, Role.GATEWAY, folder / "gw" / "mqtt.password"),
        ]
        self.folder = folder
        self.broker = Broker(BrokerSettings(folder / "broker"), users)
        self.broker.write_config()
        self.can_port = can_port = free_port()
        self.bus = VirtualBus(port=can_port)
        if with_bus:
            self.bus.start()
        # The gateway's key exists before the backend, which needs it, and the other way round.
        config, key = write_gateway(
            folder / "gw", can_port, self.broker.port, "00" * 32, vkeys, **limits
        )
        self.key = key
        word = (folder / "ingest.password").read_text().strip()
        self.backend = FakeBackend(self.broker.port, word, key.public_key())
        config.write_text(config.read_text().replace("00" * 32, self.backend.public_key))
        self.gateway = GatewayProcess(config)
        self.vcu: FakeVcu | None = None

    def start_vcu(self, **options: int) -> FakeVcu:
        self.vcu = FakeVcu(self.bus, **options)
        return self.vcu

    def close(self) -> None:
        self.gateway.kill()
        self.backend.close()
        if self.vcu is not None:
            self.vcu.close()
        self.bus.stop()
        self.broker.stop()

    def command(self, *messages: bytes) -> None:
        """Publish on down/command as the API does."""
        publish.multiple(
            [(courier.topic(GATEWAY, courier.DOWN_COMMAND), each, 1, False) for each in messages],
            "127.0.0.1",
            self.broker.port,
            "api",
            auth={
                "username": "api",
                "password": (self.folder / "api.password").read_text().strip(),
            },
        )

    def wait_for_all(self) -> None:
        """Every record that the vehicle made is at the backend, and the vehicle may forget it."""
        vcu = self.vcu
        assert vcu is not None
        wait_until(
            lambda: vcu.unstored == 0 and set(self.backend.records()) == set(vcu.made),
            "every record at the backend",
        )

    def check(self) -> None:
        assert self.vcu is not None
        assert self.backend.faults == [], self.backend.faults
        assert self.vcu.faults == [], self.vcu.faults
        self.backend.check_chain()
        assert sorted(self.backend.records()) == sorted(self.vcu.made)


def fill(vcu: FakeVcu, count: int) -> None:
    for i in range(count):
        vcu.add(lambda seq, i=i: sealed(vcu.boot, seq) if i % 5 == 0 else telemetry(vcu.boot, seq))
