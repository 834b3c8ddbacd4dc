"""How a command at the bench ends: the exit codes, and for each error its code and its advice.

One table. A test fails for a new error class without a line here: its own, or that of one above.
"""

from __future__ import annotations

from enum import IntEnum

from workbench import errors
from workbench.events import Failure


class Exit(IntEnum):
    """Stable: scripts depend on the numbers."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_DEVICE = 10
    SEVERAL_DEVICES = 11
    NO_REPLY = 12
    FOREIGN_BOARD = 13
    WRONG_BOARD = 14
    REFUSED = 15
    NOT_VERIFIED = 16
    SELF_TEST_FAILED = 17
    INTERRUPTED = 18
    NOT_SIGNED = 19
    NO_NETWORK = 20


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.FAILED: "an error that has no number of its own",
    Exit.USAGE: "wrong option, or a file that is not what it should be: nothing was begun",
    Exit.NO_DEVICE: "no board found, or its port cannot be opened",
    Exit.SEVERAL_DEVICES: "several boards found: say which with --port",
    Exit.NO_REPLY: "the board does not answer",
    Exit.FOREIGN_BOARD: "not a board that runs a MicroPython of this project",
    Exit.WRONG_BOARD: "the board is of another kind than was asked for: nothing was written",
    Exit.REFUSED: "refused by a rule (an identity exists, an older release): nothing was written",
    Exit.NOT_VERIFIED: "the board does not hold, or does not run, what it should",
    Exit.SELF_TEST_FAILED: "the self-test or the diagnosis found a fault",
    Exit.INTERRUPTED: "cable or power was lost: run the same command again",
    Exit.NOT_SIGNED: "a signature or a receipt of the ledger does not hold",
    Exit.NO_NETWORK: "this needs the network",
}

# What failed, and what the mechanic does next.
Advice = tuple[Exit, str, str]
ADVICE: dict[type[errors.WorkbenchError], Advice] = {
    errors.PortError: (
        Exit.NO_DEVICE,
        "The serial port cannot be used",
        "Plug the cable in, close other programs that have the port open, and run this again.",
    ),
    errors.PortLostError: (
        Exit.INTERRUPTED,
        "The board went away in the middle of the work",
        "Check cable and supply, and run the same command again: it goes on where it was.",
    ),
    errors.NoDeviceError: (
        Exit.NO_DEVICE,
        "There is no board",
        "Plug one in, or name its port with --port; to try without hardware: --sim.",
    ),
    errors.SeveralDevicesError: (
        Exit.SEVERAL_DEVICES,
        "There are several boards",
        "Unplug all but one, or name the port with --port.",
    ),
    errors.NoReplyError: (
        Exit.NO_REPLY,
        "The board does not answer",
        "Check its supply, press its reset button, and run this again. If it stays silent, put "
        "MicroPython on it anew by its bootloader (README.md in boards/).",
    ),
    errors.ForeignBoardError: (
        Exit.FOREIGN_BOARD,
        "This is no board that the application runs on",
        "Put the interpreter that the board's README.md names on it, then run this again.",
    ),
    errors.WrongBoardError: (
        Exit.WRONG_BOARD,
        "This is another board than was asked for",
        "Take the board that was meant, or what was made for this one. Nothing was written.",
    ),
    errors.ReplyError: (
        Exit.INTERRUPTED,
        "The board's answers are damaged",
        "Use a shorter or better cable, and run the same command again.",
    ),
    errors.DeviceError: (
        Exit.NOT_VERIFIED,
        "The board reported an error",
        "Run `trifleet bench diagnose`; if its flash is full or worn, take another board.",
    ),
    errors.VerifyError: (
        Exit.NOT_VERIFIED,
        "The board holds something else than was written",
        "Run the same command again. If it fails twice, the flash is worn: take another board.",
    ),
    errors.NotRunningError: (
        Exit.NOT_VERIFIED,
        "The board does not run what was written",
        "Run `trifleet bench diagnose`: it tells why. `trifleet bench rollback` goes back.",
    ),
    errors.ApplicationError: (
        Exit.REFUSED,
        "The application does not fit this board, or cannot be built",
        "Use a release, or a checkout whose checks pass, and a board of boards/.",
    ),
    errors.NoApplicationError: (
        Exit.REFUSED,
        "The board has no application that can do this",
        "Run `trifleet bench flash` first.",
    ),
    errors.ReleaseError: (
        Exit.USAGE,
        "This is no release",
        "Get the file again from where it was published, or build it anew.",
    ),
    errors.ReleaseKeyError: (
        Exit.USAGE,
        "This key cannot sign a release",
        "Use an RSA key of 3072 bits: `trifleet release key` makes one.",
    ),
    errors.CableError: (
        Exit.INTERRUPTED,
        "The vehicle's answers on the serial line make no sense",
        "Close other programs that use the port, and run this again.",
    ),
    errors.RollbackError: (
        Exit.REFUSED,
        "There is nothing to go back to",
        "Flash the release that is wanted instead. Nothing was written.",
    ),
    errors.ProvisionError: (
        Exit.REFUSED,
        "The vehicle was not provisioned",
        "Correct what is named and run this again. Nothing was written.",
    ),
    errors.OtherIdentityError: (
        Exit.REFUSED,
        "The board is a vehicle already",
        "Take a blank board. If this one is to become another vehicle, take it out of the fleet "
        "first, then use --replace.",
    ),
    errors.OlderError: (
        Exit.REFUSED,
        "This release is older than what the board may still run",
        "Use a newer one. With --replace-release the owner's mechanic goes back all the same.",
    ),
    errors.ReleaseOnlyError: (
        Exit.REFUSED,
        "This board runs signed releases, and this application is signed by nobody",
        "Flash a release. On a board for development: --replace-release.",
    ),
    errors.SelfTestError: (
        Exit.SELF_TEST_FAILED,
        "The self-test found a fault",
        "Repair what is marked as failed, and run the self-test again. Do not let it on the road.",
    ),
    errors.FaultyError: (
        Exit.SELF_TEST_FAILED,
        "The diagnosis found a fault",
        "Do what each line marked FAULT says, and run this again.",
    ),
    errors.UnsignedError: (
        Exit.NOT_SIGNED,
        "This release is not one that may be installed",
        "Get the release and its receipt again from where it was published.",
    ),
    errors.LabelError: (
        Exit.USAGE,
        "This label cannot be made",
        "Correct what is named and run this again. Nothing was written.",
    ),
    errors.BusError: (
        Exit.INTERRUPTED,
        "The CAN bus cannot be used",
        "Check the adapter and its cable, close other programs that have it open, and run the same "
        "command again.",
    ),
    errors.SilentVehicleError: (
        Exit.NO_REPLY,
        "The vehicle's controller does not answer on the CAN bus",
        "Check its supply, CAN-H and CAN-L, and that 60 ohms lie between them with the supply off.",
    ),
    errors.UdsRefusedError: (
        Exit.REFUSED,
        "The vehicle refused",
        "Lock it, let it stand, and run this again; docs/diagnosis.md has each reason.",
    ),
    errors.PresentationRefusedError: (
        Exit.NOT_SIGNED,
        "The vehicle does not obey this signature",
        "Ask the owner for a grant with the actions UPDATE and DIAGNOSE for this vehicle.",
    ),
    errors.UpdateRefusedError: (
        Exit.REFUSED,
        "The vehicle does not take this release",
        "What runs goes on running. Use the release that is meant for this board and is not older.",
    ),
    errors.NetworkError: (
        Exit.NO_NETWORK,
        "The network is needed for this",
        "Connect this computer and run this again. What waits is kept.",
    ),
}
UNKNOWN: Advice = (
    Exit.FAILED,
    "The command failed",
    "Read the line above; if it is not clear, report it with this output.",
)


def advice(error: errors.WorkbenchError) -> Advice:
    """Of the nearest class above it that the table has."""
    found = (ADVICE.get(kind) for kind in type(error).__mro__)
    return next((one for one in found if one is not None), UNKNOWN)


def explain(error: errors.WorkbenchError) -> Failure:
    """What, why and what next; an error with its own `next_step` knows better than the table."""
    code, what, following = advice(error)
    return Failure(int(code), what, str(error), getattr(error, "next_step", "") or following)
