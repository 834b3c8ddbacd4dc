"""The account on a real EVM: pending, confirmed, a reorganised chain, crashes, fees, refusals."""

import copy
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from anchor_tools import ORIGIN, Clock, chain_settings
from chain_stand_in import CHAIN_ID, ChainStandIn

from fleet_backend.anchors.chain import Account, ChainSettings, anchored
from fleet_backend.anchors.contract import abi
from fleet_backend.anchors.errors import (
    AnchorProofError,
    ChainError,
    OperationError,
    UnreachableError,
)
from fleet_backend.anchors.evm import ChainPlace, ContractAnchors, verify_on_chain
from fleet_backend.anchors.jobs import (
    CONFIRMED,
    FAILED,
    PENDING,
    REGISTER,
    TRANSITIONS,
    Job,
    Jobs,
)
from fleet_backend.anchors.jsonrpc import Node, RejectedError
from fleet_backend.anchors.store import Store, Taken
from fleet_backend.anchors.transaction import Transaction, generate_account

CONFIRMATIONS = 4
ROOT, OTHER_ROOT = b"\x11" * 32, b"\x22" * 32


@dataclass
class Stand:
    """An account with money, a contract, a registered row; all of it real."""

    chain: ChainStandIn
    folder: Path
    key: Any
    clock: Clock
    contract: bytes = b""

    def open(self, **changes: Any) -> "Opened":
        return Opened(self, replace(chain_settings(CHAIN_ID, CONFIRMATIONS), **changes))


class Opened:
    """As one process has it; several one after the other are restarts."""

    def __init__(self, stand: Stand, settings: ChainSettings) -> None:
        self.store = Store(stand.folder, lock=True)
        self.node = Node(stand.chain.url)
        self.jobs = Jobs(self.store)
        with ExitStack() as undo:
            undo.callback(self.store.close)
            self.account = Account(self.node, stand.key, settings, self.jobs, stand.clock)
            undo.pop_all()
        self.anchors = ContractAnchors(self.node, self.account, self.jobs, ORIGIN)

    def job(self, size: int) -> Job:
        found = anchored(self.jobs.all(), size)
        assert found is not None
        return found

    def row(self, contract: bytes) -> abi.Newest:
        call = abi.call_newest(self.account.address, abi.origin_hash(ORIGIN))
        return abi.decode_newest(self.node.read(contract, call))

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("ready")
    with ChainStandIn() as chain:
        made = Stand(chain, folder / "anchors", generate_account(folder / "key"), Clock())
        with made.open() as opened:
            chain.fund(opened.account.address)
            contract = None
            while contract is None:
                contract = opened.anchors.deploy()
                chain.mine(CONFIRMATIONS)
            made.contract = contract
            while not opened.anchors.register(contract):
                chain.mine(CONFIRMATIONS)
        chain.sent.clear()
        yield made


@pytest.fixture
def stand(ready: Stand, tmp_path: Path) -> Iterator[Stand]:
    """As it was made ready; what a test does to it and to the chain is forgotten."""
    shutil.copytree(ready.folder, tmp_path / "anchors")
    snapshot = ready.chain.snapshot()
    yield replace(ready, folder=tmp_path / "anchors", clock=copy.copy(ready.clock))
    ready.chain.forget(snapshot)


def swallow(method: str) -> Any:
    """A node that takes a transaction and loses it."""
    return {"id": 1, "result": "0x" + "11" * 32} if method == "eth_sendRawTransaction" else None


def taken(size: int, root: bytes = ROOT) -> Taken:
    return Taken(size, root, b"", 0)


def test_an_anchor_is_pending_until_enough_blocks_are_on_it(stand: Stand) -> None:
    with stand.open() as opened:
        opened.anchors.anchor(stand.contract, taken(5))
        assert (opened.job(5).state, opened.job(5).block) == (PENDING, 0)
        for mined in range(1, CONFIRMATIONS + 1):
            stand.chain.mine()
            opened.anchors.anchor(stand.contract, taken(5))
            assert opened.job(5).state == (CONFIRMED if mined == CONFIRMATIONS else PENDING)
        assert opened.job(5).block == opened.row(stand.contract).block
    assert len(stand.chain.sent) == 1


def test_a_reorganisation_returns_a_confirmed_anchor_to_pending_and_it_is_sent_again(
    stand: Stand,
) -> None:
    with stand.open() as opened:
        before = stand.chain.snapshot()
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        assert opened.job(5).state == CONFIRMED
        stand.chain.reorganise(before, CONFIRMATIONS + 1)
        assert opened.row(stand.contract).size == 0
        opened.account.follow()
        assert (opened.job(5).state, opened.job(5).block, opened.job(5).hash) == (PENDING, 0, b"")
        assert stand.chain.sent[0] == stand.chain.sent[-1] and len(stand.chain.sent) == 2
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        assert opened.job(5).state == CONFIRMED
        assert (opened.row(stand.contract).size, opened.row(stand.contract).root) == (5, ROOT)


