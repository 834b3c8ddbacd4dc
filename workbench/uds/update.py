"""An update over the bus: allowed by a signed command, sent in blocks, checked, run on trial.

What breaks off goes on where the vehicle says that it is. The receipt of the ledger is the
caller's business, before anything is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from udsoncan import MemoryLocation

from protocol import command, update
from protocol.uds_table import ACTIVATE_UPDATE, CHECK_UPDATE, ROLLBACK
from workbench.errors import (
    NotRunningError,
    SilentVehicleError,
    UdsRefusedError,
    UpdateRefusedError,
)
from workbench.uds.tester import NOT_PARKED, PROGRAMMING, Signer, VehicleTester, answered

ATTEMPTS = 8
PAUSE_S = 1.0
BACK_WITHIN_S = 60.0
# An answer was lost, or the session ended; and: it restarted, and forgot what was allowed.
_LOST = (0x24, 0x73, 0x7F)
_DENIED = 0x33

Progress = Callable[[int, int], None]


def install(
    tester: VehicleTester,
    bundle: bytes,
    digest: bytes,
    signer: Signer,
    *,
    progress: Progress = lambda done, total: None,
) -> None:
    """On return the vehicle has checked it, and resets to run it on trial. `digest` is the
    release's. Raises PresentationRefusedError, UpdateRefusedError, SilentVehicleError, BusError;
    the same call goes on then, also from another program."""
    presents = True
    for left in reversed(range(ATTEMPTS)):
        try:
            _send(tester, bundle, digest, signer if presents else None, progress)
            code = _check(tester)
        except SilentVehicleError:
            if not left:
                raise
            presents = False
            time.sleep(PAUSE_S)
            continue
        except UdsRefusedError as error:
            if not left or not _may_go_on(error, presents=presents):
                raise _explained(tester, error) from error
            if error.code == NOT_PARKED:
                time.sleep(PAUSE_S)  # what was allowed before may be so still: both ways are right
            else:
                presents = error.code == _DENIED
            continue
        if code:
            raise UpdateRefusedError(
                f"the vehicle refuses it: {update.NAMES.get(code, code)}", code
            )
        if _is_activated(tester, is_last=not left):
            return
        presents = False
        time.sleep(PAUSE_S)


def roll_back(tester: VehicleTester) -> None:
    """The application before runs after a reset. Needs `VehicleTester.unlock`."""
    tester.enter(PROGRAMMING)
    _start(tester, ROLLBACK)


def wait_for(tester: VehicleTester, is_back: Callable[[VehicleTester], bool]) -> None:
    """Ask until the vehicle answers as it should after its reset. Raises NotRunningError."""
    end_s = time.monotonic() + BACK_WITHIN_S
    while time.monotonic() < end_s:
        try:
            if is_back(tester):
                return
        except (SilentVehicleError, UdsRefusedError):
            pass  # it starts
        time.sleep(PAUSE_S / 4)
    raise NotRunningError("the vehicle did not come back with what was installed")


def _send(
    tester: VehicleTester, bundle: bytes, digest: bytes, signer: Signer | None, progress: Progress
) -> None:
    tester.enter(PROGRAMMING)
    if signer is not None:
        tester.present(signer, command.UPDATE, {0: digest})
    where = MemoryLocation(0, len(bundle), address_format=32, memorysize_format=32)
    with answered("ask for the update"):
        response = tester.client.request_download(where)
    assert response is not None
    block = int(response.service_data.max_length) - 2
    at = _offset(tester)
    number = 0
    while at < len(bundle):
        progress(at, len(bundle))
        number = (number + 1) & 0xFF
        with answered("send the update"):
            tester.client.transfer_data(number, bundle[at : at + block])
        at += len(bundle[at : at + block])
    progress(at, len(bundle))
    with answered("end the update"):
        tester.client.request_transfer_exit()


def _offset(tester: VehicleTester) -> int:
    offset = tester.read("update_offset")
    return offset if isinstance(offset, int) else 0


def _check(tester: VehicleTester) -> int:
    status = tester.start(CHECK_UPDATE)
    return status[0] if status else update.BUSY


def _may_go_on(error: UdsRefusedError, *, presents: bool) -> bool:
    """Whether the vehicle may take it another time: something was lost, or it does not know just
    now that it stands."""
    if error.code == NOT_PARKED:
        return True
    lost = error.code in _LOST or (error.code == _DENIED and not presents)
    return lost and type(error) is UdsRefusedError


def _is_activated(tester: VehicleTester, *, is_last: bool) -> bool:
    """False where a push ended the session, or it does not know just now that it stands: then it
    is checked anew."""
    try:
        tester.start(ACTIVATE_UPDATE)
    except UdsRefusedError as error:
        if is_last or error.code not in (*_LOST, NOT_PARKED):
            raise _explained(tester, error) from error
        return False
    return True


def _start(tester: VehicleTester, routine: int) -> None:
    try:
        tester.start(routine)
    except UdsRefusedError as error:
        raise _explained(tester, error) from error


def _explained(tester: VehicleTester, error: UdsRefusedError) -> UdsRefusedError:
    """With the reason that the vehicle keeps beside its negative answer."""
    if type(error) is not UdsRefusedError:
        return error
    try:
        code = tester.read("update_code")
    except (SilentVehicleError, UdsRefusedError):
        return error
    if not isinstance(code, int) or not code:
        return error
    return UpdateRefusedError(f"{error}; {update.NAMES.get(code, code)}", error.code)
