"""The gateway as a tester of one vehicle controller: udsoncan over a Port. Raises UpdateError."""

import logging
import struct
from collections.abc import Callable
from typing import Any, TypeVar

import udsoncan
from udsoncan.client import Client
from udsoncan.connections import BaseConnection
from udsoncan.exceptions import (
    InvalidResponseException,
    NegativeResponseException,
    TimeoutException,
    UnexpectedResponseException,
)

from edge_gateway.updates.errors import VehicleError, WaitError
from edge_gateway.updates.port import Port
from protocol import delivery, update
from protocol import uds_table as table

_PROGRAMMING = 0x02
_TIMEOUT_S = 8.0
_ANSWER_S = 3.0  # the controller says "wait" at least so often while it works
_DENIED, _CONDITIONS, _BUSY, _VOLTAGE_LOW, _VEHICLE_MOVES = 0x33, 0x22, 0x21, 0x93, 0x88
# Nothing is wrong with the update: the vehicle says that this is not the moment.
_WAIT = {
    _DENIED: update.NOT_ALLOWED,
    _CONDITIONS: update.MOVING,
    _VEHICLE_MOVES: update.MOVING,
    _BUSY: update.BUSY,
    _VOLTAGE_LOW: update.BATTERY,
}
_FORMATS = {
    table.SPEED: ">h",
    table.LOCK_STATE: ">B",
    table.CHARGE: ">H",
    table.UPDATE_OFFSET: ">I",
    table.UPDATE_CODE: ">B",
}
_Any = TypeVar("_Any")

# It logs each byte that it asks for; what went wrong is an error of ours.
for _logger in ("UdsClient", "Connection[gateway]"):
    logging.getLogger(_logger).setLevel(logging.CRITICAL)


class _Number(udsoncan.DidCodec):
    """One big-endian number."""

    def __init__(self, form: str) -> None:
        self._form = form

    def encode(self, *value: Any) -> bytes:
        return struct.pack(self._form, *value)

    def decode(self, string_bin: bytes) -> Any:
        try:
            (value,) = struct.unpack(self._form, string_bin)
        except struct.error as error:
            raise ValueError("a number of another size") from error
        return value

    def __len__(self) -> int:
        return struct.calcsize(self._form)


class _Connection(BaseConnection):
    def __init__(self, port: Port) -> None:
        super().__init__("gateway")
        self._port = port
        self._is_open = False

    def specific_send(self, payload: bytes, timeout: float | None = None) -> None:
        self._port.send(payload)

    def specific_wait_frame(self, timeout: float | None = None) -> bytes:
        found = self._port.wait(_ANSWER_S if timeout is None else timeout)
        if found is None:
            raise TimeoutException("no answer")  # type: ignore[no-untyped-call]
        return found

    def open(self) -> "_Connection":
        self._is_open = True
        return self

    def close(self) -> None:
        self._is_open = False

    def empty_rxqueue(self) -> None:
        self._port.clear()

    def is_open(self) -> bool:
        return self._is_open


class Tester:
    """One conversation; a context manager."""

    def __init__(self, port: Port) -> None:
        config: Any = {
            **udsoncan.configs.default_client_config,
            "data_identifiers": {number: _Number(form) for number, form in _FORMATS.items()},
            "request_timeout": _TIMEOUT_S,
            "p2_timeout": _ANSWER_S,
            "p2_star_timeout": _TIMEOUT_S,
            # A block goes over the bus for longer than the controller promises to think.
            "use_server_timing": False,
        }
        self._client = Client(_Connection(port), config=config)

    def __enter__(self) -> "Tester":
        self._client.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def read(self, identifier: int) -> int:
        """One number of the controller."""

        def ask() -> int:
            answer = self._client.read_data_by_identifier(identifier)
            if answer is None:
                raise VehicleError("the vehicle said nothing", delivery.NO_LINK)
            return int(answer.service_data.values[identifier])

        return self._asked(ask)

    def program(self) -> None:
        """Enter the session in which updates are taken."""
        self._asked(lambda: self._client.change_session(_PROGRAMMING))

    def request_download(self, size: int) -> int:
        """Returns the most bytes of data in one block."""
        where = udsoncan.MemoryLocation(0, size, address_format=32, memorysize_format=32)

        def ask() -> int:
            answer = self._client.request_download(where)
            if answer is None or not 3 <= answer.service_data.max_length <= 4095:
                raise VehicleError("the vehicle names no size of a block", delivery.NO_LINK)
            return int(answer.service_data.max_length) - 2

        return self._asked(ask)

    def transfer(self, counter: int, data: bytes) -> None:
        """One block; its answer may have been lost, so a second time means the same."""
        self._asked(lambda: self._client.transfer_data(counter, data))

    def finish(self) -> None:
        self._asked(self._client.request_transfer_exit)

    def routine(self, number: int) -> int:
        """Start one; the code with which it ended."""

        def ask() -> int:
            answer = self._client.start_routine(number)
            if answer is None or len(answer.service_data.routine_status_record) != 1:
                raise VehicleError("the vehicle named no result", delivery.NO_LINK)
            return int(answer.service_data.routine_status_record[0])

        return self._asked(ask)

    def _asked(self, ask: Callable[[], _Any]) -> _Any:
        try:
            return ask()
        except TimeoutException as error:
            raise VehicleError("the vehicle does not answer", delivery.NO_LINK) from error
        except NegativeResponseException as error:
            code = error.response.code
            if code in _WAIT:
                raise WaitError(
                    f"the vehicle says {error.response.code_name}", _WAIT[code]
                ) from error
            raise VehicleError(
                f"the vehicle refuses: {error.response.code_name}", self._why()
            ) from error
        except (InvalidResponseException, UnexpectedResponseException, ValueError) as error:
            raise VehicleError(f"an answer that is none: {error}", delivery.NO_LINK) from error

    def _why(self) -> int:
        """The vehicle's own code of the refusal; 0 where it names none."""
        try:
            answer = self._client.read_data_by_identifier(table.UPDATE_CODE)
            code = int(answer.service_data.values[table.UPDATE_CODE]) if answer else 0
        except Exception:  # it was refused already; why is only told on top
            code = 0
        return code or delivery.NO_LINK
