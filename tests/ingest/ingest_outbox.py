"""A gateway's side of the acknowledgement, over a real broker: sends again what is not acked."""

import threading
import time
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from protocol import ack, courier


class Outbox:
    """Holds messages by number until the backend's signed acknowledgement takes them out."""

    def __init__(
        self, gateway: str, password: str, port: int, verify: Callable[[bytes, bytes], bool]
    ) -> None:
        self.gateway = gateway
        self._verify = verify
        self._lock = threading.Condition()
        self._messages: dict[int, bytes] = {}
        self.refused: set[int] = set()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=gateway, clean_session=False
        )
        self._client.username_pw_set(gateway, password)
        self.checkpoints: list[bytes] = []
        names = (courier.DOWN_ACK, courier.DOWN_CHECKPOINT)
        topics = [(courier.topic(gateway, name), 1) for name in names]
        self._client.on_connect = lambda client, *rest: client.subscribe(topics)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def put(self, seq: int, message: bytes) -> None:
        """Keep and send."""
        with self._lock:
            self._messages[seq] = message
        self._publish(message)

    def wait_empty(self, patience_s: float, resend_s: float = 0.5) -> None:
        """Send again until everything is acknowledged."""
        end = time.monotonic() + patience_s
        while True:
            with self._lock:
                if self._lock.wait_for(lambda: not self._messages, resend_s):
                    return
                again = list(self._messages.values())
            assert time.monotonic() < end, f"{len(again)} statements were never acknowledged"
            for message in again:
                self._publish(message)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, name: str, payload: bytes) -> None:
        """Anything else that a gateway tells."""
        self._client.publish(courier.topic(self.gateway, name), payload, 1)

    def _publish(self, message: bytes) -> None:
        self.publish(courier.UP_STATEMENT, message)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.endswith(courier.DOWN_CHECKPOINT):
            self.checkpoints.append(message.payload)
        else:
            self._on_ack(message.payload)

    def _on_ack(self, payload: bytes) -> None:
        opened = ack.open_ack(payload, self._verify)
        with self._lock:
            for ranges, refused in ((opened.accepted, False), (opened.refused, True)):
                for first, last in ranges:
                    for seq in range(first, last + 1):
                        self._messages.pop(seq, None)
                        if refused:
                            self.refused.add(seq)
            self._lock.notify_all()
