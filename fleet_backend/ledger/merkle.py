"""Merkle tree hashes and proofs of RFC 6962 section 2.1 and RFC 9162 section 2.1.

Pure. Proofs are generated as ranges of leaves, so that whoever holds the hashes (tiles, memory)
says what a range hashes to. Verification refuses a proof that is a hash too long or too short.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

from .errors import ProofError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_PROOF_HASHES = 64  # more than any tree below 2^63 leaves needs

Range = tuple[int, int]
RangeHash = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Root over sibling subtrees of one height; the last may be an incomplete one.

    Pairing neighbours level by level, a lone last node rising as it is, gives the same tree as
    RFC 6962's split at the largest power of two.
    """
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def split_point(width: int) -> int:
    """Largest power of two smaller than `width` (at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Ranges of leaves whose hashes prove leaf `index` in a tree of `size`, leaf side first."""
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of size {size}")
    ranges: list[Range] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + split_point(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    ranges.reverse()
    return ranges


def consistency_ranges(old_size: int, new_size: int) -> list[Range]:
    """Ranges of leaves whose hashes prove that the tree of `new_size` continues `old_size`."""
    if not 0 <= old_size <= new_size:
        raise ProofError(f"a tree of size {new_size} cannot continue one of size {old_size}")
    if old_size in (0, new_size):
        return []
    ranges: list[Range] = []
    low, high = 0, new_size
    while high != old_size:
        middle = low + split_point(high - low)
        if old_size <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    if low:
        # Where the old tree is itself a complete left subtree, the verifier knows its root.
        ranges.append((low, high))
    ranges.reverse()
    return ranges


def inclusion_proof(index: int, size: int, range_hash: RangeHash) -> list[bytes]:
    """Audit path of RFC 6962 section 2.1.1, from the leaf's sibling to the root's child."""
    return [range_hash(low, high) for low, high in inclusion_ranges(index, size)]


def consistency_proof(old_size: int, new_size: int, range_hash: RangeHash) -> list[bytes]:
    """Consistency proof of RFC 6962 section 2.1.2; empty from size 0 and between equal sizes."""
    return [range_hash(low, high) for low, high in consistency_ranges(old_size, new_size)]


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """Root that `proof` leads to (RFC 9162 section 2.1.3.2). Raises ProofError on a wrong shape."""
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of size {size}")
    _require_hashes([leaf, *proof])
    node, last, result = index, size - 1, leaf
    for step, sibling in enumerate(proof):
        if last == 0:
            raise ProofError(f"inclusion proof is longer than the {step} hashes that are needed")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError(f"inclusion proof of {len(proof)} hashes is too short")
    return result


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Refuse unless the leaf hash `leaf` is at `index` of the tree with `size` and `root`."""
    if root_from_inclusion(index, size, leaf, proof) != root:
        raise ProofError(f"inclusion proof of leaf {index} does not lead to the root")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Refuse unless the new tree continues the old one (RFC 9162 section 2.1.4.2).

    From size 0 the old root must be that of the empty tree and the proof empty: it holds nothing.
    """
    if not 0 <= old_size <= new_size:
        raise ProofError(f"a tree of size {new_size} cannot continue one of size {old_size}")
    if old_size == 0 and (proof or old_root != EMPTY_ROOT):
        raise ProofError("nothing but the empty tree and the empty proof goes with size 0")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofError("two roots for one size, or a proof where nothing is to be proved")
        return
    _require_hashes([old_root, new_root, *proof])
    if old_size == 0:
        return
    if roots_from_consistency(old_size, new_size, old_root, proof) != (old_root, new_root):
        raise ProofError("consistency proof does not lead to both roots")


def roots_from_consistency(
    old_size: int, new_size: int, old_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Old and new root that `proof` leads to, for 0 < `old_size` < `new_size`.

    Where the old tree is a complete left subtree the proof leaves it out, and `old_root` is taken
    for it. Raises ProofError on a wrong shape.
    """
    if not 0 < old_size < new_size:
        raise ProofError(f"nothing is proved between the sizes {old_size} and {new_size}")
    _require_hashes([old_root, *proof])
    if not proof:
        raise ProofError("consistency proof is empty")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    hashes = iter(proof)
    old = new = old_root if node == 0 else next(hashes)
    for sibling in hashes:
        if last == 0:
            raise ProofError("consistency proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("consistency proof is too short")
    return old, new


def _require_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(item) != HASH_SIZE for item in hashes):
        raise ProofError(f"a hash has {HASH_SIZE} bytes")