def test_a_reorganisation_moves_an_anchor_to_another_block(stand: Stand) -> None:
    """The transaction survives, its block does not: what counts is the chain's own block."""
    with stand.open() as opened:
        before = stand.chain.snapshot()
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        first = opened.job(5)
        stand.chain.reorganise(before, 2)
        opened.account.follow()
        stand.chain.mine(1)
        opened.account.follow()
        assert (opened.job(5).state, opened.job(5).block) == (PENDING, first.block + 2)


def test_what_is_final_is_not_asked_for_again(stand: Stand) -> None:
    with stand.open() as opened:
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(25)
        opened.account.follow()
        asked: list[Any] = []
        stand.chain.before["eth_getTransactionReceipt"] = asked.append
        opened.account.follow()
        assert not asked


def test_a_smaller_size_is_refused_before_anything_is_signed(stand: Stand) -> None:
    with stand.open() as opened:
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        with pytest.raises(RejectedError, match="smaller size"):
            opened.anchors.anchor(stand.contract, taken(4))
        with pytest.raises(RejectedError, match="another root"):
            # As after the loss of the folder: nothing is known here of what was anchored.
            call = abi.call_anchor(abi.origin_hash(ORIGIN), 5, OTHER_ROOT)
            opened.account.begin("anchor", stand.contract, call, 5)
    assert len(stand.chain.sent) == 1


def test_another_account_is_refused(stand: Stand, tmp_path: Path) -> None:
    stranger = Stand(stand.chain, tmp_path / "other", generate_account(tmp_path / "k"), Clock())
    with stranger.open() as opened:
        stand.chain.fund(opened.account.address)
        with pytest.raises(RejectedError, match="not registered"):
            opened.anchors.anchor(stand.contract, taken(5))
        assert not opened.jobs.all()


def test_a_node_that_is_behind_gets_no_second_transaction_of_a_nonce(stand: Stand) -> None:
    with stand.open() as opened:
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        used = opened.job(5).nonce
        stand.chain.trouble = lambda name: (
            {"id": 1, "result": hex(used)} if name == "eth_getTransactionCount" else None
        )
        with pytest.raises(ChainError, match="behind"):
            opened.anchors.anchor(stand.contract, taken(6))
        assert opened.jobs.all()[-1].nonce == used


def test_a_deep_refusal_is_failed(stand: Stand) -> None:
    with stand.open() as opened:
        # An estimate that lies: the gas does not suffice, so the chain takes it and refuses.
        stand.chain.trouble = lambda name: (
            {"id": 1, "result": hex(24_000)} if name == "eth_estimateGas" else None
        )
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.trouble = None
        stand.chain.mine(CONFIRMATIONS - 1)
        opened.account.follow()
        assert opened.jobs.all()[-1].state == PENDING
        stand.chain.mine()
        opened.account.follow()
        assert opened.jobs.all()[-1].state == FAILED
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        assert opened.job(5).state == CONFIRMED


def test_a_nonce_that_somebody_else_used_is_failed_and_begun_anew(stand: Stand) -> None:
    with stand.open() as opened:
        stand.chain.trouble = swallow
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.trouble = None
        form = opened.jobs.forms(opened.job(5))[0]
        other = replace_data(stand, opened, form.nonce)
        opened.node.send(other)
        stand.chain.mine(CONFIRMATIONS - 1)
        opened.account.follow()
        assert opened.job(5).state == PENDING
        stand.chain.mine()
        opened.account.follow()
        assert opened.jobs.all()[-1].state == FAILED
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        assert opened.job(5).state == CONFIRMED
        assert opened.row(stand.contract).size == 5


def replace_data(stand: Stand, opened: Opened, nonce: int) -> bytes:
    gwei = 10**9
    to = opened.account.address
    return Transaction(CHAIN_ID, nonce, gwei, 10 * gwei, 21_000, to, b"").sign(stand.key)


def test_a_restart_between_note_and_send_sends_the_same_bytes(stand: Stand) -> None:
    with stand.open() as opened:
        stand.chain.trouble = lambda name: b"nonsense" if name == "eth_sendRawTransaction" else None
        with pytest.raises(ChainError):
            opened.anchors.anchor(stand.contract, taken(5))
        noted = opened.jobs.forms(opened.job(5))
    stand.chain.trouble = None
    with stand.open() as opened:
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        assert opened.job(5).state == CONFIRMED
        assert opened.jobs.forms(opened.job(5)) == noted
    assert stand.chain.sent == ["0x" + noted[0].raw.hex()]


