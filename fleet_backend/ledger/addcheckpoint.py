"""The body of `add-checkpoint` (C2SP tlog-witness): old size, consistency proof, checkpoint note.

Refuses a body that is not written exactly as specified. The note is a well-formed checkpoint;
nobody's signature was checked.
"""

from dataclasses import dataclass

from .encoding import decode_base64, encode_base64, parse_number
from .errors import CheckpointError, NoteError, RequestError
from .merkle import HASH_SIZE
from .note import MAX_NOTE_BYTES, parse_note
from .treehead import parse_checkpoint

MAX_PROOF_LINES = 63
MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 4_096  # old size and 63 lines of 45 characters fit the rest
_OLD = "old "


@dataclass(frozen=True)
class Request:
    """A checkpoint `note` and the `proof` that it continues the tree of size `old`."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes


def encode_request(request: Request) -> bytes:
    """Body to send to a witness."""
    lines = [f"{_OLD}{request.old}", *map(encode_base64, request.proof), "", ""]
    return "\n".join(lines).encode() + request.note


def parse_request(body: bytes) -> Request:
    """Request of a body. Raises RequestError."""
    if len(body) > MAX_REQUEST_BYTES:
        raise RequestError(f"request of {len(body)} bytes; at most {MAX_REQUEST_BYTES} are read")
    head, separator, note = body.partition(b"\n\n")
    if not separator:
        raise RequestError("request has no empty line before its checkpoint")
    try:
        first, *lines = head.decode("ascii").split("\n")
        parse_checkpoint(parse_note(note).text)
        return Request(_parse_old(first), _parse_proof(lines), note)
    except UnicodeDecodeError as error:
        raise RequestError("old size and proof are ASCII") from error
    except (NoteError, CheckpointError) as error:
        raise RequestError(f"request: {error}") from error


def _parse_old(line: str) -> int:
    if not line.startswith(_OLD):
        raise RequestError(f"request does not begin with '{_OLD}<size>'")
    return parse_number(line.removeprefix(_OLD))


def _parse_proof(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_PROOF_LINES:
        raise RequestError(f"proof of {len(lines)} hashes; at most {MAX_PROOF_LINES} are read")
    proof = tuple(decode_base64(line, "hash") for line in lines)
    if any(len(one) != HASH_SIZE for one in proof):
        raise RequestError(f"a hash has {HASH_SIZE} bytes")
    return proof
