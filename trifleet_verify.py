"""Checks a receipt of a Trifleet ledger without Trifleet: this file, Python 3.11, `cryptography`.

    python3 trifleet_verify.py RECEIPT POLICY [GATEWAY_KEY]

RECEIPT is a proof file (C2SP tlog-proof) or a COSE receipt (RFC 9942). POLICY (C2SP tlog-policy)
names the log's key and its witnesses, and comes from somebody whom you trust: all is proved against
its keys. GATEWAY_KEY: 64 hexadecimal digits, if you know them; the receipt of a change of it shows
the next. Nothing is fetched. Status 0: the receipt holds; what is proved is said. 1: refused.
"""

import base64
import re
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG, COSIGNER, ML_DSA = b"\x01", b"\x04", b"\x06"  # C2SP signed-note, "Signature types"
RECORDS = "-,BOOT,LOCK,ANSWER,REFUSAL,TELEMETRY,FAULT,LOST,HEALTH,EGRESS,UPDATE".split(",")  # noqa: SIM905


def need(condition: bool, otherwise: str) -> None:
    """A refusal is a ValueError, from here or from Python's decoders, or an InvalidSignature."""
    if not condition:
        raise ValueError(otherwise)


# ---- 1. Texts, keys and signatures: C2SP signed-note, tlog-checkpoint, tlog-cosignature
def from_base64(text: str) -> bytes:
    data = base64.b64decode(text.encode("ascii"), validate=True)  # RFC 4648 section 4
    need(base64.b64encode(data).decode() == text, "base64 in another than its one spelling")
    return data


def from_decimal(text: str) -> int:
    need(bool(re.fullmatch("0|[1-9][0-9]{0,18}", text)) and int(text) < 1 << 63, "not a number")
    return int(text)


def check_name(name: str) -> str:
    bad = any(c.isspace() or c < " " or c == "+" or "\ud800" <= c <= "\udfff" for c in name)
    need(name != "" and not bad, "a name is empty, or holds a space, a plus or a control character")
    return name


def read_checkpoint(text: bytes) -> tuple[str, int, bytes]:
    """What the log says of itself: its origin, how many entries it has, and the root over them."""
    origin, digits, root_text, end = text.decode().split("\n")  # no extension lines
    size, root = from_decimal(digits), from_base64(root_text)
    need(end == "" and len(root) == 32, "not the three lines of a checkpoint")
    need(size > 0 or root == sha256(b"").digest(), "not the root of the empty tree")
    return check_name(origin), size, root


class Key(NamedTuple):
    name: str
    kind: bytes
    public: bytes
    id: str


def read_key(text: str, *kinds: bytes) -> Key:
    """A public key is written `name+id+base64(type, key)`."""
    name, key_id, encoded = text.split("+", 2)
    data = from_base64(encoded)
    due = sha256(check_name(name).encode() + b"\n" + data).hexdigest()[:8]
    need(len(text) <= 4096 and key_id == due, "a key is not the one that its id says")
    key = Key(name, data[:1], data[1:], key_id)
    need(key.kind in kinds and len(key.public) == {ML_DSA: 1312}.get(key.kind, 32), "another key")
    return key


def verify_line(key: Key, text: bytes, signature: bytes) -> None:
    """The log signs the text itself; a witness signs it with a time, which comes first."""
    if key.kind != LOG:
        stamp, signature = signature[:8], signature[8:]
        need(stamp < b"\x80", "a cosignature of an impossible time")
    if key.kind == COSIGNER:
        text = b"cosignature/v1\ntime %d\n" % int.from_bytes(stamp, "big") + text
    if key.kind != ML_DSA:
        return Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text)
    # FIPS 204, empty context. Imported here: an older `cryptography` does for all the rest.
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    origin, size, root = read_checkpoint(text)
    cosigner, log = (bytes([len(name)]) + name for name in (key.name.encode(), origin.encode()))
    text = b"subtree/v1\n\0" + cosigner + stamp + log + bytes(8) + size.to_bytes(8, "big") + root
    return MLDSA44PublicKey.from_public_bytes(key.public).verify(signature, text)


