"""`trifleet ledger verify`: a receipt, the policy file, and nothing else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from trifleet.commands.common import Json, screen
from trifleet.commands.ledger.common import outcomes, plain

REFUSALS = {
    "another-gateway-key": "it is signed with another key than the gateway key that you gave; if"
    " the gateway changed it, give the receipts of the changes with --key-change",
    "key-change-gap": "a change of key begins with another key than the one before it leads to",
    "key-change-of-another": "a change of key is of another gateway",
    "key-change-proof": "a change of key names a key that nobody proved to hold",
    "key-change-same": "a change of key names the key of before",
    "no-key-change": "one of --key-change is a receipt of something else",
    "statement-signature": "the gateway's signature does not cover the statement",
    "commitment": "what it shows is not what the statement committed to",
}
WHAT = {
    "RECORDS": "the records below",
    "GATEWAY": "the gateway's own message below",
    "GRANT": "the grant below",
    "RELEASE": "the head of the release below",
    "WORK_ORDER": "the work order below",
}


def add_to(app: typer.Typer) -> None:
    app.command(
        "verify", epilog="Example: trifleet ledger verify ride.receipt --policy policy.txt"
    )(verify)


@outcomes
def verify(
    receipt: Annotated[Path, typer.Argument(help="The receipt file.")],
    policy: Annotated[
        Path, typer.Option(help="The policy file: which log and witnesses you trust.")
    ],
    gateway_key: Annotated[
        str, typer.Option(help="The gateway's public key (hex), if you know it from elsewhere.")
    ] = "",
    key_change: Annotated[
        list[Path] | None,
        typer.Option(help="Receipt of a change of that key; one for each, in any order."),
    ] = None,
    entry: Annotated[
        Path | None, typer.Option(help="For a proof that carries no entry: the file that is it.")
    ] = None,
    leaf: Annotated[
        str | None, typer.Option(help="Or the entry's leaf hash, 64 hexadecimal digits.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="For a COSE receipt: the cosigned checkpoint that it was made from."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a receipt of either form offline: the file, the policy, and nothing else.

    Says what is proved and what is not, and which witnesses cosigned the checkpoint, and when.
    """
    from trifleet.errors import UsageError
    from trifleet.logsource import read_file, read_policy
    from trifleet.receipt import COSE_START, open_cose_receipt, open_receipt

    known_key = _key(gateway_key) if gateway_key else None
    trusted = read_policy(policy, None)
    text = read_file(receipt)
    is_cose = text.startswith(COSE_START)
    if checkpoint is not None and not is_cose:
        raise UsageError("--checkpoint goes with a COSE receipt: a proof file brings its own")
    if entry is not None and leaf is not None:
        raise UsageError("say --entry or --leaf, not both")
    is_plain = entry is not None or leaf is not None
    if is_plain and known_key is not None:
        raise UsageError("--gateway-key goes with a receipt that carries what the gateway signed")
    if key_change and known_key is None:
        raise UsageError("--key-change goes with --gateway-key: the key of before the change")
    changes = [read_file(path) for path in key_change or ()]
    note = read_file(checkpoint) if checkpoint is not None else None
    with _refusals():
        extra, note = _carried(text, is_cose=is_cose, note=note)
        if is_plain:
            answer, lines = _plain_proof(text, trusted, entry, leaf, note if is_cose else None)
        elif not extra:
            raise UsageError(f"{receipt} carries no entry: give --entry FILE or --leaf HASH")
        else:
            first = None if changes else known_key
            opened = (
                open_cose_receipt(text, trusted, first, note)
                if is_cose
                else open_receipt(text, trusted, first)
            )
            if known_key is not None and changes:
                opened = _followed(opened, known_key, [open_receipt(c, trusted) for c in changes])
            answer = as_dict(opened) | {"gateway_key_changes": len(changes)}
            lines = receipt_lines(answer)
        answer |= _witnessed(note, trusted)
    if as_json:
        print(json.dumps(answer))
        return
    show(answer, lines)


@contextmanager
def _refusals() -> Iterator[None]:
    """What is wrong with a receipt, in words for a stranger."""
    from fleet_backend.ledger.errors import UntrustedDataError
    from protocol.errors import DecodeError, VerifyError
    from trifleet.errors import ReceiptError

    try:
        yield
    except UntrustedDataError as error:
        raise ReceiptError(f"this receipt does not hold: {error}") from error
    except VerifyError as error:
        words = REFUSALS.get(error.name, error.name)
        raise ReceiptError(f"this receipt does not hold: {words}") from error
    except DecodeError as error:
        words = f"what it carries for the statement cannot be read ({error})"
        raise ReceiptError(f"this receipt does not hold: {words}") from error


