"""Writes the cases of `vectors/` that are not there yet; `--check` compares those that are."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from ledger_cases import FOLDER, answer  # noqa: E402
from vector_texts import (  # noqa: E402
    LEAVES,
    NESTED,
    OTHER,
    TWO_OF_THREE,
    VKEY,
    WITNESSES,
    Case,
    checkpoints,
    notes,
    policy_of,
    proofs,
    vkeys,
)

from fleet_backend.ledger import merkle  # noqa: E402


def policies() -> dict[str, Case]:
    head = policy_of().decode().removesuffix("quorum none\n")
    raw = policy_of()
    files: dict[str, bytes] = {
        "good": raw,
        "good-two-of-three": TWO_OF_THREE,
        "good-nested": NESTED,
        "good-comments": b"# why\n\n \t # indented\n" + TWO_OF_THREE,
        "good-tabs": f"\tlog\t{VKEY} \thttps://log.example/\t\nquorum none\n".encode(),
        "good-two-logs": f"log {OTHER.verifier.vkey}\n".encode() + raw,
        "good-witness-is-quorum": policy_of("w0"),
        "good-octets-in-a-comment": b"# \xff\xfe\n" + raw,
        "good-all-any": policy_of("b", "group a any w0 w1\ngroup b all a w2\n"),
        "refuse-empty": b"",
        "refuse-no-quorum": head.encode(),
        "refuse-two-quorums": raw + b"quorum none\n",
        "refuse-no-last-newline": raw[:-1],
        "refuse-carriage-returns": raw.replace(b"\n", b"\r\n"),
        "refuse-delete": raw + b"# \x7f\n",
        "refuse-nul": raw + b"# \0\n",
        "refuse-keyword": raw + b"anchor x\n",
        "refuse-keyword-of-every-object": raw + b"constructor x\n",
        "refuse-keyword-upper-case": raw.replace(b"log ", b"LOG "),
        "refuse-log-key-as-witness": f"{head}witness w9 {VKEY}\nquorum none\n".encode(),
        "refuse-witness-key-as-log": f"log {WITNESSES[0].vkey}\nquorum none\n".encode(),
        "refuse-log-twice": f"log {VKEY}\n".encode() + raw,
        "refuse-witness-key-twice": f"{head}witness w9 {WITNESSES[0].vkey}\nquorum none\n".encode(),
        "refuse-name-twice": raw.replace(b"witness w1", b"witness w0"),
        "refuse-name-none": raw.replace(b"witness w1", b"witness none"),
        "refuse-group-of-unknown": policy_of("g", "group g any w0 w7\n"),
        "refuse-group-before-member": policy_of("g", "group g any h\ngroup h any w0\n"),
        "refuse-group-of-itself": policy_of("g", "group g any g\n"),
        "refuse-member-twice": policy_of("g", "group g 2 w0 w0\n"),
        "refuse-member-of-two": policy_of("h", "group g 1 w0 w1\ngroup h 1 w0 g\n"),
        "refuse-threshold-0": policy_of("g", "group g 0 w0 w1\n"),
        "refuse-threshold-3-of-2": policy_of("g", "group g 3 w0 w1\n"),
        "refuse-threshold-02": policy_of("g", "group g 02 w0 w1\n"),
        "refuse-threshold-negative": policy_of("g", "group g -1 w0 w1\n"),
        "refuse-threshold-word": policy_of("g", "group g most w0 w1\n"),
        "refuse-group-without-members": policy_of("g", "group g any\n"),
        "refuse-unknown-quorum": policy_of("w9"),
        "refuse-quorum-of-two": policy_of("w0 w1"),
        "refuse-log-with-three-items": raw.replace(VKEY.encode(), VKEY.encode() + b" a b"),
        "refuse-witness-without-key": f"{head}witness w9\nquorum none\n".encode(),
        "refuse-vkey": raw.replace(b"log log", b"log lug"),
        "refuse-vkey-not-utf8": raw.replace(b"log log", b"log \xffog"),
        "refuse-no-break-space-between": raw.replace(b"log log", "log\u00a0log".encode()),
    }
    return {f"policy/{name}": ("policy.parse", {"policy": data.hex()})
            for name, data in files.items()}  # fmt: skip


def inclusions() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for index, size in ((0, 1), (0, 2), (1, 2), (2, 3), (5, 8), (6, 7), (255, 256), (256, 300)):
        root = merkle.root_of(LEAVES[:size])
        path = merkle.inclusion_proof(index, size, lambda a, b: merkle.root_of(LEAVES[a:b]))
        good = {"index": str(index), "size": str(size), "leaf": LEAVES[index].hex(),
                "path": [item.hex() for item in path], "root": root.hex()}  # fmt: skip
        name = f"inclusion/{index}-of-{size}"
        bad = {
            "longer": {"path": [*good["path"], "00" * 32]},
            "other-leaf": {"leaf": "11" * 32},
            "other-root": {"root": "22" * 32},
            "beyond": {"index": str(size)},
        }
        if path:
            bad["shorter"] = {"path": good["path"][:-1]}
            bad["short-hash"] = {"path": [good["path"][0][:-2], *good["path"][1:]]}
        cases[name] = ("inclusion.verify", good)
        for what, change in bad.items():
            cases[f"{name}-refuse-{what}"] = ("inclusion.verify", {**good, **change})
    return cases


def consistencies() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for old, new in (
        (0, 0),
        (0, 5),
        (1, 2),
        (3, 7),
        (4, 7),
        (6, 8),
        (7, 7),
        (255, 257),
        (256, 300),
    ):
        proof = merkle.consistency_proof(old, new, lambda a, b: merkle.root_of(LEAVES[a:b]))
        good = {"old_size": str(old), "new_size": str(new),
                "old_root": merkle.root_of(LEAVES[:old]).hex(),
                "new_root": merkle.root_of(LEAVES[:new]).hex(),
                "proof": [item.hex() for item in proof]}  # fmt: skip
        name = f"consistency/{old}-to-{new}"
        bad: dict[str, dict[str, Any]] = {
            "longer": {"proof": [*good["proof"], "00" * 32]},
            "other-old-root": {"old_root": "11" * 32},
            "backwards": {"old_size": str(new + 1)},
        }
        if proof:
            bad["shorter"] = {"proof": good["proof"][:-1]}
            bad["empty"] = {"proof": []}
            bad["other-new-root"] = {"new_root": "22" * 32}
            # The half that a check forgot once: the old root is right, the new one is forged.
            bad["first-hash"] = {"proof": ["33" * 32, *good["proof"][1:]]}
        cases[name] = ("consistency.verify", good)
        for what, change in bad.items():
            cases[f"{name}-refuse-{what}"] = ("consistency.verify", {**good, **change})
    return cases


def generate() -> dict[str, str]:
    """Text of every file by its name."""
    made = (vkeys(), notes(), checkpoints(), proofs(), policies(), inclusions(), consistencies())
    files = {}
    for name, (operation, given) in (item for group in made for item in group.items()):
        expect = answer(operation, given)
        # A case whose name says what it should be, and that is something else, is no vector.
        if ("error" in expect) != ("refuse-" in name):
            raise SystemExit(f"{name}: {expect}")
        case = {"operation": operation, "input": given, "expect": expect}
        files[name] = json.dumps(case, indent=1, ensure_ascii=True) + "\n"
    return files


def main() -> None:
    check = "--check" in sys.argv
    for name, text in generate().items():
        path = FOLDER / f"{name}.json"
        if path.exists():
            if path.read_text() != text:
                raise SystemExit(f"{name} would be another one now")
        elif check:
            raise SystemExit(f"{name} is missing")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)


if __name__ == "__main__":
    main()