def test_one_transaction_at_a_time(stand: Stand) -> None:
    with stand.open() as opened:
        opened.anchors.anchor(stand.contract, taken(5))
        opened.anchors.anchor(stand.contract, taken(6))
        assert anchored(opened.jobs.all(), 6) is None
        with pytest.raises(OperationError, match="one at a time"):
            opened.account.begin(REGISTER, stand.contract, abi.call_register(b"\1" * 32))
        stand.chain.mine(CONFIRMATIONS)
        opened.anchors.anchor(stand.contract, taken(6))
        assert opened.job(6).nonce == opened.job(5).nonce + 1


def test_a_fee_is_raised_after_a_while_and_only_up_to_the_limit(stand: Stand) -> None:
    with stand.open(max_fee_gwei=4.0, raise_after_s=100) as opened:
        stand.chain.trouble = swallow
        opened.anchors.anchor(stand.contract, taken(5))
        stand.clock.now_s += 99
        opened.account.follow()
        assert len(opened.jobs.forms(opened.job(5))) == 1
        stand.clock.now_s += 1
        opened.account.follow()
        newest, oldest = opened.jobs.forms(opened.job(5))
        assert newest.nonce == oldest.nonce
        assert newest.max_fee_wei * 10 >= oldest.max_fee_wei * 11
        assert newest.tip_wei * 10 >= oldest.tip_wei * 11
        for _ in range(5):
            stand.clock.now_s += 100
            opened.account.follow()
        stand.chain.trouble = None
        opened.account.follow()
        assert all(form.max_fee_wei <= 4 * 10**9 for form in opened.jobs.forms(opened.job(5)))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        assert opened.job(5).state == CONFIRMED
    assert stand.chain.transactions_of(opened.account.address) == 3  # deploy, register, anchor


def test_gas_that_is_too_dear_waits(stand: Stand) -> None:
    with stand.open(max_fee_gwei=0.5) as opened, pytest.raises(OperationError, match="gwei"):
        opened.anchors.anchor(stand.contract, taken(5))
    with stand.open(max_gas=30_000) as opened, pytest.raises(OperationError, match="gas"):
        opened.anchors.anchor(stand.contract, taken(5))
    with stand.open() as opened:
        assert anchored(opened.jobs.all(), 5) is None


def test_a_node_of_another_chain_is_refused(stand: Stand) -> None:
    with stand.open() as opened:
        stand.chain.trouble = lambda name: {"id": 1, "result": "0x1"}
        with pytest.raises(ChainError, match="on chain 1"):
            opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.trouble = None


def test_a_folder_keeps_to_its_chain_and_account(stand: Stand, tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="another chain or account"):
        stand.open(chain_id=1)
    stand.key = generate_account(tmp_path / "second")
    with pytest.raises(OperationError, match="another chain or account"):
        stand.open()


def test_two_processes_never_sign_at_once(stand: Stand) -> None:
    with stand.open(), pytest.raises(OperationError, match="another process"):
        stand.open()


def test_a_contract_that_is_another_is_refused(stand: Stand) -> None:
    with stand.open() as opened:
        for wrong in (bytes(20), opened.account.address):
            with pytest.raises(OperationError, match="does not hold"):
                opened.anchors.anchor(wrong, taken(5))
        with pytest.raises(OperationError, match="does not hold"):
            opened.anchors.register(bytes(20))


def test_making_contract_and_row_twice_makes_them_once(stand: Stand) -> None:
    with stand.open() as opened:
        assert opened.anchors.deploy() == stand.contract
        assert opened.anchors.register(stand.contract)
    assert not stand.chain.sent


ANSWERS: dict[str, Any] = {
    "not json": b"<html>",
    "not an object": b"[]",
    "deep": b"[" * 100_000,
    "no result": {"id": 1},
    "another id": {"id": 2, "result": "0x1"},
    "a number as such": {"id": 1, "result": 1},
    "leading zero": {"id": 1, "result": "0x01"},
    "too long": {"id": 1, "result": "0x1" + "0" * 64},
    "negative": {"id": 1, "result": "-0x1"},
}


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_malformed_answers_of_a_node_are_refused(stand: Stand, name: str) -> None:
    stand.chain.trouble = lambda _: ANSWERS[name]
    with stand.open() as opened, pytest.raises(ChainError):
        opened.node.head()


