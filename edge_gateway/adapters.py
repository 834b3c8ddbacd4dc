"""The adapters through which a bus is reached: slcan, socketcan, and python-can's virtual one."""

import can

from edge_gateway.bus_settings import SLCAN, BusSettings
from edge_gateway.can_slcan import SlcanBus
from edge_gateway.errors import CanLostError

REQUEST_ID, REQUEST_FC_ID = 0x500, 0x508
RECORD_ID, RECORD_FC_ID = 0x518, 0x510
UDS_REQUEST_ID, UDS_ANSWER_ID = 0x7E0, 0x7E8
_IDENTIFIERS = (REQUEST_FC_ID, RECORD_ID)


def open_bus(settings: BusSettings, *, diagnoses: bool = False) -> can.BusABC:
    """`diagnoses`: hear the answers to diagnostic messages, too. Raises CanLostError."""
    heard = (*_IDENTIFIERS, UDS_ANSWER_ID) if diagnoses else _IDENTIFIERS
    try:
        if settings.interface == SLCAN:
            return SlcanBus(
                settings.channel, _accept(heard) if settings.acceptance_filter else None
            )
        filters = [
            {"can_id": identifier, "can_mask": 0x7FF, "extended": False} for identifier in heard
        ]
        return can.Bus(interface=settings.interface, channel=settings.channel, can_filters=filters)
    except (can.CanError, OSError) as error:
        raise CanLostError(f"{settings.channel}: {error}") from error


def _accept(identifiers: tuple[int, ...]) -> tuple[int, int]:
    """As code and "any" mask of an adapter's filter; some others come along."""
    differing = 0
    for one in identifiers:
        differing |= one ^ identifiers[0]
    return identifiers[0], differing


def handle_of(bus: can.BusABC) -> int | None:
    """What can be waited for; None where the bus has to be asked now and then."""
    try:
        handle = bus.fileno()
    except NotImplementedError:
        return None
    return handle if handle >= 0 else None
