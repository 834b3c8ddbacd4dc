"""OpenTimestamps files: made for a checkpoint, read strictly, and grown by calendars' answers.

What is hashed: SHA-256 over the checkpoint's note exactly as it was published, signatures and
cosignatures included. Calendars see SHA-256(that digest || 16 random bytes), so they do not learn
which log they stamp. The format and its library are OpenTimestamps' own.
"""

import io
import secrets
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .errors import MissingPackageError, StampError

MAX_OTS_BYTES = 100_000
MAX_ANSWER_BYTES = 10_000
MAX_HEIGHT = 100_000_000
NONCE_BYTES = 16


@dataclass(frozen=True)
class Attested:
    """A Bitcoin block that an OpenTimestamps path ends at. Nothing is proved before its header
    was seen: `merkle_root` must be that header's."""

    height: int
    merkle_root: bytes


@dataclass(frozen=True)
class Promised:
    """A calendar's promise to put `commitment` into a block."""

    uri: str
    commitment: bytes


def library() -> Any:
    """Module `opentimestamps.core.timestamp` with its siblings. Raises MissingPackageError."""
    try:
        import opentimestamps.core.notary
        import opentimestamps.core.op
        import opentimestamps.core.serialize
        import opentimestamps.core.timestamp
    except ImportError as error:
        raise MissingPackageError(
            "OpenTimestamps anchors need a package: pip install -r requirements-anchors.txt"
        ) from error
    return opentimestamps.core


class OtsFile:
    """One timestamp with the digest that it is about."""

    def __init__(self, digest: bytes, timestamp: Any) -> None:
        self.digest = digest
        self._timestamp = timestamp

    @classmethod
    def begin(cls, note: bytes) -> tuple["OtsFile", bytes]:
        """A timestamp without any attestation, and the commitment to hand to calendars."""
        core = library()
        digest = sha256(note).digest()
        timestamp = core.timestamp.Timestamp(digest)
        salted = timestamp.ops.add(core.op.OpAppend(secrets.token_bytes(NONCE_BYTES)))
        tip = salted.ops.add(core.op.OpSHA256())
        return cls(digest, timestamp), bytes(tip.msg)

    @classmethod
    def decode(cls, data: bytes) -> "OtsFile":
        """Of a file's bytes. Raises StampError for everything that is not exactly one timestamp."""
        core = library()
        if len(data) > MAX_OTS_BYTES:
            raise StampError(f"timestamp of {len(data)} bytes; at most {MAX_OTS_BYTES} are read")
        found = _strict(
            lambda context: core.timestamp.DetachedTimestampFile.deserialize(context), data
        )
        if found.file_hash_op != core.op.OpSHA256():
            raise StampError("timestamp of another hash than SHA-256")
        return cls(bytes(found.file_digest), found.timestamp)

    def encode(self) -> bytes:
        """The file's bytes. Raises StampError for a timestamp without attestations."""
        core = library()
        stream = io.BytesIO()
        file = core.timestamp.DetachedTimestampFile(core.op.OpSHA256(), self._timestamp)
        try:
            file.serialize(core.serialize.StreamSerializationContext(stream))
        except (ValueError, AssertionError) as error:
            raise StampError("timestamp has no attestation yet") from error
        if stream.tell() > MAX_OTS_BYTES:
            raise StampError(f"timestamp has grown to {stream.tell()} bytes")
        return stream.getvalue()

    def grown(self, answer: "CalendarAnswer") -> "OtsFile":
        """This timestamp with a calendar's answer in it; what was there stays as it is.

        Raises StampError, also where the result could not be read again (too deep, too large).
        """
        timestamp = library().timestamp.Timestamp(self.digest)
        timestamp.merge(self._timestamp)
        targets = [node for node in _nodes(timestamp) if node.msg == answer.commitment]
        if not targets:
            raise StampError("the answer is about another commitment")
        for target in targets:
            target.merge(answer.timestamp)
        return OtsFile.decode(OtsFile(self.digest, timestamp).encode())

    def promised(self) -> list[Promised]:
        """Promises below which no block is attested yet, in a fixed order."""
        core = library()
        found = {
            Promised(item.uri, bytes(node.msg))
            for node in _nodes(self._timestamp)
            for item in node.attestations
            if isinstance(item, core.notary.PendingAttestation) and not _blocks(node)
        }
        return sorted(found, key=lambda item: (item.uri, item.commitment))

    def attested(self) -> list[Attested]:
        """Bitcoin blocks that the timestamp ends at, the earliest first."""
        return _blocks(self._timestamp)


@dataclass(frozen=True)
class CalendarAnswer:
    """What a calendar said about a commitment: well-formed, and nothing of it proved."""

    commitment: bytes
    timestamp: Any

    def attested(self) -> list[Attested]:
        return _blocks(self.timestamp)


def decode_answer(commitment: bytes, data: bytes) -> CalendarAnswer:
    """Raises StampError, also for an answer without a promise or a Bitcoin block."""
    core = library()
    if len(data) > MAX_ANSWER_BYTES:
        raise StampError(f"answer of {len(data)} bytes; at most {MAX_ANSWER_BYTES} are read")
    found = _strict(lambda context: core.timestamp.Timestamp.deserialize(context, commitment), data)
    if not any(True for _ in _attestations(found)):
        raise StampError("the answer holds no attestation that is understood")
    return CalendarAnswer(commitment, found)


def _strict(decode: Any, data: bytes) -> Any:
    """One value and nothing after it; the library's own errors are of many kinds."""
    context = library().serialize.BytesDeserializationContext(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of operations that it may drop one day
            found = decode(context)
        context.assert_eof()
    except MissingPackageError:
        raise
    except Exception as error:
        raise StampError(f"not a timestamp: {type(error).__name__}") from error
    for _, item in _attestations(getattr(found, "timestamp", found)):
        if getattr(item, "height", 0) > MAX_HEIGHT:
            raise StampError("timestamp names a block that no chain has")
    return found


def _nodes(timestamp: Any) -> Iterator[Any]:
    yield timestamp
    for below in timestamp.ops.values():
        yield from _nodes(below)


def _attestations(timestamp: Any) -> Iterator[tuple[bytes, Any]]:
    """Attestations of the two kinds that count here: promises of calendars, and Bitcoin blocks."""
    notary = library().notary
    kinds = (notary.PendingAttestation, notary.BitcoinBlockHeaderAttestation)
    for message, item in timestamp.all_attestations():
        if isinstance(item, kinds):
            yield message, item


def _blocks(timestamp: Any) -> list[Attested]:
    kind = library().notary.BitcoinBlockHeaderAttestation
    found = {
        Attested(item.height, bytes(message))
        for message, item in _attestations(timestamp)
        if isinstance(item, kind) and len(message) == 32
    }
    return sorted(found, key=lambda item: (item.height, item.merkle_root))
