"""The way to a vehicle's CAN bus, and ISO-TP on it (ISO 15765-2) as a connection of udsoncan.

No thread: frames are read while somebody waits for an answer, so a bus that nobody listens to
costs nothing.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any

import can
import isotp
from udsoncan.connections import BaseConnection
from udsoncan.exceptions import TimeoutException

from workbench.errors import BusError

REQUEST, ANSWER = 0x7E0, 0x7E8
BITRATE = 500_000
_LOGGER = "workbench.uds"
_MOST_BYTES = 4095
_STEP_S = 0.05
_ISOTP = {
    "tx_padding": 0xCC,
    "blocksize": 0,
    "stmin": 0,
    "max_frame_size": _MOST_BYTES,
    "rx_flowcontrol_timeout": 1000,
    "rx_consecutive_frame_timeout": 1000,
    "wftmax": 16,
    "logger_name": _LOGGER,
}

# What travels here may be a signed command: it does not go into a log, whatever the log's level.
logging.getLogger(_LOGGER).setLevel(logging.CRITICAL)


def open_bus(channel: str) -> can.BusABC:
    """`channel`: socket://host:port or a serial device for slcan, else a socketcan interface such
    as can0, which has its bit rate already. Raises BusError."""
    try:
        if channel.startswith(("socket://", "/")):
            return can.Bus(interface="trifleet-slcan", channel=channel, bitrate=BITRATE)
        return can.Bus(interface="socketcan", channel=channel)
    except (can.CanError, OSError, ValueError) as error:
        raise BusError(f"{channel}: {error}") from error


class IsoTpConnection(BaseConnection):
    """Requests to one vehicle controller. Whoever opened the bus closes it.

    What udsoncan may see raised: TimeoutException; what is wrong with the bus is BusError."""

    def __init__(self, bus: can.BusABC) -> None:
        super().__init__("uds")
        self.logger.setLevel(logging.CRITICAL)
        self._bus = bus
        self._frames: deque[isotp.CanMessage] = deque()
        self._opened = False
        self._layer = isotp.TransportLayerLogic(
            rxfn=self._next_frame,
            txfn=self._send_frame,
            address=isotp.Address(isotp.AddressingMode.Normal_11bits, txid=REQUEST, rxid=ANSWER),
            error_handler=lambda error: None,  # what comes of it is a timeout
            params=_ISOTP,
        )

    def open(self) -> IsoTpConnection:
        self._opened = True
        return self

    def close(self) -> None:
        self._opened = False
        self._layer.reset()

    def is_open(self) -> bool:
        return self._opened

    def empty_rxqueue(self) -> None:
        """What came late answers no question of ours."""
        self._pump(0.0)
        while self._layer.recv() is not None:
            pass

    def specific_send(self, payload: bytes, timeout: float | None = None) -> None:
        """Returns when all of it left. Raises TimeoutException."""
        self._layer.send(payload)
        end_s = time.monotonic() + (timeout or 10.0)
        self._layer.process()
        while self._layer.transmitting():
            if time.monotonic() >= end_s:
                self._layer.stop_sending()
                raise TimeoutException("the vehicle does not take the request")  # type: ignore[no-untyped-call]
            self._pump(_STEP_S)

    def specific_wait_frame(self, timeout: float | None = None) -> bytes | None:
        """The next message. Raises TimeoutException."""
        end_s = time.monotonic() + (timeout or 1.0)
        while True:
            message = self._layer.recv()
            if message is not None:
                return bytes(message)
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutException("no answer in time")  # type: ignore[no-untyped-call]
            self._pump(min(left_s, _STEP_S))

    def _pump(self, wait_s: float) -> None:
        """Take what the bus has, waiting for the first frame only."""
        try:
            message = self._bus.recv(wait_s)
            while message is not None:
                self._accept(message)
                message = self._bus.recv(0.0)
        except (can.CanError, OSError) as error:
            raise BusError(f"the bus went away: {error}") from error
        self._layer.process()
        while self._frames:  # the stack leaves frames behind a flow control for its next turn
            self._layer.process()

    def _accept(self, message: Any) -> None:
        if message.arbitration_id == ANSWER and not message.is_extended_id:
            frame = isotp.CanMessage(arbitration_id=ANSWER, data=bytes(message.data))
            self._frames.append(frame)

    def _next_frame(self, _timeout: float) -> isotp.CanMessage | None:
        return self._frames.popleft() if self._frames else None

    def _send_frame(self, frame: isotp.CanMessage) -> None:
        message = can.Message(
            arbitration_id=frame.arbitration_id, data=bytes(frame.data), is_extended_id=False
        )
        try:
            self._bus.send(message)
        except (can.CanError, OSError) as error:
            raise BusError(f"the bus takes nothing: {error}") from error
