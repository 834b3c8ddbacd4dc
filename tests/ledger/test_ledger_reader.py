"""Reader, audit and proof files: whatever byte is changed, nobody is fooled."""

import random
from pathlib import Path

import pytest
from ledger_tools import (
    KEY,
    ORIGIN,
    SIGNER,
    check_log,
    entries_of,
    files_of,
    new_log,
    open_log,
    reader_of,
)

from fleet_backend.ledger.bundle import encode_bundle
from fleet_backend.ledger.checkpoint import Checkpoint, sign_checkpoint
from fleet_backend.ledger.errors import (
    CheckpointError,
    LedgerError,
    MissingError,
    NoteError,
    PolicyError,
    ProofError,
    TileError,
)
from fleet_backend.ledger.keys import log_vkey
from fleet_backend.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion
from fleet_backend.ledger.note import COSIGNATURE, Verifier
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.proof import (
    make_proof,
    parse_proof,
    verify_proof,
    verify_proof_of_leaf,
)
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter

POLICY = parse_policy(f"log {log_vkey(ORIGIN, KEY)}\nquorum none\n".encode())
SIZE = 66_000
ENTRIES = entries_of(SIZE)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A log with three levels of tiles; read only."""
    directory = tmp_path_factory.mktemp("big")
    with new_log(directory, ENTRIES[:60_000]) as writer:
        writer.append(ENTRIES[60_000:])
    return directory


def test_random_proofs_at_random_sizes(big):
    choose = random.Random(20)
    reader = reader_of(big)
    for _ in range(200):
        size = choose.randint(1, SIZE)
        index, old = choose.randrange(size), choose.randint(0, size)
        path = reader.inclusion_proof(index, size)
        verify_inclusion(index, size, leaf_hash(ENTRIES[index]), path, reader.root_at(size))
        proof = reader.consistency_proof(old, size)
        verify_consistency(old, size, reader.root_at(old), reader.root_at(size), proof)
        assert reader.entry(index) == ENTRIES[index]


def test_audit_counts_what_it_checked(big):
    report = reader_of(big).audit()
    assert (report.checkpoint.size, report.bundles) == (SIZE, 258)
    assert (
        report.tiles == 257 + 1 + 1 + 1 + 1
    )  # level 0, its partial; level 1, its partial; level 2


def test_numbers_beyond_the_log_are_refused(big):
    reader = reader_of(big)
    for ask in (
        lambda: reader.entry(SIZE),
        lambda: reader.entry(-1),
        lambda: reader.leaf(SIZE),
        lambda: reader.inclusion_proof(SIZE),
        lambda: reader.inclusion_proof(0, SIZE + 1),
        lambda: reader.consistency_proof(5, SIZE + 1),
        lambda: reader.consistency_proof(6, 5),
        lambda: reader.root_at(SIZE + 1),
        lambda: reader.root_at(-1),
    ):
        with pytest.raises(ProofError):
            ask()


def test_a_reader_of_an_older_checkpoint_is_not_disturbed(tmp_path):
    with new_log(tmp_path, ENTRIES[:250]) as writer:
        reader = reader_of(tmp_path)
        assert reader.checkpoint.size == 250
        late = (tmp_path / "public/checkpoint").read_bytes()
        writer.append(ENTRIES[250:600])
    assert not any("000.p" in name for name in files_of(tmp_path) if "/1/" not in name)
    fetch = FolderFetch(tmp_path / "public")
    old = LedgerReader(lambda path: late if path == "checkpoint" else fetch(path), SIGNER.verifier)
    for each in (reader, old):
        assert each.entry(249) == ENTRIES[249]
        assert len(each.inclusion_proof(3)) == 8
    assert old.audit().checkpoint.size == 250
    assert reader.update().size == 600
    assert reader.entry(599) == ENTRIES[599]


def test_roll_back_and_fork_are_refused(tmp_path):
    new_log(tmp_path / "a", ENTRIES[:10]).close()
    new_log(tmp_path / "b", [*ENTRIES[:4], b"another history", *ENTRIES[5:20]]).close()
    new_log(tmp_path / "c", ENTRIES[:8]).close()
    current = [tmp_path / "a"]
    reader = LedgerReader(lambda path: FolderFetch(current[0] / "public")(path), SIGNER.verifier)
    assert reader.checkpoint.size == 10
    current[0] = tmp_path / "b"
    with pytest.raises(CheckpointError, match="forked"):
        reader.update()
    current[0] = tmp_path / "c"
    with pytest.raises(CheckpointError, match="rolled back"):
        reader.update()
    current[0] = tmp_path / "a"
    assert reader.update().size == reader.checkpoint.size == 10


def test_a_forged_level_0_tile_is_refused(tmp_path):
    """CVE-2026-56865: a level-0 tile and bundle that agree with each other prove nothing."""
    new_log(tmp_path, ENTRIES[:600]).close()
    forged = [b"forged", *ENTRIES[1:256]]
    public = tmp_path / "public"
    (public / "tile/entries/000").write_bytes(encode_bundle(forged))
    (public / "tile/0/000").write_bytes(b"".join(map(leaf_hash, forged)))
    reader = reader_of(tmp_path)
    for ask in (lambda: reader.entry(0), lambda: reader.leaf(0), lambda: reader.inclusion_proof(1)):
        with pytest.raises(TileError, match="tile/0/000"):
            ask()
    assert reader.entry(300) == ENTRIES[300]


def test_any_changed_byte_is_found_by_the_audit_and_by_who_uses_it(tmp_path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    with new_log(tmp_path, ENTRIES[:515]) as writer:
        writer.append(ENTRIES[515:517])
    for name in sorted(files_of(tmp_path)):
        path = tmp_path / "public" / name
        data = path.read_bytes()
        for at in {0, len(data) - 1, *(choose.randrange(len(data)) for _ in range(6))}:
            changed = bytearray(data)
            changed[at] ^= 1 << choose.randrange(8)
            path.write_bytes(changed)
            refuse_all(tmp_path, name)
        path.write_bytes(data[:-1])
        refuse_all(tmp_path, name)
        path.write_bytes(data + b"\0")
        refuse_all(tmp_path, name)
        path.write_bytes(data)
    check_log(tmp_path, {})


def refuse_all(directory: Path, name: str) -> None:
    with pytest.raises(LedgerError):
        reader_of(directory).audit()
    if ".p/3" in name:
        return  # the partial tiles of size 515: nobody asks for them at size 517
    with pytest.raises(LedgerError):
        reader = reader_of(directory)
        for index in (0, 256, 516):
            reader.inclusion_proof(index)
            reader.entry(index)


def test_missing_files_are_named(tmp_path):
    new_log(tmp_path, ENTRIES[:300]).close()
    (tmp_path / "public/tile/entries/000").unlink()
    with pytest.raises(MissingError, match="tile/entries/000"):
        reader_of(tmp_path).entry(3)
    with pytest.raises(MissingError, match="checkpoint"):
        _ = reader_of(tmp_path / "nothing").checkpoint


@pytest.mark.parametrize("path", ["../wal", "/etc/passwd", "tile/0/../../../wal", "wal", ""])
def test_the_folder_gives_nothing_but_the_log(tmp_path, path):
    new_log(tmp_path, ENTRIES[:3]).close()
    with pytest.raises(TileError):
        FolderFetch(tmp_path / "public")(path)


def test_an_absurdly_large_file_is_not_read(tmp_path):
    new_log(tmp_path, ENTRIES[:3]).close()
    with (tmp_path / "public/checkpoint").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(LedgerError, match="larger"):
        _ = reader_of(tmp_path).checkpoint


@pytest.mark.parametrize("index", [0, 255, 256, 65_535, 65_536, SIZE - 1])
def test_a_proof_verifies_offline(big, index):
    text = make_proof(reader_of(big), index, b"out of band")
    verified = verify_proof(text.encode(), ENTRIES[index], POLICY)
    assert (verified.index, verified.size, verified.origin) == (index, SIZE, ORIGIN)
    assert verified.extra == b"out of band"
    assert verified.root == reader_of(big).checkpoint.root
    assert verify_proof_of_leaf(text, leaf_hash(ENTRIES[index]), POLICY) == verified
    assert len(text) < 2_048


def test_a_proof_is_of_this_entry_log_and_policy_only(big, tmp_path):
    text = make_proof(reader_of(big), 1_000)
    with pytest.raises(ProofError):
        verify_proof(text, ENTRIES[1_001], POLICY)
    with pytest.raises(ProofError):
        verify_proof(text.replace("index 1000", "index 1001"), ENTRIES[1_000], POLICY)
    other = SIGNER.verifier.vkey.replace(ORIGIN, "x")
    with pytest.raises(PolicyError):
        parse_policy(f"log {other}\nquorum none\n".encode())
    witness = Verifier("w.example", COSIGNATURE, bytes(32))
    unmet = f"log {log_vkey(ORIGIN, KEY)}\nwitness w {witness.vkey}\nquorum w\n"
    with pytest.raises(PolicyError, match="not cosigned"):
        verify_proof(text, ENTRIES[1_000], parse_policy(unmet.encode()))


def test_any_flipped_bit_of_a_proof_is_refused_but_in_extra(tmp_path):
    new_log(tmp_path, ENTRIES[:77]).close()
    data = make_proof(reader_of(tmp_path), 33).encode()
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LedgerError):
            verify_proof(bytes(changed), ENTRIES[33], POLICY)


def test_proof_of_the_only_entry_has_no_hashes(tmp_path):
    new_log(tmp_path, [b"only"]).close()
    text = make_proof(reader_of(tmp_path), 0)
    assert parse_proof(text).path == ()
    assert str(parse_proof(text)) == text
    assert verify_proof(text, b"only", POLICY).size == 1


def test_malformed_proofs_are_refused(big):
    text = make_proof(reader_of(big), 5, b"x")
    head, note = text.split("\n\n", 1)
    lines = head.split("\n")
    wrong = [
        "",
        text.replace("\n", "\r\n"),
        text[:-1],
        text + "\n",
        text.replace("@v1", "@v2"),
        text.replace("index 5", "index 05"),
        text.replace("index 5", "index -5"),
        text.replace("index 5", f"index {1 << 64}"),
        text.replace("index 5", "index"),
        text.replace("extra ", "extra  "),
        text.replace("extra eA==", "extra "),
        text.replace("extra eA==", "extra eB=="),
        text.replace("extra eA==", "extra eA==\nextra eA=="),
        "\n".join([*lines[:3], *lines[4:]]) + "\n\n" + note,
        "\n".join([*lines, lines[-1]]) + "\n\n" + note,
        "\n".join([*lines, *lines[3:4] * 65]) + "\n\n" + note,
        "\n".join([*lines[:-1], lines[-1][:-4]]) + "\n\n" + note,
        head + "\n\n\n" + note,
        head,
        "\ud800" + text,
        text + " " * (1 << 20),
    ]
    for case in wrong:
        with pytest.raises((ProofError, NoteError, CheckpointError)):
            verify_proof(case, ENTRIES[5], POLICY)
    with pytest.raises(ProofError, match="UTF-8"):
        parse_proof(b"\xff" + text.encode())


def test_a_checkpoint_of_another_root_is_refused_though_signed(tmp_path):
    new_log(tmp_path, ENTRIES[:300]).close()
    wrong = sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(32)), SIGNER)
    (tmp_path / "public/checkpoint").write_bytes(wrong.note)
    with pytest.raises(TileError, match="do not give the signed root"):
        _ = reader_of(tmp_path).checkpoint


def test_writer_and_reader_at_size_zero(tmp_path):
    new_log(tmp_path).close()
    reader = reader_of(tmp_path)
    assert reader.audit().checkpoint.size == 0
    assert reader.consistency_proof(0) == []
    writer: LedgerWriter = open_log(tmp_path)
    assert writer.append([]) == 0
    writer.append([b""])
    writer.close()
    assert reader.update().size == 1
    assert reader.entry(0) == b""
