"""The bus' log in candump's format: `(1700000000.123456) vcan0 050#0102`. Bounded to two files."""

from pathlib import Path
from typing import TextIO

from hw.virtual_bus.frame import Frame

CHANNEL = "vcan0"
DEFAULT_LIMIT_BYTES = 16 * 1024 * 1024


class CandumpLog:
    """Appends frames; at `limit_bytes` the file becomes `<name>.1` and a new one begins."""

    def __init__(self, path: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._file: TextIO = path.open("a", encoding="ascii")
        self._size = self._file.tell()

    def write(self, time_us: int, frame: Frame) -> None:
        """One line; `time_us` counts from 1970."""
        identifier = f"{frame.identifier:08X}" if frame.extended else f"{frame.identifier:03X}"
        remote = frame.remote_length
        payload = frame.data.hex().upper() if remote is None else f"R{remote}"
        seconds, micros = divmod(time_us, 1_000_000)
        line = f"({seconds}.{micros:06d}) {CHANNEL} {identifier}#{payload}\n"
        if self._size + len(line) > self._limit_bytes:
            self._rotate()
        self._file.write(line)
        self._size += len(line)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._file = self._path.open("w", encoding="ascii")
        self._size = 0
