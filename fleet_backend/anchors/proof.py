"""A proof that an anchor exists, as a file for strangers: checkpoint, timestamp, place in a chain.

    trifleet-anchor@v1
    ots <base64 of the .ots file>
    evm <chain id> <contract> <owner> <transaction>

    <the checkpoint's note as it was published>

At least one of the two middle lines, in this order. Refuses a file that is written in another way.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from fleet_backend.ledger.errors import LedgerError, NoteError
from fleet_backend.ledger.note import decode_base64, encode_base64
from fleet_backend.ledger.policy import Policy

from .bitcoin import LEAST_WORK_BITS, Header, HeaderSource, first_verified
from .errors import AnchorProofError
from .evm import ChainPlace, FoundOnChain, verify_on_chain
from .jsonrpc import Node
from .otsfile import Attested, OtsFile

HEADER = "trifleet-anchor@v1"
MAX_PROOF_BYTES = 524_288
_EVM = re.compile(
    r"evm ([1-9][0-9]{0,18}) 0x([0-9a-f]{40}) 0x([0-9a-f]{40}) 0x([0-9a-f]{64})", re.ASCII
)


@dataclass(frozen=True)
class UnverifiedAnchor:
    """A well-formed proof file; nothing in it was checked."""

    note: bytes
    ots: bytes = b""
    place: ChainPlace | None = None

    def encode(self) -> bytes:
        """The file's bytes. Raises AnchorProofError where there is nothing to prove."""
        lines = [HEADER]
        if self.ots:
            lines.append(f"ots {encode_base64(self.ots)}")
        if self.place is not None:
            words = (self.place.contract, self.place.owner, self.place.transaction)
            shown = " ".join("0x" + word.hex() for word in words)
            lines.append(f"evm {self.place.chain_id} {shown}")
        if len(lines) == 1:
            raise AnchorProofError("this checkpoint has no anchor yet")
        return "\n".join([*lines, "", ""]).encode() + self.note


@dataclass(frozen=True)
class AnchoredCheckpoint:
    """A checkpoint that satisfied the policy, and what its file says of anchors, unverified."""

    origin: str
    size: int
    root: bytes
    stamp: OtsFile | None
    place: ChainPlace | None

    def attested(self) -> list[Attested]:
        """Bitcoin blocks that the timestamp names."""
        return self.stamp.attested() if self.stamp else []

    def verify_in_bitcoin(
        self, source: HeaderSource, least_work_bits: int = LEAST_WORK_BITS
    ) -> tuple[Attested, Header]:
        """The earliest block that holds the timestamp. Raises HeaderError.

        Shows that the checkpoint, its signatures included, existed before that block was found.
        """
        return first_verified(self.attested(), source, least_work_bits)

    def verify_in_chain(self, node: Node, confirmations: int) -> FoundOnChain:
        """The block in which the owner anchored size and root. Raises AnchorProofError."""
        if self.place is None:
            raise AnchorProofError("the proof names no place in an EVM chain")
        return verify_on_chain(node, self.place, self.origin, self.size, self.root, confirmations)


def parse_anchor(data: bytes) -> UnverifiedAnchor:
    """Parts of a proof file. Raises AnchorProofError."""
    if len(data) > MAX_PROOF_BYTES:
        raise AnchorProofError(f"proof of {len(data)} bytes; at most {MAX_PROOF_BYTES} are read")
    head, separator, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise AnchorProofError("proof file is not text") from error
    if not separator or lines.pop(0) != HEADER:
        raise AnchorProofError(f"not a proof file: it does not begin with {HEADER}")
    ots = _take_ots(lines)
    place = _take_place(lines)
    if lines or (not ots and place is None):
        raise AnchorProofError("proof file: an ots line, an evm line, or one after the other")
    return UnverifiedAnchor(note, ots, place)


def open_anchor(data: bytes, policy: Policy) -> AnchoredCheckpoint:
    """Check everything that needs nobody else: signatures, quorum, and that the timestamp is about
    this checkpoint. Raises AnchorProofError, StampError."""
    found = parse_anchor(data)
    try:
        checkpoint = policy.open_checkpoint(found.note)
    except LedgerError as error:
        raise AnchorProofError(f"the checkpoint does not hold: {error}") from error
    stamp = OtsFile.decode(found.ots) if found.ots else None
    if stamp is not None and stamp.digest != sha256(found.note).digest():
        raise AnchorProofError("the timestamp is about something else than this checkpoint")
    return AnchoredCheckpoint(
        checkpoint.origin, checkpoint.size, checkpoint.root, stamp, found.place
    )


def _take_ots(lines: list[str]) -> bytes:
    if not lines or not lines[0].startswith("ots "):
        return b""
    try:
        ots = decode_base64(lines.pop(0).removeprefix("ots "), "timestamp")
    except NoteError as error:
        raise AnchorProofError(f"proof file: {error}") from error
    if not ots:
        raise AnchorProofError("proof file has an empty ots line")
    return ots


def _take_place(lines: list[str]) -> ChainPlace | None:
    found = _EVM.fullmatch(lines[0]) if lines else None
    if found is None:
        return None
    lines.pop(0)
    contract, owner, transaction = (bytes.fromhex(found[place]) for place in (2, 3, 4))
    return ChainPlace(int(found[1]), contract, owner, transaction)
