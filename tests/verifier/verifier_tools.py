"""Receipts of both forms out of any parts at all, right and wrong ones, and the two who judge them.

Each part can be replaced by other bytes and everything above it is signed anew: so a strange
payload reaches the check that is to refuse it, instead of ending at the first signature.
"""

import base64
import sys
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import strategies as st

from fleet_backend.ledger import cbor as ledger_cbor
from fleet_backend.ledger import cose
from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.merkle import inclusion_proof, leaf_hash, root_of
from fleet_backend.ledger.note import Signer
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.verifier import COSIGNATURE, MLDSA44_COSIGNATURE, Verifier
from protocol import cbor, record, statement
from protocol.errors import ProtocolError
from trifleet.receipt import Receipt, open_receipt

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "trifleet_verify.py"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import trifleet_verify  # noqa: E402

ORIGIN = "log.example/fleet"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOG = Signer(ORIGIN, LOG_KEY)
GATEWAY_KEY = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
GATEWAY_PUBLIC = GATEWAY_KEY.public_key().public_bytes_raw()
# Three witnesses with Ed25519 keys, and one with an ML-DSA-44 key.
WITNESS_KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([5, n] * 16)) for n in range(3)]
ML_DSA_KEY = MLDSA44PrivateKey.from_seed_bytes(bytes([6]) * 32)
WITNESSES = [
    Verifier(f"w{n}.example", COSIGNATURE, key.public_key().public_bytes_raw())
    for n, key in enumerate(WITNESS_KEYS)
] + [Verifier("w3.example", MLDSA44_COSIGNATURE, ML_DSA_KEY.public_key().public_bytes_raw())]
POLICY = f"log {LOG.verifier.vkey}\nquorum none\n".encode()
QUORUM = (
    f"# two of four\nlog {LOG.verifier.vkey} https://log.example/\n"
    + "".join(f"witness W{n} {key.vkey}\n" for n, key in enumerate(WITNESSES))
    + "group both 2 W0 W1 W2 W3\nquorum both\n"
).encode()
RECORDS = [
    record.encode(
        record.Record("trike-1", 4, n, 90_000 + n, 1_800_000_000, record.LOCK, {0: 2, 1: 1, 2: 1}),
        lambda message: sha256(message).digest(),
    )
    for n in range(2)
]
BODY = cbor.encode(RECORDS)
SALT = bytes(range(16))


def payload(body: bytes = BODY, salt: bytes = SALT, kind: int = 1) -> bytes:
    commitment = statement.commit(salt, body)
    return cbor.encode([1, "gw-1", 7, bytes(32), 1_800_000_100, kind, commitment])


def seal(content: bytes) -> bytes:
    """Any payload at all, as the gateway would sign it."""
    message = cbor.encode(["Signature1", b"\xa1\x01\x27", statement.AAD, content])
    return cbor.encode([b"\xa1\x01\x27", {}, content, GATEWAY_KEY.sign(message)])


def cosign(text: bytes, number: int, time: int = 1_800_000_200) -> str:
    """Written here from the specification, not with the package."""
    key, stamp = WITNESSES[number], time.to_bytes(8, "big")
    if number == 3:
        signature = ML_DSA_KEY.sign(subtree(text, key.name, stamp))
    else:
        signature = WITNESS_KEYS[number].sign(b"cosignature/v1\ntime %d\n" % time + text)
    blob = key.key_id.to_bytes(4, "big") + stamp + signature
    return f"— {key.name} {base64.b64encode(blob).decode()}\n"


def subtree(text: bytes, name: str, stamp: bytes) -> bytes:
    origin, size, root = text.split(b"\n")[:3]
    cosigner = bytes([len(name)]) + name.encode() + stamp
    tree = bytes(8) + int(size).to_bytes(8, "big") + base64.b64decode(root)
    return b"subtree/v1\n\0" + cosigner + bytes([len(origin)]) + origin + tree


