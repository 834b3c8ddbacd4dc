"""A tester on the bus: what the vehicle is, its trouble codes, its self-test, who may more.

Every method raises SilentVehicleError for no answer, UdsRefusedError for a negative one, BusError
for the bus itself. Nothing here knows a key: `signer` turns a challenge into a presentation.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import can
from udsoncan.client import Client
from udsoncan.exceptions import (
    InvalidResponseException,
    NegativeResponseException,
    TimeoutException,
    UnexpectedResponseException,
)

from protocol import command, refusal
from protocol.uds_table import SELF_TEST
from workbench.errors import PresentationRefusedError, SilentVehicleError, UdsRefusedError
from workbench.uds.bus import IsoTpConnection, open_bus
from workbench.uds.codecs import NUMBERS, Value, codecs, frozen_values
from workbench.uds.table import DATA, TROUBLES
from workbench.uds.words import REASONS

DEFAULT, PROGRAMMING, EXTENDED = 1, 2, 3
SECURITY_LEVEL = 1
ALL_TROUBLES = 0xFFFFFF
_STATUS_MASK = 0x2F
_STEP_BYTES = 6
# The controller says "pending" in time; the times of its session answer are for one block.
_CONFIG: dict[str, Any] = {
    "use_server_timing": False,
    "request_timeout": None,
    "p2_timeout": 1.0,
    "p2_star_timeout": 6.0,
    "standard_version": 2013,
    "extended_data_size": 1,
}

# Conditions not correct. A vehicle knows that it stands half a second after it came to a stand, was
# started, tested its bus, or missed a frame of the motor's; so this may be over at once.
NOT_PARKED = 0x22
PARKED_WITHIN_S = 3.0
_ASK_AGAIN_S = 0.25

_Answer = TypeVar("_Answer")
# (vehicle, challenge, action, arguments) -> presentation, docs/protocol.md section 5.
Signer = Callable[[str, bytes, int, dict[int, object]], bytes]


@dataclass(frozen=True)
class Trouble:
    """One trouble code. `freeze` is what the vehicle knew when it came, None for unknown."""

    number: int
    is_present: bool
    is_confirmed: bool
    occurrences: int = 0
    starts_since: int = 0
    freeze: dict[str, Value] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return TROUBLES[self.number][0] if self.number in TROUBLES else f"{self.number:06X}"

    def says(self, language: str = "en") -> str:
        """What it means, in English or French."""
        words = TROUBLES.get(self.number)
        return words[4 if language == "fr" else 3] if words else "unknown to this workbench"

    @property
    def advice(self) -> str:
        """What to do."""
        words = TROUBLES.get(self.number)
        return words[5] if words else "Use a workbench that is as new as the vehicle."


class VehicleTester:
    """One vehicle on one bus; also a context manager, which closes what `connect` opened."""

    def __init__(self, bus: can.BusABC, *, owns_bus: bool = False) -> None:
        self._bus = bus if owns_bus else None
        self._connection = IsoTpConnection(bus)
        config: Any = {**_CONFIG, "data_identifiers": codecs()}
        self.client = Client(self._connection, config=config)
        # It would show what travels; an error is told to who asked, once.
        self.client.logger.setLevel(logging.CRITICAL)
        self.client.open()

    @classmethod
    def connect(cls, channel: str) -> Self:
        """`channel` as in bus.open_bus. Raises BusError."""
        return cls(open_bus(channel), owns_bus=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.client.close()
        if self._bus is not None:
            self._bus.shutdown()

    # --- what it is ---

    def read(self, name: str) -> Value:
        """One data identifier by its name in the table."""
        number = NUMBERS[name]
        with answered(f"read {name}"):
            response = self.client.read_data_by_identifier([number])
        assert response is not None
        value: Value = response.service_data.values[number]
        return value

    def identify(self) -> dict[str, Value]:
        """Everything that the table has, but what only freeze frames know."""
        return {name: self.read(name) for name in NUMBERS if name != "node_code"}

    # --- trouble codes ---

    def troubles(self) -> list[Trouble]:
        """Those that are present or stored, with their freeze frames."""
        with answered("read the trouble codes"):
            response = self.client.get_dtc_by_status_mask(_STATUS_MASK)
        assert response is not None
        return [
            self._trouble(dtc.id, dtc.status.get_byte_as_int())
            for dtc in response.service_data.dtcs
        ]

    def _trouble(self, number: int, status: int) -> Trouble:
        occurrences, starts_since, freeze = 0, 0, {}
        if status & 0x08:
            occurrences, starts_since = (self._extended(number, record) for record in (1, 2))
            freeze = self._freeze(number)
        present, confirmed = bool(status & 0x01), bool(status & 0x08)
        return Trouble(number, present, confirmed, occurrences, starts_since, freeze)

    def _extended(self, number: int, record: int) -> int:
        with answered("read a trouble code"):
            response = self.client.get_dtc_extended_data_by_dtc_number(number, record, data_size=1)
        assert response is not None
        data = response.service_data.dtcs[0].extended_data
        return int(data[0].raw_data[0]) if data else 0

    def _freeze(self, number: int) -> dict[str, Value]:
        with answered("read a freeze frame"):
            response = self.client.get_dtc_snapshot_by_dtc_number(number, 1)
        assert response is not None
        frames = response.service_data.dtcs[0].snapshots
        return frozen_values({frame.did: frame.data for frame in frames if frame.did in DATA})

    def clear(self, number: int = ALL_TROUBLES) -> None:
        """Forget one trouble code, or all. Needs `unlock`, and a vehicle that is parked."""
        _when_parked("clear the trouble codes", lambda: self.client.clear_dtc(number))

    # --- who may more ---

    def enter(self, session: int) -> None:
        with answered("begin a session"):
            self.client.change_session(session)

    def unlock(self, signer: Signer) -> None:
        """Open the diagnosis for 15 minutes. Raises PresentationRefusedError."""
        self.enter(EXTENDED)
        self.present(signer, command.DIAGNOSE, {})

    def present(self, signer: Signer, action: int, args: dict[int, object]) -> None:
        """A signed command in the place of a secret; in any session but the default one."""
        vehicle = str(self.read("vehicle"))
        with answered("ask for a challenge"):
            response = self.client.request_seed(SECURITY_LEVEL)
        assert response is not None
        key = signer(vehicle, bytes(response.service_data.seed), action, args)
        try:
            with answered("present a signed command"):
                self.client.send_key(SECURITY_LEVEL + 1, key)
        except UdsRefusedError as error:
            code = self.read("refusal")
            name = refusal.NAMES.get(code, "") if isinstance(code, int) else ""
            raise PresentationRefusedError(
                f"{error}; {name or 'no reason given'}", error.code
            ) from error

    # --- work ---

    def self_test(self) -> list[tuple[int, int, int]]:
        """Number, result (0 pass, 1 fail, 2 not possible here) and value of each step. Needs
        `unlock`, and a vehicle that is parked."""
        self.enter(EXTENDED)
        response = _when_parked("test itself", lambda: self.client.start_routine(SELF_TEST))
        assert response is not None
        return list(_steps(bytes(response.service_data.routine_status_record)))

    def start(self, routine: int) -> bytes:
        """Run a routine to its end; returns its status record."""
        with answered("run a routine"):
            response = self.client.start_routine(routine)
        assert response is not None
        return bytes(response.service_data.routine_status_record)

    def reset(self) -> None:
        """Restart the controller. Needs `unlock`, and a vehicle that is parked."""
        _when_parked("restart the controller", lambda: self.client.ecu_reset(1))


def _steps(data: bytes) -> Iterator[tuple[int, int, int]]:
    for at in range(0, len(data) - len(data) % _STEP_BYTES, _STEP_BYTES):
        value = int.from_bytes(data[at + 2 : at + _STEP_BYTES], "big", signed=True)
        yield data[at], data[at + 1], value


def _when_parked(what: str, ask: Callable[[], _Answer]) -> _Answer:
    """The answer of a vehicle that is parked; one that just came to a stand is asked again."""
    end_s = time.monotonic() + PARKED_WITHIN_S
    while True:
        try:
            with answered(what):
                return ask()
        except UdsRefusedError as error:
            if error.code != NOT_PARKED or time.monotonic() >= end_s:
                raise
        time.sleep(_ASK_AGAIN_S)


@contextmanager
def answered(what: str) -> Iterator[None]:
    """What udsoncan raises, as the errors of the workbench."""
    try:
        yield
    except NegativeResponseException as error:
        code = int(error.response.code or 0)
        reason = REASONS.get(code, error.response.code_name)
        raise UdsRefusedError(f"{what}: {reason} (0x{code:02X})", code) from error
    except (InvalidResponseException, UnexpectedResponseException) as error:
        raise SilentVehicleError(f"{what}: an answer that makes no sense") from error
    except TimeoutException as error:
        raise SilentVehicleError(f"{what}: no answer") from error
