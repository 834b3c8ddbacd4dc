"""The text of a checkpoint (C2SP tlog-checkpoint): origin, size and root, before any signature.

Refuses extension lines, a number that is written in another way, and sizes from 2^63 on.
"""

from dataclasses import dataclass

from .encoding import check_name, decode_base64, encode_base64, parse_number
from .errors import CheckpointError, NoteError
from .merkle import EMPTY_ROOT, HASH_SIZE


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself: `size` leaves with this `root`."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> bytes:
        """Text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n".encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Checkpoint of a note's text. Raises CheckpointError."""
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise CheckpointError("checkpoint is not UTF-8") from error
    if len(lines) != 4 or lines[3]:
        raise CheckpointError("a checkpoint is three lines: origin, size, root")
    origin, size_text, root_text, _ = lines
    try:
        check_name(origin)
        root = decode_base64(root_text, "root")
    except NoteError as error:
        raise CheckpointError(f"checkpoint: {error}") from error
    size = parse_number(size_text)
    if len(root) != HASH_SIZE:
        raise CheckpointError(f"root of {len(root)} bytes")
    if size == 0 and root != EMPTY_ROOT:
        raise CheckpointError("root of size 0 is not that of the empty tree")
    return Checkpoint(origin, size, root)
