"""`trifleet bench devices` and `identify`: what is plugged in, and what it is."""

from typing import TYPE_CHECKING

from trifleet.commands.bench.options import AsJson, Options, Port, Sim, SimFolder
from trifleet.commands.bench.session import at_bench

if TYPE_CHECKING:
    from workbench.identify import Identified


def devices(as_json: AsJson = False) -> None:
    """List the serial ports on USB and which boards they may be. Opens none of them."""
    from workbench.devices import find_devices, read_boards

    with at_bench("devices", Options(as_json=as_json)) as session:
        found = find_devices(read_boards())
        for device in found:
            session.say("device", str(device))
        if not found:
            session.say("none", "no serial port on USB; to try without hardware: --sim")
        session.values["devices"] = [
            {
                "port": device.port,
                "usb_id": device.usb_id,
                "product": device.product,
                "serial_number": device.serial_number,
                "boards": list(device.boards),
            }
            for device in found
        ]


def identify(
    port: Port = None, sim: Sim = False, sim_folder: SimFolder = None, as_json: AsJson = False
) -> None:
    """Say what board this is: interpreter, application, slots, vehicle. Writes nothing."""
    from workbench.identify import identify_bench
    from workbench.looking import looking
    from workbench.provision import present_identity

    options = Options(port=port, as_json=as_json, sim=sim, sim_folder=sim_folder)
    with at_bench("identify", options) as session, looking(session.port()) as bench:
        found = identify_bench(bench)
        vehicle = present_identity(bench)
        session.values |= as_values(found) | {"vehicle": vehicle}
        session.say("board", found.board or "none of boards/")
        session.say("interpreter", str(found.interpreter))
        session.say("application", found.version or "none")
        for slot in found.slots:
            session.say(f"slot {slot.number}", _slot(slot.runs, slot.image_bytes, slot.sequence))
        session.say("vehicle", vehicle or "none: not provisioned")


def as_values(found: "Identified") -> dict[str, object]:
    """For the result."""
    asked = found.interpreter
    return {
        "port": found.port,
        "board": found.board,
        "board_id": asked.unique_id.hex(),
        "interpreter": {"name": asked.name, "version": ".".join(map(str, asked.version))},
        "machine": asked.machine,
        "application": found.version,
        "slots": [
            {
                "number": slot.number,
                "runs": slot.runs,
                "sequence": slot.sequence,
                "sha256": slot.application.hex() if slot.application else None,
                "bytes": slot.image_bytes,
            }
            for slot in found.slots
        ],
        "free_bytes": asked.free_bytes,
    }


def _slot(runs: bool, size: int, sequence: int | None) -> str:
    if sequence is None:
        return "empty, or not an application"
    return f"{size} bytes, number {sequence}, {'runs' if runs else 'does not run'}"
