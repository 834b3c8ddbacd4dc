"""Audits a log with `aics-tlog` and says what it found, as JSON. Runs in an environment of its own.

Usage: oracle_aics.py PUBLIC_FOLDER VKEY. Every entry is hashed into a tree of the oracle's own,
whose root must be that of the verified checkpoint, as must be the root out of the tiles.
"""

import json
import sys
from pathlib import Path

from aics_tlog import (
    FileSystemTileReader,
    MerkleTree,
    consistency_proof_from_tiles,
    inclusion_proof_from_tiles,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    read_entry,
    tree_root_from_tiles,
    verify_checkpoint,
    verify_consistency,
    verify_leaf_inclusion,
)


def main(public: str, vkey: str) -> None:
    """Raises whatever is wrong."""
    note = parse_note((Path(public) / "checkpoint").read_bytes())
    result = verify_checkpoint(note, parse_vkey(vkey), expected_origin=vkey.split("+")[0])
    checkpoint = parse_checkpoint(note.text)
    reader, size = FileSystemTileReader(public), checkpoint.size
    entries = [read_entry(reader, index, size) for index in range(size)]
    tree = MerkleTree(entries)
    proofs = True
    for index in range(0, size, max(1, size // (16 if size < 10_000 else 2))):
        path = inclusion_proof_from_tiles(reader, index, size)
        proofs &= verify_leaf_inclusion(entries[index], index, size, path, checkpoint.root)
        if index:
            grown = consistency_proof_from_tiles(reader, index, size)
            roots = tree.root(index), checkpoint.root
            proofs &= verify_consistency(index, size, *roots, grown)
    found = {
        "signed": bool(result.ok),
        "size": size,
        "entries": [entry.hex() for entry in entries[:3] + entries[-3:]],
        "root_of_entries": tree.root() == checkpoint.root,
        "root_of_tiles": tree_root_from_tiles(reader, size) == checkpoint.root,
        "proofs": bool(proofs),
    }
    print(json.dumps(found))


main(*sys.argv[1:])