def _followed(opened: Any, known_key: bytes, changes: list[Any]) -> Any:
    """The receipt, if it is signed with what the changes lead to at its number."""
    from protocol.errors import VerifyError
    from trifleet.key_changes import follow

    due = follow(known_key, changes, opened.gateway, opened.gateway_seq)
    if opened.gateway_key != due:
        raise VerifyError("another-gateway-key")
    return replace(opened, gateway_key_is_known=True)


def show(answer: dict[str, Any], lines: list[str]) -> None:
    """The verdict in words. Nothing that a receipt brings can pass for a line of it."""
    console = screen()
    console.print("[bold green]This receipt holds.[/]")
    content = [_record_line(item) for item in answer.get("records", ())]
    if held := answer.get("content"):
        content.append(f"{answer['kind']}: " + _pairs(held))
    for line in [*lines, *_witness_lines(answer), *content]:
        console.print(f"  {plain(line)}", markup=False)


def _carried(text: bytes, *, is_cose: bool, note: bytes | None) -> tuple[bytes, bytes | None]:
    """What the receipt carries for us, and the checkpoint that goes with it, if there is one."""
    from fleet_backend.ledger.cose import extra_of, parse_sign1
    from fleet_backend.ledger.proof import parse_proof

    if is_cose:
        return extra_of(parse_sign1(text)), note
    proof = parse_proof(text)
    return proof.extra, proof.note


def _plain_proof(
    text: bytes, trusted: Any, entry: Path | None, leaf: str | None, note: bytes | None
) -> tuple[dict[str, Any], list[str]]:
    from fleet_backend.ledger.cose import verify_receipt_of_leaf
    from fleet_backend.ledger.merkle import leaf_hash
    from fleet_backend.ledger.proof import verify_proof_of_leaf
    from trifleet.logsource import parse_leaf, read_file
    from trifleet.receipt import COSE_START

    wanted = parse_leaf(leaf) if leaf is not None else leaf_hash(read_file(entry or Path()))
    if text.startswith(COSE_START):
        found = verify_receipt_of_leaf(text, wanted, trusted, note)
    else:
        found = verify_proof_of_leaf(text, wanted, trusted)
    answer = {"log": found.origin, "index": found.index, "size": found.size}
    answer |= {"root": found.root.hex(), "leaf": wanted.hex()}
    what = "the file is" if entry is not None else "the entry with that leaf hash is"
    lines = [f"Proved: {what}", *_log_lines(answer)]
    return answer, lines


def _log_lines(answer: dict[str, Any]) -> list[str]:
    return [
        f"        entry {answer['index']} of the log {answer['log']}, which had",
        f"        {answer['size']} entries and the root {answer['root'][:32]}...",
    ]


def _witnessed(note: bytes | None, trusted: Any) -> dict[str, Any]:
    """Which witnesses of the policy cosigned, and when; only they count. A COSE receipt: none."""
    from fleet_backend.ledger.note import open_note
    from fleet_backend.ledger.policysafety import strengths

    keys = (*trusted.logs, *trusted.witnesses.values())
    signers = open_note(note, keys).signers if note is not None else {}
    cosigned = [
        {"witness": name, "key": witness.name, "time": signers[witness]}
        for name, witness in trusted.witnesses.items()
        if witness in signers
    ]
    missing = [name for name, witness in trusted.witnesses.items() if witness not in signers]
    asked = trusted.needs_cosigners
    return {
        "quorum": trusted.quorum,
        "cosigned": cosigned,
        "not_cosigned": missing,
        "another_history_takes_a_lie": asked and strengths(trusted)[trusted.quorum].to_split > 0,
    }


