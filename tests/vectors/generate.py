"""Writes the vectors: `python tests/vectors/generate.py [--check]`.

Every byte follows from this file and keys.json: salts are fixed, so a second run writes the same.
It signs with plain integers, not with `protocol`, and states each expectation by hand.
"""

import hashlib
import hmac
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from protocol import (
    ack,
    can,
    cbor,
    command,
    cose,
    courier,
    grant,
    link,
    presentation,
    record,
    request,
    rsa,
)

NOW = 1_800_000_000
TRIKE = "trike-1"
VEHICLE_KEY = bytes(range(32))
LOG = "log.example/fleet"


class Key:
    """An RSA key of keys.json, signing PSS with a salt that follows from the message."""

    def __init__(self, name, numbers):
        self.name = name
        self.n = int(numbers["n"], 16)
        self.d = int(numbers["d"], 16)
        self.size = (self.n.bit_length() + 7) // 8
        self.modulus = self.n.to_bytes(self.size, "big")
        self.thumbprint = hashlib.sha256(rsa.spki(self.modulus)).digest()

    def sign(self, message, salt_bytes=32, first=0x00, trailer=0xBC):
        salt = hashlib.sha512(self.name.encode() + message).digest()[:salt_bytes]
        digest = hashlib.sha256(message).digest()
        seed = hashlib.sha256(bytes(8) + digest + salt).digest()
        width = self.size - 33
        block = bytes([first]) + bytes(width - salt_bytes - 2) + b"\x01" + salt
        mask = b"".join(
            hashlib.sha256(seed + i.to_bytes(4, "big")).digest() for i in range(width // 32 + 1)
        )
        masked = bytearray(a ^ b for a, b in zip(block, mask, strict=False))
        masked[0] &= 0x7F
        encoded = int.from_bytes(bytes(masked) + seed + bytes([trailer]), "big")
        return pow(encoded, self.d, self.n).to_bytes(self.size, "big")


def load_keys():
    numbers = json.loads((HERE / "keys.json").read_text())
    return {name: Key(name, pair) for name, pair in numbers.items()}


KEYS = load_keys()
OWNER, ISSUER, RIDER, OTHER, BIG = (
    KEYS[name] for name in ("owner", "issuer", "rider", "other", "big")
)
CASES = {}


def case(name, operation, given, expect):
    assert name not in CASES, name
    CASES[name] = {"operation": operation, "input": given, "expect": expect}


def error(name):
    return {"error": name}


# --- CBOR ---------------------------------------------------------------------------------------


def cbor_cases():
    good = {
        "zero": ("00", 0),
        "23": ("17", 23),
        "24": ("1818", 24),
        "255": ("18ff", 255),
        "256": ("190100", 256),
        "65535": ("19ffff", 65535),
        "65536": ("1a00010000", 65536),
        "4294967296": ("1b0000000100000000", 4294967296),
        "largest": ("1bffffffffffffffff", 18446744073709551615),
        "minus-one": ("20", -1),
        "minus-25": ("3818", -25),
        "smallest": ("3bffffffffffffffff", -18446744073709551616),
        "false": ("f4", False),
        "true": ("f5", True),
        "null": ("f6", None),
        "empty-bytes": ("40", {"hex": ""}),
        "bytes": ("43010203", {"hex": "010203"}),
        "text": ("62c3bc", "ü"),
        "text-four-bytes": ("64f09f9a92", "\U0001f692"),
        "text-1024": ("790400" + "61" * 1024, "a" * 1024),
        "empty-array": ("80", []),
        "array": ("83010203", [1, 2, 3]),
        "empty-map": ("a0", {"map": []}),
        "map": ("a2000118180a", {"map": [[0, 1], [24, 10]]}),
        "depth-8": ("81" * 8 + "00", [[[[[[[[0]]]]]]]]),
    }
    for name, (data, value) in good.items():
        case(f"cbor/{name}", "cbor.decode", {"data": data}, value)
        case(f"cbor/encode-{name}", "cbor.encode", {"value": value}, data)
    bad = {
        "empty": ("", "truncated"),
        "trailing": ("0000", "trailing-bytes"),
        "trailing-after-map": ("a000", "trailing-bytes"),
        "longer-1": ("1817", "longer-form"),
        "longer-2": ("1900ff", "longer-form"),
        "longer-4": ("1a0000ffff", "longer-form"),
        "longer-8": ("1b00000000ffffffff", "longer-form"),
        "longer-negative": ("3817", "longer-form"),
        "longer-bytes-length": ("580141", "longer-form"),
        "longer-map-key": ("a1180001", "longer-form"),
        "indefinite-bytes": ("5f4100ff", "indefinite-length"),
        "indefinite-array": ("9f00ff", "indefinite-length"),
        "indefinite-map": ("bf0000ff", "indefinite-length"),
        "break": ("ff", "indefinite-length"),
        "reserved": ("1c", "reserved"),
        "duplicate-key": ("a200010002", "duplicate-key"),
        "unsorted-keys": ("a201000000", "unsorted-key"),
        "negative-key": ("a12000", "map-key"),
        "text-key": ("a1616100", "map-key"),
        "half-float": ("f90000", "float-or-simple"),
        "double": ("fb0000000000000000", "float-or-simple"),
        "simple-32": ("f820", "float-or-simple"),
        "undefined": ("f7", "float-or-simple"),
        "tag": ("c000", "tag"),
        "tag-cose": ("d28443a10126a04041", "tag"),
        "depth-9": ("81" * 9 + "00", "too-deep"),
        "depth-9-map": ("a100" * 9 + "00", "too-deep"),
        "truncated-head": ("19ff", "truncated"),
        "truncated-bytes": ("4401", "truncated"),
        "truncated-array": ("8201", "truncated"),
        "array-of-2-to-64": ("9bffffffffffffffff", "truncated"),
        "bytes-of-2-to-64": ("5bffffffffffffffff", "truncated"),
        "map-of-2-to-32": ("ba80000000", "truncated"),
        "utf8-overlong": ("62c080", "utf8"),
        "utf8-overlong-3": ("63e08080", "utf8"),
        "utf8-surrogate": ("63eda080", "utf8"),
        "utf8-above": ("64f4908080", "utf8"),
        "utf8-cut": ("61c3", "utf8"),
        "utf8-bare-follow": ("6180", "utf8"),
        "utf8-latin": ("61fc", "utf8"),
        "too-large": ("5a0000fffb" + "00" * 65531, "too-large"),
        "text-1025": ("790401" + "61" * 1025, "text-too-long"),
        "too-many-items": ("990801" + "00" * 2049, "too-many-items"),
    }
    for name, (data, expected) in bad.items():
        case(f"cbor/refuse-{name}", "cbor.decode", {"data": data}, error(expected))
    case(
        "cbor/largest-document",
        "cbor.encode",
        {"value": {"hex": "00" * 65532}},
        "59fffc" + "00" * 65532,
    )
    case("cbor/encode-65-bits", "cbor.encode", {"value": 1 << 64}, error("encode"))
    case("cbor/encode-depth-9", "cbor.encode", {"value": [[[[[[[[[0]]]]]]]]]}, error("encode"))


# --- RSA and HMAC -------------------------------------------------------------------------------


def signature_plus_modulus():
    """A message and signature + n, where that still fits: the same number, another signature."""
    for i in range(1000):
        said = b"unlock %d" % i
        number = int.from_bytes(OWNER.sign(said), "big") + OWNER.n
        if number < 1 << 2048:
            return said, number.to_bytes(256, "big")
    raise SystemExit("no signature of the owner's key leaves room for its modulus")


def rsa_cases():
    message = b"unlock"

    def verify(name, key, signature, expect, said=message):
        given = {
            "modulus": key.hex(),
            "message": said.hex(),
            "signature": signature.hex(),
        }
        case(f"rsa/{name}", "rsa.verify", given, expect)

    good = OWNER.sign(message)
    verify("good-2048", OWNER.modulus, good, True)
    verify("good-3072", BIG.modulus, BIG.sign(message), True)
    verify("good-empty-message", OWNER.modulus, OWNER.sign(b""), True, b"")
    verify("other-message", OWNER.modulus, good, False, b"unlocK")
    verify("other-key", ISSUER.modulus, good, False)
    verify("bit-flip", OWNER.modulus, bytes([good[0] ^ 1]) + good[1:], False)
    verify("salt-20", OWNER.modulus, OWNER.sign(message, salt_bytes=20), False)
    verify("salt-0", OWNER.modulus, OWNER.sign(message, salt_bytes=0), False)
    verify("salt-33", OWNER.modulus, OWNER.sign(message, salt_bytes=33), False)
    verify("trailer", OWNER.modulus, OWNER.sign(message, trailer=0xCC), False)
    verify("padding-not-zero", OWNER.modulus, OWNER.sign(message, first=0x01), False)
    said, plus_n = signature_plus_modulus()
    verify("signature-plus-n", OWNER.modulus, plus_n, False, said)
    verify("short-signature", OWNER.modulus, good[:-1], False)
    verify("long-signature", OWNER.modulus, b"\x00" + good, False)
    verify("zero-signature", OWNER.modulus, bytes(256), False)
    verify("one-signature", OWNER.modulus, bytes(255) + b"\x01", False)
    verify("even-modulus", OWNER.modulus[:-1] + b"\x00", good, False)
    verify("small-modulus", OWNER.modulus[128:], good[128:], False)
    verify("top-bit-clear", b"\x7f" + OWNER.modulus[1:], good, False)
    verify("empty", b"", b"", False)
    # A mask whose first bit is not cleared by the signer: encoded message longer than emBits.
    for name, key in KEYS.items():
        case(
            f"rsa/thumbprint-{name}",
            "rsa.thumbprint",
            {"modulus": key.modulus.hex()},
            key.thumbprint.hex(),
        )
    for name, key, said in (
        ("short-key", b"\x0b" * 20, b"Hi There"),
        ("long-key", b"\xaa" * 131, b"Test Using Larger Than Block-Size Key"),
        ("empty", b"", b""),
        ("block-key", b"\x01" * 64, b"x" * 200),
    ):
        tag = hmac.new(key, said, "sha256").hexdigest()
        case(f"mac/{name}", "mac.tag", {"key": key.hex(), "message": said.hex()}, tag)


# --- Grants, commands, presentations ------------------------------------------------------------


def grant_map(**changes):
    out = {
        0: 1,
        1: TRIKE,
        2: RIDER.thumbprint,
        3: 3,
        4: NOW - 60,
        5: NOW + 3600,
        6: 2,
        7: hashlib.sha256(b"grant").digest()[:16],
        8: {grant.MAX_SPEED_MMPS: 7000},
    }
    names = ["version", "vehicle", "holder", "actions", "not_before", "not_after"]
    names += ["generation", "grant_id", "limits"]
    for name, value in changes.items():
        out[names.index(name)] = value
    return out


def grant_cases():
    def decode(name, payload, expect):
        case(f"grant/{name}", "grant.decode", {"payload": payload.hex()}, expect)

    whole = cbor.encode(grant_map())
    decode(
        "good",
        whole,
        {
            "vehicle": TRIKE,
            "holder": {"hex": RIDER.thumbprint.hex()},
            "actions": 3,
            "not_before": NOW - 60,
            "not_after": NOW + 3600,
            "generation": 2,
            "grant_id": {"hex": hashlib.sha256(b"grant").digest()[:16].hex()},
            "limits": {"map": [[0, 7000]]},
        },
    )
    for name, change, expected in (
        ("version-2", {"version": 2}, "version"),
        ("vehicle-empty", {"vehicle": ""}, "identifier"),
        ("vehicle-slash", {"vehicle": "a/b"}, "identifier"),
        ("vehicle-hyphen", {"vehicle": "-a"}, "identifier"),
        ("vehicle-upper", {"vehicle": "Trike"}, "identifier"),
        ("vehicle-33", {"vehicle": "a" * 33}, "field"),
        ("vehicle-bytes", {"vehicle": b"trike-1"}, "field"),
        ("holder-31", {"holder": bytes(31)}, "field"),
        ("actions-unknown", {"actions": 0x0040}, "field"),
        ("actions-transfer", {"actions": 0x0020}, "field"),
        ("actions-17-bits", {"actions": 0x10000}, "field"),
        ("actions-true", {"actions": True}, "field"),
        ("ends-when-it-begins", {"not_after": NOW - 60}, "field"),
        ("time-negative", {"not_before": -1}, "field"),
        ("time-33-bits", {"not_after": 1 << 32}, "field"),
        ("grant-id-15", {"grant_id": bytes(15)}, "field"),
        ("limit-unknown", {"limits": {2: 1}}, "unknown-key"),
        ("limit-text", {"limits": {0: "7"}}, "field"),
        ("limits-list", {"limits": []}, "field"),
    ):
        decode(f"refuse-{name}", cbor.encode(grant_map(**change)), error(expected))
    extra = grant_map()
    extra[9] = 0
    decode("refuse-extra-key", cbor.encode(extra), error("unknown-key"))
    fewer = grant_map()
    del fewer[8]
    decode("refuse-missing-key", cbor.encode(fewer), error("missing-key"))
    decode("refuse-array", cbor.encode([1]), error("field"))
    decode("refuse-trailing", whole + b"\x00", error("trailing-bytes"))
    grant_code_cases(decode)


CODE_SALT = hashlib.sha256(b"salt of codes").digest()[:16]
CODES = [hashlib.sha256(b"code %d" % i).digest()[:16] for i in range(5)]
WITH_CODES = 0x0081  # UNLOCK and DEPOSIT_CODES


def grant_code_cases(decode):
    def coded(actions, value):
        return cbor.encode({**grant_map(actions=actions), 10: value})

    good = {
        "vehicle": TRIKE,
        "holder": {"hex": RIDER.thumbprint.hex()},
        "actions": WITH_CODES,
        "not_before": NOW - 60,
        "not_after": NOW + 3600,
        "generation": 2,
        "grant_id": {"hex": hashlib.sha256(b"grant").digest()[:16].hex()},
        "limits": {"map": [[0, 7000]]},
    }
    for name, count in (("one-code", 1), ("four-codes", 4)):
        items = [CODE_SALT, *CODES[:count]]
        told = {**good, "codes": [{"hex": item.hex()} for item in items]}
        decode(name, coded(WITH_CODES, items), told)
    one = [CODE_SALT, CODES[0]]
    for name, actions, value in (
        ("codes-none", WITH_CODES, []),
        ("codes-salt-alone", WITH_CODES, one[:1]),
        ("codes-five", WITH_CODES, [CODE_SALT, *CODES]),
        ("codes-twice-the-same", WITH_CODES, [*one, CODES[0]]),
        ("codes-15-bytes", WITH_CODES, [CODE_SALT, CODES[0][:15]]),
        ("codes-text", WITH_CODES, [CODE_SALT, "x" * 16]),
        ("codes-map", WITH_CODES, {0: CODE_SALT, 1: CODES[0]}),
        ("codes-null", WITH_CODES, None),
        ("codes-without-deposit", 0x0003, one),
        ("codes-without-unlock", 0x0080, one),
        ("codes-in-a-delegation", WITH_CODES | grant.DELEGATE, one),
    ):
        decode(f"refuse-{name}", coded(actions, value), error("field"))
    limit = {**good, "actions": 0x0100}
    decode("limit-speed", cbor.encode(grant_map(actions=0x0100)), limit)
    workshop = {**good, "actions": 0x0C00}
    decode("workshop", cbor.encode(grant_map(actions=0x0C00)), workshop)
    decode("refuse-actions-bit-12", cbor.encode(grant_map(actions=0x1000)), error("field"))
    decode("refuse-actions-bit-9", cbor.encode(grant_map(actions=0x0200)), error("field"))


CHALLENGE = hashlib.sha256(b"challenge").digest()[:16]
CHALLENGE_2 = hashlib.sha256(b"challenge 2").digest()[:16]
RIDE_ID = hashlib.sha256(b"ride").digest()[:16]
DELEGATION_ID = hashlib.sha256(b"delegation").digest()[:16]
UNLOCK_AND_LOCK = 3


def sign1(key, message, payload, **how):
    return cose.assemble(cose.PS256, payload, key.sign(message(payload), **how))


def make_grant(signer, **fields):
    given = {
        "vehicle": TRIKE,
        "holder": RIDER.thumbprint,
        "actions": UNLOCK_AND_LOCK,
        "not_before": NOW - 60,
        "not_after": NOW + 3600,
        "generation": 2,
        "grant_id": RIDE_ID,
        "limits": {},
    }
    salt = fields.pop("salt_bytes", 32)
    given.update(fields)
    payload = grant.encode(grant.Grant(**given))
    return sign1(signer, grant.signed_message, payload, salt_bytes=salt)


def make_command(signer, **fields):
    given = {
        "vehicle": TRIKE,
        "challenge": CHALLENGE,
        "action": command.UNLOCK,
        "args": {},
        "grant_id": RIDE_ID,
    }
    given.update(fields)
    return sign1(signer, command.signed_message, command.encode(command.Command(**given)))


def direct(**fields):
    """Owner -> rider."""
    return presentation.encode(
        [make_grant(OWNER, **fields)], [OWNER.modulus, RIDER.modulus], make_command(RIDER)
    )


def delegated(parent=None, child=None, signer=None, asked=None):
    """Owner -> issuer -> rider."""
    above = {
        "holder": ISSUER.thumbprint,
        "actions": grant.DELEGATE | UNLOCK_AND_LOCK,
        "not_before": NOW - 86400,
        "not_after": NOW + 86400,
        "grant_id": DELEGATION_ID,
        "limits": {grant.MAX_GRANT_S: 3660, grant.MAX_SPEED_MMPS: 7000},
    }
    above.update(parent or {})
    below = {"limits": {grant.MAX_GRANT_S: 3660, grant.MAX_SPEED_MMPS: 7000}}
    below.update(child or {})
    grants = [make_grant(OWNER, **above), make_grant(signer or ISSUER, **below)]
    keys = [OWNER.modulus, ISSUER.modulus, RIDER.modulus]
    return presentation.encode(grants, keys, asked or make_command(RIDER))


def check(name, steps, expect, **state):
    vehicle = {
        "id": TRIKE,
        "owner": OWNER.thumbprint.hex(),
        "generation": state.get("generation", 2),
        "time_floor": state.get("time_floor", NOW - 10_000),
        "revoked": [item.hex() for item in state.get("revoked", [])],
    }
    given = {
        "vehicle": vehicle,
        "challenges": [item.hex() for item in state.get("challenges", [CHALLENGE])],
        "now": state.get("now", NOW),
        "certain": state.get("certain", True),
        "presentations": [{"data": data.hex(), "uptime_ms": uptime} for data, uptime in steps],
    }
    case(f"access/{name}", "access.check", given, expect)


def refused(code):
    return [{"refused": code}]


UNLOCKED = {"action": command.UNLOCK, "limits": {"map": []}}
UNLOCKED_SLOW = {"action": command.UNLOCK, "limits": {"map": [[0, 7000], [1, 3660]]}}


def access_cases():
    check("direct", [(direct(), 1000)], [UNLOCKED])
    check("delegated", [(delegated(), 1000)], [UNLOCKED_SLOW])
    by_owner = presentation.encode([], [OWNER.modulus], make_command(OWNER, grant_id=b""))
    check("owner", [(by_owner, 1000)], [UNLOCKED])
    again = presentation.encode(
        [make_grant(OWNER)],
        [OWNER.modulus, RIDER.modulus],
        make_command(RIDER, challenge=CHALLENGE_2, action=command.LOCK),
    )
    check(
        "second-presentation",
        [(direct(), 1000), (again, 2000)],
        [UNLOCKED, {"action": command.LOCK, "limits": {"map": []}}],
        challenges=[CHALLENGE, CHALLENGE_2],
    )
    check("raise-generation", [(owner_command(3, {0: 9}), 1000)], [owner_answer(3)])
    check("revoke", [(owner_command(4, {0: RIDE_ID}), 1000)], [owner_answer(4)])
    check("raise-time", [(owner_command(5, {0: NOW}), 1000)], [owner_answer(5)])
    check("transfer", [(owner_command(6, {0: OTHER.thumbprint}), 1000)], [owner_answer(6)])
    refusal_cases()
    narrowing_cases()
    clock_cases()
    signature_cases()
    code_cases()
    zone_cases()
    workshop_cases()


def owner_command(action, args):
    asked = make_command(OWNER, action=action, args=args, grant_id=b"")
    return presentation.encode([], [OWNER.modulus], asked)


def owner_answer(action):
    return {"action": action, "limits": {"map": []}}


def refusal_cases():
    check("malformed", [(b"\x83", 0)], refused(1))
    check("malformed-trailing", [(direct() + b"\x00", 0)], refused(1))
    check("malformed-too-large", [(b"\x59\x10\x00" + bytes(4096), 0)], refused(1))
    asked = make_command(RIDER, vehicle="trike-2")
    other_vehicle = presentation.encode(
        [make_grant(OWNER, vehicle="trike-2")], [OWNER.modulus, RIDER.modulus], asked
    )
    check("other-vehicle", [(other_vehicle, 0)], refused(2))
    check("other-vehicles-grant", [(direct(vehicle="trike-2"), 0)], refused(2))
    check("challenge-never-given", [(direct(), 0)], refused(3), challenges=[CHALLENGE_2])
    check("challenge-reused", [(direct(), 0), (direct(), 1)], [UNLOCKED, {"refused": 3}])
    check("challenge-ended", [(direct(), 120_000)], refused(3))
    check("challenge-last-moment", [(direct(), 119_999)], [UNLOCKED])
    five = [bytes([i]) * 16 for i in range(4)]
    check("challenge-crowded-out", [(direct(), 0)], refused(3), challenges=[CHALLENGE, *five])
    spent = [(direct(holder=OTHER.thumbprint), 0), (direct(), 1)]
    check("challenge-spent-by-failure", spent, [{"refused": 6}, {"refused": 3}])
    by_other = presentation.encode([], [OTHER.modulus], make_command(OTHER, grant_id=b""))
    check("not-the-owner", [(by_other, 0)], refused(5))
    self_made = presentation.encode(
        [make_grant(OTHER)], [OTHER.modulus, RIDER.modulus], make_command(RIDER)
    )
    check("grant-by-a-stranger", [(self_made, 0)], refused(5))
    check("holder-not-bound", [(direct(holder=OTHER.thumbprint), 0)], refused(6))
    borrowed = presentation.encode(
        [make_grant(OWNER)], [OWNER.modulus, OTHER.modulus], make_command(OTHER)
    )
    check("borrowed-grant", [(borrowed, 0)], refused(6))
    named = presentation.encode(
        [make_grant(OWNER)],
        [OWNER.modulus, RIDER.modulus],
        make_command(RIDER, grant_id=DELEGATION_ID),
    )
    check("another-grant-id", [(named, 0)], refused(7))
    check("generation", [(direct(), 0)], refused(11), generation=3)
    check("generation-of-delegation", [(delegated(), 0)], refused(11), generation=3)
    check("revoked", [(direct(), 0)], refused(12), revoked=[RIDE_ID])
    check("revoked-delegation", [(delegated(), 0)], refused(12), revoked=[DELEGATION_ID])
    check("action", [(direct(actions=2), 0)], refused(14))
    check("argument", [(owner_command(3, {}), 0)], refused(18))
    check("argument-of-unlock", [(owner_command(1, {0: 1}), 0)], refused(18))
    check("argument-revoke", [(owner_command(4, {0: bytes(15)}), 0)], refused(18))
    check("unknown-action", [(owner_command(7, {}), 0)], refused(14))
    grants = [make_grant(OWNER)]
    by_holder = make_command(RIDER, action=6, args={0: OTHER.thumbprint})
    moved = presentation.encode(grants, [OWNER.modulus, RIDER.modulus], by_holder)
    check("transfer-by-a-holder", [(moved, 0)], refused(14))


def narrowing_cases():
    wide = refused(13)
    check("widened-actions", [(delegated(child={"actions": 7}), 0)], wide)
    check("widened-delegate", [(delegated(child={"actions": 0x8003}), 0)], [UNLOCKED_SLOW])
    check("widened-begin", [(delegated(parent={"not_before": NOW - 59}), 0)], wide)
    check("widened-end", [(delegated(parent={"not_after": NOW + 3599}), 0)], wide)
    check("widened-generation", [(delegated(child={"generation": 3}), 0)], wide)
    fast = {"limits": {grant.MAX_GRANT_S: 3660, grant.MAX_SPEED_MMPS: 7001}}
    check("widened-speed", [(delegated(child=fast), 0)], wide)
    check("widened-limit-left-out", [(delegated(child={"limits": {1: 3660}}), 0)], wide)
    long = {"limits": {grant.MAX_GRANT_S: 3659, grant.MAX_SPEED_MMPS: 7000}}
    check("widened-duration", [(delegated(parent=long, child=long), 0)], wide)
    check("no-delegate-bit", [(delegated(parent={"actions": UNLOCK_AND_LOCK}), 0)], wide)


def clock_cases():
    check("not-yet", [(direct(not_before=NOW + 1), 0)], refused(8))
    check("begins-now", [(direct(not_before=NOW), 0)], [UNLOCKED])
    check("expired", [(direct(not_after=NOW), 0)], refused(9))
    check("last-second", [(direct(not_after=NOW + 1), 0)], [UNLOCKED])
    check("expired-delegation", [(delegated(parent={"not_after": NOW}), 0)], refused(9))
    check("floor-is-later", [(direct(), 0)], refused(9), now=1000, time_floor=NOW + 3600)
    hour = {"not_before": NOW, "not_after": NOW + 3600}
    check("uncertain-hour", [(direct(**hour), 0)], [UNLOCKED], certain=False, now=0)
    longer = {"not_before": NOW, "not_after": NOW + 3601}
    check("uncertain-longer", [(direct(**longer), 0)], refused(10), certain=False, now=0)
    early = {"certain": False, "now": 0, "time_floor": NOW + 1}
    check("uncertain-before-floor", [(direct(**hour), 0)], refused(10), **early)


CODED = {"actions": WITH_CODES, "codes": [CODE_SALT, CODES[0]]}


def code_cases():
    """A deposit is a command like the others; a delegation without it lets nobody have codes."""
    asked = make_command(RIDER, action=8)
    deposit = presentation.encode(
        [make_grant(OWNER, **CODED)], [OWNER.modulus, RIDER.modulus], asked
    )
    check("deposit-codes", [(deposit, 0)], [{"action": 8, "limits": {"map": []}}])
    below = {**CODED, "limits": {grant.MAX_GRANT_S: 3660, grant.MAX_SPEED_MMPS: 7000}}
    check("widened-codes", [(delegated(child=below, asked=asked), 0)], refused(13))
    parent = {"actions": grant.DELEGATE | WITH_CODES}
    done = [{"action": 8, "limits": {"map": [[0, 7000], [1, 3660]]}}]
    check("delegated-codes", [(delegated(parent, below, asked=asked), 0)], done)
    more = make_command(RIDER, action=8, args={0: 1})
    wrong_args = presentation.encode(
        [make_grant(OWNER, **CODED)], [OWNER.modulus, RIDER.modulus], more
    )
    check("argument-of-deposit", [(wrong_args, 0)], refused(18))
    plain = presentation.encode([make_grant(OWNER)], [OWNER.modulus, RIDER.modulus], asked)
    check("deposit-not-allowed", [(plain, 0)], refused(14))


def zone_cases():
    for name, args, expect in (
        ("limit-speed", {0: 5000, 1: NOW + 600}, [owner_answer(9)]),
        ("limit-speed-lowest", {0: 1700, 1: 0}, [owner_answer(9)]),
        ("limit-speed-lifted", {0: 0, 1: 0}, [owner_answer(9)]),
        ("limit-speed-below-a-walk", {0: 1699, 1: 0}, refused(18)),
        ("limit-speed-one", {0: 1, 1: 0}, refused(18)),
        ("limit-speed-no-end", {0: 5000}, refused(18)),
        ("limit-speed-more", {0: 5000, 1: 0, 2: 0}, refused(18)),
        ("limit-speed-negative", {0: -1, 1: 0}, refused(18)),
        ("limit-speed-33-bits", {0: 5000, 1: 1 << 32}, refused(18)),
    ):
        check(name, [(owner_command(9, args), 0)], expect)
    asked = make_command(RIDER, action=9, args={0: 5000, 1: 0})
    by_rider = presentation.encode([make_grant(OWNER)], [OWNER.modulus, RIDER.modulus], asked)
    check("limit-speed-by-a-rider", [(by_rider, 0)], refused(14))
    operator = make_grant(OWNER, actions=0x0100)
    allowed = presentation.encode([operator], [OWNER.modulus, RIDER.modulus], asked)
    check("limit-speed-by-an-operator", [(allowed, 0)], [{"action": 9, "limits": {"map": []}}])


def workshop_cases():
    digest = hashlib.sha256(b"release").digest()
    for name, action, args, expect in (
        ("update", 11, {0: digest}, [owner_answer(11)]),
        ("update-digest-31", 11, {0: digest[:31]}, refused(18)),
        ("update-no-digest", 11, {}, refused(18)),
        ("update-more", 11, {0: digest, 1: 0}, refused(18)),
        ("diagnose", 12, {}, [owner_answer(12)]),
        ("diagnose-more", 12, {0: digest}, refused(18)),
        ("action-10", 10, {}, refused(14)),
        ("action-13", 13, {}, refused(14)),
    ):
        check(name, [(owner_command(action, args), 0)], expect)
    asked = make_command(RIDER, action=11, args={0: digest})
    for name, actions, expect in (
        ("update-by-a-rider", UNLOCK_AND_LOCK, refused(14)),
        ("update-by-a-diagnostician", 0x0800, refused(14)),
        ("update-by-a-mechanic", 0x0C00, [owner_answer(11)]),
    ):
        chain = [make_grant(OWNER, actions=actions)]
        shown = presentation.encode(chain, [OWNER.modulus, RIDER.modulus], asked)
        check(name, [(shown, 0)], expect)


def signature_cases():
    flipped = bytearray(direct())
    flipped[-1] ^= 1
    check("command-signature", [(bytes(flipped), 0)], refused(15))
    forged = presentation.encode(
        [make_grant(OTHER)], [OWNER.modulus, RIDER.modulus], make_command(RIDER)
    )
    check("grant-signature", [(forged, 0)], refused(15))
    check("delegated-by-another", [(delegated(signer=OTHER), 0)], refused(15))
    by_other = delegated(asked=make_command(OTHER))
    check("command-by-another-key", [(by_other, 0)], refused(15))
    check("grant-salt-20", [(direct(salt_bytes=20), 0)], refused(15))
    payload = command.encode(command.Command(TRIKE, CHALLENGE, 1, {}, RIDE_ID))
    as_grant = cose.assemble(cose.PS256, payload, RIDER.sign(grant.signed_message(payload)))
    mixed = presentation.encode([make_grant(OWNER)], [OWNER.modulus, RIDER.modulus], as_grant)
    check("signature-for-another-use", [(mixed, 0)], refused(15))
    backoff_case()


def backoff_case():
    """Five bad signatures close the gate for two seconds; each attempt spends a challenge."""
    steps, source, expect = [], [], []
    for i in range(4):
        source.append(bytes([i]) * 16)
        steps.append((wrong(source[-1]), 100))
        expect.append({"refused": 15})
    check("four-bad-signatures", steps, expect, challenges=source)


def wrong(challenge):
    asked = make_command(OTHER, challenge=challenge)
    return presentation.encode([make_grant(OWNER)], [OWNER.modulus, RIDER.modulus], asked)


def presentation_cases():
    def decode(name, data, expect):
        case(f"presentation/{name}", "presentation.decode", {"data": data.hex()}, expect)

    asked = make_command(RIDER)
    good = {
        "grants": 1,
        "command_id": hashlib.sha256(asked).digest()[:16].hex(),
        "action": 1,
    }
    decode("good", direct(), good)
    keys = [OWNER.modulus, RIDER.modulus]
    one = [make_grant(OWNER)]
    for name, parts, expected in (
        ("four-grants", [one * 4, [OWNER.modulus] * 5, asked], "field"),
        ("key-missing", [one, keys[:1], asked], "field"),
        ("key-too-many", [one, [*keys, OTHER.modulus], asked], "field"),
        ("key-1024", [one, [OWNER.modulus, RIDER.modulus[128:]], asked], "field"),
        ("key-even", [one, [OWNER.modulus, RIDER.modulus[:-1] + b"\x02"], asked], "field"),
        ("grant-not-bytes", [[1], keys, asked], "field"),
        ("command-not-bytes", [one, keys, 1], "field"),
        ("grant-not-cose", [[b"\x00"], keys, asked], "cose"),
        ("four-parts", [one, keys, asked, 0], "field"),
    ):
        decode(f"refuse-{name}", cbor.encode(parts), error(expected))
    payload = command.encode(command.Command(TRIKE, CHALLENGE, 1, {}, RIDE_ID))
    signature = RIDER.sign(command.signed_message(payload))
    for name, parts, expected in (
        ("alg-none", [b"\xa0", {}, payload, signature], "cose-algorithm"),
        ("alg-rs256", [cbor.encode({1: -257}), {}, payload, signature], "cose-algorithm"),
        ("alg-and-more", [cbor.encode({1: -37, 4: b""}), {}, payload, signature], "cose-algorithm"),
        ("alg-unprotected", [b"", {1: -37}, payload, signature], "cose-algorithm"),
        ("unprotected", [cbor.encode({1: -37}), {4: b""}, payload, signature], "cose-unprotected"),
        ("detached", [cbor.encode({1: -37}), {}, None, signature], "cose"),
        ("three-parts", [cbor.encode({1: -37}), {}, payload], "cose"),
    ):
        bad = cbor.encode([one, keys, cbor.encode(parts)])
        decode(f"refuse-{name}", bad, error(expected))


def command_cases():
    def decode(name, change, expect):
        value = {0: 1, 1: TRIKE, 2: CHALLENGE, 3: 1, 4: {}, 5: RIDE_ID}
        value.update(change)
        case(f"command/{name}", "command.decode", {"payload": cbor.encode(value).hex()}, expect)

    good = {
        "vehicle": TRIKE,
        "challenge": {"hex": CHALLENGE.hex()},
        "action": 1,
        "args": {"map": []},
        "grant_id": {"hex": RIDE_ID.hex()},
    }
    decode("good", {}, good)
    decode("refuse-version", {0: 0}, error("version"))
    decode("refuse-challenge-15", {2: bytes(15)}, error("field"))
    decode("refuse-challenge-text", {2: "x" * 16}, error("field"))
    decode("refuse-action-16", {3: 16}, error("field"))
    decode("refuse-args-null", {4: None}, error("field"))
    decode("refuse-grant-id-1", {5: b"\x00"}, error("field"))
    decode("refuse-extra-key", {6: 0}, error("unknown-key"))


# --- Records, statements, acknowledgements, links, CAN -------------------------------------------


def hmac_tag(message):
    return hmac.new(VEHICLE_KEY, message, "sha256").digest()


def sealed(value, tag=hmac_tag, alg=cose.HMAC_256):
    payload = cbor.encode(value)
    return cose.assemble(alg, payload, tag(cose.mac0_message(record.AAD, payload)))


def record_cases():
    bodies = {
        "boot": (1, {0: "0.1.0", 1: 0, 2: 0, 3: 4, 4: 2}),
        "lock": (2, {0: 1, 1: 0, 2: 1}),
        "answer": (3, {0: bytes(16), 1: 1, 2: RIDE_ID, 3: 0}),
        "refusal": (4, {0: b"", 1: 15, 2: 0, 3: 3}),
        "telemetry": (5, {0: -5, 1: 12, 2: 51200, 3: -30, 4: 871, 5: -349_000_000, 7: 2}),
        "telemetry-nothing-fresh": (5, {}),
        "fault": (6, {0: 2, 1: 65535, 2: True}),
        "lost": (7, {0: 14}),
        "telemetry-whole": (5, {key: 1_000 + key for key in range(20)}),
        "fault-flagged": (6, {0: 1, 1: 0x1_0010, 2: True}),
        "health": (8, {0: 86_400, 1: 61_440, 2: 0, 7: 3, 9: 1, 28: 12_600, 29: -7}),
        "health-whole": (8, {key: key for key in range(30)}),
        "egress": (9, {0: 2, 1: -40}),
        "egress-speed-stale": (9, {0: 0}),
        "update": (10, {0: 4, 1: bytes(range(32)), 2: 16, 3: 12}),
    }

    def opened(name, data, expect, key=VEHICLE_KEY):
        given = {"key": key.hex(), "data": data.hex()}
        case(f"record/{name}", "record.open", given, expect)

    def value(kind, body):
        return [1, TRIKE, 3, 7, 123_456, NOW, kind, body]

    for name, (kind, body) in bodies.items():
        pairs = []
        for key in sorted(body):
            item = body[key]
            pairs.append([key, {"hex": item.hex()} if isinstance(item, bytes) else item])
        expect = {
            "vehicle": TRIKE,
            "boot": 3,
            "seq": 7,
            "uptime_ms": 123_456,
            "time": NOW,
            "kind": kind,
            "body": {"map": pairs},
        }
        opened(name, sealed(value(kind, body)), expect)
    good = value(2, {0: 1, 1: 0, 2: 1})
    opened("refuse-other-key", sealed(good), error("record-mac"), bytes(32))
    cut = cbor.decode(sealed(good))
    short = cbor.encode([cut[0], cut[1], cut[2], cut[3][:8]])
    opened("refuse-short-tag", short, error("field"))
    flipped = cbor.encode([cut[0], cut[1], cut[2], bytes([cut[3][0] ^ 1]) + cut[3][1:]])
    opened("refuse-tag", flipped, error("record-mac"))
    opened("refuse-hmac-256-64", sealed(good, alg=4), error("cose-algorithm"))
    for name, changed, expected in (
        ("kind-0", value(0, {}), "field"),
        # Of the day when there was no kind 8. A HEALTH record that says nothing is refused as well.
        ("kind-8", value(8, {}), "field"),
        ("kind-255", value(255, {0: 1}), "field"),
        ("health-extra", value(8, {255: 1}), "unknown-key"),
        ("health-type", value(8, {0: -1}), "field"),
        ("telemetry-extra", value(5, {255: 1}), "unknown-key"),
        ("egress-empty", value(9, {}), "missing-key"),
        ("egress-speed-alone", value(9, {1: 3}), "missing-key"),
        ("egress-extra", value(9, {0: 0, 1: 3, 2: 0}), "unknown-key"),
        ("egress-state-negative", value(9, {0: -1}), "field"),
        ("update-missing", value(10, {0: 1, 1: b"", 2: 0}), "missing-key"),
        ("update-type", value(10, {0: 1, 1: "", 2: 0, 3: 0}), "field"),
        ("body-missing", value(2, {0: 1}), "missing-key"),
        ("body-extra", value(2, {0: 1, 1: 0, 2: 1, 3: 0}), "unknown-key"),
        ("body-type", value(2, {0: 1, 1: 0, 2: "x"}), "field"),
        ("fault-one-for-true", value(6, {0: 2, 1: 3, 2: 1}), "field"),
        ("seven", value(2, {0: 1, 1: 0, 2: 1})[:7], "field"),
        ("seq-negative", [1, TRIKE, 3, -1, 0, 0, 2, {0: 1, 1: 0, 2: 1}], "field"),
    ):
        opened(f"refuse-{name}", sealed(changed), error(expected))


def statement_cases():
    records = [sealed([1, TRIKE, 1, i, i, NOW, 7, {0: i}]) for i in range(2)]
    salt = bytes(range(16))

    def message(value, body, opening=salt, seal=bytes(64)):
        packed = cose.assemble(cose.EDDSA, cbor.encode(value), seal)
        return cbor.encode([packed, opening, body])

    def decode(name, data, expect):
        case(f"statement/{name}", "statement.decode", {"message": data.hex()}, expect)

    body = cbor.encode(records)
    committed = hashlib.sha256(b"trifleet/commitment/v1" + salt + body).digest()
    value = [1, "gw-1", 0, bytes(32), NOW, 1, committed]
    packed = cose.assemble(cose.EDDSA, cbor.encode(value), bytes(64))
    good = {
        "gateway": "gw-1",
        "seq": 0,
        "prev_hash": {"hex": "00" * 32},
        "time": NOW,
        "kind": 1,
        "hash": hashlib.sha256(packed).hexdigest(),
        "records": 2,
    }
    decode("good", message(value, body), good)
    decode("refuse-other-salt", message(value, body, bytes(16)), error("commitment"))
    decode("refuse-other-body", message(value, body[:-1] + b"\x00"), error("commitment"))
    decode("refuse-salt-15", message(value, body, bytes(15)), error("field"))
    decode("refuse-signature-63", message(value, body, seal=bytes(63)), error("field"))
    decode("refuse-kind-6", message([*value[:5], 6, committed], body), error("field"))
    for kind in (4, 5):
        made = [*value[:5], kind, committed]
        packed = cose.assemble(cose.EDDSA, cbor.encode(made), bytes(64))
        read = {**good, "kind": kind, "hash": hashlib.sha256(packed).hexdigest()}
        del read["records"]
        decode(f"kind-{kind}", message(made, body), read)
    decode("refuse-gateway", message([1, "gw/1", *value[2:]], body), error("identifier"))
    decode("refuse-seq-negative", message([1, "gw-1", -1, *value[3:]], body), error("field"))
    empty = cbor.encode([])
    none = hashlib.sha256(b"trifleet/commitment/v1" + salt + empty).digest()
    decode("refuse-no-records", message([*value[:6], none], empty), error("field"))
    second = [2, *value[1:], 2, 30]
    packed = cose.assemble(cose.EDDSA, cbor.encode(second), bytes(64))
    clock = {"clock": 2, "error_ms": 30, "hash": hashlib.sha256(packed).hexdigest()}
    decode("version-2", message(second, body), {**good, **clock})
    for name, changed, wrong in (
        ("version-2-held-over", [1, 0xFFFFFFFF], None),
        ("version-2-gnss", [3, 0], None),
        ("refuse-version-2-clock-4", [4, 30], "field"),
        ("refuse-version-2-unset-with-time", [0, 0xFFFFFFFF], "field"),
        ("refuse-version-2-error", [2, 1 << 32], "field"),
        ("refuse-version-2-clock-true", [True, 30], "field"),
        ("refuse-version-2-eight", [2], "field"),
        ("refuse-version-2-ten", [2, 30, 0], "field"),
    ):
        made = [*second[:7], *changed]
        packed = cose.assemble(cose.EDDSA, cbor.encode(made), bytes(64))
        read = dict(zip(("clock", "error_ms"), changed), hash=hashlib.sha256(packed).hexdigest())
        decode(name, message(made, body), error(wrong) if wrong else {**good, **read})
    unset = [*second[:4], 0, *second[5:7], 0, 0xFFFFFFFF]
    packed = cose.assemble(cose.EDDSA, cbor.encode(unset), bytes(64))
    read = {"time": 0, "clock": 0, "error_ms": 0xFFFFFFFF}
    decode(
        "version-2-unset",
        message(unset, body),
        {**good, **read, "hash": hashlib.sha256(packed).hexdigest()},
    )
    no_time = [*second[:4], 0, *second[5:]]
    decode("refuse-version-2-set-without-time", message(no_time, body), error("field"))
    decode("refuse-version-1-nine", message([1, *second[1:]], body), error("field"))
    decode("refuse-version-3", message([3, *second[1:]], body), error("version"))
    release_cases(cose.assemble(cose.EDDSA, cbor.encode(second), bytes(64)))


def release_cases(sign1):
    def release(name, value, expect, good=True):
        given = {"message": cbor.encode(value).hex(), "good": good}
        case(f"statement/release-{name}", "statement.release", given, expect)

    signature = bytes(range(64))
    signed = b"trifleet/release/v1" + hashlib.sha256(sign1).digest()
    release("good", [sign1, signature], {"signed": signed.hex(), "signature": signature.hex()})
    release("refuse-signature", [sign1, signature], error("release-signature"), good=False)
    release("refuse-63", [sign1, signature[1:]], error("field"))
    release("refuse-three", [sign1, signature, b""], error("field"))
    release("refuse-one", [sign1], error("field"))
    release("refuse-text", [sign1, "x"], error("field"))

    def thinned(name, text, expect):
        case(f"statement/thinned-{name}", "statement.thinned", {"text": text}, expect)

    thinned("good", "51 samples of statements 3-3 7-19", [51, [[3, 3], [7, 19]]])
    for name, text in (
        ("overlap", "1 samples of statements 3-5 5-9"),
        ("descending", "1 samples of statements 9-8"),
        ("zero", "01 samples of statements 3-3"),
        ("sign", "1 samples of statements -3-3"),
        ("none", "1 samples of statements "),
        ("single", "1 samples of statements 3"),
        ("digits", "\u0661 samples of statements 3-3"),
        ("empty", ""),
    ):
        thinned("refuse-" + name, text, error("field"))


def ack_cases():
    def opened(name, value, expect, good=True):
        payload = cbor.encode(value)
        data = cose.assemble(cose.EDDSA, payload, bytes(64))
        case(f"ack/{name}", "ack.open", {"data": data.hex(), "good": good}, expect)

    both = [1, "gw-1", [[0, 4], [6, 6]], [[5, 5]]]
    opened("good", both, {"gateway": "gw-1", "accepted": [[0, 4], [6, 6]], "refused": [[5, 5]]})
    opened("refuse-signature", both, error("ack-signature"), good=False)
    opened("refuse-backwards", [1, "gw-1", [[4, 0]], []], error("field"))
    opened("refuse-unsorted", [1, "gw-1", [[6, 6], [0, 4]], []], error("field"))
    opened("refuse-overlap", [1, "gw-1", [[0, 4], [4, 5]], []], error("field"))
    opened("refuse-single", [1, "gw-1", [[0]], []], error("field"))
    over = bytes([7] * 32)
    told = {"gateway": "gw-1", "accepted": [], "refused": [], "replaced": {"hex": over.hex()}}
    opened("replaced-key", [2, "gw-1", [], [], over], told)
    opened("refuse-replaced-31", [2, "gw-1", [], [], over[:31]], error("field"))
    opened("refuse-version-2-four", [2, "gw-1", [], []], error("field"))
    opened("refuse-version-1-five", [1, "gw-1", [], [], over], error("field"))
    assert ack.to_ranges([6, 4, 0, 1, 2, 3]) == [(0, 4), (6, 6)]


def sighting_cases():
    def opened(name, value, expect, good=True, seal=bytes(64)):
        data = cose.assemble(cose.EDDSA, cbor.encode(value), seal)
        case(f"sighting/{name}", "sighting.open", {"data": data.hex(), "good": good}, expect)

    held, refused, item = b"note 1", b"note 2", bytes(32)
    read = {
        "gateway": "gw-1",
        "time": NOW,
        "origin": LOG,
        "held": {"hex": held.hex()},
        "refused": {"hex": ""},
        "proof": [],
    }
    plain = [1, "gw-1", NOW, LOG, held, b"", []]
    opened("good", plain, read)
    opened("nothing-yet", [*plain[:4], b"", b"", []], {**read, "held": {"hex": ""}})
    both = {**read, "refused": {"hex": refused.hex()}, "proof": [{"hex": item.hex()}]}
    opened("disagreement", [*plain[:5], refused, [item]], both)
    opened("refuse-signature", plain, error("sighting-signature"), good=False)
    opened("refuse-signature-63", plain, error("field"), seal=bytes(63))
    opened("refuse-version", [2, *plain[1:]], error("version"))
    opened("refuse-gateway", [1, "gw/1", *plain[2:]], error("identifier"))
    opened("refuse-time", [1, "gw-1", 1 << 32, *plain[3:]], error("field"))
    opened("refuse-no-origin", [*plain[:3], "", *plain[4:]], error("field"))
    opened("refuse-contradicting-nothing", [*plain[:4], b"", refused, []], error("field"))
    opened("refuse-proof-of-nothing", [*plain[:5], b"", [item]], error("field"))
    opened("refuse-hash-31", [*plain[:5], refused, [bytes(31)]], error("field"))
    opened("refuse-65-hashes", [*plain[:5], refused, [item] * 65], error("field"))
    opened("refuse-long-note", [*plain[:4], bytes(30_001), b"", []], error("field"))
    opened("refuse-8-items", [*plain, 0], error("field"))


def link_cases():
    def decode(name, as_, data, expect):
        case(f"link/{name}", "link.decode", {"as": as_, "message": data.hex()}, expect)

    decode("stored", "stored", link.encode_stored(3, 9), [2, [3, 9]])
    decode("stored-negative", "stored", b"\x02" + cbor.encode([3, -1]), error("field"))
    decode(
        "challenge",
        "challenge",
        link.encode_challenge(CHALLENGE, 120),
        [2, [{"hex": CHALLENGE.hex()}, 120]],
    )
    decode("challenge-short", "challenge", b"\x02" + bytes(17), error("field"))
    decode("hello", "hello", link.encode_hello(TRIKE, 2, "0.1.0"), [3, [TRIKE, 2, "0.1.0"]])
    decode("empty", "hello", b"", error("truncated"))


def courier_cases():
    def decode(name, as_, data, expect):
        case(f"courier/{name}", "courier.decode", {"as": as_, "data": data.hex()}, expect)

    asked = direct()
    decode(
        "challenge",
        "challenge",
        courier.encode_challenge(TRIKE, CHALLENGE, NOW),
        [TRIKE, {"hex": CHALLENGE.hex()}, NOW],
    )
    decode("status", "status", courier.encode_status(True, NOW), [True, NOW])
    decode("status-one", "status", cbor.encode([1, 1, NOW]), error("field"))
    decode(
        "command-status",
        "command-status",
        courier.encode_command_status(bytes(16), 2),
        [{"hex": "00" * 16}, 2],
    )
    decode("command-status-5", "command-status", cbor.encode([1, bytes(16), 5]), error("field"))
    decode(
        "command",
        "command",
        courier.encode_command(bytes(16), TRIKE, NOW, asked),
        [{"hex": "00" * 16}, TRIKE, NOW, {"hex": asked.hex()}],
    )
    decode(
        "command-version",
        "command",
        cbor.encode([2, bytes(16), TRIKE, NOW, asked]),
        error("version"),
    )

    found = [LOG, {"hex": b"note".hex()}, 3, [{"hex": "00" * 32}]]
    good = [1, LOG, b"note", 3, [bytes(32)]]
    decode("checkpoint", "checkpoint", courier.encode_checkpoint(*good[1:]), found)
    refused = {
        "version": ([2, *good[1:]], "version"),
        "no-origin": ([1, "", *good[2:]], "field"),
        "no-note": ([1, LOG, b"", *good[3:]], "field"),
        "long-note": ([1, LOG, bytes(30_001), *good[3:]], "field"),
        "size": ([*good[:3], 1 << 63, good[4]], "field"),
        "65-hashes": ([*good[:4], [bytes(32)] * 65], "field"),
        "hash-33": ([*good[:4], [bytes(33)]], "field"),
    }
    for name, (value, why) in refused.items():
        decode(f"checkpoint-{name}", "checkpoint", cbor.encode(value), error(why))


def request_cases():
    def decode(name, as_, payload, expect):
        case(f"request/{name}", "request.decode", {"as": as_, "payload": payload.hex()}, expect)

    decode("registration", "registration", request.encode_registration(NOW), NOW)
    decode(
        "registration-extra",
        "registration",
        cbor.encode({0: 1, 1: NOW, 2: 0}),
        error("unknown-key"),
    )
    asked = request.GrantRequest(TRIKE, 3, 3600, bytes(16), NOW)
    decode(
        "grant",
        "grant",
        request.encode_grant_request(asked),
        {
            "vehicle": TRIKE,
            "actions": 3,
            "duration_s": 3600,
            "nonce": {"hex": "00" * 16},
            "time": NOW,
        },
    )
    decode(
        "grant-nonce",
        "grant",
        cbor.encode({0: 1, 1: TRIKE, 2: 3, 3: 1, 4: b"", 5: NOW}),
        error("field"),
    )
    whole = {0: 1, 1: TRIKE, 2: WITH_CODES, 3: 3600, 4: bytes(16), 5: NOW}
    items = [CODE_SALT, *CODES[:2]]
    told = {
        "vehicle": TRIKE,
        "actions": WITH_CODES,
        "duration_s": 3600,
        "nonce": {"hex": "00" * 16},
        "time": NOW,
        "codes": [{"hex": item.hex()} for item in items],
    }
    decode("grant-codes", "grant", cbor.encode({**whole, 6: items}), told)
    for name, value in (("none", []), ("salt-alone", items[:1]), ("number", 1)):
        coded = cbor.encode({**whole, 6: value})
        decode(f"refuse-codes-{name}", "grant", coded, error("field"))
    decode("refuse-extra-key", "grant", cbor.encode({**whole, 7: 0}), error("unknown-key"))


def stretched(vehicle, holder, drawn, code):
    """The stretching of a code, written once more after the page."""
    named = cbor.encode(["trifleet/code/v1", vehicle, holder, drawn])
    salt = hashlib.sha256(named).digest()[:16]
    pieces = [hashlib.sha256(salt + bytes([i]) + code).digest() for i in range(16)]
    for i in range(2048):
        pieces[i % 16] = hashlib.sha256(b"".join(pieces)).digest()
    return hashlib.sha256(b"".join(pieces)).digest()[:16]


def codes_cases():
    for name, vehicle, holder, drawn, code in (
        ("hash", TRIKE, RIDER.thumbprint, CODE_SALT, "0123456789012345"),
        ("hash-zeros", TRIKE, RIDER.thumbprint, CODE_SALT, "0" * 16),
        ("hash-other-vehicle", "trike-2", RIDER.thumbprint, CODE_SALT, "0123456789012345"),
        ("hash-other-holder", TRIKE, OTHER.thumbprint, CODE_SALT, "0123456789012345"),
        ("hash-other-salt", TRIKE, RIDER.thumbprint, CODES[0], "0123456789012345"),
    ):
        given = {"vehicle": vehicle, "holder": holder.hex(), "drawn": drawn.hex(), "code": code}
        expect = stretched(vehicle, holder, drawn, code.encode()).hex()
        case(f"codes/{name}", "codes.hash", given, expect)


VEHICLE = {
    0: 1, 1: "delta-passenger", 2: 0, 3: 2100, 4: 1120, 5: 540, 6: 1260, 7: 647, 8: 1422, 9: True,
    10: 4000, 11: 50, 12: 100, 13: 30, 14: 850, 15: 12500, 16: 2800, 17: 25000, 18: 12000,
    19: 1634, 20: 8600,
}  # fmt: skip


def vehicle_cases():
    def decode(name, expect, **changes):
        document = dict(VEHICLE)
        document.update({int(key[1:]): value for key, value in changes.items()})
        data = cbor.encode(document)
        case(f"vehicle/{name}", "vehicle.decode", {"data": data.hex()}, expect or numbers(document))

    def numbers(document):
        return [document[key] for key in range(1, 21)]

    decode("delta", None)
    decode("tadpole-without-steering", None, k2=1, k9=False)
    decode("smallest", None, k3=800, k4=400, k5=100, k6=50, k7=100, k8=50, k10=500, k11=0, k12=0,
           k13=10, k14=500, k15=1000, k16=500, k17=1000, k18=1000, k19=600, k20=500)  # fmt: skip
    decode("largest", None, k3=5000, k4=3000, k5=2000, k6=4999, k7=2000, k8=4999, k10=8000, k11=150,
           k12=200, k13=200, k14=1000, k15=32000, k16=32000, k17=32767, k18=50000, k19=4000,
           k20=30000)  # fmt: skip
    for key, low, high in (
        (2, None, 2), (3, 799, 5001), (4, 399, 3001), (5, 99, 2001), (6, 49, 5001), (7, 99, 2001),
        (8, 49, 5001), (10, 499, 8001), (11, None, 151), (12, None, 201), (13, 9, 201),
        (14, 499, 1001), (15, 999, 32001), (16, 499, 32001), (17, 999, 32768), (18, 999, 50001),
        (19, 599, 4001), (20, 499, 30001),
    ):  # fmt: skip
        if low is not None:
            decode(f"refuse-{key}-low", error("field"), **{f"k{key}": low})
        decode(f"refuse-{key}-high", error("field"), **{f"k{key}": high})
    decode("refuse-negative", error("field"), k11=-1)
    decode("refuse-true-for-a-number", error("field"), k11=True)
    decode("refuse-a-number-for-true", error("field"), k9=1)
    decode("refuse-version", error("version"), k0=2)
    decode("refuse-name", error("identifier"), k1="Delta")
    decode("refuse-another-key", error("unknown-key"), k21=0)
    decode("refuse-mass-behind-the-rear-axle", error("contradiction"), k6=2100)
    decode("refuse-load-behind-the-rear-axle", error("contradiction"), k8=2100)
    decode("refuse-limp-above-top", error("contradiction"), k16=12501)
    decode("refuse-top-above-the-sensors", error("contradiction"), k17=12499)
    missing = {key: VEHICLE[key] for key in VEHICLE if key != 20}
    given = {"data": cbor.encode(missing).hex()}
    case("vehicle/refuse-missing-key", "vehicle.decode", given, error("missing-key"))
    given = {"data": cbor.encode(VEHICLE).hex() + "00"}
    case("vehicle/refuse-trailing", "vehicle.decode", given, error("trailing-bytes"))


def can_cases():
    def decode(name, identifier, data, expect, **more):
        given = {"id": identifier, "data": data.hex(), **more}
        case(f"can/{name}", "can.decode", given, expect)

    drive = {
        "Enable": 1,
        "Mode": 2,
        "Direction": 1,
        "TorqueCap_pct": 100,
        "SpeedCap_mmps": 7000,
        "Reason": 0,
    }
    # By hand: Enable bit 0, Mode bits 1-3, Direction 4-5, cap in byte 1, speed in bytes 2 and 3.
    raw = bytes([0b010101, 100, 7000 & 0xFF, 7000 >> 8, 0, 0, 9])
    whole = raw + bytes([crc8_j1850(0x50, raw)])
    decode("drive", 0x50, whole, {"message": "VCU_Drive", "values": drive, "alive": 9})
    assert can.encode("VCU_Drive", drive, 9) == whole
    decode("refuse-crc", 0x50, whole[:-1] + bytes([whole[-1] ^ 1]), error("can-crc"))
    decode("refuse-other-identifier", 0xA0, whole, error("can-crc"))
    decode("refuse-short", 0x50, whole[:7], error("can-length"))
    decode("refuse-long", 0x50, whole + b"\x00", error("can-length"))
    decode("refuse-unknown", 0x123, whole, error("can-unknown"))
    bad = bytes([0b010101, 101, 0, 0, 0, 0, 0])
    decode("refuse-range", 0x50, bad + bytes([crc8_j1850(0x50, bad)]), error("can-range"))
    position = (-349_011_000).to_bytes(4, "little", signed=True)
    position += (-561_645_000).to_bytes(4, "little", signed=True)
    values = {"Latitude_e7": -349_011_000, "Longitude_e7": -561_645_000}
    decode("gnss", 0x420, position, {"message": "GNSS_Position", "values": values, "alive": 0})
    # By hand: Led bits 8-10, Sound 11-12, Typed 13-17, Number from bit 24, battery in byte 5.
    panel = {"Screen": 64, "Led": 2, "Sound": 1, "Typed": 16, "Number": 300, "Battery_pct": 80}
    raw = bytes([64, 2 | 1 << 3, 16 >> 3, 300 & 0xFF, 300 >> 8, 80, 3])
    raw = bytes([raw[0], raw[1] | (16 & 7) << 5, *raw[2:]])
    whole = raw + bytes([crc8_j1850(0xB0, raw)])
    decode("panel", 0xB0, whole, {"message": "VCU_Panel", "values": panel, "alive": 3})
    raw = bytes([200, 10 | 1 << 4, 0, 0, 0, 0, 15])
    whole = raw + bytes([crc8_j1850(0x411, raw)])
    keys = {"Presses": 200, "Digit": 10, "Egress": 1}
    decode("panel-keys", 0x411, whole, {"message": "HMI_Keys", "values": keys, "alive": 15})


def crc8_j1850(identifier, data):
    """Bit by bit, as the standard writes it: the table of the codec is not trusted here."""
    crc = 0xFF
    for byte in identifier.to_bytes(2, "little") + data:
        for bit in range(7, -1, -1):
            carry = crc >> 7 ^ byte >> bit & 1
            crc = (crc << 1 & 0xFF) ^ (0x1D if carry else 0)
    return crc ^ 0xFF


def enrolment_sealed(aad, value, key, alg=cose.HMAC_256):
    payload = cbor.encode(value)
    message = cbor.encode(["MAC0", cbor.encode({1: 5}), aad, payload])
    tag = hmac.new(key, message, hashlib.sha256).digest()
    return cbor.encode([cbor.encode({1: alg}), {}, payload, tag])


def enrolment_cases():
    drawn = bytes(range(15))
    code = "000g40r40m30e209185gr38ed"
    shown = "000g4-0r40m-30e20-9185g-r38ed"
    case("enrolment/code-drawn", "enrolment.code", {"drawn": drawn.hex()}, shown)
    key = hashlib.sha256(b"trifleet/enrolment-key/v1" + code.encode()).digest()
    invitation = hashlib.sha256(b"trifleet/enrolment-invitation/v1" + code.encode()).digest()[:16]
    read = [code, invitation.hex(), key.hex()]

    def typed(name, text, expect):
        case(f"enrolment/code-{name}", "enrolment.code", {"typed": text}, expect)

    typed("typed", shown, read)
    typed("upper-case", f" {shown.upper()} ", read)
    typed("alike", "OOOg4-or4om-3Oe2o-9i85G-r38ed", read)
    typed("spaces", shown.replace("-", " "), read)
    typed("wrong-letter", shown.replace("9185g", "9285g"), error("code"))
    typed("changed-places", shown.replace("r38ed", "r38de"), error("code"))
    typed("u-is-no-letter", shown.replace("r38ed", "u38ed"), error("code"))
    typed("short", shown[:-1], error("code"))
    typed("long", shown + "0", error("code"))
    typed("empty", "", error("code"))
    enrolment_request_cases(invitation, key)
    enrolment_answer_cases(key)
    enrolment_notary_cases(key)


def enrolment_request_cases(invitation, key):
    aad = b"trifleet/enrolment-request/v1"
    public, csr, nonce, proof = bytes([1] * 32), b"csr", bytes([2] * 16), bytes([3] * 64)
    whole = [1, invitation, public, csr, nonce, proof]

    def opened(name, data, expect, with_key=key):
        given = {"data": data.hex(), "key": with_key.hex()}
        case(f"enrolment/request-{name}", "enrolment.request", given, expect)

    def changed(name, at, value, expect):
        opened(name, enrolment_sealed(aad, whole[:at] + [value] + whole[at + 1 :], key), expect)

    message = cbor.encode(["trifleet/enrolment-proof/v1", invitation, public, csr, nonce])
    names = ("invitation", "public_key", "csr", "nonce", "proof")
    values = dict(zip(names, ({"hex": one.hex()} for one in whole[1:]), strict=True))
    good = enrolment_sealed(aad, whole, key)
    opened("whole", good, {**values, "proof_message": message.hex()})
    opened("another-code", good, error("enrolment-seal"), bytes(32))
    answer_aad = b"trifleet/enrolment-answer/v1"
    opened("as-answer", enrolment_sealed(answer_aad, whole, key), error("enrolment-seal"))
    opened("another-algorithm", enrolment_sealed(aad, whole, key, 4), error("cose-algorithm"))
    opened("trailing", good + b"\0", error("trailing-bytes"))
    opened("truncated", good[:-1], error("truncated"))
    opened("one-more", enrolment_sealed(aad, [*whole, 0], key), error("field"))
    changed("version", 0, 2, error("version"))
    changed("invitation", 1, bytes(15), error("field"))
    changed("key", 2, bytes(31), error("field"))
    changed("no-csr", 3, b"", error("field"))
    changed("long-csr", 3, bytes(2049), error("field"))
    changed("nonce", 4, bytes(17), error("field"))
    changed("proof", 5, bytes(63), error("field"))
    opened("large", bytes(4097), error("too-large"))


def enrolment_answer_cases(key):
    aad, nonce = b"trifleet/enrolment-answer/v1", bytes([2] * 16)
    chain, root, ack_key = [b"certificate"], b"root", bytes([4] * 32)
    broker = ["broker.example", 8883, "broker"]
    whole = [1, nonce, "gw-1", chain, root, ack_key, *broker, [LOG], [TRIKE]]

    def opened(name, data, expect, asked=nonce):
        given = {"data": data.hex(), "key": key.hex(), "nonce": asked.hex()}
        case(f"enrolment/answer-{name}", "enrolment.answer", given, expect)

    def changed(name, at, value, expect="field"):
        data = enrolment_sealed(aad, whole[:at] + [value] + whole[at + 1 :], key)
        opened(name, data, error(expect))

    good = enrolment_sealed(aad, whole, key)
    expect = {
        "nonce": {"hex": nonce.hex()},
        "gateway": "gw-1",
        "chain": [{"hex": chain[0].hex()}],
        "authority": {"hex": root.hex()},
        "ack_public_key": {"hex": ack_key.hex()},
        "broker": broker,
        "logs": [LOG],
        "vehicles": [TRIKE],
    }
    opened("whole", good, expect)
    opened("to-another", good, error("enrolment-nonce"), bytes(16))
    forged = good[:-1] + bytes([good[-1] ^ 1])
    opened("forged", forged, error("enrolment-seal"))
    changed("version", 0, 2, "version")
    changed("name", 2, "gw/1", "identifier")
    changed("no-certificate", 3, [])
    changed("long-chain", 3, [b"x"] * 5)
    changed("no-root", 4, b"")
    changed("ack-key", 5, bytes(33))
    changed("host-with-quote-and-line", 6, 'a"\nb')
    changed("no-host", 6, "")
    changed("port-0", 7, 0)
    changed("port-too-high", 7, 65536)
    changed("logs", 9, ["x"] * 17)
    changed("no-vehicle", 10, [])
    changed("vehicle", 10, ["trike+"], "identifier")


def enrolment_notary_cases(key):
    whole = [2, bytes([2] * 16), "workshop-1", [b"certificate"], b"root", bytes(32)]
    whole += ["broker.example", 8883, "broker", ["log+0123abcd+key"]]

    def opened(name, value, expect):
        data = enrolment_sealed(b"trifleet/enrolment-answer/v1", value, key)
        given = {"data": data.hex(), "key": key.hex(), "nonce": whole[1].hex()}
        case(f"enrolment/notary-{name}", "enrolment.answer", given, expect)

    expect = {
        "nonce": {"hex": whole[1].hex()},
        "gateway": "workshop-1",
        "chain": [{"hex": b"certificate".hex()}],
        "authority": {"hex": b"root".hex()},
        "ack_public_key": {"hex": bytes(32).hex()},
        "broker": whole[6:9],
        "logs": whole[9],
        "vehicles": [],
    }
    opened("whole", whole, expect)
    opened("with-vehicles", [*whole, ["trike-7"]], error("version"))
    opened("without-logs", whole[:-1], error("field"))
    opened("version-3", [3, *whole[1:]], error("version"))
    opened("version-1", [1, *whole[1:]], error("version"))


def renewal_cases():
    nonce, chain = bytes([2] * 16), [b"certificate"]
    whole = [1, "gw-1", b"csr", nonce, NOW]

    def opened(name, value, expect, good=True, seal=bytes(64), alg=cose.EDDSA):
        data = cbor.encode([cbor.encode({1: alg}), {}, cbor.encode(value), seal])
        given = {"data": data.hex(), "good": good}
        case(f"renewal/request-{name}", "renewal.open", given, expect)

    def changed(name, at, value, expect="field"):
        opened(name, whole[:at] + [value] + whole[at + 1 :], error(expect))

    pair = {"csr": {"hex": b"csr".hex()}, "nonce": {"hex": nonce.hex()}}
    opened("whole", whole, {"gateway": "gw-1", **pair, "time": NOW})
    opened("signature", whole, error("renewal-signature"), good=False)
    opened("short-signature", whole, error("field"), seal=bytes(63))
    opened("another-algorithm", whole, error("cose-algorithm"), alg=cose.HMAC_256)
    changed("version", 0, 2, "version")
    changed("gateway", 1, "gw+1", "identifier")
    changed("no-csr", 2, b"")
    changed("long-csr", 2, bytes(2049))
    changed("nonce", 3, bytes(15))
    changed("time", 4, 1 << 32)
    held = [bytes([5] * 32)]
    second = {"gateway": "gw-1", **pair, "time": NOW, "held": [{"hex": held[0].hex()}]}
    opened("held", [2, *whole[1:], held], second)
    empty = {**second, "csr": {"hex": ""}}
    opened("held-no-csr", [2, "gw-1", b"", nonce, NOW, held], empty)
    opened("held-short", [2, *whole[1:], [bytes(31)]], error("field"))
    opened("held-many", [2, *whole[1:], held * 5], error("field"))
    opened("held-of-nobody", [2, *whole[1:], []], {**second, "held": []})
    opened("held-of-version-1", [*whole, held], error("field"))

    def answered(name, value, expect):
        given = {"data": cbor.encode(value).hex()}
        case(f"renewal/answer-{name}", "renewal.answer", given, expect)

    answered("whole", [1, nonce, chain], [{"hex": nonce.hex()}, [{"hex": chain[0].hex()}]])
    root = [b"root", b"other"]
    said = [{"hex": nonce.hex()}, [], [{"hex": one.hex()} for one in root], {"hex": "6c"}]
    answered("roots", [2, nonce, [], root, b"l"], said)
    answered("roots-none", [2, nonce, chain, [], b""], error("field"))
    answered("roots-three", [2, nonce, chain, root * 2, b""], error("field"))
    answered("roots-long-link", [2, nonce, chain, root, bytes(4097)], error("field"))
    answered("version", [2, nonce, chain], error("version"))
    answered("no-certificate", [1, nonce, []], error("field"))
    answered("long-chain", [1, nonce, [b"x"] * 5], error("field"))
    answered("nonce", [1, bytes(17), chain], error("field"))


def workorder_cases():
    digest, test = bytes(range(32)), [3, "can-loop", 0, 500, "kbit/s"]
    whole = [1, "A. Mechanic", TRIKE, "weact-h743", bytes(12), NOW, NOW + 90, "v1.29.0"]
    whole += [digest, [["boot.py", digest], ["main.py", digest]], digest, digest]
    whole += [[test, [4, "tilt", 2, None, ""]], 0]

    def read(name, value, expect=None):
        given = {"body": cbor.encode(value).hex()}
        case(f"workorder/{name}", "workorder.decode", given, expect or error("field"))

    def changed(name, key, value, expect=None):
        read(f"refuse-{name}", {**keyed, key: value}, expect)

    keyed = dict(enumerate(whole))
    said = {"mechanic": "A. Mechanic", "vehicle": TRIKE, "ended": NOW + 90, "tests": 2}
    read("good", keyed, {**said, "files": 2, "outcome": 0})
    bare = {**keyed, 4: b"", 5: 0, 6: 0, 7: "", 8: b"", 9: [], 10: b"", 11: b"", 12: [], 13: 18}
    read("bare", bare, {**said, "ended": 0, "files": 0, "tests": 0, "outcome": 18})
    changed("version", 0, 2, error("version"))
    changed("no-name", 1, " ")
    changed("long-name", 1, "m" * 81)
    changed("two-lines", 1, "A\nB")
    changed("turned", 1, "A\u202eB")
    changed("vehicle", 2, "Trike 7", error("identifier"))
    changed("board", 3, "../boards", error("identifier"))
    changed("unique-id", 4, bytes(33))
    changed("ends-first", 6, NOW - 1)
    changed("digest", 8, digest[1:])
    changed("files-order", 9, [["b", digest], ["a", digest]])
    changed("files-twice", 9, [["a", digest], ["a", digest]])
    changed("files-many", 9, [[f"{n:03}", digest] for n in range(257)])
    changed("file-digest", 9, [["a", b""]])
    changed("result", 12, [[1, "x", 3, None, ""]])
    changed("value", 12, [[1, "x", 0, "5", ""]])
    changed("tests-many", 12, [test] * 65)
    changed("outcome", 13, 256)
    read("refuse-key", {**keyed, 14: 0}, error("unknown-key"))
    read("refuse-missing", {key: keyed[key] for key in range(13)}, error("missing-key"))
    read("refuse-array", whole)


def make_all():
    cbor_cases()
    rsa_cases()
    grant_cases()
    command_cases()
    presentation_cases()
    access_cases()
    record_cases()
    statement_cases()
    ack_cases()
    sighting_cases()
    link_cases()
    courier_cases()
    request_cases()
    codes_cases()
    can_cases()
    vehicle_cases()
    enrolment_cases()
    renewal_cases()
    workorder_cases()


def main(check_only):
    make_all()
    differs = 0
    for name, content in sorted(CASES.items()):
        path = HERE / f"{name}.json"
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        if path.exists() and path.read_text() == text:
            continue
        differs += 1
        if check_only or path.exists():
            print(f"{name}: {'differs from' if path.exists() else 'is missing beside'} generate.py")
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    on_disk = {str(p.relative_to(HERE))[:-5] for p in HERE.glob("*/*.json")}
    for name in sorted(on_disk - set(CASES)):
        differs += 1
        print(f"{name}: generate.py does not write this one")
    print(f"{len(CASES)} vectors")
    return 1 if differs and check_only else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
