"""An installation changes its log's key as the documentation says: both sign, then the new one."""

from pathlib import Path

import pytest

from fleet_backend.fleet.database import open_database
from fleet_backend.ingest.publishing import read_policy
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ingest.settings import load_settings
from fleet_backend.ledger.keys import load_log_key, log_vkey
from fleet_backend.ledger.note import Verifier, parse_note, parse_vkey
from tests.command_line import trifleet
from trifleet import installation
from trifleet.layout import Layout
from trifleet.program_settings import ProgramSettings


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "data")
    installation.found(made, lambda _step, _text: None)
    return made


def rotate(layout: Layout, key: Path, new: Path, *more: str) -> None:
    files = ["--key", key, "--new-key", new, "--policy", layout.policy]
    trifleet("ledger", "rotate-key", layout.ledger, *files, *more).check_returncode()


def signed_as_run_does(layout: Layout) -> list[int]:
    """Key ids on the checkpoint, once the log was opened with the settings that `run` writes."""
    settings = load_settings(ProgramSettings(layout, 1883).ingest())
    ledger = settings.ledger
    database = open_database(settings.database)
    database.create_schema()
    policy = read_policy(ledger.policy)
    sequencer = Sequencer.open(database, ledger.directory, ledger.origin, ledger.key_files, policy)
    note = sequencer.writer.fetch("checkpoint")
    sequencer.close()
    database.close()
    return [line.key_id for line in parse_note(note).signatures]


def log_keys(layout: Layout) -> list[Verifier]:
    lines = layout.policy.read_text().splitlines()
    return [parse_vkey(line.split()[1]) for line in lines if line.startswith("log ")]


def test_both_keys_sign_while_the_former_one_is_there(layout: Layout) -> None:
    (old,) = log_keys(layout)
    new_file = layout.ledger / "log.new.key"
    rotate(layout, layout.log_key, new_file)
    layout.log_key.rename(layout.former_log_key)
    new_file.rename(layout.log_key)
    name, text = installation.origin(layout), layout.policy.read_text()
    layout.policy.write_text(f"log {log_vkey(name, load_log_key(layout.log_key))}\n{text}")
    installation.found(layout, lambda _step, _text: None)  # as each start does
    both = signed_as_run_does(layout)
    assert len(both) == 2 and both[1] == old.key_id
    rotate(layout, layout.former_log_key, layout.log_key, "--finish")
    layout.former_log_key.unlink()
    assert signed_as_run_does(layout) == both[:1]
