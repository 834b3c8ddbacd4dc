"""Documents that a notary signs, for tests: a work order, and the head of a signed release."""

import functools
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from protocol import release, workorder
from protocol.workorder import Step, WorkOrder

DIGEST = bytes(range(32))
CONTENT = b"ok"  # of every release here
BEGAN = 1_790_000_000


def order(vehicle: str = "trike-9", **changes: object) -> WorkOrder:
    """What a mechanic did in a minute."""
    made = WorkOrder(
        "Ayşe Öztürk", vehicle, "virtual", b"\xde\xad\xbe\xef", BEGAN, BEGAN + 60,
        "MicroPython v1.29.0", DIGEST, [("boot.py", DIGEST), ("main.py", DIGEST)], DIGEST, DIGEST,
        [Step(1, "can-loop", workorder.PASS, 500, "kbit/s"),
         Step(2, "display", workorder.NOT_HERE, None, "")],
    )  # fmt: skip
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@functools.cache
def _key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


@functools.cache  # signatures are drawn at random
def head(number: int = 2, signers: int = 2) -> bytes:
    """The head of release `number` for the virtual board, signed for that many times."""
    files = release.encode_files([("main.py", 2, DIGEST)])
    table, content = hashlib.sha256(files).digest(), hashlib.sha256(CONTENT).digest()
    manifest = release.Manifest("virtual", "1.0", number, 1, release.FOLDERS, 2, content, table)
    raw = release.encode_manifest(manifest)
    message = release.signed_message(release.digest(raw))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signatures = [
        (_modulus(_key(one)), _key(one).sign(message, pss, hashes.SHA256()))
        for one in range(signers)
    ]
    return release.encode_head(raw, signatures, files)


def _modulus(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes(384, "big")
