"""What answers where no board of ours does, by what it said. Pure; a name for a person, never a
decision to write.
"""

from __future__ import annotations

import re

# Typed where no raw REPL came: a modem obeys it, a shell complains about it, the rest ignores it.
QUESTION = b"AT\r"
# What was typed before it: interrupts, the request for the raw REPL, ends of lines.
TYPED = b"\x03\x01\r\n"
_SHARE_OF_TEXT = 0.9
_SHOWN_BYTES = 60

_SAID: tuple[tuple[bytes, str], ...] = (
    (rb"CircuitPython", "a board with CircuitPython"),
    (rb"MicroPython v", "a board with a MicroPython that gives no raw REPL"),
    (rb"(?i)login: ?$|(?i:password): ?$", "a computer that asks for a login"),
    (rb"(?i)not found|no such file|[$#] ?$", "a Linux shell"),
    (rb"(?m)^\+CM[ES] ERROR|^(OK|ERROR)\r?$", "a modem"),
    (rb"\$G[A-Z]{4},", "a satellite receiver"),
    (rb"waiting for download|rst:0x", "a chip in its boot loader"),
    (rb"(?m)^U-Boot|=> $", "a computer in its boot loader"),
    (rb"(^|[\r\n])[tTrR][0-9A-F]{4,}\r", "a CAN adapter"),
)


def describe(heard: bytes) -> str:
    """A few words on what is at the other end; `heard` is the newest of what it said."""
    if not heard:
        return "nothing that answers"
    for pattern, name in _SAID:
        if re.search(pattern, heard.rstrip(b"\x00")):
            return name
    without = heard.replace(QUESTION.strip(), b"").strip(TYPED + b"^CA")
    if not without:
        return "something that repeats what it is sent: a loop-back plug or a shorted line"
    if _share_of_text(heard) < _SHARE_OF_TEXT:
        return "something unreadable: another device, another speed, or a bad cable"
    shown = heard[-_SHOWN_BYTES:].decode(errors="replace").split()
    return f"a program that does not heed Ctrl-C; it says {' '.join(shown)!r}"


def _share_of_text(data: bytes) -> float:
    return sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in data) / len(data)
