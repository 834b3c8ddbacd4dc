"""Which REPL the interpreter is in, and what of its output a tool may see. Pure; holds no file.

MicroPython on a microcontroller keeps the raw REPL across a soft reset; a new process begins in the
friendly one. After such a reset the console therefore hides the friendly banner and asks for the
raw REPL itself. Marks in the output say where boot.py begins and where main.py has ended.
Between main.py and the prompt Ctrl-C would kill the interpreter, so nothing may be typed then.
"""

from __future__ import annotations

RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
FRIENDLY_BANNER = b'Type "help()" for more information.\r\n'
PROMPT = b">>> "
ENTER_RAW = b"\x01"
# Long enough for either banner, and the prompt after it, to be found when cut in two.
_TAIL_BYTES = len(FRIENDLY_BANNER) + len(PROMPT) - 1

_STARTING, _BOOTING, _AT_PROMPT, _AT_FRIENDLY, _AT_RAW, _RUNNING = range(6)


class Console:
    """Output of one run of the interpreter, from its start to its end."""

    def __init__(self, marker: bytes, *, raw: bool) -> None:
        self._begins, self._ends = marker + b"<", marker + b">"
        self._wants_raw = raw
        self._state = _STARTING
        self._held = b""
        self._tail = b""
        self.raw = raw

    @property
    def deaf(self) -> bool:
        """True while nobody listens: what a tool types must wait, or it would be lost."""
        return self._state not in (_BOOTING, _RUNNING)

    def output(self, data: bytes) -> tuple[bytes, bytes]:
        """Takes what the interpreter wrote; returns (for the tool, for the interpreter)."""
        data, self._held = self._held + data, b""
        shown, answer = b"", b""
        if self._state == _STARTING:
            shown, data = self._until(self._begins, data, _BOOTING)
        if self._state == _BOOTING:
            more, data = self._until(
                self._ends, data, _AT_FRIENDLY if self._wants_raw else _AT_PROMPT
            )
            shown += more.replace(self._begins, b"")  # main.py has begun, too
        if self._state == _AT_FRIENDLY:
            answer, data = self._await_prompt(data)
        if self._state == _AT_RAW:
            data = self._await_raw(data)
        if self._state in (_AT_PROMPT, _RUNNING):
            self._track(data)
            shown += data
        return shown, answer

    def end(self) -> bytes:
        """What was held back when the interpreter ended."""
        held, self._held = self._held, b""
        return b"" if self._state in (_AT_FRIENDLY, _AT_RAW) else held

    def _until(self, mark: bytes, data: bytes, following: int) -> tuple[bytes, bytes]:
        before, found, after = data.partition(mark)
        if not found:
            keep = _overlap(data, mark)
            self._held = data[len(data) - keep :]
            return data[: len(data) - keep], b""
        self._state = following
        return before, after

    def _await_prompt(self, data: bytes) -> tuple[bytes, bytes]:
        _, found, after = data.partition(PROMPT)
        if not found:
            self._held = data
            return b"", b""
        self._state = _AT_RAW
        return ENTER_RAW, after

    def _await_raw(self, data: bytes) -> bytes:
        _, found, after = data.partition(RAW_BANNER)
        if not found:
            self._held = data
            return b""
        self._state = _RUNNING
        return RAW_BANNER + after

    def _track(self, data: bytes) -> None:
        window = self._tail + data
        raw, friendly = window.rfind(RAW_BANNER), window.rfind(FRIENDLY_BANNER)
        if raw != friendly:
            self.raw = raw > friendly
        self._tail = window[-_TAIL_BYTES:]
        if self._state == _AT_PROMPT and FRIENDLY_BANNER + PROMPT in window:
            self._state = _RUNNING


def _overlap(data: bytes, marker: bytes) -> int:
    """Length of the longest end of `data` that begins `marker`."""
    for size in range(min(len(data), len(marker) - 1), 0, -1):
        if data.endswith(marker[:size]):
            return size
    return 0
