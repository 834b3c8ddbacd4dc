"""JSON-RPC of an EVM chain's node: the calls that anchors need, each answer checked in form.

A node is believed about the chain it sees; who doubts it asks another one. Errors name the host.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from .errors import ChainError
from .webrequest import Limits, check_url, request

_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})", re.ASCII)
_DATA = re.compile(r"0x((?:[0-9a-fA-F]{2})*)", re.ASCII)
_LIMITS = Limits(total_s=20.0, answer_bytes=2_000_000)


class RejectedError(ChainError):
    """The node understood and said no."""


def quantity(value: object) -> int:
    """A number in the one spelling of the specification. Raises ChainError."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ChainError(f"not a number of JSON-RPC: {str(value)[:80]!r}")
    return int(value, 16)


def data(value: object, length: int | None = None) -> bytes:
    """Bytes, of a given length where that is known. Raises ChainError."""
    found = _DATA.fullmatch(value) if isinstance(value, str) else None
    if found is None or (length is not None and len(found[1]) != 2 * length):
        raise ChainError(f"not data of JSON-RPC: {str(value)[:80]!r}")
    return bytes.fromhex(found[1])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


@dataclass(frozen=True)
class Block:
    """Of a block, what anchors look at. Time in seconds since 1970, fee in wei per gas."""

    number: int
    hash: bytes
    time_s: int
    base_fee_wei: int


@dataclass(frozen=True)
class Event:
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True)
class Receipt:
    """Where a transaction ended. `ok` is false where it was refused by the contract."""

    block_number: int
    block_hash: bytes
    ok: bool
    gas_used: int
    events: tuple[Event, ...]


class Node:
    """One node, asked over HTTP. Raises UnreachableError, ChainError, RejectedError."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.host = check_url(url).hostname

    def chain_id(self) -> int:
        return quantity(self._call("eth_chainId"))

    def head(self) -> int:
        """Number of the newest block."""
        return quantity(self._call("eth_blockNumber"))

    def block(self, number: int) -> Block | None:
        found = self._call("eth_getBlockByNumber", hex(number), False)
        if found is None:
            return None
        block = _object(found)
        answered = quantity(block.get("number"))
        if answered != number:
            raise ChainError(f"asked for block {number}, got {answered}")
        base_fee = quantity(block.get("baseFeePerGas", "0x0"))
        return Block(
            number, data(block.get("hash"), 32), quantity(block.get("timestamp")), base_fee
        )

    def nonce(self, address: bytes, block: int | None = None) -> int:
        """Transactions that the account has in the chain, up to a block (else the newest)."""
        where = "latest" if block is None else hex(block)
        return quantity(self._call("eth_getTransactionCount", _hex(address), where))

    def balance(self, address: bytes) -> int:
        return quantity(self._call("eth_getBalance", _hex(address), "latest"))

    def code(self, address: bytes) -> bytes:
        return data(self._call("eth_getCode", _hex(address), "latest"))

    def read(self, to: bytes, call: bytes) -> bytes:
        """Answer of a contract to a call that changes nothing."""
        return data(self._call("eth_call", {"to": _hex(to), "data": _hex(call)}, "latest"))

    def estimate_gas(self, sender: bytes, to: bytes, call: bytes) -> int:
        """Gas of a transaction. RejectedError where the contract would refuse it."""
        wanted = {"from": _hex(sender), "data": _hex(call), **({"to": _hex(to)} if to else {})}
        return quantity(self._call("eth_estimateGas", wanted))

    def send(self, signed: bytes) -> bytes:
        """Hand in a signed transaction; its hash. RejectedError also where it is known already."""
        return data(self._call("eth_sendRawTransaction", _hex(signed)), 32)

    def receipt(self, transaction: bytes) -> Receipt | None:
        found = self._call("eth_getTransactionReceipt", _hex(transaction))
        if found is None:
            return None
        receipt = _object(found)
        if receipt.get("blockNumber") is None:  # some nodes answer for what still waits
            return None
        if data(receipt.get("transactionHash"), 32) != transaction:
            raise ChainError("the node answered with the receipt of another transaction")
        logs = receipt.get("logs")
        if not isinstance(logs, list):
            raise ChainError("a receipt without a list of events")
        return Receipt(
            quantity(receipt.get("blockNumber")),
            data(receipt.get("blockHash"), 32),
            quantity(receipt.get("status")) == 1,
            quantity(receipt.get("gasUsed")),
            tuple(map(_event, logs)),
        )

    def _call(self, method: str, *parameters: object) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        headers = {"Content-Type": "application/json"}
        answer = request("POST", self._url, json.dumps(body).encode(), headers, _LIMITS)
        try:
            found = _object(json.loads(answer.body))
        except (ValueError, RecursionError) as error:
            raise ChainError(f"{self.host} answered {answer.status}, not JSON") from error
        if found.get("error") is not None:
            raise RejectedError(f"{self.host} refused {method}: {_words(found['error'])}")
        if "result" not in found or found.get("id") != 1:
            raise ChainError(f"{self.host} answered {method} without a result")
        return found["result"]


def _event(value: object) -> Event:
    event = _object(value)
    topics = event.get("topics")
    if not isinstance(topics, list):
        raise ChainError("an event without a list of topics")
    return Event(
        data(event.get("address"), 20),
        tuple(data(topic, 32) for topic in topics),
        data(event.get("data")),
    )


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ChainError("JSON-RPC: an object was due")
    return value


def _words(error: object) -> str:
    """A stranger's text for our terminal and log: short, and nothing that moves a cursor."""
    text = str(error.get("message", error)) if isinstance(error, dict) else str(error)
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
