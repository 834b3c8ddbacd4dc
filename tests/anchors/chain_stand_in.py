"""An EVM chain in this process (eth-tester over py-evm) behind JSON-RPC over real HTTP."""

import json
import threading
from ast import literal_eval
from collections.abc import Callable
from typing import Any

import evm_packages
from eth_abi import decode
from web_stand_in import StandIn

CHAIN_ID = 131277322940537  # eth-tester's
FUNDS = 10**18


def address(data: bytes) -> str:
    return "0x" + data.hex()


class ChainStandIn:
    """Enter it to serve. Blocks come only by `mine`."""

    def __init__(self) -> None:
        self.chain = evm_packages.EthereumTester(
            evm_packages.PyEVMBackend(), auto_mine_transactions=False
        )
        self.rich = self.chain.get_accounts()[0]
        self._lock = threading.Lock()
        self._behave()
        self._server = StandIn(self._answer)
        self.url = self._server.url

    def _behave(self) -> None:
        self.sent: list[str] = []
        self.before: dict[str, Callable[[list[Any]], None]] = {}
        self.after: dict[str, Callable[[list[Any]], None]] = {}
        self.trouble: Callable[[str], Any] | None = None
        self.stale_receipts: dict[str, Any] = {}

    def __enter__(self) -> "ChainStandIn":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def mine(self, count: int = 1) -> None:
        with self._lock:
            self.chain.mine_blocks(count)

    def fund(self, account: bytes) -> None:
        with self._lock:
            self.chain.send_transaction(
                {"from": self.rich, "to": address(account), "value": FUNDS, "gas": 21_000}
            )
            self.chain.mine_blocks(1)

    def snapshot(self) -> Any:
        with self._lock:
            return self.chain.take_snapshot()

    def forget(self, snapshot: Any) -> None:
        """Back to a snapshot, and to an honest node."""
        with self._lock:
            self.chain._pending_transactions.clear()  # eth-tester keeps them
            self.chain.revert_to_snapshot(snapshot)
        self._behave()

    def reorganise(self, snapshot: Any, blocks: int) -> None:
        """Back to a snapshot, and on from there with other blocks."""
        with self._lock:
            self.chain.revert_to_snapshot(snapshot)
            # Another block than before, so that nothing has the hash that it had.
            self.chain.send_transaction(
                {"from": self.rich, "to": self.rich, "value": 1, "gas": 21_000}
            )
            self.chain.mine_blocks(blocks)

    def transactions_of(self, account: bytes) -> int:
        with self._lock:
            return int(self.chain.get_nonce(address(account)))

    def _answer(self, method: str, path: str, body: bytes) -> "tuple[int, bytes] | None":
        asked = json.loads(body)
        name, parameters = asked["method"], asked["params"]
        if self.trouble is not None:
            found: Any = self.trouble(name)
            if found is not None:
                return 200, found if isinstance(found, bytes) else json.dumps(found).encode()
        self.before.get(name, lambda _: None)(parameters)
        try:
            with self._lock:
                result = getattr(self, name)(*parameters)
            answer = {"jsonrpc": "2.0", "id": asked["id"], "result": result}
        except evm_packages.TransactionFailed as error:  # a node decodes the reason: Error(string)
            found = literal_eval(str(error.args[0]))
            (reason,) = decode(["string"], found[4:]) if found else ("",)
            told = {"code": 3, "message": f"execution reverted: {reason}"}
            answer = {"jsonrpc": "2.0", "id": asked["id"], "error": told}
        except Exception as error:
            told = {"code": -32000, "message": f"{type(error).__name__}: {error}"}
            answer = {"jsonrpc": "2.0", "id": asked["id"], "error": told}
        self.after.get(name, lambda _: None)(parameters)
        return 200, json.dumps(answer).encode()

    def eth_chainId(self) -> str:
        return hex(CHAIN_ID)

    def eth_blockNumber(self) -> str:
        return hex(self.chain.get_block_by_number("latest")["number"])

    def eth_getBlockByNumber(self, number: str, _full: bool) -> Any:
        try:
            block = self.chain.get_block_by_number(int(number, 16))
        except evm_packages.BlockNotFound:
            return None
        # Asked for the block that is being filled, eth-tester answers with it: a node does not.
        if block["number"] > self.chain.get_block_by_number("latest")["number"]:
            return None
        return {
            "number": hex(block["number"]),
            "hash": block["hash"],
            "timestamp": hex(block["timestamp"]),
            "baseFeePerGas": hex(block["base_fee_per_gas"]),
        }

    def eth_getTransactionCount(self, account: str, block: str) -> str:
        where: Any = block if block == "latest" else int(block, 16)
        return hex(self.chain.get_nonce(account, where))

    def eth_getBalance(self, account: str, _block: str) -> str:
        return hex(self.chain.get_balance(account))

    def eth_getCode(self, account: str, _block: str) -> Any:
        return self.chain.get_code(account)

    def eth_call(self, call: dict[str, str], _block: str) -> Any:
        return self.chain.call({"from": self.rich, **call})

    def eth_estimateGas(self, call: dict[str, str]) -> str:
        return hex(self.chain.estimate_gas(call))

    def eth_sendRawTransaction(self, raw: str) -> Any:
        self.sent.append(raw)
        return self.chain.send_raw_transaction(raw)

    def eth_getTransactionReceipt(self, transaction: str) -> Any:
        if transaction in self.stale_receipts:
            return self.stale_receipts[transaction]
        try:
            found = self.chain.get_transaction_receipt(transaction)
        except evm_packages.TransactionNotFound:
            return None
        if found["block_number"] is None:
            return {"blockNumber": None}
        return {
            "transactionHash": found["transaction_hash"],
            "blockNumber": hex(found["block_number"]),
            "blockHash": found["block_hash"],
            "status": hex(found["status"]),
            "gasUsed": hex(found["gas_used"]),
            "logs": [
                {"address": log["address"], "topics": list(log["topics"]), "data": log["data"]}
                for log in found["logs"]
            ],
        }
