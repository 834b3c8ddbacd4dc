"""Which controller this board has: as the module `trifleet_board` says, which is made from its
board.toml and frozen into its interpreter. An interpreter without it has machine.CAN.
"""

import time

import machine

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vcu.can.shape import Device

_RECEIVED_BYTES = 1024  # of a UART: a frame is at most 27 characters of slcan


def controller() -> "Device":
    """Wakes the transceiver. ValueError for a controller that nobody knows, or a missing pin."""
    board = _board()
    # A resistor holds it in standby while the chip does not: no traffic during a bootloader.
    awake = 1 - getattr(board, "STANDBY", 1)
    machine.Pin("CAN1_STB", machine.Pin.OUT, value=awake)
    kind = getattr(board, "CAN", "machine.CAN")
    if kind == "machine.CAN":
        from vcu.can import machine_can

        return machine_can.controller(getattr(board, "NUMBER", 1))
    if kind == "mcp2518fd":
        return _mcp2518fd(board)
    if kind == "slcan":
        return _slcan(board)
    raise ValueError("no CAN controller " + kind)


def _board() -> "Any":
    try:
        import trifleet_board  # type: ignore[import-not-found]
    except ImportError:
        return None
    return trifleet_board


def _mcp2518fd(board: "Any") -> "Device":
    from vcu.can.mcp2518fd import MCP2518FD

    pin = machine.Pin
    spi = machine.SPI(
        board.NUMBER,
        baudrate=board.RATE_HZ,
        sck=pin("CAN_SCK"),
        mosi=pin("CAN_MOSI"),
        miso=pin("CAN_MISO"),
    )
    select = pin("CAN_CS", pin.OUT, value=1)
    return MCP2518FD(spi, select, pin("CAN_INT", pin.IN), board.CRYSTAL_HZ)


def _slcan(board: "Any") -> "Device":
    from vcu.can.slcan import Slcan

    pin = machine.Pin
    uart = machine.UART(
        board.NUMBER,
        board.RATE_HZ,
        tx=pin("CAN_UART_TX"),
        rx=pin("CAN_UART_RX"),
        timeout=0,
        rxbuf=_RECEIVED_BYTES,
    )
    return Slcan(uart, time.ticks_ms)  # type: ignore[arg-type]