# ---- 2. Whom the reader of the receipt trusts: C2SP tlog-policy
class Policy:
    def __init__(self, data: bytes) -> None:
        is_text = re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data) is None
        need(is_text and data.endswith(b"\n") and len(data) <= 262_144, "not a policy file")
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}  # name: how many of which members
        self.quorum = ""
        for line in data.decode("utf-8", "surrogateescape").split("\n"):
            names = {"none", *self.witnesses, *self.groups}  # of what stands above this line
            match re.split(r"[ \t]+", line.strip(" \t")):
                case [word, *_] if word == "" or word.startswith("#"):
                    pass
                case ["log", key] | ["log", key, _]:
                    self.logs.append(read_key(key, LOG))
                case ["witness", name, key] | ["witness", name, key, _] if name not in names:
                    self.witnesses[name] = read_key(key, COSIGNER, ML_DSA)
                case ["group", name, rule, *members] if members and name not in names:
                    rule = {"any": "1", "all": str(len(members))}.get(rule, rule)
                    number = int(rule) if re.fullmatch("[1-9][0-9]{0,4}", rule) else 0
                    need(1 <= number <= len(members), "a threshold that cannot be")
                    need(set(members) <= names - {"none"}, "a member is not defined above")
                    grouped = [one for _, group in self.groups.values() for one in group] + members
                    need(len(grouped) == len(set(grouped)), "a member is there twice")
                    self.groups[name] = number, members
                case ["quorum", name] if name in names and self.quorum == "":
                    self.quorum = name
                case _:
                    raise ValueError("a policy line is not understood, or names something twice")
        need(self.quorum != "", "a policy without a quorum line")
        for keys in (self.logs, self.witnesses.values()):
            need(len({key.public for key in keys}) == len(keys), "a key is there twice")

    def open(self, note: bytes) -> tuple[str, int, bytes]:
        """A checkpoint, if the log that it names signed it and the quorum of witnesses did."""
        is_text = re.search(rb"[\x00-\x09\x0b-\x1f]", note) is None
        text, separator, tail = note.decode().rpartition("\n\n")
        need(is_text and separator != "" and tail.endswith("\n"), "not a signed note")
        need(len(note) <= 262_144 and tail.count("\n") <= 64, "a note that is too long")
        keys = [*self.logs, *self.witnesses.values()]
        known, signers = {(key.name, key.id): key for key in keys}, set[Key]()
        need(len(known) == len(keys), "two keys have one name and id")
        for line in tail[:-1].split("\n"):
            dash, name, encoded = line.split(" ")
            signature = from_base64(encoded)
            need(dash == "—" and len(signature) > 4, "not a signature line")
            # An unknown signer counts for nothing; a known one whose signature fails ends it all.
            if key := known.get((check_name(name), signature[:4].hex())):
                verify_line(key, (text + "\n").encode(), signature[4:])
                signers.add(key)
        log, size, root = read_checkpoint((text + "\n").encode())
        need(any(key in signers and key.name == log for key in self.logs), "not signed by its log")
        met = {"none"} | {name for name, key in self.witnesses.items() if key in signers}
        for name, (number, members) in self.groups.items():  # members stand above their group
            if len(met.intersection(members)) >= number:
                met.add(name)
        need(self.quorum in met, "too few witnesses cosigned the checkpoint")
        return log, size, root


# ---- 3. The way from an entry up to the root: RFC 9162 sections 2.1.1 and 2.1.3.1
def climb(index: int, size: int, entry: bytes, path: list[bytes]) -> bytes:
    """Root of a tree of `size` leaves. Its left half holds the largest power of two below size."""
    need(index < size and (size == 1) == (path == []), "no such entry, or a path of another length")
    if size == 1:
        return sha256(b"\x00" + entry).digest()
    need(len(path[-1]) == 32, "not a path of hashes")
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return sha256(b"\x01" + climb(index, left, entry, path[:-1]) + path[-1]).digest()
    return sha256(b"\x01" + path[-1] + climb(index - left, size - left, entry, path[:-1])).digest()


