"""Commands on their way down: from the table to the gateway's topic, and to their end in time.

A command is `sent` when the broker acknowledged it, not before: what a dead process left queued is
published by the next one, or expires. One that is sent goes out again until the gateway answers,
for the broker may have had nobody to give it to. A gateway may therefore see one twice, by the same
id.
"""

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Connection

from fleet_backend.fleet import commands, events, idempotency, vehicles
from fleet_backend.fleet.commands import CommandRow
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import DatabaseRefusedError
from fleet_backend.fleet.mqtt_tls import check_way
from fleet_backend.tracing import ids
from fleet_backend.tracing.tracer import OFF, Tracer
from protocol import courier

from . import items
from .idempotency import KEEP_S
from .repeats import Repeats
from .settings import ApiSettings

log = logging.getLogger(__name__)
IDLE_S = 0.25
SWEEP_S = 1.0
HOUSEKEEPING_S = 300.0


def tell(connection: Connection, row: CommandRow, now: int) -> None:
    """Tell the streams what became of a command."""
    data = items.command(connection, row).model_dump()
    events.append(connection, [events.NewEvent(events.COMMAND, row.id.hex(), data)], now)


class Downlink(threading.Thread):
    """One thread that publishes and expires; `wake` says that a command was queued."""

    def __init__(
        self,
        database: Database,
        settings: ApiSettings,
        password: str | None,
        clock: Callable[[], float] = time.time,
        tracer: Tracer = OFF,
    ) -> None:
        super().__init__(name="downlink", daemon=True)
        self._database = database
        self._settings = settings
        self._clock = clock
        self._tracer = tracer
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._acknowledged: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._flying: dict[int, bytes] = {}
        self._repeats = Repeats()
        self._swept = self._tidied = 0.0
        self._client = self._make_client(password)

    def _make_client(self, password: str | None) -> mqtt.Client:
        name, tls = self._settings.mqtt_username, self._settings.mqtt_tls
        check_way(self._settings.mqtt_host, self._settings.mqtt_password, tls)
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name if tls is None else tls.client_id(name),
            protocol=mqtt.MQTTv311,
        )
        if tls is not None:
            client.tls_set_context(tls.context())
        else:
            client.username_pw_set(name, password)
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        # Called while paho holds its locks: nothing but a note for our own thread.
        client.on_publish = self._on_publish
        client.on_connect = lambda *_: self._woken.set()
        client.on_connect_fail = lambda *_: log.warning("no broker: %s", sys.exception())
        return client

    def _on_publish(self, _client: Any, _data: Any, mid: int, *_: Any) -> None:
        self._acknowledged.put(mid)
        self._woken.set()

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        self._client.connect_async(self._settings.mqtt_host, self._settings.mqtt_port)
        self._client.loop_start()
        while not self._stopping.is_set():
            self._woken.wait(IDLE_S)
            self._woken.clear()
            try:
                self.step()
            except DatabaseRefusedError as error:
                log.warning("commands cannot be read: %s", error)
        self._client.disconnect()
        self._client.loop_stop()

    def step(self) -> None:
        """Note what was acknowledged, publish what waits, end what is overdue."""
        while not self._acknowledged.empty():
            self._note_sent(self._acknowledged.get())
        if time.monotonic() - self._swept >= SWEEP_S:
            self._swept = time.monotonic()
            self._expire()
            if self.connected:
                self._publish_again()
        if self.connected:
            for row, gateway in self._alive(commands.QUEUED):
                self._tracer.begin(ids.PUBLISH, row.id)
                self._publish(row, gateway)

    def _publish_again(self) -> None:
        """What no gateway has answered for a while."""
        gateways = dict(self._alive(commands.SENT))
        for row in self._repeats.due(gateways, time.monotonic()):
            log.info("no answer from a gateway: sent again", extra={"gateway": gateways[row]})
            self._publish(row, gateways[row])

    def _alive(self, state: str) -> list[tuple[CommandRow, str]]:
        """Commands in a state whose time is not over, and the gateway of each; none whose rider was
        erased meanwhile."""
        with self._database.read() as connection:
            return [
                (row, vehicles.get(connection, row.vehicle).gateway)
                for row in commands.in_state(connection, state)
                if row.presentation and row.expires >= self._now()
            ]

    def _publish(self, row: CommandRow, gateway: str) -> None:
        if row.id in self._flying.values():
            return
        topic = courier.topic(gateway, courier.DOWN_COMMAND)
        payload = courier.encode_command(row.id, row.vehicle, row.expires, row.presentation)
        info = self._client.publish(topic, payload, qos=1)
        if info.rc == mqtt.MQTT_ERR_SUCCESS:
            self._flying[info.mid] = row.id
        else:
            log.warning("command %s was not published: %d", row.id.hex(), info.rc)

    def _note_sent(self, mid: int) -> None:
        command_id = self._flying.get(mid)
        if command_id is None:
            return
        self._tracer.end(ids.PUBLISH, command_id)
        with self._database.begin() as connection:
            before = commands.find(connection, command_id)
            if before is not None and before.state == commands.QUEUED:
                row = commands.advance(connection, command_id, commands.SEND, self._now())
                tell(connection, row, self._now())
        del self._flying[mid]

    def _expire(self) -> None:
        """What was never sent ends at once; what was sent has a little longer for the answer."""
        now = self._now()
        with self._database.read() as connection:
            late = commands.overdue(connection, now)
        grace_over = now - self._settings.answer_grace_s
        late = [r for r in late if r.state == commands.QUEUED or r.expires < grace_over]
        for row in late:
            with self._database.begin() as connection:
                ended = commands.advance(connection, row.id, commands.EXPIRE, now)
                if ended.state == commands.EXPIRED:
                    tell(connection, ended, now)
        if time.monotonic() - self._tidied >= HOUSEKEEPING_S:
            self._tidied = time.monotonic()
            with self._database.begin() as connection:
                idempotency.forget(connection, now - KEEP_S)
                events.trim(connection)

    def _now(self) -> int:
        return int(self._clock())
