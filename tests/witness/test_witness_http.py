"""The witness over HTTP: every answer, bounds, many at once, and kill -9 before an answer."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_tools import ORIGIN, SIGNER, entries_of
from witness_server import WAIT_S, Server, made
from witness_tools import HONEST, MemoryLog, fork

from fleet_backend.ledger.addcheckpoint import MAX_REQUEST_BYTES, Request, encode_request
from fleet_backend.ledger.evidence import verify_evidence
from fleet_backend.ledger.note import Signer, add_signatures, open_note, parse_vkey
from fleet_backend.ledger.witness import TEXT, TREE_SIZE

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "witness"
    made(path)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("witness") / "w"
    made(path)
    settings = path / "witness.toml"
    settings.write_text(settings.read_text() + "body_timeout_s = 1\n")
    with Server(path) as running:
        yield running


def test_every_answer_has_its_status_and_type(server):
    """In this order: the memory grows from nothing to 7."""
    stranger = Signer("other.example", Ed25519PrivateKey.generate())
    impostor = Signer(ORIGIN, Ed25519PrivateKey.generate())
    bad_proof = encode_request(Request(7, (bytes(32),), HONEST.note(9)))
    for body, status, kind in (
        (b"nonsense", 400, TEXT),
        (MemoryLog(entries_of(9), stranger).body(0, 7), 404, TEXT),
        (MemoryLog(entries_of(9), impostor).body(0, 7), 403, TEXT),
        (HONEST.body(3, 7), 409, TREE_SIZE),
        (HONEST.body(0, 7), 200, TEXT),
        (HONEST.body(0, 7), 409, TREE_SIZE),
        (bad_proof, 422, TEXT),
        (fork(3).body(7, 7), 422, TEXT),
        (HONEST.body(7, 7), 200, TEXT),
    ):
        found = server.add(body)
        assert found[:2] == (status, kind), found
    assert server.add(HONEST.body(3, 9))[2] == b"7\n"


def test_what_anybody_may_read(server):
    while (found := server.add(HONEST.body(0, 7)))[0] not in (200, 409):
        raise AssertionError(found)
    server.add(fork(3).body(7, 7))
    keys = [parse_vkey(line) for line in server.get("/vkeys")[2].decode().splitlines()]
    assert [key.kind for key in keys] == [0x04, 0x06]
    status, kind, note = server.get("/checkpoint?origin=" + quote(ORIGIN, safe=""))
    assert (status, kind) == (200, TEXT)
    assert set(open_note(note, [SIGNER.verifier, *keys]).signers) == {SIGNER.verifier, *keys}
    assert json.loads(server.get("/logs")[2]) == [{"origin": ORIGIN, "size": 7}]
    listed = json.loads(server.get("/evidence")[2])
    proved = [one["number"] for one in listed if one["complete"]]
    file = server.get(f"/evidence/{proved[0]}")[2]
    assert verify_evidence(file, (SIGNER.verifier,)).first.size == 7


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/checkpoint", 404),
        ("GET", "/checkpoint?origin=none", 404),
        ("GET", "/evidence/999", 404),
        ("GET", "/evidence/-1", 404),
        ("GET", "/evidence/99999999999999999999999999", 404),
        ("GET", "/witness.db", 404),
        ("GET", "/../witness.db", 404),
        ("GET", "/add-checkpoint", 405),
        ("POST", "/vkeys", 405),
        ("DELETE", "/add-checkpoint", 405),
    ],
)
def test_there_is_nothing_else(server, method, path, status):
    assert server.ask(method, path)[0] == status


def test_a_body_is_bounded_in_size(server):
    assert server.add(bytes(MAX_REQUEST_BYTES))[0] == 400
    try:
        assert server.add(bytes(MAX_REQUEST_BYTES + 1))[0] == 413
        assert server.add(bytes(20_000_000))[0] == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server answered and closed before all of it was sent
    assert server.get("/vkeys")[0] == 200


def test_a_body_is_bounded_in_time(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as slow:
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\nold")
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    assert server.get("/vkeys")[0] == 200


def test_a_client_that_leaves_disturbs_nobody(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as leaving:
        leaving.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\n")
    assert server.get("/vkeys")[0] == 200


def race(servers: list[Server], old: int, sizes: list[int]) -> list[tuple[int, int]]:
    """One request a size, all at the same moment. Returns (size, status) as answers came."""
    barrier = threading.Barrier(len(sizes))
    found: list[tuple[int, int]] = []

    def run(number: int, size: int) -> None:
        body = HONEST.body(old, size)
        barrier.wait()
        found.append((size, servers[number % len(servers)].add(body)[0]))

    threads = [threading.Thread(target=run, args=job) for job in enumerate(sizes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("processes", [1, 2])
def test_fifty_parallel_requests_with_n_and_n_plus_k_never_roll_back(folder, processes):
    """Each round both sizes compete from one old size; one wins, and it is what is remembered."""
    servers = [Server(folder) for _ in range(processes)]
    try:
        assert servers[0].add(HONEST.body(0, 1))[0] == 200
        old = 1
        for n, n_plus_k in ((4, 9), (12, 17), (20, 33)):
            found = race(servers, old, [n, n_plus_k] * 25)
            assert len(found) == 50
            won = [size for size, status in found if status == 200]
            assert len(won) == 1
            assert {status for _, status in found} == {200, 409}
            assert servers[0].remembered() == won[0]
            # The losers ask again from what they were told, as a log does.
            again = race(servers, won[0], [n_plus_k] * 50)
            assert {status for _, status in again} <= {200, 409}
            assert servers[-1].remembered() == n_plus_k
            assert servers[0].add(HONEST.body(old, n))[2] == b"%d\n" % n_plus_k
            old = n_plus_k
    finally:
        for server in servers:
            server.__exit__()


def kill_at(server: Server, call: str) -> subprocess.Popen[bytes]:
    """From now on the kernel kills the server (kill -9) at its next call of this name."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(server.process.pid), "-o", "/dev/null",
         "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when=1"],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert tracer.stderr is not None
    if b"attached" not in (line := tracer.stderr.readline()):
        tracer.kill()
        pytest.skip(f"strace may not attach here: {line!r}")
    return tracer


