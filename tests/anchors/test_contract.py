"""Anchor.vy on a real EVM: who may write, what is refused, and the gas to the unit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import evm_packages
import pytest
from eth_abi import decode, encode
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_backend.anchors.contract import abi
from fleet_backend.anchors.contract.compile import COMPILED, compile_contract

ORIGIN = abi.origin_hash("log.example/fleet")
OTHER_ORIGIN = abi.origin_hash("log.example/other")
ROOTS = [bytes([number]) * 32 for number in range(1, 4)]


@dataclass
class Contract:
    chain: Any
    address: str
    owner: str
    stranger: str
    deploy_gas: int

    def send(self, sender: str, call: bytes) -> Any:
        """Receipt of a transaction that is in a block, refused or not."""
        sent = {"from": sender, "to": self.address, "data": "0x" + call.hex(), "gas": 200_000}
        return self.chain.get_transaction_receipt(self.chain.send_transaction(sent))

    def refusal(self, sender: str, call: bytes) -> str:
        """Why the contract refuses; the transaction changes nothing."""
        before = self.newest()
        assert self.send(sender, call)["status"] == 0
        assert self.newest() == before
        with pytest.raises(evm_packages.TransactionFailed) as caught:
            self.chain.call({"from": sender, "to": self.address, "data": "0x" + call.hex()})
        return str(caught.value)

    def newest(self, owner: str | None = None, origin: bytes = ORIGIN) -> abi.Newest:
        call = abi.call_newest(bytes.fromhex((owner or self.owner)[2:]), origin)
        asked = {"from": self.stranger, "to": self.address, "data": "0x" + call.hex()}
        return abi.decode_newest(bytes.fromhex(self.chain.call(asked)[2:]))


@pytest.fixture(scope="module")
def deployed() -> Contract:
    chain = evm_packages.EthereumTester(evm_packages.PyEVMBackend())
    owner, stranger = chain.get_accounts()[:2]
    sent = {"from": owner, "data": "0x" + abi.creation_code().hex(), "gas": 1_000_000}
    receipt = chain.get_transaction_receipt(chain.send_transaction(sent))
    return Contract(chain, receipt["contract_address"], owner, stranger, receipt["gas_used"])


@pytest.fixture
def contract(deployed: Contract) -> Iterator[Contract]:
    """The contract as it was deployed; what a test did is rolled back."""
    snapshot = deployed.chain.take_snapshot()
    yield deployed
    deployed.chain.revert_to_snapshot(snapshot)


def registered(contract: Contract) -> Contract:
    assert contract.send(contract.owner, abi.call_register(ORIGIN))["status"] == 1
    return contract


def test_the_compiled_file_is_what_the_source_says() -> None:
    assert COMPILED.read_text() == compile_contract()


def test_the_chain_holds_the_compiled_runtime_code(contract: Contract) -> None:
    assert bytes.fromhex(contract.chain.get_code(contract.address)[2:]) == abi.runtime_code()


def test_hand_written_calls_are_those_of_an_abi_library() -> None:
    due = keccak(text="anchor(bytes32,uint64,bytes32)")[:4]
    due += encode(["bytes32", "uint64", "bytes32"], [ORIGIN, 1 << 63, ROOTS[0]])
    assert abi.call_anchor(ORIGIN, 1 << 63, ROOTS[0]) == due
    owner = bytes(range(20))
    due = keccak(text="newest(address,bytes32)")[:4]
    due += encode(["address", "bytes32"], ["0x" + owner.hex(), ORIGIN])
    assert abi.call_newest(owner, ORIGIN) == due
    answer = encode(["uint64", "bytes32", "uint64", "uint64"], [7, ROOTS[1], 8, 9])
    assert abi.decode_newest(answer) == abi.Newest(7, ROOTS[1], 8, 9)


def test_an_anchor_is_stored_with_its_block_and_told_as_an_event(contract: Contract) -> None:
    registered(contract)
    receipt = contract.send(contract.owner, abi.call_anchor(ORIGIN, 5, ROOTS[0]))
    row = contract.newest()
    assert (row.size, row.root, row.block) == (5, ROOTS[0], receipt["block_number"])
    assert row.registered_block == receipt["block_number"] - 1
    (event,) = receipt["logs"]
    owner = bytes.fromhex(contract.owner[2:])
    topics = [bytes.fromhex(topic[2:]) for topic in event["topics"]]
    assert topics == abi.anchored_topics(owner, ORIGIN)
    assert decode(["uint64", "bytes32"], bytes.fromhex(event["data"][2:])) == (5, ROOTS[0])


def test_a_smaller_size_is_refused(contract: Contract) -> None:
    registered(contract).send(contract.owner, abi.call_anchor(ORIGIN, 5, ROOTS[0]))
    call = abi.call_anchor(ORIGIN, 4, ROOTS[1])
    assert "smaller size" in contract.refusal(contract.owner, call)


def test_another_root_of_the_same_size_is_refused(contract: Contract) -> None:
    registered(contract).send(contract.owner, abi.call_anchor(ORIGIN, 5, ROOTS[0]))
    call = abi.call_anchor(ORIGIN, 5, ROOTS[1])
    assert "another root" in contract.refusal(contract.owner, call)


def test_the_empty_log_is_not_anchored(contract: Contract) -> None:
    registered(contract)
    assert "another root" in contract.refusal(contract.owner, abi.call_anchor(ORIGIN, 0, ROOTS[0]))


def test_the_same_again_keeps_the_first_block_and_tells_nothing(contract: Contract) -> None:
    registered(contract).send(contract.owner, abi.call_anchor(ORIGIN, 5, ROOTS[0]))
    before = contract.newest()
    again = contract.send(contract.owner, abi.call_anchor(ORIGIN, 5, ROOTS[0]))
    assert again["status"] == 1 and not again["logs"]
    assert contract.newest() == before


def test_nobody_writes_without_having_registered(contract: Contract) -> None:
    call = abi.call_anchor(ORIGIN, 5, ROOTS[0])
    assert "not registered" in contract.refusal(contract.owner, call)


def test_another_sender_is_refused_and_never_reaches_the_owners_row(contract: Contract) -> None:
    registered(contract).send(contract.owner, abi.call_anchor(ORIGIN, 5, ROOTS[0]))
    before = contract.newest()
    call = abi.call_anchor(ORIGIN, 9, ROOTS[2])
    assert "not registered" in contract.refusal(contract.stranger, call)
    # With a row of his own under the same origin he writes there, not here.
    contract.send(contract.stranger, abi.call_register(ORIGIN))
    assert contract.send(contract.stranger, call)["status"] == 1
    assert contract.newest() == before
    assert contract.newest(contract.stranger).size == 9


def test_nobody_registers_twice(contract: Contract) -> None:
    registered(contract).send(contract.owner, abi.call_anchor(ORIGIN, 5, ROOTS[0]))
    assert "registered" in contract.refusal(contract.owner, abi.call_register(ORIGIN))


def test_origins_are_apart(contract: Contract) -> None:
    registered(contract).send(contract.owner, abi.call_anchor(ORIGIN, 5, ROOTS[0]))
    assert contract.newest(origin=OTHER_ORIGIN) == abi.Newest(0, bytes(32), 0, 0)


@pytest.mark.parametrize("size", [1, (1 << 63) - 1, (1 << 64) - 1])
def test_every_size_of_64_bits_is_kept_whole(contract: Contract, size: int) -> None:
    registered(contract).send(contract.owner, abi.call_anchor(ORIGIN, size, ROOTS[0]))
    assert contract.newest().size == size


def test_money_and_unknown_calls_are_refused(contract: Contract) -> None:
    registered(contract)
    for call, value in ((abi.call_anchor(ORIGIN, 1, ROOTS[0]), 1), (b"", 1), (b"\1\2\3\4", 0)):
        sent = {"from": contract.owner, "to": contract.address, "data": "0x" + call.hex()}
        done = contract.chain.send_transaction({**sent, "value": value, "gas": 100_000})
        assert contract.chain.get_transaction_receipt(done)["status"] == 0


def test_a_size_beyond_64_bits_in_the_call_is_refused(contract: Contract) -> None:
    registered(contract)
    good = abi.call_anchor(ORIGIN, 5, ROOTS[0])
    call = good[:36] + (1 << 64 | 5).to_bytes(32, "big") + good[68:]
    assert contract.send(contract.owner, call)["status"] == 0
    assert contract.newest().size == 0


def test_gas_to_the_unit(contract: Contract) -> None:
    """docs/anchors.md shows these figures; they depend on the bytes of the call, not on a clock."""
    root = bytes(range(1, 33))  # without a zero byte, which would be cheaper
    used = [
        contract.send(contract.owner, call)["gas_used"]
        for call in (
            abi.call_register(ORIGIN),
            abi.call_anchor(ORIGIN, 0x01020304, root),
            abi.call_anchor(ORIGIN, 0x01020305, root[::-1]),
        )
    ]
    assert contract.deploy_gas == 301_050
    assert used == [45_599, 52_115, 35_015]


steps = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(ROOTS), st.booleans()), max_size=12)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_sizes_never_get_smaller_and_never_get_another_root(
    contract: Contract, sequence: list[tuple[int, bytes, bool]]
) -> None:
    """Whatever is sent, by whomever, the row does what a model of three lines says."""
    snapshot = contract.chain.take_snapshot()
    registered(contract)
    size, root = 0, bytes(32)
    for new_size, new_root, by_owner in sequence:
        sender = contract.owner if by_owner else contract.stranger
        done = contract.send(sender, abi.call_anchor(ORIGIN, new_size, new_root))
        good = by_owner and (new_size > size or (new_size, new_root) == (size, root))
        assert done["status"] == int(good)
        if good:
            size, root = new_size, new_root
        assert (contract.newest().size, contract.newest().root) == (size, root)
    contract.chain.revert_to_snapshot(snapshot)
