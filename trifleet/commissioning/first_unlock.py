"""The first unlock: does the vehicle that was set up obey its owner, over the cable?

Without the owner's key it is asked for a challenge, which it gives only when it runs, has an owner
and can check signatures. With the key (of a simulated fleet) it is unlocked and locked again.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocol import command
from workbench.cable import Cable, CableChallenge
from workbench.errors import CableError, NoReplyError, NotRunningError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

START_S = 30.0
ASK_S = 2.0


@dataclass(frozen=True)
class FirstUnlock:
    """`unlocked` is False where only the challenge was asked for."""

    unlocked: bool
    seconds: float


def await_start(cable: Cable) -> CableChallenge:
    """Waits for a vehicle that starts. Raises NotRunningError for one that obeys nobody, or does
    not run."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            return cable.challenge(timeout_s=ASK_S)
        except NoReplyError as error:
            if time.monotonic() >= deadline:
                raise NotRunningError(
                    f"{cable.port}: the application does not answer {START_S:.0f} s after its start"
                ) from error
        except CableError as error:
            raise NotRunningError(f"{cable.port}: it runs and obeys nobody: {error}") from error


def first_unlock(port: str, vehicle: str, owner: "RSAPrivateKey | None") -> FirstUnlock:
    """Raises NotRunningError, and CableError where the vehicle refuses its owner."""
    begin = time.monotonic()
    with Cable(port) as cable:
        challenge = await_start(cable)
        if owner is not None:
            _command(cable, vehicle, owner, command.UNLOCK, challenge)
            _command(cable, vehicle, owner, command.LOCK, cable.challenge())
    return FirstUnlock(owner is not None, time.monotonic() - begin)


def _command(
    cable: Cable, vehicle: str, owner: "RSAPrivateKey", action: int, given: CableChallenge
) -> None:
    """The owner commands her vehicle herself: no grant is needed."""
    from trifleet.permission import Permission

    presented = Permission(owner).sign(vehicle, given.challenge, action, {})
    answer = cable.present(presented)
    if answer.code:
        name = command.NAMES.get(action, str(action))
        raise CableError(f"{cable.port}: {name} by the owner is refused: {answer.name}")
