"""Making a witness, its settings, and what `trifleet witness` says."""

import json
import os
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from ledger_tools import ORIGIN, SIGNER, entries_of, new_log
from witness_server import made
from witness_tools import HONEST, MemoryLog, cosigners, fork

from fleet_backend.fleet.settings import load
from fleet_backend.ledger.addcheckpoint import Request, encode_request
from fleet_backend.ledger.errors import ConfigError, LogCorruptError
from fleet_backend.ledger.evidence import find_contradiction
from fleet_backend.ledger.note import add_signatures
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.witnessdb import WitnessDatabase
from fleet_backend.witness.settings import WitnessSettings
from fleet_backend.witness.setup import create_witness, open_witness, policy_lines
from tests.command_line import trifleet

VKEY = SIGNER.verifier.vkey


def run(*arguments: object) -> tuple[int, str, str]:
    done = trifleet("witness", *arguments, env={**os.environ, "COLUMNS": "200"})
    return done.returncode, done.stdout, done.stderr


def witness_with(folder: Path, *bodies: bytes) -> Path:
    """Settings file of a witness that was asked these things."""
    made(folder)
    witness = open_witness(load(folder / "witness.toml", WitnessSettings))
    with witness.database:
        for body in bodies:
            witness.add_checkpoint(body)
    return folder / "witness.toml"


def test_a_witness_is_made_whole_and_private(tmp_path):
    folder = tmp_path / "deep/er/witness"
    create_witness(folder, "witness.example")
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("ed25519.key", "ml-dsa-44.key", "witness.db"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    witness = open_witness(load(folder / "witness.toml", WitnessSettings))
    assert [key.kind for key in witness.verifiers] == [0x04, 0x06]
    witness.database.close()


@pytest.mark.parametrize("name", ["", "a b", "a+b", 'a"b', "a\\b", "a\u0007b", "w" * 256])
def test_nothing_is_left_of_a_witness_that_cannot_be(tmp_path, name):
    with pytest.raises(ConfigError):
        create_witness(tmp_path / "witness", name)
    assert not list(tmp_path.iterdir())


def test_keys_and_memory_stay_together(tmp_path):
    """Old keys with a new memory would cosign a second history."""
    made(tmp_path / "one")
    made(tmp_path / "two")
    with pytest.raises(ConfigError, match="folder of its own"):
        create_witness(tmp_path / "one", "witness.example")
    os.replace(tmp_path / "two/witness.db", tmp_path / "one/witness.db")
    with pytest.raises(LogCorruptError, match="other keys"):
        open_witness(load(tmp_path / "one/witness.toml", WitnessSettings))
    (tmp_path / "one/witness.db").unlink()
    with pytest.raises(ConfigError, match="new keys"):
        open_witness(load(tmp_path / "one/witness.toml", WitnessSettings))


@pytest.mark.parametrize(
    "line",
    ["port = 0", "port = 65536", 'prefix = "witness"', 'prefix = "/w/"', 'prefix = "/a b"',
     "body_timeout_s = 0", "max_requests = 0", 'prefix = "/w{x}"'],
)  # fmt: skip
def test_settings_out_of_bounds_are_refused(tmp_path, line):
    made(tmp_path / "w")
    path = tmp_path / "w/witness.toml"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ConfigError, match=line.split(" ")[0]):
        load(path, WitnessSettings)


def test_the_lines_for_a_policy_make_one_witness_of_two_keys(tmp_path):
    keys = made(tmp_path / "w")
    lines = [f"log {VKEY}", *policy_lines(keys, "w", "https://w.example"), "quorum w", ""]
    policy = parse_policy("\n".join(lines).encode())
    assert policy.is_met_by(frozenset(keys))
    assert not policy.is_met_by(frozenset(keys[:1]))


def test_init_tells_what_to_do_next(tmp_path):
    status, said, errors = run("init", tmp_path / "w", "--name", "witness.example/w")
    assert (status, errors) == (0, "")
    lines = [line for line in said.splitlines() if not line.startswith("#")]
    parse_policy(f"log {VKEY}\n{chr(10).join(lines)}\nquorum witness.example/w\n".encode())
    assert "PRIVATE KEY" not in said
    assert "add-log" in said
    status, said, errors = run("init", tmp_path / "w", "--name", "witness.example/w")
    assert status == 1
    assert errors.startswith("trifleet: ")
    assert errors.count("\n") == 1


