"""Cases of verifier keys, notes, checkpoints and proof files for `generate_vectors.py`."""

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.ledger import checkpoint, keys, merkle
from fleet_backend.ledger.note import COSIGNATURE, Verifier, encode_base64

ORIGIN = "log.example/vectors"
LEAVES = [merkle.leaf_hash(b"entry %d" % n) for n in range(300)]
Case = tuple[str, dict[str, Any]]


def key_of(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


SIGNER = keys.log_signer(ORIGIN, key_of(1))
OTHER = keys.log_signer("log.example/another", key_of(2))
VKEY = SIGNER.verifier.vkey
WITNESSES = [
    Verifier(f"w{n}.example", COSIGNATURE, key_of(10 + n).public_key().public_bytes_raw())
    for n in range(4)
]


def cosign(number: int, text: bytes, time: int) -> bytes:
    """A cosignature line, written from the specification."""
    witness = WITNESSES[number]
    message = b"cosignature/v1\ntime %d\n" % time + text
    blob = witness.key_id.to_bytes(4, "big") + time.to_bytes(8, "big")
    blob += key_of(10 + number).sign(message)
    return f"— {witness.name} {encode_base64(blob)}\n".encode()


def note_of(size: int, signer: Any = SIGNER) -> bytes:
    root = merkle.root_of(LEAVES[:size])
    made = checkpoint.Checkpoint(signer.name, size, root)
    return checkpoint.sign_checkpoint(made, signer).note


def text_of(note: bytes) -> bytes:
    return note.rpartition(b"\n\n")[0] + b"\n"


def policy_of(quorum: str = "none", lines: str = "") -> bytes:
    witnesses = "".join(f"witness w{n} {key.vkey}\n" for n, key in enumerate(WITNESSES))
    return f"log {VKEY}\n{witnesses}{lines}quorum {quorum}\n".encode()


TWO_OF_THREE = policy_of("most", "group most 2 w0 w1 w2\n")
NESTED = policy_of("both", "group a 2 w0 w1 w2\ngroup both all a w3\n")


def vkeys() -> dict[str, Case]:
    texts = {
        "good": VKEY,
        "good-cosigner": WITNESSES[0].vkey,
        "good-unicode": keys.log_vkey("journal.exemple/été", key_of(3)),
        "refuse-another-id": VKEY.replace("+", "+0", 1)[: len(VKEY)],
        "refuse-upper-case-id": _upper(VKEY),
        "refuse-no-plus": VKEY.replace("+", "", 1),
        "refuse-empty-name": "+" + VKEY.split("+", 1)[1],
        "refuse-space": VKEY.replace("log.", "log ", 1),
        "refuse-no-break-space": VKEY.replace("log.", "log\u00a0", 1),
        "refuse-next-line": VKEY.replace("log.", "log\u0085", 1),
        "refuse-another-key": VKEY[:-1] + ("A" if VKEY[-1] != "A" else "B"),
        "refuse-needless-padding": VKEY + "=",
        "refuse-short-key": _typed(b"\x01" + bytes(31)),
        "refuse-type-0": _typed(b"\x00" + bytes(32)),
        "refuse-type-ff": _typed(b"\xff" + bytes(32)),
        "refuse-empty": "",
    }
    return {f"vkey/{name}": ("vkey.parse", {"vkey": text.encode().hex()})
            for name, text in texts.items()}  # fmt: skip


def _upper(vkey: str) -> str:
    name, number, rest = vkey.split("+", 2)
    return f"{name}+{number.upper()}+{rest}"


def _typed(data: bytes) -> str:
    return Verifier("log.example", data[0], data[1:]).vkey


def notes() -> dict[str, Case]:
    note = SIGNER.sign(b"first line\n\nsecond line\n")
    text, line = text_of(note), note.rpartition(b"\n\n")[2]
    other = OTHER.sign(text).rpartition(b"\n\n")[2]
    bad = SIGNER.sign(b"another text\n").rpartition(b"\n\n")[2]
    blob = base64.b64decode(line.split(b" ")[2])
    same_id = "— stranger.example ".encode() + base64.b64encode(blob[:4] + bytes(64)) + b"\n"
    cases = {
        "good": note,
        "good-unknown-line": note + other,
        "good-sixteen": note + other * 15,
        "good-sixty-four": note + other * 63,
        "good-repeated": note + line,
        "good-cosigned": note + cosign(0, text, 1_700_000_000),
        "good-same-id-other-name": note + same_id,
        "good-byte-order-mark": SIGNER.sign(b"\xef\xbb\xbftext\n"),
        "refuse-carriage-returns": note.replace(b"\n", b"\r\n"),
        "refuse-tab": SIGNER.sign(b"a\tb\n"),
        "refuse-nul": SIGNER.sign(b"\0\n"),
        "refuse-no-last-newline": note[:-1],
        "refuse-empty-line-at-the-end": note + b"\n",
        "refuse-no-empty-line": text[:-1].replace(b"\n\n", b"\n") + b"\n" + line,
        "refuse-no-signature": text + b"\n",
        "refuse-nothing": b"",
        "refuse-not-utf8": note.replace(b"first", b"\xff"),
        "refuse-surrogate": note.replace(b"first", b"\xed\xa0\x80"),
        "refuse-name-no-break-space": note + "— a\u00a0b AAAAAAAA\n".encode(),
        "refuse-name-line-separator": note + "— a\u2028b AAAAAAAA\n".encode(),
        "refuse-name-next-line": note + "— a\u0085b AAAAAAAA\n".encode(),
        "good-name-zero-width-no-break": note + "— a\ufeffb AAAAAAAA\n".encode(),
        "refuse-name-plus": note + "— a+b AAAAAAAA\n".encode(),
        "refuse-name-empty": note + "—  AAAAAAAA\n".encode(),
        "refuse-two-spaces": note.replace(b" log", b"  log"),
        "refuse-hyphen": note.replace("—".encode(), b"-"),
        "refuse-bare-dash": text + b"\n" + "—\n".encode(),
        "refuse-short-signature": note + "— a AAAAAA==\n".encode(),
        "refuse-space-in-base64": note[:-3] + b" =\n",
        "refuse-text-behind": note + b"more\n",
        "refuse-sixty-five": note + other * 64,
        "refuse-unknown-only": text + b"\n" + other,
        "refuse-changed-text": note.replace(b"second", b"Second"),
        "refuse-bad-line-of-known-key": note + bad,
        "refuse-cosignature-of-other-text": note + cosign(0, b"another\n", 5),
        "refuse-cosignature-other-time": note + _later(cosign(0, text, 5)),
        "refuse-cosignature-without-time": note + _cut(cosign(0, text, 5)),
    }
    known = [VKEY, *(key.vkey for key in WITNESSES)]
    return {f"note/{name}": ("note.open", {"note": data.hex(), "vkeys": known})
            for name, data in cases.items()}  # fmt: skip


def _later(line: bytes) -> bytes:
    head, _, encoded = line.rpartition(b" ")
    blob = bytearray(base64.b64decode(encoded))
    blob[11] += 1
    return head + b" " + base64.b64encode(bytes(blob)) + b"\n"


def _cut(line: bytes) -> bytes:
    head, _, encoded = line.rpartition(b" ")
    return head + b" " + base64.b64encode(base64.b64decode(encoded)[:4] + bytes(7)) + b"\n"


def checkpoints() -> dict[str, Case]:
    note = note_of(7)
    text = text_of(note)
    signed = SIGNER.sign
    two = note + cosign(0, text, 10) + cosign(1, text, 20)
    none, most = policy_of(), TWO_OF_THREE
    cases = {
        "good": (note, none),
        "good-empty-tree": (note_of(0), none),
        "good-largest": (signed(text.replace(b"\n7\n", b"\n%d\n" % (2**63 - 1))), none),
        "good-two-of-three": (two, most),
        "good-nested": (two + cosign(3, text, 30), NESTED),
        "refuse-one-of-three": (note + cosign(0, text, 10), most),
        "refuse-one-twice": (note + cosign(0, text, 10) + cosign(0, text, 11), most),
        "refuse-one-inside-one-outside": (note + cosign(0, text, 1) + cosign(3, text, 1), most),
        "refuse-nested-without-inner": (note + cosign(0, text, 1) + cosign(3, text, 1), NESTED),
        "refuse-nested-without-outer": (two, NESTED),
        "refuse-third-is-bad": (two + cosign(2, b"another\n", 10), most),
        "refuse-witnesses-alone": (two.replace(note[len(text) + 1 :], b""), most),
        "refuse-another-log": (note_of(7, OTHER), none),
        "refuse-another-origin": (signed(text.replace(b"vectors", b"another")), none),
        "refuse-leading-zero": (signed(text.replace(b"\n7\n", b"\n07\n")), none),
        "refuse-2-to-63": (signed(text.replace(b"\n7\n", b"\n%d\n" % 2**63)), none),
        "refuse-2-to-64": (signed(text.replace(b"\n7\n", b"\n%d\n" % 2**64)), none),
        "refuse-negative": (signed(text.replace(b"\n7\n", b"\n-7\n")), none),
        "refuse-plus": (signed(text.replace(b"\n7\n", b"\n+7\n")), none),
        "refuse-other-digits": (signed(text.replace(b"\n7\n", "\n٧\n".encode())), none),
        "refuse-extension": (signed(text + b"extension\n"), none),
        "refuse-empty-line": (signed(text + b"\n"), none),
        "refuse-two-lines": (signed(text[: text.index(b"\n7\n") + 3]), none),
        "refuse-short-root": (signed(text[:-5] + b"\n"), none),
        "refuse-root-of-31": (signed(b"%b\n7\n%b\n" % (ORIGIN.encode(),
            base64.b64encode(bytes(31)))), none),
        "refuse-empty-tree-with-root": (signed(text.replace(b"\n7\n", b"\n0\n")), none),
        "refuse-policy-without-log": (note, none.split(b"\n", 1)[1]),
    }  # fmt: skip
    return {
        f"checkpoint/{name}": ("checkpoint.open", {"note": data.hex(), "policy": policy.hex()})
        for name, (data, policy) in cases.items()
    }


def proof_of(index: int, size: int, extra: bytes = b"") -> bytes:
    path = merkle.inclusion_proof(index, size, lambda a, b: merkle.root_of(LEAVES[a:b]))
    lines = [f"extra {encode_base64(extra)}"] if extra else []
    lines += [f"index {index}", *map(encode_base64, path)]
    return "\n".join(["c2sp.org/tlog-proof@v1", *lines, "", ""]).encode() + note_of(size)


def proofs() -> dict[str, Case]:
    good = proof_of(5, 11, b"extra")
    lines = good.split(b"\n")
    swapped = [*lines[:3], lines[4], lines[3], *lines[5:]]
    cases = {
        "good": good,
        "good-without-extra": proof_of(5, 11),
        "good-one-leaf": proof_of(5, 6),
        "good-300": proof_of(5, 300),
        "refuse-another-entry": proof_of(4, 11),
        "refuse-another-index": good.replace(b"index 5", b"index 4"),
        "refuse-index-beyond": good.replace(b"index 5", b"index 11"),
        "refuse-index-leading-zero": good.replace(b"index 5", b"index 05"),
        "refuse-index-2-to-64": good.replace(b"index 5", b"index %d" % 2**64),
        "refuse-index-negative": good.replace(b"index 5", b"index -5"),
        "refuse-index-spaces": good.replace(b"index 5", b"index  5"),
        "refuse-no-index": b"\n".join([*lines[:2], *lines[3:]]),
        "refuse-index-first": b"\n".join([lines[0], lines[2], lines[1], *lines[3:]]),
        "refuse-other-version": good.replace(b"@v1", b"@v2"),
        "refuse-header-case": good.replace(b"c2sp", b"C2SP"),
        "refuse-carriage-returns": good.replace(b"\n", b"\r\n"),
        "refuse-swapped-hashes": b"\n".join(swapped),
        "refuse-one-hash-less": b"\n".join([*lines[:3], *lines[4:]]),
        "refuse-one-hash-more": b"\n".join([*lines[:4], lines[3], *lines[4:]]),
        "refuse-65-hashes": b"\n".join([*lines[:4], *([lines[3]] * 62), *lines[4:]]),
        "refuse-short-hash": good.replace(lines[3], base64.b64encode(bytes(31))),
        "refuse-empty-extra": good.replace(lines[1], b"extra "),
        "refuse-extra-not-base64": good.replace(lines[1], b"extra !"),
        "refuse-two-extras": good.replace(lines[1], lines[1] + b"\n" + lines[1]),
        "refuse-no-checkpoint": good[: good.index(b"\n\n")],
        "refuse-not-utf8": good.replace(b"index", b"\xffndex"),
        "refuse-empty": b"",
        "refuse-other-root": good[: good.index(b"\n\n") + 2] + note_of(12),
        "refuse-other-log": good[: good.index(b"\n\n") + 2] + note_of(11, OTHER),
    }
    given = {"entry": b"entry 5".hex(), "policy": policy_of().hex()}
    return {f"proof/{name}": ("proof.verify", {"proof": data.hex(), **given})
            for name, data in cases.items()}  # fmt: skip
