"""Run every vector: `python tests/vectors/run.py [FOLDER]`, `micropython tests/vectors/run.py`.

Prints one line a failure and a closing count; exit status 1 if any case failed.
"""

import json
import os
import sys

HERE = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
# Before our own folder: the packages under test, not the folders of vectors with their names.
sys.path.insert(0, HERE + "/../..")

from protocol import (
    access,
    ack,
    can,
    cbor,
    challenge,
    codes,
    command,
    courier,
    enrolment,
    errors,
    grant,
    link,
    mac,
    presentation,
    record,
    renewal,
    request,
    rsa,
    sighting,
    statement,
    vehicle,
    workorder,
)


def plain(value):
    """A decoded value as JSON can hold it: {"hex": ...} for bytes, {"map": [[key, value]]}."""
    if isinstance(value, (bytes, bytearray)):
        return {"hex": bytes(value).hex()}
    if isinstance(value, dict):
        return {"map": [[key, plain(value[key])] for key in sorted(value)]}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def rich(value):
    """The inverse of `plain`."""
    if isinstance(value, dict):
        if "hex" in value:
            return bytes.fromhex(value["hex"])
        return {key: rich(item) for key, item in value["map"]}
    if isinstance(value, list):
        return [rich(item) for item in value]
    return value


def attributes(thing, names):
    return {name: plain(getattr(thing, name)) for name in names.split()}


def cbor_decode(given):
    data = bytes.fromhex(given["data"])
    value = cbor.decode(data)
    if cbor.encode(value) != data:
        return "another encoding came back"
    return plain(value)


def cbor_encode(given):
    return cbor.encode(rich(given["value"])).hex()


def rsa_verify(given):
    part = [bytes.fromhex(given[name]) for name in ("modulus", "message", "signature")]
    return rsa.verify(part[0], part[1], part[2])


def rsa_thumbprint(given):
    modulus = bytes.fromhex(given["modulus"])
    if rsa.modulus_of_spki(rsa.spki(modulus)) != modulus:
        return "spki is not its own inverse"
    return rsa.thumbprint(modulus).hex()


def mac_tag(given):
    return mac.Hmac(bytes.fromhex(given["key"])).tag(bytes.fromhex(given["message"])).hex()


def grant_decode(given):
    payload = bytes.fromhex(given["payload"])
    read = grant.decode(payload)
    if grant.encode(read) != payload:
        return "another encoding came back"
    names = "vehicle holder actions not_before not_after generation grant_id limits"
    # Vectors from before there were codes name none.
    return attributes(read, names + " codes" if read.codes else names)


def command_decode(given):
    payload = bytes.fromhex(given["payload"])
    read = command.decode(payload)
    if command.encode(read) != payload:
        return "another encoding came back"
    return attributes(read, "vehicle challenge action args grant_id")


def presentation_decode(given):
    read = presentation.decode(bytes.fromhex(given["data"]))
    return {
        "grants": len(read.grants),
        "command_id": read.command_id.hex(),
        "action": read.command.action,
    }


def access_check(given):
    """Open challenges in order, then present one after the other; the outcome of each."""
    source = [bytes.fromhex(item) for item in given["challenges"]]
    challenges = challenge.Challenges(lambda size: source.pop(0)[:size])
    for _ in given["challenges"]:
        challenges.give(0, challenge.ONLINE_LIFE_MS)
    vehicle = given["vehicle"]
    authority = access.Authority(
        vehicle["id"],
        bytes.fromhex(vehicle["owner"]),
        vehicle["generation"],
        vehicle["time_floor"],
        [bytes.fromhex(item) for item in vehicle["revoked"]],
    )
    gate = access.Gate(authority, challenges)
    clock = access.Clock(given["now"], given["certain"])
    return [present(gate, step, clock) for step in given["presentations"]]


def present(gate, step, clock):
    try:
        steps = gate.check_steps(bytes.fromhex(step["data"]), step["uptime_ms"], clock)
        granted = rsa.run(steps)
    except errors.RefusedError as error:
        return {"refused": error.code}
    return {"action": granted.command.action, "limits": plain(granted.limits)}


def record_open(given):
    hmac = mac.Hmac(bytes.fromhex(given["key"]))
    data = bytes.fromhex(given["data"])
    read = record.open_record(data, hmac.matches)
    if record.encode(read, hmac.tag) != data:
        return "another encoding came back"
    return attributes(read, "vehicle boot seq uptime_ms time kind body")