# ---- 4. CBOR in its deterministic form: RFC 8949 sections 3 and 4.2.1
UINT, BYTES, TEXT, ARRAY, REST = 0, 2, 3, 4, 8


def head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([kind << 5 | 23 + size.bit_length()]) + number.to_bytes(size, "big")


def read(data: bytes, *shape: bytes | int) -> list[Any]:
    """The items of `data`, which is of this shape: bytes as they are, or kinds of items."""
    need(len(data) < 65_536, "CBOR of 65,536 bytes or more")
    due, found = [*shape], list[Any]()
    while due:
        kind, number = due.pop(0), len(data)
        start = kind if isinstance(kind, bytes) else b""
        if isinstance(kind, int) and kind != REST:  # in the shortest form, which `head` writes
            number = (data[0] if data else 0) & 31
            if size := {24: 1, 25: 2, 26: 4, 27: 8}.get(number, 0):
                number = int.from_bytes(data[1 : 1 + size], "big")
            start = head(kind, number)
        taken = len(start) + (number if kind in (BYTES, TEXT, REST) else 0)
        need(data.startswith(start) and taken <= len(data), "CBOR of another shape, or cut off")
        if kind == ARRAY:  # of byte strings
            need(number <= 64, "an array of more than 64 items")
            due[:0] = [BYTES] * number
        elif isinstance(kind, int):
            found.append(number if kind == UINT else data[len(start) : taken])
        data = data[taken:]
    need(data == b"", "bytes behind the end")
    return found


def signed_bytes(header: bytes, context: bytes, payload: bytes) -> bytes:
    """Sig_structure of a COSE_Sign1: RFC 9052 section 4.4."""
    items = (head(BYTES, len(item)) + item for item in (header, context, payload))
    return b"\x84\x6aSignature1" + b"".join(items)


# ---- 5. The two forms of a receipt; docs/ledger.md, "Receipts". Each gives log, size, root, index
CARRIED = b"\x85\x01", BYTES, BYTES, BYTES, BYTES  # and statement (the entry), salt, body, key


def open_proof(data: bytes, policy: Policy) -> tuple[Any, ...]:
    """C2SP tlog-proof: header, extra, index, hashes from the leaf up, empty line, checkpoint."""
    above, _, note = data.partition(b"\n\n")
    title, extra, place, *path = above.decode().split("\n")
    named = title == "c2sp.org/tlog-proof@v1" and (extra[:6], place[:6]) == ("extra ", "index ")
    need(named, "not a proof file that carries a statement")
    carried, index = read(from_base64(extra[6:]), *CARRIED), from_decimal(place[6:])
    log, size, root = policy.open(note)
    climbed = climb(index, size, carried[0], [from_base64(line) for line in path])
    need(climbed == root, "the path does not lead to the root of the checkpoint")
    return log, size, root, index, carried


def open_cose(data: bytes, policy: Policy) -> tuple[Any, ...]:
    """RFC 9942 section 5.2: a COSE_Sign1 (RFC 9052) over the root, which is not in it."""
    # Tag 18, array of 4: header, {396: {-1: [proof]}, -65539: extra}, null, signature.
    proofs, extra = b"\xa2\x19\x01\x8c\xa1\x20\x81", b"\x3a\x00\x01\x00\x02"
    shape = b"\xd2\x84", BYTES, proofs, BYTES, extra, BYTES, b"\xf6", BYTES
    header, proof, extra, signature = read(data, *shape)
    size, index, *path = read(proof, b"\x83", UINT, UINT, ARRAY)
    carried = read(extra, *CARRIED)
    need(path != [] and size < 1 << 63, "a tree of one entry has no receipt, nor one of 2^63")
    root = climb(index, size, carried[0], path)
    for log in policy.logs:
        # {1: -8 (EdDSA), 4: which key, 395: 1 (RFC9162_SHA256), -65538: size of the tree}
        key_id = f"{log.name}+{log.id}".encode()
        due = b"\xa4\x01\x27\x04" + head(BYTES, len(key_id)) + key_id
        if header == due + b"\x19\x01\x8b\x01\x3a\x00\x01\x00\x01" + head(UINT, size):
            verify_line(log, signed_bytes(header, b"", root), signature)
            need(policy.quorum == "none", "it carries no cosignatures: use the proof file")
            return log.name, size, root, index, carried
    raise ValueError("not signed as a log of the policy signs")


