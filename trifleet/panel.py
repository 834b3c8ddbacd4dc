"""What a vehicle's panel shows, read from its bus by a bystander who sends nothing."""

import time
from collections.abc import Callable, Iterator

from hw.can.database import vehicle_bus
from hw.errors import BusTimeoutError, FrameError
from hw.model.panel_texts import LANGUAGES, load_panel_texts
from hw.virtual_bus.client import SlcanClient

__all__ = ["LANGUAGES", "watch_panel"]

MESSAGE = "VCU_Panel"


def watch_panel(
    port: int, seconds: float, language: str, begin: Callable[[], None]
) -> Iterator[str]:
    """Each screen as it comes, its lines joined, for so long; `begin` is called once it is seen.

    Raises hw's BusError.
    """
    bus, last = vehicle_bus(), ""
    wanted = bus.identifier(MESSAGE)
    end = time.monotonic() + seconds
    with SlcanClient(port, listen_only=True) as client:
        begin()
        while (left := end - time.monotonic()) > 0:
            try:
                frame = client.wait_for(lambda frame: frame.identifier == wanted, left)
                _, values = bus.decode(frame.identifier, frame.data)
            except (BusTimeoutError, FrameError):
                continue
            words = _words(values["Screen"], values["Number"], language)
            if words != last:
                last = words
                yield words


def _words(screen: int, number: int, language: str) -> str:
    text = load_panel_texts().get(screen)
    return " / ".join(text.shown(language, number)) if text else f"? {screen}"
