"""What can go wrong at the bench: the port, the board's answers, or what was asked for."""


class WorkbenchError(Exception):
    """Root of the package."""


class PortError(WorkbenchError):
    """The serial port cannot be opened, or went away."""


class NoReplyError(WorkbenchError):
    """The board did not answer in time."""


class NoDeviceError(WorkbenchError):
    """Nothing that could be a board is connected; says what was seen."""


class SeveralDevicesError(WorkbenchError):
    """More than one board is connected and none was named; `ports` are their ports."""

    def __init__(self, text: str, ports: tuple[str, ...]) -> None:
        super().__init__(text)
        self.ports = ports


class ForeignBoardError(WorkbenchError):
    """Something else than a board of ours answers; says what. Nothing was written."""


class WrongBoardError(WorkbenchError):
    """A board of ours, and another one than asked for. Nothing was written."""


class ReplyError(WorkbenchError):
    """What the board answered is not what a MicroPython raw REPL says."""


class DeviceError(WorkbenchError):
    """The board raised an exception; `text` is what it printed about it."""

    def __init__(self, text: str) -> None:
        super().__init__(text.strip().rpartition("\n")[2] or "the board raised an exception")
        self.text = text


class NoSuchFileError(DeviceError):
    """The board has no such file or folder."""


class VerifyError(WorkbenchError):
    """What the board read back is not what was written."""


class NotRunningError(VerifyError):
    """What was written is right, and after the reset the board runs something else, or nothing."""


class RollbackError(WorkbenchError):
    """There is nothing to go back to. Nothing was written."""


class ApplicationError(WorkbenchError):
    """The application cannot be built: a source is missing or does not compile."""


class ImageError(ApplicationError):
    """Not a ROMFS image of an application, or one that cannot be built; says why."""


class ReleaseError(WorkbenchError):
    """Not a release, or one that cannot be made of this; says why."""


class ReleaseKeyError(WorkbenchError):
    """Not a key that may sign a release, or it cannot be read."""


class CableError(WorkbenchError):
    """The vehicle's line said something that is no answer of the cable's protocol."""


class ProvisionError(WorkbenchError):
    """Root of the refusals to provision. Nothing was written."""


class IdentifierError(ProvisionError):
    """Not an identifier of a vehicle."""


class OwnerError(ProvisionError):
    """Not the thumbprint of an owner's key."""


class WeakKeyError(ProvisionError):
    """Not the random key of a vehicle."""


class TimeFloorError(ProvisionError):
    """Not a time from which the vehicle can count."""


class ConfigurationError(ProvisionError):
    """Not the file of a vehicle's numbers."""


class OtherIdentityError(ProvisionError):
    """The board is another vehicle already."""


class PortLostError(PortError):
    """The port was there and went away in the middle of the work."""


class NoApplicationError(ApplicationError):
    """The board has no application, or one from before this command was there."""


class OlderError(WorkbenchError):
    """The board takes no release with so low a number any more. Nothing was written."""


class ReleaseOnlyError(WorkbenchError):
    """The board takes signed releases only, and this is none. Nothing was written."""


class SelfTestError(WorkbenchError):
    """A step of the self-test failed; says which."""


class FaultyError(WorkbenchError):
    """The diagnosis found a fault; says which."""


class UnsignedError(WorkbenchError):
    """A signature, or a receipt of the ledger, is missing or does not hold."""


class NetworkError(WorkbenchError):
    """What was asked for needs the network, and there is none."""


class LabelError(WorkbenchError):
    """A label that nobody could read, or that cannot be made; says what to change."""


class BusError(WorkbenchError):
    """The CAN bus, or the adapter to it, cannot be opened or went away."""


class SilentVehicleError(NoReplyError):
    """The vehicle's controller does not answer on the CAN bus."""


class UdsRefusedError(WorkbenchError):
    """The vehicle does not do what the tester asked for; `code` is the negative answer's."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class PresentationRefusedError(UdsRefusedError):
    """The vehicle does not obey the one who signed; says by which of its checks."""


class UpdateRefusedError(UdsRefusedError):
    """The vehicle does not take this release; says why."""
