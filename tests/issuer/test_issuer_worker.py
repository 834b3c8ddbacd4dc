"""No grant is handed out that is not in the published log, whatever stops or dies when."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fleet_backend.fleet import keys, statements
from fleet_backend.fleet.chains import Chain
from fleet_backend.issuer import main
from fleet_backend.issuer.errors import IssuerKeyError, JournalError, LedgerPolicyError
from fleet_backend.issuer.journal import Journal
from fleet_backend.issuer.ledgerview import LedgerView
from fleet_backend.issuer.store import Store
from fleet_backend.issuer.worker import Signers, Worker
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from protocol import access, challenge, command, presentation
from protocol import rsa as protocol_rsa
from protocol import statement as wire
from tests.fleet.engines import ENGINES, SQLITE, database_url
from tests.issuer.parties import ask, delegation, party, present
from tests.issuer.stand import ISSUER, VEHICLE, Stand

NOW = 1_800_000_000


@pytest.fixture(params=ENGINES)
def stand(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stand]:
    made = Stand(tmp_path, delegation(VEHICLE, NOW), database_url(request.param, tmp_path))
    yield made
    made.close()


class Issuer:
    """The worker with its journal, and a clock that the test moves."""

    def __init__(self, stand: Stand) -> None:
        self.now = NOW
        issuing = keys.load_rsa(stand.settings.issuing_key)
        self.journal = Journal(stand.settings.journal)
        ledger = LedgerView(stand.settings.ledger_public, stand.settings.ledger_policy)
        self.store = Store(stand.database, ISSUER, party("issuer").modulus)
        signers = Signers(
            ISSUER, lambda message: keys.sign_ps256(issuing, message), stand.statement_key.sign
        )
        self.worker = Worker(self.store, self.journal, ledger, signers, 10, lambda: self.now)

    def close(self) -> None:
        self.journal.close()
        self.store.close()

    def step(self, after_s: int = 0) -> None:
        self.now += after_s
        self.worker.step()


@pytest.fixture
def issuer(stand: Stand) -> Iterator[Issuer]:
    made = Issuer(stand)
    yield made
    made.close()


def logged(stand: Stand) -> list[bytes]:
    """The entries of the published log, proved."""
    policy = parse_policy(stand.settings.ledger_policy.read_bytes())
    reader = LedgerReader(FolderFetch(stand.settings.ledger_public), policy.logs[0])
    return list(reader.entries(0, reader.checkpoint.size))


def assert_logged(stand: Stand, chain: Chain) -> None:
    """The log holds one statement of the issuer that commits to the chain's last grant."""
    with stand.database.read() as connection:
        bodies = []
        for entry in logged(stand):
            row = statements.by_hash(connection, wire.statement_hash(entry))
            verify = keys.ed25519_verifier(keys.public_bytes(stand.statement_key))
            opened = wire.open_statement(entry, verify)
            assert opened.kind == wire.GRANT
            try:
                body = statements.body(connection, row.id)
            except statements.ErasedError:
                continue
            wire.check_body(opened, body.salt, zlib.decompress(body.packed))
            bodies.append(wire.decode_grant_body(zlib.decompress(body.packed)))
    assert bodies.count(chain.grants[-1]) == 1


def test_hands_out_what_is_logged(stand: Stand, issuer: Issuer) -> None:
    name = stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    assert (stand.grant(name).state, stand.grant(name).chain) == ("claimed", None)
    stand.log_what_waits()
    issuer.step()
    row = stand.grant(name)
    assert row.state == "issued" and row.chain is not None and row.reason is None
    assert_logged(stand, row.chain)
    assert row.leaf_hash == wire.statement_hash(logged(stand)[0])
    assert issuer.journal.load() == []


def test_the_vehicle_obeys_what_is_issued(stand: Stand, issuer: Issuer) -> None:
    name = stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    stand.log_what_waits()
    issuer.step()
    chain = stand.grant(name).chain
    assert chain is not None
    open_challenges = challenge.Challenges(os.urandom)
    fresh = open_challenges.give(0, challenge.ONLINE_LIFE_MS)
    gate = access.Gate(access.Authority(VEHICLE, party("owner").thumbprint), open_challenges)
    data = present(VEHICLE, list(chain.grants), list(chain.keys), challenge=fresh)
    done = protocol_rsa.run(gate.check_steps(data, 0, access.Clock(NOW, True)))
    assert isinstance(done, access.Authorized) and done.command.action == command.UNLOCK


