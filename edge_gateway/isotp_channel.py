"""One ISO-TP channel (ISO 15765-2, normal addressing, padding 0xCC) without a thread of its own.

Frames go in, whole messages come out. What is no ISO-TP is counted and dropped.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable

import isotp

_LOGGER = "edge_gateway.isotp"
# One first frame with a length of 12 bits.
MAX_BYTES = 4095
_BUSY_S = 0.05

# Bad frames are counted, not logged: a noisy bus must not fill the log.
logging.getLogger(_LOGGER).setLevel(logging.CRITICAL)


class IsoTpChannel:
    """Sends one message at a time on `tx_id`; receives on `rx_id`."""

    def __init__(self, tx_id: int, rx_id: int, send: Callable[[int, bytes], None]) -> None:
        self.counters: Counter[str] = Counter()
        self._frames: deque[isotp.CanMessage] = deque()
        self._rx_id = rx_id
        self._request: isotp.TransportLayerLogic.SendRequest | None = None
        self._layer = isotp.TransportLayerLogic(
            rxfn=self._next_frame,
            txfn=lambda message: send(message.arbitration_id, bytes(message.data)),
            address=isotp.Address(isotp.AddressingMode.Normal_11bits, txid=tx_id, rxid=rx_id),
            error_handler=lambda error: self.counters.update([type(error).__name__]),
            params={
                "tx_padding": 0xCC,
                "blocksize": 0,
                "stmin": 0,
                "max_frame_size": MAX_BYTES,
                "rx_flowcontrol_timeout": 1000,
                "rx_consecutive_frame_timeout": 1000,
                "wftmax": 16,
                "logger_name": _LOGGER,
            },
            post_send_callback=self._note_request,
        )

    def accept(self, identifier: int, data: bytes) -> None:
        """A frame from the bus; `process` works on it."""
        if identifier == self._rx_id:
            self._frames.append(isotp.CanMessage(arbitration_id=identifier, data=data))

    def process(self) -> list[bytes]:
        """Run the protocol as far as it goes now. Returns the messages that became whole."""
        self._layer.process()
        # The stack leaves frames behind a flow control for its next turn.
        while self._frames:
            self._layer.process()
        out = []
        while (message := self._layer.recv()) is not None:
            out.append(bytes(message))
        return out

    def start(self, message: bytes) -> None:
        """Begin to send; only when `idle`."""
        self._layer.send(message)

    @property
    def idle(self) -> bool:
        """Nothing is being sent and no outcome waits to be fetched."""
        return self._request is None

    def outcome(self) -> bool | None:
        """Once for every `start`: true transferred, false not taken; None while under way."""
        request = self._request
        if request is None or not request.complete_event.is_set():
            return None
        self._request = None
        return request.success

    def wait_s(self) -> float | None:
        """How soon `process` has to run although no frame comes; None for not at all."""
        delay: float | None = self._layer.next_cf_delay()
        if delay is not None:
            return min(delay, _BUSY_S)
        return _BUSY_S if self._layer.transmitting() or self._layer.is_rx_active() else None

    def _note_request(self, request: isotp.TransportLayerLogic.SendRequest) -> None:
        self._request = request

    def _next_frame(self, _timeout: float) -> isotp.CanMessage | None:
        return self._frames.popleft() if self._frames else None
