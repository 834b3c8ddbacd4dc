"""Runs one case of `vectors/` on the package: the answer that a browser must give, too."""

import json
from pathlib import Path
from typing import Any

from fleet_backend.ledger import merkle
from fleet_backend.ledger.errors import UntrustedDataError
from fleet_backend.ledger.note import open_note, parse_vkey
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.proof import verify_proof

FOLDER = Path(__file__).with_name("vectors")


def read_cases() -> dict[str, dict[str, Any]]:
    """Every case by its name, `operation/case`."""
    paths = sorted(FOLDER.glob("*/*.json"))
    return {f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in paths}


def answer(operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """What the package says, as a vector expects it."""
    try:
        return OPERATIONS[operation](given)
    except UntrustedDataError as error:
        return {"error": type(error).__name__}


def _vkey(given: dict[str, Any]) -> dict[str, Any]:
    key = parse_vkey(bytes.fromhex(given["vkey"]).decode())
    return {"name": key.name, "kind": key.kind, "key": key.public_key.hex()}


def _note(given: dict[str, Any]) -> dict[str, Any]:
    opened = open_note(bytes.fromhex(given["note"]), map(parse_vkey, given["vkeys"]))
    signers = {key.vkey: _text(time) for key, time in opened.signers.items()}
    return {"text": opened.text.hex(), "signers": signers}


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _checkpoint(given: dict[str, Any]) -> dict[str, Any]:
    policy = parse_policy(bytes.fromhex(given["policy"]))
    signed = policy.open_checkpoint(bytes.fromhex(given["note"]))
    return {
        "origin": signed.origin,
        "size": str(signed.size),
        "root": signed.root.hex(),
        "cosigners": sorted(key.vkey for key in signed.cosigners),
    }


def _proof(given: dict[str, Any]) -> dict[str, Any]:
    policy = parse_policy(bytes.fromhex(given["policy"]))
    entry = bytes.fromhex(given["entry"])
    found = verify_proof(bytes.fromhex(given["proof"]), entry, policy)
    numbers = {"index": str(found.index), "size": str(found.size)}
    return {**numbers, "origin": found.origin, "extra": found.extra.hex()}


def _policy(given: dict[str, Any]) -> dict[str, Any]:
    policy = parse_policy(bytes.fromhex(given["policy"]))
    return {
        "logs": [key.vkey for key in policy.logs],
        "witnesses": {name: key.vkey for name, key in policy.witnesses.items()},
        "groups": {
            name: [group.threshold, *group.members] for name, group in policy.groups.items()
        },
        "quorum": policy.quorum,
    }


def _inclusion(given: dict[str, Any]) -> dict[str, Any]:
    leaf, root = bytes.fromhex(given["leaf"]), bytes.fromhex(given["root"])
    path = [bytes.fromhex(item) for item in given["path"]]
    merkle.verify_inclusion(int(given["index"]), int(given["size"]), leaf, path, root)
    return {"holds": True}


def _consistency(given: dict[str, Any]) -> dict[str, Any]:
    roots = bytes.fromhex(given["old_root"]), bytes.fromhex(given["new_root"])
    proof = [bytes.fromhex(item) for item in given["proof"]]
    merkle.verify_consistency(int(given["old_size"]), int(given["new_size"]), *roots, proof)
    return {"holds": True}


OPERATIONS = {
    "vkey.parse": _vkey,
    "note.open": _note,
    "checkpoint.open": _checkpoint,
    "proof.verify": _proof,
    "policy.parse": _policy,
    "inclusion.verify": _inclusion,
    "consistency.verify": _consistency,
}