# ---- 6. What the gateway signed and what it committed to: docs/protocol.md sections 6 and 7
def verify(data: bytes, policy: Policy, known_key: bytes | None = None) -> list[str]:
    """What is proved and what is not, in words. ValueError or InvalidSignature: nothing is."""
    need(len(data) <= 1 << 20, "a file of more than 1 MiB")
    open_form = open_cose if data[:1] == b"\xd2" else open_proof
    log, size, root, index, (statement, salt, body, key) = open_form(data, policy)
    need(len(salt) == 16 and known_key in (None, key), "another salt, or key than you gave")
    payload, signature = read(statement, b"\x84\x43\xa1\x01\x27\xa0", BYTES, BYTES)
    signed = signed_bytes(b"\xa1\x01\x27", b"trifleet/statement/v1", payload)
    Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    need(payload[:2] in (b"\x87\x01", b"\x89\x02"), "a statement of another version")
    shape = payload[:2], TEXT, UINT, BYTES, UINT, UINT, BYTES, *[UINT] * (2 * payload[1] - 2)
    gateway, seq, previous, time, kind, commitment, *clock = read(payload, *shape)
    need(bool(re.fullmatch(b"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", gateway)), "not a gateway's name")
    need(seq < 1 << 63 and time < 1 << 32 and len(previous) == 32, "a number out of its range")
    known = clock == [] or (clock[0] in ((1, 2, 3) if time else (0,)) and clock[1] < 1 << 32)
    need(commitment == sha256(b"trifleet/commitment/v1" + salt + body).digest(), "another body")
    records = read(body, ARRAY) if kind == 1 else [body]
    need(known and 0 < kind < 6 and records != [], "another kind or clock, or no records")
    words = [
        f"THIS RECEIPT HOLDS. It is entry {index} of the log {log!a}, statement {seq} of the",
        f"  gateway {gateway.decode()}, sent {datetime.fromtimestamp(time, UTC)} by its clock:",
        f"  {clock} (1 free-running, 2 network, 3 satellites; error in ms; 4294967295 unknown).",
        f"Proved: the log had {size} entries, the root {root.hex()},",
        f"  signed with the log's key; cosigners that the policy asks for: {policy.quorum!a}.",
        f"Proved: whoever holds the key {key.hex()} signed the entry,",
        "  which commits to what stands below (vehicle [boot, number, uptime in ms, its clock]).",
        f"{'Proved' if known_key else 'Not proved'}: that this is the gateway's key.",
        "Not proved: what a clock said; the vehicle's seal on a record, of which we have no key;",
        "  that others are shown the same history: only the witnesses of the quorum say so.",
    ]
    for record in records:
        try:
            inner, _ = read(record, b"\x84\x43\xa1\x01\x05\xa0", BYTES, BYTES)
            vehicle, *numbers, what, fields = read(inner, b"\x88\x01", TEXT, *[UINT] * 5, REST)
            words.append(f"  {vehicle.decode()!a} {numbers}: {RECORDS[what]} {fields.hex()}")
        except (ValueError, IndexError):
            words.append(f"  {record.hex()} {record!a}")  # a gateway's own words can be read
    return words


def main(receipt: str, policy: str, gateway_key: str = "") -> int:
    try:
        data, trusted = Path(receipt).read_bytes(), Policy(Path(policy).read_bytes())
        print("\n".join(verify(data, trusted, bytes.fromhex(gateway_key) or None)))
    except (OSError, ValueError, InvalidSignature, ImportError, UnsupportedAlgorithm) as error:
        print("REFUSED:", str(error) or "a signature does not verify")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) in (3, 4) else __doc__)
