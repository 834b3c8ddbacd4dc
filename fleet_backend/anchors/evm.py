"""Anchors in the EVM contract: make and register a row, anchor a checkpoint, find it again."""

from dataclasses import dataclass

from .chain import Account, anchored
from .contract.abi import (
    anchored_data,
    anchored_topics,
    call_anchor,
    call_newest,
    call_register,
    creation_code,
    decode_newest,
    origin_hash,
    runtime_code,
)
from .errors import AnchorProofError, OperationError
from .jobs import ANCHOR, CONFIRMED, DEPLOY, PENDING, REGISTER, Job, Jobs
from .jsonrpc import Node, Receipt
from .store import Taken
from .transaction import contract_address, show_address


@dataclass(frozen=True)
class ChainPlace:
    """Where an anchor lies, by its own word."""

    chain_id: int
    contract: bytes
    owner: bytes
    transaction: bytes


@dataclass(frozen=True)
class FoundOnChain:
    """An anchor that a node shows: in this block, with so many blocks from there to the newest."""

    block: int
    block_hash: bytes
    time_s: int
    confirmations: int


class ContractAnchors:
    """The row of one log in one contract."""

    def __init__(self, node: Node, account: Account, jobs: Jobs, origin: str) -> None:
        self._node = node
        self._account = account
        self._jobs = jobs
        self._origin = origin_hash(origin)

    def deploy(self) -> bytes | None:
        """Make the contract, once. Its address as soon as it is confirmed, None until then."""
        self._account.follow()
        made = [job for job in self._jobs.all() if job.purpose == DEPLOY]
        confirmed = [job for job in made if job.state == CONFIRMED]
        if confirmed:
            return contract_address(self._account.address, confirmed[-1].nonce)
        if not any(job.state == PENDING for job in made):
            self._account.begin(DEPLOY, b"", creation_code())
        return None

    def register(self, contract: bytes) -> bool:
        """Begin the log's row, once. Whether that is confirmed."""
        require_contract(self._node, contract)
        if self._account.follow():
            return False
        row = decode_newest(
            self._node.read(contract, call_newest(self._account.address, self._origin))
        )
        if row.registered_block:
            return True
        self._account.begin(REGISTER, contract, call_register(self._origin))
        return False

    def anchor(self, contract: bytes, taken: Taken) -> None:
        """One round: follow what is under way, and begin to anchor `taken` when nothing is.

        Raises ChainError, UnreachableError, OperationError; RejectedError where the contract says
        no (a smaller size, another root, not registered), before anything is signed.
        """
        if self._account.follow():
            return
        if anchored(self._jobs.all(), taken.size) is not None:
            return
        require_contract(self._node, contract)
        call = call_anchor(self._origin, taken.size, taken.root)
        self._account.begin(ANCHOR, contract, call, taken.size)

    def place(self, job: Job, chain_id: int) -> ChainPlace:
        return ChainPlace(chain_id, job.recipient, self._account.address, job.hash)


def require_contract(node: Node, contract: bytes) -> None:
    """Raises OperationError unless the chain holds exactly our contract at this address."""
    if node.code(contract) != runtime_code():
        raise OperationError(f"{show_address(contract)} does not hold the contract Anchor.vy")


def verify_on_chain(
    node: Node, place: ChainPlace, origin: str, size: int, root: bytes, confirmations: int
) -> FoundOnChain:
    """Ask a node whether the anchor is where it says. Raises AnchorProofError, ChainError.

    All of it is the node's word about the chain that it sees.
    """
    if node.chain_id() != place.chain_id:
        raise AnchorProofError(f"{node.host} is not on chain {place.chain_id}")
    require_contract(node, place.contract)
    receipt = node.receipt(place.transaction)
    if receipt is None:
        raise AnchorProofError(f"{node.host} does not know the transaction")
    block = node.block(receipt.block_number)
    if block is None or block.hash != receipt.block_hash:
        raise AnchorProofError("the transaction's block is not in the chain any more")
    if not receipt.ok or not _holds(receipt, place, origin, size, root):
        raise AnchorProofError("the transaction does not anchor this checkpoint")
    depth = node.head() - block.number + 1
    if depth < confirmations:
        raise AnchorProofError(f"only {depth} of {confirmations} confirmations yet")
    return FoundOnChain(block.number, block.hash, block.time_s, depth)


def _holds(receipt: Receipt, place: ChainPlace, origin: str, size: int, root: bytes) -> bool:
    topics = tuple(anchored_topics(place.owner, origin_hash(origin)))
    return any(
        event.address == place.contract
        and event.topics == topics
        and event.data == anchored_data(size, root)
        for event in receipt.events
    )