def test_statements_form_a_chain(stand: Stand, issuer: Issuer) -> None:
    for _ in range(3):
        stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    stand.log_what_waits()
    opened = [wire.decode_unverified(entry) for entry in logged(stand)]
    assert [item.seq for item in opened] == [0, 1, 2]
    hashes = [wire.statement_hash(entry) for entry in logged(stand)]
    assert [item.prev_hash for item in opened] == [wire.FIRST_PREV_HASH, *hashes[:2]]


def test_a_refusal_has_its_reason(stand: Stand, issuer: Issuer) -> None:
    name = stand.request(ask(VEHICLE, NOW, actions=0x1F), NOW)
    issuer.step()
    assert (stand.grant(name).state, stand.grant(name).reason) == ("refused", "actions")


def test_a_nonce_works_once_even_signed_anew(stand: Stand, issuer: Issuer) -> None:
    nonce = os.urandom(16)
    stand.request(ask(VEHICLE, NOW, nonce=nonce), NOW)
    again = stand.request(ask(VEHICLE, NOW, nonce=nonce), NOW)
    issuer.step()
    assert (stand.grant(again).state, stand.grant(again).reason) == ("refused", "nonce")


def test_a_request_that_names_another_vehicle_is_refused(stand: Stand, issuer: Issuer) -> None:
    name = stand.request(ask("trike-2", NOW), NOW)
    issuer.step()
    assert stand.grant(name).reason == "delegation-vehicle"


def test_while_the_ledger_stands_still_nothing_is_handed_out(stand: Stand, issuer: Issuer) -> None:
    name = stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    issuer.step(after_s=11)
    assert (stand.grant(name).state, stand.grant(name).reason) == ("claimed", "cannot-log")
    assert stand.grant(name).chain is None
    issuer.step(after_s=60)
    stand.log_what_waits()
    issuer.step()
    assert (stand.grant(name).state, stand.grant(name).reason) == ("issued", None)


def test_what_could_not_be_logged_in_time_expires(stand: Stand, issuer: Issuer) -> None:
    name = stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    issuer.step(after_s=121)
    stand.log_what_waits()
    issuer.step()
    assert (stand.grant(name).state, stand.grant(name).chain) == ("expired", None)
    assert issuer.journal.load() == []


def test_a_request_found_too_late_has_expired(stand: Stand, issuer: Issuer) -> None:
    name = stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step(after_s=121)
    assert stand.grant(name).state == "expired"


@pytest.mark.parametrize("stand", [SQLITE], indirect=True)  # its triggers
def test_a_database_that_takes_no_statement_gets_no_grant_out(stand: Stand, issuer: Issuer) -> None:
    with stand.database.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full BEFORE INSERT ON statements "
                "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
    name = stand.request(ask(VEHICLE, NOW), NOW)
    other = stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    issuer.step()
    assert stand.grant(name).state == stand.grant(other).state == "requested"
    (signed,) = issuer.journal.load()
    with stand.database.begin() as connection:
        connection.execute(text("DROP TRIGGER full"))
    issuer.step()
    stand.log_what_waits()
    issuer.step()
    chain = stand.grant(name).chain
    assert chain is not None
    assert_logged(stand, chain)
    assert signed.statement in logged(stand)  # what was signed once was not signed again


def test_a_leaf_index_that_the_log_does_not_confirm_is_not_believed(
    stand: Stand, issuer: Issuer
) -> None:
    """Who writes to the database can say that a statement is logged; the log says otherwise."""
    stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    stand.log_what_waits()
    issuer.step()
    name = stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    with stand.database.begin() as connection:
        connection.execute(text("UPDATE statements SET leaf_index = NULL"))
        connection.execute(text("UPDATE statements SET leaf_index = 0 WHERE seq = 1"))
    issuer.step()
    assert (stand.grant(name).state, stand.grant(name).chain) == ("claimed", None)


@pytest.mark.parametrize("stand", [SQLITE], indirect=True)  # the bytes of its file
def test_the_signed_grant_is_not_in_the_database_before_it_is_logged(
    stand: Stand, issuer: Issuer
) -> None:
    stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    (signed,) = issuer.journal.load()
    stand.database.close()
    stored = b"".join(path.read_bytes() for path in stand.folder.glob("fleet.db*"))
    assert signed.statement in stored
    assert presentation.SignedGrant(wire.decode_grant_body(signed.body)).signature not in stored


def test_an_unpublished_or_foreign_log_shows_nothing(stand: Stand, issuer: Issuer) -> None:
    name = stand.request(ask(VEHICLE, NOW), NOW)
    issuer.step()
    stand.log_what_waits()
    checkpoint = stand.settings.ledger_public / "checkpoint"
    good = checkpoint.read_bytes()
    for bad in (b"", good.replace(b"\n1\n", b"\n2\n"), None):
        if bad is None:
            checkpoint.unlink()
        else:
            checkpoint.write_bytes(bad)
        issuer.step()
        assert stand.grant(name).state == "claimed"
    checkpoint.write_bytes(good)
    issuer.step()
    assert stand.grant(name).state == "issued"


