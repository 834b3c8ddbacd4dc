"""Who reads a shared log: API, issuer, the command line, and whoever answers sightings."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from logstore_s3_server import ACCESS_KEY, BUCKET, SECRET, S3Server
from logstore_stand import KEY, LOG, ORIGIN, Site, make_fleet, sqlite_url, whole
from logstore_stores import write_options

from fleet_backend.api.ledgerview import PublishedLedger
from fleet_backend.fleet import receipts
from fleet_backend.fleet.errors import NotLoggedError
from fleet_backend.ingest.answers import Answers
from fleet_backend.ingest.errors import LedgerMismatchError
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ingest.sightings import Asked
from fleet_backend.issuer.ledgerview import LedgerView
from fleet_backend.ledger.cose import parse_sign1
from fleet_backend.ledger.errors import LockLostError
from fleet_backend.ledger.pemfile import write_key
from fleet_backend.logstore.opening import open_fetch, open_tiles
from protocol import courier

ROOT = Path(__file__).resolve().parents[2]
URL = f"s3://{BUCKET}/log"


@pytest.fixture
def site(tmp_path: Path, s3: S3Server) -> Iterator[Site]:
    write_options(tmp_path / "s3.toml", s3.options())
    write_key(tmp_path / "log.key", KEY)
    (tmp_path / "policy.txt").write_text(f"log {LOG.vkey}\nquorum none\n")
    database = make_fleet(sqlite_url(tmp_path))
    made = Site(database, lambda: open_tiles(URL, tmp_path / "s3.toml"))
    made.create()
    yield made
    database.close()


def test_api_and_issuer_read_the_store(site: Site, tmp_path: Path) -> None:
    made = site.put(3)
    whole(site).close()
    fetch = open_fetch(URL, tmp_path / "s3.toml")
    api = PublishedLedger(fetch, tmp_path / "policy.txt")
    assert (api.size(), api.pending_size()) == (3, 3)
    issuer = LedgerView(fetch, tmp_path / "policy.txt")
    assert issuer.refresh() == 3
    assert issuer.holds(2, made[2])
    assert not issuer.holds(2, made[1])


def test_a_place_that_no_checkpoint_covers_yet_is_no_receipt(site: Site, tmp_path: Path) -> None:
    """The order is fixed before the tiles are written: until then the entry is not logged."""
    site.put(2)
    whole(site).close()
    site.put(1)

    def fail(call: str, number: int, after: bool) -> None:
        if call == "sync":
            raise LockLostError("made by the test")

    site.memory.hook = fail
    with site.writer() as writer, pytest.raises(LockLostError):
        writer.append(site.waiting())
    assert site.waiting() == []
    fetch = open_fetch(URL, tmp_path / "s3.toml")
    api = PublishedLedger(fetch, tmp_path / "policy.txt")
    assert api.size() == 2
    with site.database.read() as connection, pytest.raises(NotLoggedError):
        receipts.build(connection, 2, api._reader)
    whole(site).close()
    site.check()


def test_a_sequencer_over_a_store_logs_and_signs_roots(site: Site, tmp_path: Path) -> None:
    keys = [tmp_path / "log.key"]
    first = Sequencer.open_shared(site.database, site.opens(), ORIGIN, keys)
    site.put(1_500)
    assert (first.step(), first.step(), first.step()) == (1_000, 500, 0)
    second = Sequencer.open_shared(site.database, site.opens(), ORIGIN, keys)
    site.put(1)
    with pytest.raises(LockLostError):
        first.step()
    assert second.step() == 1
    root = open_fetch(URL, tmp_path / "s3.toml")("checkpoint.cose")
    assert parse_sign1(root).size == 1_501
    first.close()
    second.close()
    site.check()


def test_a_shared_log_that_knows_less_than_the_database_is_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet_backend.fleet.statements.next_leaf", lambda _: 7)
    with pytest.raises(LedgerMismatchError, match="knows 7 entries of the ledger, which holds 0"):
        Sequencer.open_shared(site.database, site.opens(), ORIGIN, [tmp_path / "log.key"])


def test_sightings_are_answered_from_the_store(site: Site, tmp_path: Path) -> None:
    site.put(300)
    whole(site).close()
    sent: list[tuple[str, str, bytes]] = []
    told = threading.Event()

    def send(gateway: str, name: str, payload: bytes) -> None:
        sent.append((gateway, name, payload))
        told.set()

    answers = Answers(open_fetch(URL, tmp_path / "s3.toml"), [LOG], send)
    answers.start()
    answers.ask([Asked("gw-1", ORIGIN, 0), Asked("gw-2", "another.example/log", 0)])
    assert told.wait(30)
    answers.stop()
    ((gateway, name, payload),) = sent
    assert (gateway, name) == ("gw-1", courier.DOWN_CHECKPOINT)
    assert courier.decode_checkpoint(payload)[0] == ORIGIN


def test_the_command_line_checks_a_log_in_a_store(site: Site, s3: S3Server) -> None:
    site.put(300)
    whole(site).close()
    environment = {
        "AWS_ENDPOINT": s3.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ALLOW_HTTP": "true",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "trifleet.cli", "ledger", "fsck", URL, "--json", "--vkey"]
    done = subprocess.run(
        [*command, LOG.vkey], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["size"] == 300
    assert SECRET not in done.stdout + done.stderr
    refused = subprocess.run(
        [*command[:5], f"s3://x:{SECRET}@b/l", "--vkey", LOG.vkey],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert SECRET not in refused.stdout + refused.stderr
