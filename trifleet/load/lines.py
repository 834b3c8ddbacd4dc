"""Thousands of MQTT connections in one thread (paho-mqtt without its own threads).

Connecting waits for the network, so a few helpers do that; from then on a line belongs to the
thread that calls `turn`. What is lost is said once and has to be opened again by whoever wants it.
"""

import queue
import selectors
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from protocol import courier

KEEPALIVE_S = 60
_CONNECT_S = 20.0
_HELPERS = 24
_UPKEEP_S = 5.0
_PACKETS = 64  # read of one line in a turn at most

# Gives a new client its credential and says where to connect.
Door = Callable[[paho.Client, str], tuple[str, int]]


class Line:
    """One gateway's connection. `up` is true from the subscription's acknowledgement on."""

    def __init__(self, gateway: str, client_id: str) -> None:
        self.gateway = gateway
        self.up = False
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        self.client.connect_timeout = _CONNECT_S
        self.ended = False
        self.handle = -1

    def publish(self, name: str, payload: bytes) -> bool:
        """Hand it over; False where the line is not up or does not take it."""
        if not self.up:
            return False
        sent = self.client.publish(courier.topic(self.gateway, name), payload, qos=1)
        return bool(sent.rc == paho.MQTT_ERR_SUCCESS)


class Lines:
    """Opens, serves and breaks lines; `arrived` gets (gateway, topic's name, payload)."""

    def __init__(
        self,
        door: Door,
        opened: Callable[[str], None],
        lost: Callable[[str], None],
        arrived: Callable[[str, str, bytes], None],
    ) -> None:
        self._door = door
        self._opened = opened
        self._lost = lost
        self._arrived = arrived
        self._helpers = ThreadPoolExecutor(_HELPERS, "connect")
        self._ready: queue.SimpleQueue[tuple[Line, Exception | None]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._lines: dict[str, Line] = {}
        self._upkeep_at = 0.0
        self.refused = 0
        self.up = 0  # lines

    def open(self, gateway: str, client_id: str) -> None:
        """Connect in the background; nothing happens where the gateway has a line."""
        if gateway in self._lines:
            return
        line = self._lines[gateway] = Line(gateway, client_id)
        self._wire(line)
        self._helpers.submit(self._connect, line)

    def publish(self, gateway: str, name: str, payload: bytes) -> bool:
        """False where nothing was taken."""
        line = self._lines.get(gateway)
        return line is not None and line.publish(name, payload)

    def cut(self, gateway: str) -> None:
        """As if the cable were pulled: no goodbye to the broker."""
        line = self._lines.get(gateway)
        if line is not None:
            self._end(line, told=False)

    def turn(self, wait_s: float) -> None:
        """Take whatever came and send whatever waits, after at most `wait_s`."""
        self._welcome()
        for key, mask in self._selector.select(max(wait_s, 0.0)):
            self._serve(key.data, mask)
        if time.monotonic() >= self._upkeep_at:
            self._upkeep_at = time.monotonic() + _UPKEEP_S
            for line in list(self._lines.values()):
                if line.handle >= 0 and line.client.loop_misc() != paho.MQTT_ERR_SUCCESS:
                    self._end(line)

    def close(self) -> None:
        """End every line with a goodbye."""
        self._helpers.shutdown(cancel_futures=True)
        self._welcome()
        for line in list(self._lines.values()):
            line.client.disconnect()
            self._end(line, told=False)
        self._selector.close()

    def _connect(self, line: Line) -> None:
        try:
            host, port = self._door(line.client, line.gateway)
            line.client.connect(host, port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            self._ready.put((line, error))
        else:
            self._ready.put((line, None))

    def _welcome(self) -> None:
        while not self._ready.empty():
            line, error = self._ready.get()
            socket = line.client.socket()
            if error is not None or socket is None or line.ended:
                self.refused += error is not None
                self._end(line)
                continue
            line.handle = socket.fileno()
            self._selector.register(line.handle, selectors.EVENT_READ, line)
            self._watch(line)

    def _serve(self, line: Line, mask: int) -> None:
        rc: int = paho.MQTT_ERR_SUCCESS
        if mask & selectors.EVENT_WRITE:
            rc = line.client.loop_write()
        if rc == paho.MQTT_ERR_SUCCESS and mask & selectors.EVENT_READ:
            rc = self._read(line)
        if rc != paho.MQTT_ERR_SUCCESS or line.ended:
            self._end(line)
        else:
            self._watch(line)

    def _read(self, line: Line) -> int:
        """All that TLS has unpacked, too: the selector does not see it."""
        rc = line.client.loop_read(_PACKETS)
        for _ in range(_PACKETS):
            socket = line.client.socket()
            pending = getattr(socket, "pending", None)
            if rc != paho.MQTT_ERR_SUCCESS or pending is None or not pending():
                break
            rc = line.client.loop_read(_PACKETS)
        return int(rc)

    def _watch(self, line: Line) -> None:
        wanted = selectors.EVENT_READ
        if line.client.want_write():
            wanted |= selectors.EVENT_WRITE
        if self._selector.get_key(line.handle).events != wanted:
            self._selector.modify(line.handle, wanted, line)

    def _end(self, line: Line, *, told: bool = True) -> None:
        if line.handle >= 0:
            self._selector.unregister(line.handle)
            line.handle = -1
        self.up -= line.up
        line.ended, line.up = True, False
        socket = line.client.socket()
        if socket is not None:
            socket.close()
        if self._lines.get(line.gateway) is line:
            del self._lines[line.gateway]
            if told:
                self._lost(line.gateway)

    def _wire(self, line: Line) -> None:
        def on_connect(client: paho.Client, _: Any, flags: Any, reason: Any, more: Any) -> None:
            if reason.is_failure:
                self.refused += 1
                line.ended = True
                return
            wanted = courier.DOWN_QOS.items()
            client.subscribe([(courier.topic(line.gateway, name), qos) for name, qos in wanted])

        def on_subscribe(*_: Any) -> None:
            self.up += not line.up
            line.up = True
            self._opened(line.gateway)

        def on_message(_: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
            name = message.topic.removeprefix(courier.topic(line.gateway, ""))
            self._arrived(line.gateway, name, bytes(message.payload))

        line.client.on_connect = on_connect
        line.client.on_subscribe = on_subscribe
        line.client.on_message = on_message