def _witness_lines(answer: dict[str, Any]) -> list[str]:
    lines = [
        f"Proved: cosigned by {item['witness']} ({item['key']}) at {_when(item['time'])}."
        for item in answer["cosigned"]
    ]
    if answer["not_cosigned"]:
        lines.append(f"        Not cosigned by {', '.join(answer['not_cosigned'])}.")
    if answer["quorum"] == "none":
        lines.append("Not proved: that others are shown the same history. Your policy asks for no")
        lines.append("        witness: the log alone says so.")
        return lines
    lines.append(f"Proved: that is the quorum {answer['quorum']} of your policy.")
    if answer["another_history_takes_a_lie"]:
        lines.append("        Another history for others takes a witness that lies.")
    else:
        lines.append("Not proved: that others are shown the same history. This quorum is so small")
        lines.append("        that two histories can be cosigned though no witness lies:")
        lines.append("        trifleet ledger policy check says how many are safe.")
    return lines


def _when(time_s: int) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {time_s}"


def _key(text: str) -> bytes:
    from trifleet.errors import UsageError

    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise UsageError("--gateway-key: an Ed25519 public key is 64 hexadecimal digits")
    return key


def as_dict(found: Any) -> dict[str, Any]:
    """A verified receipt for machines."""
    from protocol.statement import CLOCKS, UNKNOWN_ERROR
    from trifleet.receipt import describe, describe_content

    return {
        "log": found.origin,
        "index": found.index,
        "size": found.size,
        "root": found.root.hex(),
        "gateway": found.gateway,
        "gateway_seq": found.gateway_seq,
        "gateway_time": found.gateway_time,
        "gateway_clock": None if found.clock is None else CLOCKS[found.clock],
        "gateway_time_error_ms": None if found.error_ms == UNKNOWN_ERROR else found.error_ms,
        "gateway_key": found.gateway_key.hex(),
        "gateway_key_is_known": found.gateway_key_is_known,
        "kind": found.kind,
        "records": [describe(item) for item in found.records],
        "content": describe_content(found),
    }


def receipt_lines(answer: dict[str, Any]) -> list[str]:
    """What a fleet's receipt proves and does not, witnesses apart."""
    lines = [
        f"Proved: entry {answer['index']} of the log {answer['log']}, which had",
        f"        {answer['size']} entries and the root {answer['root'][:32]}...",
        f"Proved: the entry commits to {WHAT[answer['kind']]}, signed as {answer['gateway']},",
        f"        statement {answer['gateway_seq']}.",
        *_clock_lines(answer),
    ]
    if answer["gateway_key_is_known"]:
        lines.append("Proved: that signature is by the gateway key that you gave.")
        if answer.get("gateway_key_changes"):
            lines[-1] = "Proved: that signature is by the key that signs this statement, which"
            lines.append("        the changes in the log lead to from the one that you gave.")
    else:
        lines += [
            f"Not proved: that the key {answer['gateway_key'][:16]}... is that gateway's; the",
            "        receipt says so. Give --gateway-key if you know it from elsewhere.",
        ]
    if answer["kind"] != "RECORDS":
        return lines
    return [
        *lines,
        "Not proved: the vehicle's own seal on each record; its key is the vehicle's and the",
        "        backend's, who heeds no record whose seal does not hold. Such a record stays",
        "        in the statement that brought it, beside those that hold.",
    ]


_CLOCK_WORDS = {
    None: "it does not say where its clock has that from",
    "UNSET": "its clock was not set",
    "HELD_OVER": "its clock ran on by itself since it was last set",
    "NETWORK": "its clock followed the network",
    "GNSS": "its clock followed satellites",
}


def _clock_lines(answer: dict[str, Any]) -> list[str]:
    """What the gateway says of its own clock."""
    if answer["gateway_clock"] == "UNSET":
        return ["Not proved: when. The gateway's clock was not set."]
    words = _CLOCK_WORDS[answer["gateway_clock"]]
    error_ms = answer["gateway_time_error_ms"]
    if answer["gateway_clock"] is not None:
        words += f", off by at most {error_ms / 1000:g} s" if error_ms is not None else ""
        words += ", by how much is not known" if error_ms is None else ""
    return [
        f"Not proved: when. The gateway says {_when(answer['gateway_time'])}:",
        f"        {words}.",
    ]


def _record_line(item: dict[str, Any]) -> str:
    return f"{_name(item)}{item['kind']}: {_pairs(item['body'])}"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {plain(value)}" for key, value in values.items())


def _name(item: dict[str, Any]) -> str:
    """Whose record it is; nobody can say of one that cannot be read."""
    return f"{item['vehicle']} {item['boot']}.{item['seq']} " if item["vehicle"] else ""
