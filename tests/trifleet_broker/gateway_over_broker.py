"""The gateway, from a virtual bus over a real broker to a backend that keeps the contract."""

import threading
from pathlib import Path

import paho.mqtt.client as mqtt
from broker_stand import Site, wait_until
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_gateway import main, settings
from hw.virtual_bus import VirtualBus
from tests.edge_gateway.gateway_stand import (
    FakeBackend,
    FakeVcu,
    sealed,
    telemetry,
    write_gateway,
)
from trifleet.ports import free_port


class TlsBackend(FakeBackend):
    """The backend of the gateway's own tests, with a certificate instead of a password."""

    def __init__(self, site: Site, gateway_key: Ed25519PublicKey) -> None:
        self._site = site
        super().__init__(site.broker.port, "", gateway_key)

    def _run(self) -> None:
        tls = self._site.tls("ingest-2")
        while not self._stop.is_set():
            self.client = mqtt.Client(
                mqtt.CallbackAPIVersion.VERSION2,
                client_id=tls.client_id("ingest-2"),
                clean_session=True,
                reconnect_on_failure=False,
            )
            self.client.on_socket_register_write = lambda *_: None
            self.client.tls_set_context(tls.context())
            self.client.on_connect = lambda c, *_: c.subscribe("tf/1/+/up/#", 1)
            self.client.on_message = self._on_message_of_ours
            try:
                self.client.connect("127.0.0.1", self._port)
                self.client.loop_forever()
            except OSError:
                pass
            self._stop.wait(0.1)

    def _on_message_of_ours(
        self, client: mqtt.Client, data: object, message: mqtt.MQTTMessage
    ) -> None:
        if message.topic.startswith("tf/1/gw-7/"):
            self._on_message(client, data, message)


class Ride:
    """Bus, vehicle, gateway in a thread, backend. `port` is where the gateway finds its broker."""

    def __init__(self, site: Site, folder: Path, port: int | None = None) -> None:
        can_port = free_port()
        self.bus = VirtualBus(port=can_port)
        self.bus.start()
        config, key = write_gateway(folder, can_port, port or site.broker.port, "00" * 32)
        self.backend = TlsBackend(site, key.public_key())
        tls = site.tls("gw-7")
        text = config.read_text().replace("00" * 32, self.backend.public_key)
        files = (
            f'ca_file = "{tls.ca_file}"\ncertificate_file = "{tls.certificate_file}"\n'
            f'private_key_file = "{tls.private_key_file}"'
        )
        config.write_text(text.replace('password_file = "mqtt.password"', files))
        self.vcu = FakeVcu(self.bus)
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        self._loaded = settings.load(config)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def fill(self, count: int) -> None:
        for number in range(count):
            make = sealed if number % 5 == 0 else telemetry
            self.vcu.add(lambda seq, make=make: make(self.vcu.boot, seq))

    def wait_for_all(self) -> None:
        """Every record is at the backend, and the vehicle was told that it is kept."""
        wait_until(
            lambda: self.vcu.unstored == 0 and set(self.backend.records()) == set(self.vcu.made),
            "every record at the backend",
            90.0,
        )

    def check(self) -> None:
        assert self._failed == []
        assert self.backend.faults == [] and self.vcu.faults == []
        self.backend.check_chain()
        assert sorted(self.backend.records()) == sorted(self.vcu.made)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(30)
        self.backend.close()
        self.vcu.close()
        self.bus.stop()

    def _run(self) -> None:
        try:
            main.run(self._loaded, self._stop)
        except BaseException as error:
            self._failed.append(error)
            raise