@needs_strace
@pytest.mark.parametrize(
    ("call", "is_persisted"), [("sendto", True), ("fdatasync", None), ("pwrite64", False)]
)
def test_killed_before_its_answer_it_never_rolls_back(folder, call, is_persisted):
    """After the commit `sendto` comes first: persisted, not answered. The others are in it."""
    note = HONEST.note(12)
    with Server(folder) as server:
        assert server.add(HONEST.body(0, 7))[0] == 200
        tracer = kill_at(server, call)
        try:
            with pytest.raises((ConnectionError, http.client.HTTPException)):
                server.add(HONEST.body(7, 12))
            assert server.process.wait(WAIT_S) == -signal.SIGKILL
        finally:
            tracer.kill()
            tracer.communicate()
    with Server(folder) as server:
        size = server.remembered()
        assert size in {True: (12,), False: (7,), None: (7, 12)}[is_persisted]
        # A log that heard nothing asks the same again, and is told where to go on.
        first = server.add(HONEST.body(7, 12))
        assert first[0] == (409 if size == 12 else 200)
        if size == 12:
            assert first[2] == b"12\n"
        status, _, body = server.add(encode_request(Request(12, (), note)))
        assert status == 200
        keys = [parse_vkey(line) for line in server.get("/vkeys")[2].decode().splitlines()]
        lines = body.decode().splitlines()
        assert set(open_note(add_signatures(note, lines), keys).signers) == set(keys)
        # Neither the other history nor an older size gets a signature.
        assert server.add(fork(3).body(7, 12))[0] == 409
        assert server.add(fork(3).body(12, 12))[0] == 422
        assert server.add(HONEST.body(7, 9))[0] == 409
        assert server.remembered() == 12


def test_ctrl_c_leaves_nothing(folder):
    with Server(folder) as server:
        server.add(HONEST.body(0, 7))
        # A connection that is kept open does not hold it up.
        with socket.create_connection(("127.0.0.1", server.port)):
            status, errors = server.stop()
        assert (status, errors) == (0, "")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["ed25519.key", "ml-dsa-44.key", "witness.db", "witness.toml"]
    with pytest.raises(ConnectionRefusedError):
        server.get("/vkeys")


def test_a_log_that_is_added_while_it_runs_is_known_at_once(folder):
    from fleet_backend.ledger.witnessdb import WitnessDatabase

    signer = Signer("other.example", Ed25519PrivateKey.from_private_bytes(bytes([78]) * 32))
    log = MemoryLog(entries_of(9), signer)
    with Server(folder) as server:
        assert "knows 1 log" in server.said
        assert server.add(log.body(0, 5))[0] == 404
        with WitnessDatabase(folder / "witness.db") as database:
            database.trust(signer.verifier)
        assert server.add(log.body(0, 5))[0] == 200
