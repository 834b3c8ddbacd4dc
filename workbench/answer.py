"""The answer of a raw REPL: output, 0x04, error text, 0x04, prompt. Pure; bytes in, answer out."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import ReplyError

END = 0x04
MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What a piece of code printed, and the traceback it ended with (empty: none)."""

    output: bytes
    error: bytes


class AnswerDecoder:
    """Feed it what arrives; it returns the answer once it is complete. For one answer."""

    def __init__(self) -> None:
        self._parts = [bytearray(), bytearray()]
        self._at = 0
        self._done = False

    def feed(self, data: bytes) -> Answer | None:
        """Raises ReplyError for a wrong prompt, for bytes after the answer, for too many bytes."""
        for position, byte in enumerate(data):
            if self._done:
                raise ReplyError(f"{len(data) - position} bytes after the answer")
            self._take(byte)
        if sum(map(len, self._parts)) > MOST_BYTES:
            raise ReplyError(f"an answer of more than {MOST_BYTES} bytes")
        output, error = self._parts
        return Answer(bytes(output), bytes(error)) if self._done else None

    def _take(self, byte: int) -> None:
        if self._at == len(self._parts):
            if byte != ord(">"):
                raise ReplyError(f"byte 0x{byte:02x} where the prompt should be")
            self._done = True
        elif byte == END:
            self._at += 1
        else:
            self._parts[self._at].append(byte)