def test_logs_are_added_and_removed(tmp_path):
    create_witness(tmp_path / "w", "witness.example/w")
    config = ("--config", tmp_path / "w/witness.toml")
    assert run("add-log", VKEY, *config)[1] == (
        f"log {ORIGIN}: added; its first checkpoint will be taken as it is\n"
    )
    assert "known already" in run("add-log", VKEY, *config)[1]
    assert "key removed, 0 left" in run("remove-log", VKEY, *config)[1]
    assert "was not known" in run("remove-log", VKEY, *config)[1]
    status, _, errors = run("add-log", "nonsense", *config)
    assert (status, errors) == (1, "trifleet: a verifier key is name+id+key\n")
    own = policy_lines(made(tmp_path / "other"), "w")[0].split(" ")[2]
    status, _, errors = run("add-log", own, *config)
    assert (status, errors) == (1, "trifleet: a log's key is of type Ed25519\n")


def test_status_and_evidence_are_for_strangers(tmp_path):
    config = witness_with(
        tmp_path / "w",
        HONEST.body(0, 7),
        fork(3).body(7, 7),
        encode_request(Request(7, (bytes(32),), HONEST.note(9))),
    )
    [row] = json.loads(run("status", "--config", config, "--json")[1])
    assert row == {"origin": ORIGIN, "keys": 1, "size": 7, "evidence": 1, "suspicions": 1,
                   "state": "the log signed two histories"}  # fmt: skip
    assert "the log signed two histories" in run("status", "--config", config)[1]
    listed = json.loads(run("evidence", "--config", config, "--json")[1])
    assert [row["what"] for row in listed] == ["split view, proved", "suspicion"]
    assert "suspicion" in run("evidence", "--config", config)[1]
    out = tmp_path / "split"
    number = listed[0]["number"]
    assert run("evidence", "--config", config, "--number", number, "--out", out)[0] == 0
    status, said, _ = run("verify-evidence", out, "--log", VKEY)
    assert (status, said) == (0, f"PROVED: log {ORIGIN!r} signed two roots for size 7\n")
    again = run("evidence", "--config", config, "--number", number, "--out", out)
    assert (again[0], again[2]) == (1, f"trifleet: {out}: File exists\n")
    assert "no evidence 9" in run("evidence", "--config", config, "--number", 9, "--out", out)[2]
    assert "--out FILE" in run("evidence", "--config", config, "--number", number)[2]


def test_a_witness_that_cosigned_both_is_named(tmp_path):
    liar, honest = cosigners(1, "liar.example"), cosigners(2, "honest.example")
    notes = [
        add_signatures(log.note(7), [key.cosign(log.signed(7).text, 5) for key in keys])
        for log, keys in ((HONEST, [*liar, *honest]), (fork(3), liar))
    ]
    signed = [replace(HONEST.signed(7), note=notes[0]), replace(fork(3).signed(7), note=notes[1])]
    found = find_contradiction(*signed)
    assert {found.first, found.second} == set(notes)
    file = tmp_path / "split"
    file.write_bytes(bytes(found))
    options = [("--witness", key.verifier.vkey) for key in (*liar, *honest)]
    status, said, _ = run("verify-evidence", file, "--log", VKEY, *chain(*options))
    assert status == 0
    assert said.splitlines()[1:] == ["PROVED: witness 'liar.example' cosigned both"]


def test_a_suspicion_is_completed_from_a_mirror(tmp_path):
    entries = entries_of(12)
    entries[0] = b"another first entry"
    new_log(tmp_path / "log", entries).close()
    lying = MemoryLog(entries)
    config = witness_with(tmp_path / "w", HONEST.body(0, 8), lying.body(8, 12))
    [row] = json.loads(run("evidence", "--config", config, "--json")[1])
    assert row["what"] == "suspicion"
    file, complete = tmp_path / "suspicion", tmp_path / "complete"
    run("evidence", "--config", config, "--number", row["number"], "--out", file)
    status, _, errors = run("verify-evidence", file, "--log", VKEY)
    assert status == 1
    assert "a suspicion, no evidence" in errors
    public = tmp_path / "log/public"
    found = run("verify-evidence", file, "--log", VKEY, "--tiles", public, "--out", complete)
    assert found[0] == 0, found
    assert "another root at 8" in run("verify-evidence", complete, "--log", VKEY)[1]


def test_a_memory_that_is_too_old_is_told(tmp_path):
    config = witness_with(tmp_path / "w", HONEST.body(0, 7))
    with WitnessDatabase(tmp_path / "w/witness.db") as database, database.exclusive():
        database.doubt(ORIGIN, HONEST.note(9))
    [row] = json.loads(run("status", "--config", config, "--json")[1])
    assert "make a new witness" in row["state"]


@pytest.mark.parametrize("command", ["serve", "status", "evidence"])
def test_a_witness_that_is_not_there_is_one_line(tmp_path, command):
    status, said, errors = run(command, "--config", tmp_path / "witness.toml")
    assert (status, said) == (1, "")
    assert errors.startswith(f"trifleet: cannot read {tmp_path}/witness.toml")
