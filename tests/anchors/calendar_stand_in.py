"""An OpenTimestamps calendar and a Bitcoin of our own, built with the OpenTimestamps library."""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpPrepend, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import Timestamp, cat_sha256d, make_merkle_tree
from web_stand_in import StandIn

EASY_BITS = 0x207FFFFF  # regtest: every second header will do


def encode(timestamp: Any) -> bytes:
    context = BytesSerializationContext()
    timestamp.serialize(context)
    return bytes(context.getbytes())


def mine_header(merkle_root: bytes, time_s: int = 1_700_000_000, bits: int = EASY_BITS) -> bytes:
    """A header with the little work that regtest asks for."""
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    target = mantissa << 8 * (exponent - 3)
    for nonce in range(100_000):
        raw = (
            (2).to_bytes(4, "little")
            + bytes(32)
            + merkle_root
            + time_s.to_bytes(4, "little")
            + bits.to_bytes(4, "little")
            + nonce.to_bytes(4, "little")
        )
        digest = hashlib.sha256(hashlib.sha256(raw).digest()).digest()
        if int.from_bytes(digest, "little") <= target:
            return raw
    raise AssertionError("no header found")


@dataclass
class Bitcoin:
    """Headers by height."""

    headers: dict[int, bytes] = field(default_factory=dict)

    def lines(self) -> str:
        return "".join(f"{height} {raw.hex()}\n" for height, raw in self.headers.items())


class Calendar:
    """Enter it to serve. `trouble` takes the place of every answer when it is set."""

    def __init__(self, bitcoin: Bitcoin) -> None:
        self.bitcoin = bitcoin
        self.asked: list[tuple[str, str]] = []
        self.trouble: Any = None
        self._waiting: list[Any] = []
        self._done: dict[bytes, Any] = {}
        self._server = StandIn(self._answer)
        self.url = self._server.url

    def __enter__(self) -> "Calendar":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def _answer(self, method: str, path: str, body: bytes) -> "tuple[int, bytes] | None":
        self.asked.append((method, path))
        if self.trouble is not None:
            found: tuple[int, bytes] | None = self.trouble(method, path, body)
            return found
        if method == "POST" and path == "/digest" and len(body) == 32:
            return 200, encode(self.promise(body))
        commitment = bytes.fromhex(path.removeprefix("/timestamp/"))
        if commitment in self._done:
            return 200, encode(self._done[commitment])
        return 404, b"Pending confirmation in Bitcoin blockchain"

    def promise(self, digest: bytes) -> Any:
        """What a calendar answers at once: salted, hashed, and a promise."""
        timestamp = Timestamp(digest)
        tip = timestamp.ops.add(OpAppend(secrets.token_bytes(8))).ops.add(OpSHA256())
        tip.attestations.add(PendingAttestation(self.url))
        self._waiting.append(Timestamp(tip.msg))
        return timestamp

    def mine(self, height: int, time_s: int = 1_700_000_000) -> None:
        """Put all that waits into one transaction of a block, beside another transaction."""
        tip = make_merkle_tree(list(self._waiting))
        transaction = tip.ops.add(OpPrepend(b"version, input, OP_RETURN"))
        transaction = transaction.ops.add(OpAppend(b"locktime"))
        txid = transaction.ops.add(OpSHA256()).ops.add(OpSHA256())
        root = cat_sha256d(txid, secrets.token_bytes(32))
        root.attestations.add(BitcoinBlockHeaderAttestation(height))
        self.bitcoin.headers[height] = mine_header(root.msg, time_s)
        for timestamp in self._waiting:
            self._done[timestamp.msg] = timestamp
        self._waiting.clear()