def statement_decode(given):
    sign1, salt, packed = statement.decode_message(bytes.fromhex(given["message"]))
    read = statement.decode_unverified(sign1)
    # Stored, not compressed, in these files: inflating is the caller's.
    statement.check_body(read, salt, packed)
    out = attributes(read, "gateway seq prev_hash time kind")
    if read.clock is not None:
        out.update(attributes(read, "clock error_ms"))
    out["hash"] = statement.statement_hash(sign1).hex()
    if read.kind == statement.RECORDS:
        out["records"] = len(statement.decode_records(packed))
    return out


def workorder_decode(given):
    body = bytes.fromhex(given["body"])
    read = workorder.decode(body)
    if workorder.encode(read) != body:
        return "another encoding came back"
    out = attributes(read, "mechanic vehicle ended outcome")
    out["files"] = len(read.files)
    out["tests"] = len(read.tests)
    return out


def statement_release(given):
    sign1, signature = statement.decode_release(bytes.fromhex(given["message"]))
    seen = []

    def verify(message, seal):
        seen.append({"signed": message.hex(), "signature": seal.hex()})
        return given["good"]

    statement.check_release(sign1, signature, verify)
    return seen[0]


def statement_thinned(given):
    samples, ranges = statement.decode_thinned(given["text"])
    if statement.thinned_text(samples, ranges) != given["text"]:
        return "another text came back"
    return [samples, [list(pair) for pair in ranges]]


def ack_open(given):
    read = ack.open_ack(bytes.fromhex(given["data"]), lambda message, signature: given["good"])
    return attributes(read, "gateway accepted refused" + (" replaced" if read.replaced else ""))


def sighting_open(given):
    read = sighting.open_sighting(
        bytes.fromhex(given["data"]), lambda message, signature: given["good"]
    )
    return attributes(read, "gateway time origin held refused proof")


def link_decode(given):
    kind, payload = link.unpack(bytes.fromhex(given["message"]))
    readers = {
        "stored": link.decode_stored,
        "challenge": link.decode_challenge,
        "hello": link.decode_hello,
    }
    return [kind, plain(readers[given["as"]](payload))]


def courier_decode(given):
    readers = {
        "challenge": courier.decode_challenge,
        "status": courier.decode_status,
        "command-status": courier.decode_command_status,
        "command": courier.decode_command,
        "checkpoint": courier.decode_checkpoint,
    }
    return plain(readers[given["as"]](bytes.fromhex(given["data"])))


def request_decode(given):
    if given["as"] == "registration":
        return request.decode_registration(bytes.fromhex(given["payload"]))
    read = request.decode_grant_request(bytes.fromhex(given["payload"]))
    names = "vehicle actions duration_s nonce time"
    return attributes(read, names + " codes" if read.codes else names)


def codes_hash(given):
    holder, drawn = bytes.fromhex(given["holder"]), bytes.fromhex(given["drawn"])
    salt = codes.salt_for(given["vehicle"], holder, drawn)
    return codes.stretch(salt, given["code"].encode()).hex()


def can_decode(given):
    name, values, alive = can.decode(given["id"], bytes.fromhex(given["data"]))
    if can.encode(name, values, alive).hex() != given["data"] and not given.get("padding"):
        return "another encoding came back"
    return {"message": name, "values": values, "alive": alive}


def vehicle_decode(given):
    data = bytes.fromhex(given["data"])
    read = vehicle.decode(data)
    if vehicle.encode(read) != data:
        return "another encoding came back"
    # A list: the keys of the map in their order, without the version.
    return list(read)


def enrolment_code(given):
    if "drawn" in given:
        code = enrolment.code_of(bytes.fromhex(given["drawn"]))
        return enrolment.show_code(code)
    code = enrolment.read_code(given["typed"])
    return [code, enrolment.invitation_of(code).hex(), enrolment.key_of(code).hex()]


def enrolment_request(given):
    data, key = bytes.fromhex(given["data"]), bytes.fromhex(given["key"])
    read = enrolment.open_request(data, key)
    if enrolment.encode_request(read, key) != data:
        return "another encoding came back"
    out = attributes(read, "invitation public_key csr nonce proof")
    proof = enrolment.proof_message(read.invitation, read.public_key, read.csr, read.nonce)
    out["proof_message"] = proof.hex()
    return out


