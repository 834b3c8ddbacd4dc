"""A stranger's check of an anchor's proof, and what it shows in plain words."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet_backend.anchors.bitcoin import HeaderFile, HeaderSource, bitcoin_rest, esplora
from fleet_backend.anchors.errors import AnchorError
from fleet_backend.anchors.jsonrpc import Node
from fleet_backend.anchors.proof import AnchoredCheckpoint, open_anchor
from fleet_backend.anchors.transaction import parse_address, show_address
from fleet_backend.ledger.policy import parse_policy
from trifleet.errors import TrifleetError


@dataclass(frozen=True)
class Sources:
    """Whom the stranger asks, and what he knows from elsewhere; empty where he does not say."""

    headers: Path | None
    esplora: str
    rest: str
    least_work_bits: int
    rpc: str
    contract: str
    owner: str
    confirmations: int


def check(proof: bytes, policy: bytes, sources: Sources) -> dict[str, Any]:
    """What holds. `holds` is true where one anchor was verified and none was refuted.

    Raises AnchorError for a proof that is wrong in itself, LedgerError for the policy file.
    """
    found = open_anchor(proof, parse_policy(policy))
    answer: dict[str, Any] = {
        "log": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "bitcoin": _bitcoin(found, sources),
        "evm": _evm(found, sources),
    }
    parts = [part for part in (answer["bitcoin"], answer["evm"]) if part is not None]
    answer["holds"] = any(part["verified"] for part in parts) and not any(
        "refused" in part for part in parts
    )
    return answer


def _bitcoin(found: AnchoredCheckpoint, sources: Sources) -> dict[str, Any] | None:
    source = _source(sources)
    if found.stamp is None:
        if source is not None:
            raise TrifleetError("the proof holds no timestamp that block headers could verify")
        return None
    answer: dict[str, Any] = {
        "verified": False,
        "blocks_named": sorted({item.height for item in found.attested()}),
        "calendars_pending": sorted({item.uri for item in found.stamp.promised()}),
    }
    if source is None:
        return answer
    try:
        attested, header = found.verify_in_bitcoin(source, sources.least_work_bits)
    except AnchorError as error:
        return {**answer, "refused": str(error)}
    return {
        **answer,
        "verified": True,
        "block": attested.height,
        "block_hash": header.shown_hash,
        "time_s": header.time_s,
        "headers_from": source.name,
    }


def _source(sources: Sources) -> HeaderSource | None:
    given = [item for item in (sources.headers, sources.esplora, sources.rest) if item]
    if len(given) > 1:
        raise TrifleetError("give one of --headers, --esplora and --rest")
    if sources.headers is not None:
        return HeaderFile(sources.headers)
    if sources.esplora:
        return esplora(sources.esplora)
    return bitcoin_rest(sources.rest) if sources.rest else None


def _evm(found: AnchoredCheckpoint, sources: Sources) -> dict[str, Any] | None:
    place = found.place
    if place is None:
        if sources.rpc:
            raise TrifleetError("the proof names no place in a chain that --rpc could show")
        return None
    answer: dict[str, Any] = {
        "verified": False,
        "chain_id": place.chain_id,
        "contract": show_address(place.contract),
        "owner": show_address(place.owner),
        "owner_is_known": bool(sources.owner),
        "transaction": "0x" + place.transaction.hex(),
    }
    for name, known, shown in (
        ("contract", sources.contract, place.contract),
        ("owner", sources.owner, place.owner),
    ):
        if known and parse_address(known) != shown:
            return {**answer, "refused": f"the proof names another {name} than you know"}
    if not sources.rpc:
        return answer
    node = Node(sources.rpc)
    try:
        seen = found.verify_in_chain(node, sources.confirmations)
    except AnchorError as error:
        return {**answer, "refused": str(error)}
    return {
        **answer,
        "verified": True,
        "block": seen.block,
        "block_hash": "0x" + seen.block_hash.hex(),
        "time_s": seen.time_s,
        "confirmations": seen.confirmations,
        "node": node.host,
    }


def describe(found: dict[str, Any]) -> list[str]:
    """What is proved and what is not, for people."""
    lines = [
        "This anchor holds." if found["holds"] else "No anchor of this proof was verified.",
        f"  Proved: the log {found['log']} signed a checkpoint of {found['size']} entries with",
        f"          the root {found['root'][:32]}..., and your policy is met.",
    ]
    if found["bitcoin"] is not None:
        lines += _describe_bitcoin(found["bitcoin"])
    if found["evm"] is not None:
        lines += _describe_evm(found["evm"])
    return [
        *lines,
        "  Not proved: that the entries are true, that nothing was left out, or that the log shows",
        "          everybody the same; receipts, consistency proofs and witnesses are for that.",
    ]


def _describe_bitcoin(part: dict[str, Any]) -> list[str]:
    if part["verified"]:
        return [
            f"  Proved: that checkpoint existed before Bitcoin block {part['block']} was found,",
            f"          which says {_when(part['time_s'])} (a miner's clock may be two hours off).",
            f"  Believed: {part['headers_from']}, for that header being in the chain that others",
            "          see; the work in it was checked.",
        ]
    if "refused" in part:
        return [f"  Refused: Bitcoin: {part['refused']}."]
    if part["blocks_named"]:
        named = ", ".join(map(str, part["blocks_named"]))
        return [
            f"  Not proved: the time. The timestamp names Bitcoin block {named}: give --headers,",
            "          --esplora or --rest to check it.",
        ]
    return ["  Not proved: the time. Calendars have promised a block and not named one yet."]


def _describe_evm(part: dict[str, Any]) -> list[str]:
    chain = f"chain {part['chain_id']}"
    if "refused" in part:
        return [f"  Refused: {chain}: {part['refused']}."]
    if not part["verified"]:
        return [f"  Not proved: that it is in {chain}: give --rpc to ask a node of it."]
    lines = [
        f"  Shown:  {part['owner']} anchored this size and root in {chain}, block",
        f"          {part['block']}, {_when(part['time_s'])}, {part['confirmations']} blocks deep.",
        f"  Believed: the node {part['node']}, for all that it says about that chain.",
    ]
    if not part["owner_is_known"]:
        lines += [
            "  Not proved: that this account is the log's operator's; the proof says so. Give",
            "          --owner if you know it from elsewhere.",
        ]
    return lines


def _when(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
