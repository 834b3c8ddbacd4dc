"""Hands a bundle to a vehicle: look first, then download, check, and start on trial.

The vehicle decides. What is looked at here spares a vehicle that is ridden the whole conversation;
it looks itself again, and at the end verifies every byte.
"""

from collections.abc import Callable

from edge_gateway.updates.errors import VehicleError, WaitError
from edge_gateway.updates.tester import Tester
from protocol import delivery, lock, update
from protocol import uds_table as table

LEAST_PERMILLE = 300
# The vehicle may take more at once; a small controller finds so much in one piece more easily.
MOST_BLOCK = 1024
_UNKNOWN = 0xFFFF


def check_ready(tester: Tester) -> None:
    """Locked, standing, charged, as the vehicle says. Raises WaitError; UNKNOWN counts as not."""
    if tester.read(table.LOCK_STATE) != lock.LOCKED or tester.read(table.SPEED) != 0:
        raise WaitError("the vehicle is not locked, or does not stand", update.MOVING)
    charge = tester.read(table.CHARGE)
    if charge == _UNKNOWN or charge < LEAST_PERMILLE:
        raise WaitError("the pack is below 30 %, or nobody knows", update.BATTERY)


def install(
    tester: Tester, bundle: bytes, progress: Callable[[int], None], ended: Callable[[], bool]
) -> None:
    """Everything up to the restart on trial. `progress(bytes)`; `ended`: give up between blocks.

    What the vehicle has already is not sent again. Raises WaitError, VehicleError.
    """
    check_ready(tester)
    tester.program()
    most = min(MOST_BLOCK, tester.request_download(len(bundle)))
    offset = tester.read(table.UPDATE_OFFSET)
    if offset > len(bundle):
        raise VehicleError("the vehicle has more bytes than the bundle", update.SPACE)
    counter = 0
    while offset < len(bundle):
        if ended():
            raise VehicleError("the gateway ends", delivery.NO_LINK)
        data = bundle[offset : offset + most]
        counter = (counter + 1) & 0xFF
        _transfer(tester, counter, data)
        offset += len(data)
        progress(offset)
    tester.finish()
    code = tester.routine(table.CHECK_UPDATE)
    if code != update.DONE:
        name = update.NAMES.get(code, "an unknown code")
        raise VehicleError(f"the vehicle refuses the update: {name}", code)
    tester.routine(table.ACTIVATE_UPDATE)


def _transfer(tester: Tester, counter: int, data: bytes) -> None:
    try:
        tester.transfer(counter, data)
    except VehicleError as error:
        if error.code != delivery.NO_LINK:
            raise
        tester.transfer(counter, data)