RECEIPTS: dict[str, Any] = {
    "a list": [],
    "nothing in it": {"blockNumber": "0x1"},
    "of another": {"blockNumber": "0x1", "transactionHash": "0x" + "22" * 32},
    "no events": {"blockNumber": "0x1", "transactionHash": "0x" + "11" * 32, "logs": None},
    "odd event": {"blockNumber": "0x1", "transactionHash": "0x" + "11" * 32, "logs": [1]},
}


@pytest.mark.parametrize("name", sorted(RECEIPTS))
def test_malformed_receipts_are_refused(stand: Stand, name: str) -> None:
    stand.chain.trouble = lambda _: {"id": 1, "result": RECEIPTS[name]}
    with stand.open() as opened, pytest.raises(ChainError):
        opened.node.receipt(b"\x11" * 32)


def test_a_nodes_words_reach_a_terminal_harmlessly(stand: Stand) -> None:
    words = "no \x1b[2J" + "x" * 1_000
    stand.chain.trouble = lambda _: {"id": 1, "error": {"code": 1, "message": words}}
    with stand.open() as opened, pytest.raises(RejectedError) as caught:
        opened.node.head()
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


def test_a_dead_node_says_so_without_its_path(stand: Stand) -> None:
    node = Node(stand.chain.url + "/secret-access-key")
    stand.chain.trouble = lambda _: b"x" * 3_000_000
    with pytest.raises(Exception, match="more than") as caught:
        node.head()
    assert "secret" not in str(caught.value)
    with pytest.raises(UnreachableError) as gone:
        Node("http://127.0.0.1:9/secret-access-key").head()
    assert "secret" not in str(gone.value)


def test_a_stranger_finds_the_anchor_and_nothing_else(stand: Stand) -> None:
    with stand.open() as opened:
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        place = opened.anchors.place(opened.job(5), CHAIN_ID)
        node = opened.node
        found = verify_on_chain(node, place, ORIGIN, 5, ROOT, CONFIRMATIONS)
        assert (found.block, found.confirmations) == (opened.job(5).block, CONFIRMATIONS)
        for wrong, words in (
            (replace(place, chain_id=1), "not on chain"),
            (replace(place, transaction=bytes(32)), "does not know"),
            (replace(place, owner=bytes(20)), "does not anchor"),
            (replace(place, contract=bytes(20)), "does not hold"),
        ):
            with pytest.raises((AnchorProofError, OperationError), match=words):
                verify_on_chain(node, wrong, ORIGIN, 5, ROOT, CONFIRMATIONS)
        for origin, size, root in (("a", 5, ROOT), (ORIGIN, 6, ROOT), (ORIGIN, 5, OTHER_ROOT)):
            with pytest.raises(AnchorProofError, match="does not anchor"):
                verify_on_chain(node, place, origin, size, root, CONFIRMATIONS)
        with pytest.raises(AnchorProofError, match="only 4 of 5"):
            verify_on_chain(node, place, ORIGIN, 5, ROOT, CONFIRMATIONS + 1)


def test_the_proof_of_a_reorganised_anchor_fails(stand: Stand) -> None:
    with stand.open() as opened:
        before = stand.chain.snapshot()
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        place: ChainPlace = opened.anchors.place(opened.job(5), CHAIN_ID)
        stand.chain.reorganise(before, 9)
        with pytest.raises(AnchorProofError, match="does not know"):
            verify_on_chain(opened.node, place, ORIGIN, 5, ROOT, CONFIRMATIONS)


def test_a_receipt_of_a_block_that_is_not_in_the_chain_counts_for_nothing(stand: Stand) -> None:
    """Some nodes go on answering with the receipt of a block that they have left."""
    with stand.open() as opened:
        before = stand.chain.snapshot()
        opened.anchors.anchor(stand.contract, taken(5))
        stand.chain.mine(CONFIRMATIONS)
        opened.account.follow()
        place = opened.anchors.place(opened.job(5), CHAIN_ID)
        ours = "0x" + place.transaction.hex()
        stale = stand.chain.eth_getTransactionReceipt(ours)
        stand.chain.stale_receipts[ours] = stale
        stand.chain.reorganise(before, 9)
        with pytest.raises(AnchorProofError, match="not in the chain any more"):
            verify_on_chain(opened.node, place, ORIGIN, 5, ROOT, CONFIRMATIONS)
        opened.account.follow()
        assert (opened.job(5).state, opened.job(5).block) == (PENDING, 0)


def test_the_table_of_states_is_whole() -> None:
    events = {event for _, event in TRANSITIONS}
    assert set(TRANSITIONS) == {
        (state, event) for state in (PENDING, CONFIRMED) for event in events
    }
    assert set(TRANSITIONS.values()) <= {PENDING, CONFIRMED, FAILED}
