"""Merkle hashes and proofs: published cases, own vectors, and properties over random trees."""

import base64
import json
import random
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_tools import ROOT, entries_of, naive_root

from fleet_backend.ledger.edge import RightEdge
from fleet_backend.ledger.errors import ProofError
from fleet_backend.ledger.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

CASES = ROOT.parent / "shared" / "data" / "tlog"
needs_cases = pytest.mark.skipif(
    not CASES.is_dir(), reason="the cases of transparency-dev/merkle are not beside the checkout"
)

# The tree that RFC 6962 implementations share: these eight entries and their roots.
SHARED_ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
SHARED_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def load(path: Path) -> dict[str, object]:
    return json.loads(path.read_text())


def blob(value: object) -> bytes:
    return base64.b64decode(str(value)) if value else b""


def proof_of(case: dict[str, object]) -> list[bytes]:
    return [blob(item) for item in case["proof"] or ()]  # type: ignore[attr-defined]


def refused(check) -> bool:
    try:
        check()
    except ProofError:
        return True
    return False


@needs_cases
def test_published_inclusion_cases():
    paths = sorted((CASES / "inclusion").rglob("*.json"))
    assert len(paths) > 80
    for path in paths:
        case = load(path)
        numbers = int(case["leafIdx"]), int(case["treeSize"])  # type: ignore[call-overload]
        leaf, root = blob(case["leafHash"]), blob(case["root"])
        found = refused(
            lambda n=numbers, c=case, x=leaf, r=root: verify_inclusion(*n, x, proof_of(c), r)
        )
        assert found == case["wantErr"], path.relative_to(CASES)


@needs_cases
def test_published_consistency_cases():
    paths = sorted((CASES / "consistency").rglob("*.json"))
    assert len(paths) > 80
    for path in paths:
        case = load(path)
        sizes = int(case["size1"]), int(case["size2"])  # type: ignore[call-overload]
        roots = blob(case["root1"]), blob(case["root2"])
        found = refused(lambda n=sizes, c=case, r=roots: verify_consistency(*n, *r, proof_of(c)))
        assert found == case["wantErr"], path.relative_to(CASES)


def test_roots_of_the_shared_tree():
    assert sha256(b"").digest() == EMPTY_ROOT == root_of([])
    for size, root in SHARED_ROOTS.items():
        assert root_of(list(map(leaf_hash, SHARED_ENTRIES[:size]))).hex() == root


def test_inclusion_in_the_shared_tree():
    leaves = list(map(leaf_hash, SHARED_ENTRIES))
    path = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    made = inclusion_proof(5, 8, lambda low, high: root_of(leaves[low:high]))
    assert [item.hex() for item in made] == path
    verify_inclusion(5, 8, leaves[5], made, bytes.fromhex(SHARED_ROOTS[8]))


@pytest.mark.parametrize("size", [*range(1, 34), 255, 256, 257])
def test_pairing_neighbours_gives_the_tree_of_the_rfc(size):
    entries = entries_of(size)
    leaves = list(map(leaf_hash, entries))
    edge = RightEdge()
    assert list(edge.extend(leaves))
    assert root_of(leaves) == edge.root() == naive_root(entries)


def test_every_proof_of_small_trees_verifies():
    leaves = list(map(leaf_hash, entries_of(40)))
    roots = [root_of(leaves[:size]) for size in range(41)]

    def range_hash(low, high):
        return root_of(leaves[low:high])

    for size in range(41):
        for index in range(size):
            path = inclusion_proof(index, size, range_hash)
            verify_inclusion(index, size, leaves[index], path, roots[size])
        for old in range(size + 1):
            path = consistency_proof(old, size, range_hash)
            verify_consistency(old, size, roots[old], roots[size], path)


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.data())
def test_any_flipped_bit_of_an_inclusion_proof_is_refused(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = [sha256(b"%d" % number).digest() for number in range(size)]
    root = root_of(leaves)
    path = inclusion_proof(index, size, lambda low, high: root_of(leaves[low:high]))
    verify_inclusion(index, size, leaves[index], path, root)
    parts = [leaves[index], root, *path]
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flip(parts[which], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofError):
        verify_inclusion(index, size, parts[0], parts[2:], parts[1])


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 3000), st.data())
def test_any_flipped_bit_of_a_consistency_proof_is_refused(size, data):
    old = data.draw(st.integers(1, size - 1))
    leaves = [sha256(b"%d" % number).digest() for number in range(size)]
    path = consistency_proof(old, size, lambda low, high: root_of(leaves[low:high]))
    parts = [root_of(leaves[:old]), root_of(leaves), *path]
    verify_consistency(old, size, parts[0], parts[1], path)
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flip(parts[which], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofError):
        verify_consistency(old, size, parts[0], parts[1], parts[2:])


def test_wrong_shapes_are_refused():
    leaves = list(map(leaf_hash, entries_of(7)))
    root = root_of(leaves)
    path = inclusion_proof(3, 7, lambda low, high: root_of(leaves[low:high]))
    wrong_paths = (path[:-1], path[1:], [*path, root], [*path[:-1], path[-1][:-1]], [b""] * 65)
    for wrong in wrong_paths:
        with pytest.raises(ProofError):
            verify_inclusion(3, 7, leaves[3], wrong, root)
    for index, size in ((7, 7), (-1, 7), (0, 0)):
        with pytest.raises(ProofError):
            verify_inclusion(index, size, leaves[3], path, root)
    for old, new in ((8, 7), (-1, 7)):
        with pytest.raises(ProofError):
            verify_consistency(old, new, root, root, [])


def test_size_zero_proves_nothing_but_itself():
    root = leaf_hash(b"x")
    verify_consistency(0, 1, EMPTY_ROOT, root, [])
    for old_root, proof in ((root, []), (EMPTY_ROOT, [root])):
        with pytest.raises(ProofError):
            verify_consistency(0, 1, old_root, root, proof)
    with pytest.raises(ProofError, match="two roots"):
        verify_consistency(1, 1, EMPTY_ROOT, root, [])


def test_the_edge_grows_alike_in_any_batches():
    choose = random.Random(7)
    leaves = [sha256(b"%d" % number).digest() for number in range(70_000)]
    whole, pieces = RightEdge(), RightEdge()
    at_once = {tile: data for tile, data in whole.extend(leaves) if tile.is_full}
    in_pieces, at = {}, 0
    while at < len(leaves):
        step = choose.choice((1, 200, 256, 5_000))
        tiles = pieces.extend(leaves[at : at + step])
        in_pieces.update({tile: data for tile, data in tiles if tile.is_full})
        at += step
    assert in_pieces == at_once
    assert (pieces.size, pieces.root()) == (70_000, whole.root())


def test_a_proof_of_a_smaller_tree_does_not_speak_for_a_larger_one():
    leaves = list(map(leaf_hash, entries_of(4)))
    path = inclusion_proof(1, 4, lambda low, high: root_of(leaves[low:high]))
    verify_inclusion(1, 4, leaves[1], path, root_of(leaves))
    for size in (2, 5, 8, 9):
        with pytest.raises(ProofError):
            verify_inclusion(1, size, leaves[1], path, root_of(leaves))
    grown = consistency_proof(1, 4, lambda low, high: root_of(leaves[low:high]))
    verify_consistency(1, 4, leaves[0], root_of(leaves), grown)
    for size in (2, 5, 8, 9):
        with pytest.raises(ProofError):
            verify_consistency(1, size, leaves[0], root_of(leaves), grown)