def enrolment_answer(given):
    data, key = bytes.fromhex(given["data"]), bytes.fromhex(given["key"])
    read = enrolment.open_answer(data, key, bytes.fromhex(given["nonce"]))
    if enrolment.encode_answer(read, key) != data:
        return "another encoding came back"
    names = "nonce gateway chain authority ack_public_key broker logs vehicles"
    return attributes(read, names)


def renewal_open(given):
    data = bytes.fromhex(given["data"])
    read = renewal.open_renewal(data, lambda message, signature: given["good"])
    return attributes(read, "gateway csr nonce time" + (" held" if read.held is not None else ""))


def renewal_answer(given):
    data = bytes.fromhex(given["data"])
    read = renewal.decode_answer(data)
    if renewal.encode_answer(read.nonce, read.chain, read.roots or None, read.link) != data:
        return "another encoding came back"
    told = [plain(read.nonce), plain(read.chain)]
    return told + ([plain(read.roots), plain(read.link)] if read.roots else [])


OPERATIONS = {
    "cbor.decode": cbor_decode,
    "cbor.encode": cbor_encode,
    "rsa.verify": rsa_verify,
    "rsa.thumbprint": rsa_thumbprint,
    "mac.tag": mac_tag,
    "grant.decode": grant_decode,
    "command.decode": command_decode,
    "presentation.decode": presentation_decode,
    "access.check": access_check,
    "record.open": record_open,
    "statement.decode": statement_decode,
    "statement.release": statement_release,
    "statement.thinned": statement_thinned,
    "ack.open": ack_open,
    "sighting.open": sighting_open,
    "link.decode": link_decode,
    "courier.decode": courier_decode,
    "request.decode": request_decode,
    "codes.hash": codes_hash,
    "can.decode": can_decode,
    "vehicle.decode": vehicle_decode,
    "enrolment.code": enrolment_code,
    "enrolment.request": enrolment_request,
    "enrolment.answer": enrolment_answer,
    "renewal.open": renewal_open,
    "renewal.answer": renewal_answer,
    "workorder.decode": workorder_decode,
}


class VectorError(Exception):
    """A vector file that is none; says what is wrong with it."""


def load(path):
    """A case out of its file. Raises VectorError."""
    with open(path) as stream:
        try:
            case = json.load(stream)
        except ValueError:
            raise VectorError("not JSON")
    if not isinstance(case, dict):
        raise VectorError("not an object")
    for name in ("operation", "input", "expect"):
        if name not in case:
            raise VectorError("no field " + name)
    if case["operation"] not in OPERATIONS:
        raise VectorError("no operation " + str(case["operation"]))
    return case


def outcome(case):
    """What this implementation makes of a case."""
    try:
        return OPERATIONS[case["operation"]](case["input"])
    except (errors.DecodeError, errors.VerifyError) as error:
        return {"error": error.name}
    except errors.EncodeError:
        return {"error": "encode"}
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as leak:
        # Also an input of another form than its operation wants: it is told like a fault.
        return {"leaked": repr(leak)}


def without_later_signals(got, expect):
    """A signal that a message got after the vector was made is 0 in it, and not named there."""
    named = expect.get("values")
    if named is None or "values" not in got:
        return got
    kept = {name: value for name, value in got["values"].items() if value or name in named}
    return {key: kept if key == "values" else got[key] for key in got}


def same(left, right):
    # true is 1 for `==` on CPython, and a vector must tell them apart.
    if isinstance(left, dict) and isinstance(right, dict):
        return sorted(left) == sorted(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right))
    booleans = (True, False)
    if any(left is b or right is b for b in booleans):
        return left is right
    return left == right


def vector_files(folder):
    """Sorted paths of all vectors below `folder`."""
    out = []
    for name in sorted(os.listdir(folder)):
        path = folder + "/" + name
        if name.endswith(".json") and name != "keys.json":
            out.append(path)
        elif "." not in name and not name.startswith("__"):
            out.extend(vector_files(path))
    return out


def check(path):
    """What is wrong with one vector, or None."""
    try:
        case = load(path)
        got = outcome(case)
    except VectorError as error:
        return str(error)
    if case["operation"] == "can.decode":
        got = without_later_signals(got, case["expect"])
    if same(got, case["expect"]):
        return None
    return f"expected {case['expect']} got {got}"


def main(folder):
    failed = 0
    files = vector_files(folder)
    for path in files:
        wrong = check(path)
        if wrong is not None:
            failed += 1
            print("FAILED", path[len(folder) + 1 :], wrong)
    print(f"{len(files) - failed} passed, {failed} failed")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else HERE))
