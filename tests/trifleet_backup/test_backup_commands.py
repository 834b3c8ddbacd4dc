"""`trifleet backup` and `trifleet restore` as an operator types them."""

import json
from pathlib import Path

import pytest

from fleet_backend.ledger.keys import load_log_key
from fleet_backend.ledger.writer import LedgerWriter
from fleet_backend.logstore.opening import open_fetch
from tests.command_line import trifleet
from tests.fleet.engines import POSTGRES, database_url
from tests.privacy.town import Stopped
from trifleet import installation
from trifleet.layout import Layout, write_private


def line(path: Path, text: str) -> Path:
    write_private(path, text.encode() + b"\n")
    return path


def test_from_a_file_and_a_folder_to_a_server_and_a_store(stopped: Stopped, tmp_path: Path) -> None:
    data, kept, new = stopped.layout.root, tmp_path / "kept", Layout(tmp_path / "new")
    done = trifleet("backup", kept, "--data", data, "--keys", "--json")
    assert (done.returncode, json.loads(done.stdout)["step"]) == (0, "backed up"), done.stderr
    url = database_url(POSTGRES, tmp_path, empty=True)
    where = [
        *("--database", line(tmp_path / "database.url", url)),
        *("--tiles", line(tmp_path / "tiles.url", f"file://{tmp_path}/store")),
        *("--seen", data / "ledger/public/checkpoint"),
        *("--log", data / "ledger"),
    ]
    done = trifleet("restore", kept, "--data", new.root, *where, "--json")
    told = {one["step"]: one["text"] for one in map(json.loads, done.stdout.splitlines())}
    assert (done.returncode, done.stderr) == (0, "")
    assert told["ledger"] == "may be signed on"
    assert new.database_url_file.read_text() == url + "\n"
    published = (data / "ledger/public/checkpoint").read_bytes()
    assert open_fetch(f"file://{tmp_path}/store")("checkpoint") == published
    assert trifleet("backup", tmp_path / "again", "--data", new.root).returncode == 0


@pytest.mark.faults
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_made(
    stopped: Stopped, tmp_path: Path
) -> None:
    data, kept = stopped.layout.root, tmp_path / "kept"
    assert trifleet("backup", kept, "--data", data, "--keys").returncode == 0
    name, key = installation.origin(stopped.layout), load_log_key(stopped.layout.log_key)
    with LedgerWriter.open(stopped.layout.ledger, name, key) as writer:
        writer.append([b"seen by others, and no statement"])
    seen = data / "ledger/public/checkpoint"
    open_to_all = line(tmp_path / "open.url", "postgresql://secret-word@127.0.0.1/fleet")
    open_to_all.chmod(0o644)
    two_lines = line(tmp_path / "two.url", "sqlite:///a\nsqlite:///b")
    for words, told in (
        (["--seen", seen], "others have seen"),
        (["--database", open_to_all], "others may read"),
        (["--database", two_lines], "has to hold one line"),
        (["--log", tmp_path], "the log has no checkpoint"),
    ):
        done = trifleet("restore", kept, "--data", tmp_path / "new", *words)
        assert done.returncode == 1, words
        assert told in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert "secret-word" not in done.stderr
        assert not (tmp_path / "new").exists()
    # What the log has beyond the back-up has to be statements of gateways that are known.
    words = ["--seen", seen, "--log", data / "ledger"]
    done = trifleet("restore", kept, "--data", tmp_path / "new", *words)
    assert "an entry of the log is no statement" in done.stderr
    done = trifleet("backup", tmp_path / "other", "--data", tmp_path / "new")
    assert "was not finished: delete this folder" in done.stderr