@dataclass(frozen=True)
class Parts:
    """What a receipt is made of; the defaults make a good one."""

    statement: bytes = seal(payload())
    salt: bytes = SALT
    body: bytes = BODY
    gateway_key: bytes = GATEWAY_PUBLIC
    size: int = 7
    index: int = 3
    cosigners: tuple[int, ...] = ()
    extra: bytes | None = None
    header: bytes | None = None
    checkpoint: bytes | None = None

    def with_body(self, body: bytes, kind: int = 1) -> "Parts":
        return replace(self, body=body, statement=seal(payload(body, self.salt, kind)))

    @property
    def carried(self) -> bytes:
        if self.extra is not None:
            return self.extra
        return cbor.encode([1, self.statement, self.salt, self.body, self.gateway_key])

    @property
    def path(self) -> tuple[list[bytes], bytes]:
        """Path and root of a tree in which the statement is at its index."""
        leaves = [leaf_hash(b"entry %d" % n) for n in range(self.size)]
        leaves[self.index] = leaf_hash(self.statement)
        path = inclusion_proof(self.index, self.size, lambda low, high: root_of(leaves[low:high]))
        return path, root_of(leaves)

    def note(self) -> bytes:
        text = self.checkpoint or Checkpoint(ORIGIN, self.size, self.path[1]).text
        return LOG.sign(text) + "".join(cosign(text, n) for n in self.cosigners).encode()

    def proof_file(self) -> bytes:
        extra = base64.b64encode(self.carried).decode()
        hashes = [base64.b64encode(one).decode() for one in self.path[0]]
        lines = ["c2sp.org/tlog-proof@v1", f"extra {extra}", f"index {self.index}", *hashes, "", ""]
        return "\n".join(lines).encode() + self.note()

    def cose_receipt(self) -> bytes:
        path, root = self.path
        header = self.header
        if header is None:
            header = cose.parse_sign1(
                cose.sign_root(Checkpoint(ORIGIN, self.size, root), LOG)
            ).protected
        signature = LOG_KEY.sign(ledger_cbor.encode(["Signature1", header, b"", root]))
        proof = ledger_cbor.encode([self.size, self.index, path])
        unprotected = {cose.PROOFS: {cose.INCLUSION: [proof]}, cose.EXTRA: self.carried}
        message = [header, unprotected, None, signature]
        return ledger_cbor.encode(ledger_cbor.Tagged(cose.SIGN1_TAG, message))


def judged_by_package(data: bytes, policy: bytes, key: bytes | None = None) -> Receipt | None:
    try:
        return open_receipt(data, parse_policy(policy), key)
    except (LedgerError, ProtocolError):
        return None


def judged_by_file(data: bytes, policy: bytes, key: bytes | None = None) -> list[str] | None:
    try:
        return trifleet_verify.verify(data, trifleet_verify.Policy(policy), key)
    except (ValueError, InvalidSignature):
        return None


def agree(data: bytes, policy: bytes, key: bytes | None = None) -> bool:
    """Both accept, and say the same, or both refuse. True if they accept."""
    package, file = judged_by_package(data, policy, key), judged_by_file(data, policy, key)
    assert (package is None) == (file is None), (package, file)
    if package is None or file is None:
        return False
    words = " ".join(file)
    assert f"entry {package.index} of the log {package.origin!a}" in words
    assert f"{package.size} entries, the root {package.root.hex()}" in words
    assert f"statement {package.gateway_seq} of the   gateway {package.gateway}," in words
    assert package.gateway_key.hex() in words
    known = words.find("Not proved: that this is the gateway's key") < 0
    assert known == package.gateway_key_is_known
    return True


CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 3), st.binary(max_size=3)),
    min_size=1,
    max_size=3,
)


def changed(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Some bytes deleted, inserted or replaced."""
    out = bytearray(data)
    for where, taken, put in changes:
        at = int(where * (len(out) + 1))
        out[at : at + taken] = put
    return bytes(out)