def test_a_lost_journal_never_hands_out(stand: Stand) -> None:
    first = Issuer(stand)
    name = stand.request(ask(VEHICLE, NOW), NOW)
    first.step()
    first.journal.drop(name)
    first.close()
    stand.log_what_waits()
    second = Issuer(stand)
    second.step()
    second.close()
    assert (stand.grant(name).state, stand.grant(name).chain) == ("expired", None)


def test_a_damaged_journal_file_is_left_alone(stand: Stand) -> None:
    stand.settings.journal.mkdir()
    damaged = stand.settings.journal / "x.signed"
    damaged.write_bytes(b"\xff")
    first = Issuer(stand)
    assert first.journal.load() == [] and damaged.exists()
    first.close()


def test_one_issuer_at_a_time(stand: Stand, issuer: Issuer) -> None:
    with pytest.raises(JournalError, match="another issuer"):
        Journal(stand.settings.journal)


def test_refuses_to_begin_with_another_statement_key(stand: Stand) -> None:
    stand.settings.statement_key.unlink()
    keys.generate_ed25519(stand.settings.statement_key)
    with pytest.raises(IssuerKeyError):
        main.run(stand.settings, threading.Event())


def test_refuses_a_policy_without_a_log(stand: Stand) -> None:
    stand.settings.ledger_policy.write_text("quorum none\n")
    with pytest.raises(LedgerPolicyError):
        main.run(stand.settings, threading.Event())


CHILD = """
import signal, sys, threading
from pathlib import Path
from fleet_backend.issuer import main, settings
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print("up", flush=True)
main.run(settings.load_settings(Path(sys.argv[1])), stop)
"""


class Process:
    """A real issuer process over the stand; stopped by its pid."""

    def __init__(self, stand: Stand) -> None:
        self._config = stand.folder / "issuer.toml"
        lines = [f'{name} = "{value}"' for name, value in paths(stand).items()]
        self._config.write_text("\n".join([*lines, "poll_ms = 5"]))
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(self._config)], stdout=subprocess.PIPE
        )
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == b"up\n"

    def end(self, how: signal.Signals) -> None:
        if self.child is not None and self.child.stdout is not None:
            self.child.send_signal(how)
            self.child.wait(20)
            self.child.stdout.close()
            self.child = None


def paths(stand: Stand) -> dict[str, str]:
    return {
        "name": ISSUER,
        "database_url": stand.settings.database_url,
        "issuing_key": "issuing.key",
        "statement_key": "statement.key",
        "journal": "journal",
        "ledger_public": "ledger/public",
        "ledger_policy": "ledger/policy.txt",
    }


def wait_until(what: Callable[[], bool], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def test_killed_at_random_moments_issues_each_grant_once(tmp_path: Path) -> None:
    seed = int(os.environ.get("TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    stand = Stand(tmp_path, delegation(VEHICLE, int(time.time())))
    process = Process(stand)
    try:
        names = []
        for _ in range(2):
            process.start()
            names += [stand.request(ask(VEHICLE, t := int(time.time())), t) for _ in range(8)]
            end = time.monotonic() + chance.uniform(0.3, 1.0)
            while time.monotonic() < end:
                stand.log_what_waits()
                time.sleep(0.002)
            process.end(signal.SIGKILL)
            for row in map(stand.grant, names):
                assert (row.chain is not None) == (row.state == "issued")
                if row.chain is not None:
                    assert_logged(stand, row.chain)
        process.start()

        def all_issued() -> bool:
            stand.log_what_waits()
            return all(stand.grant(name).state == "issued" for name in names)

        wait_until(all_issued)
        process.end(signal.SIGTERM)
        assert_each_once(stand, names)
    finally:
        process.end(signal.SIGKILL)
        stand.close()


def assert_each_once(stand: Stand, names: list[str]) -> None:
    """As many statements as grants, in one chain, each grant in the log."""
    chains = [stand.grant(name).chain for name in names]
    entries = logged(stand)
    assert len(entries) == len(names)
    assert [wire.decode_unverified(item).seq for item in entries] == list(range(len(names)))
    last = {chain.grants[-1] for chain in chains if chain is not None}
    assert len(last) == len(names)
    for chain in chains:
        assert chain is not None
        assert_logged(stand, chain)
