"""The keypad of a simulated vehicle, for other processes: a named pipe in the vehicle's folder.

One byte a key: a digit, `c` for Clear, a new line for Enter. Who can write to the pipe stands
beside the vehicle; it says nothing about who that is.
"""

import contextlib
import os
import selectors
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from hw.model.dash import CLEAR, ENTER
from trifleet.errors import KeypadError
from trifleet.layout import make_folder

KEYS = {**{ord(str(digit)): digit for digit in range(10)}, ord("c"): CLEAR, ord("\n"): ENTER}
_READ_BYTES = 256


class Keypad:
    """The vehicle's end: calls `press` for each key that comes in; a context manager."""

    def __init__(self, path: Path, press: Callable[[int], None]) -> None:
        """Raises KeypadError where the pipe cannot be made."""
        self._press = press
        make_folder(path.parent)
        try:
            path.unlink(missing_ok=True)
            os.mkfifo(path, 0o600)
            # For writing as well: else it would end each time that a typist closes it.
            self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            raise KeypadError(f"no keypad at {path}: {error.strerror}") from error
        self._path = path
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._read, name="keypad", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._wake)
        self._thread.join()
        os.close(self._woken)
        os.close(self._pipe)
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if self._woken in ready:
                    return
                self._pass_on()

    def _pass_on(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for byte in os.read(self._pipe, _READ_BYTES):
                if byte in KEYS:
                    self._press(KEYS[byte])


def type_keys(path: Path, keys: str) -> None:
    """Press keys: digits, `c` for Clear, a new line for Enter. Raises KeypadError."""
    if any(ord(key) not in KEYS for key in keys):
        raise KeypadError("a keypad has the digits 0 to 9, c (Clear) and Enter, no other key")
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        raise KeypadError(f"nobody listens at {path}: is the vehicle running?") from error
    try:
        if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
            raise KeypadError(f"{path} is no keypad")
        os.write(pipe, keys.encode())
    finally:
        os.close(pipe)
