"""A log over HTTP: real requests to a real server, and servers that do not behave."""

import pickle
import threading

import pytest
from ledger_tools import SIGNER, entries_of, new_log
from log_server import give, serving

from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.errors import ConfigError, FetchError, MissingError, TileError
from fleet_backend.ledger.fsck import FsckSettings, check_log
from fleet_backend.ledger.httpfetch import HttpFetch
from fleet_backend.ledger.storage import FolderFetch

TILE = "tile/0/000"


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    directory = tmp_path_factory.mktemp("log")
    new_log(directory, entries_of(1_000)).close()
    return directory / "public"


@pytest.fixture
def server(public):
    with serving(public) as server:
        yield server


@pytest.fixture
def fetch(server):
    fetch = HttpFetch(server.url, timeout_s=2)
    yield fetch
    fetch.close()


def test_it_gives_what_the_folder_holds(server, fetch, public):
    local = FolderFetch(public)
    for path in ("checkpoint", TILE, "tile/entries/003.p/232"):
        assert fetch(path) == local(path)
    with pytest.raises(MissingError):
        fetch("tile/0/900")
    with pytest.raises(TileError):
        fetch("tile/../checkpoint")
    assert "tile/../checkpoint" not in server.asked


def test_a_log_is_checked_over_http_by_two_processes_as_in_its_folder(server, fetch, public):
    signed = open_checkpoint(fetch("checkpoint"), (SIGNER.verifier,))
    assert check_log(fetch, signed, FsckSettings(workers=2, connections=4)).is_good
    server.answers[TILE] = lambda handler: give(handler, 200, bytes(8192))
    report = check_log(fetch, signed, FsckSettings(workers=2, connections=4))
    assert [fault.path for fault in report.faults] == [TILE]


def test_it_may_be_handed_to_another_process(fetch, public):
    again = pickle.loads(pickle.dumps(fetch))
    assert again.url == fetch.url
    assert again("checkpoint") == FolderFetch(public)("checkpoint")
    again.close()


def test_a_connection_that_the_server_ended_is_made_anew(server, fetch):
    def end(handler):
        give(handler, 200, b"x")
        handler.close_connection = True

    server.answers[TILE] = end
    assert fetch(TILE) == b"x"
    assert fetch(TILE) == b"x"
    assert fetch("checkpoint")


def silence(handler):
    handler.close_connection = True


def too_long(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.close_connection = True
    block = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    try:
        for _ in range(400):
            handler.wfile.write(block)
    except OSError:
        pass  # the client has had enough


def short(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "8192")
    handler.end_headers()
    handler.wfile.write(bytes(100))
    handler.close_connection = True


def redirect(handler):
    give(handler, 302, b"", Location="http://192.0.2.1/elsewhere")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (silence, "closed"),
        (too_long, "longer than"),
        (short, "IncompleteRead"),
        (redirect, "redirects to 'http://192.0.2.1/elsewhere'"),
        (lambda handler: give(handler, 500, b"no"), "status 500"),
        (lambda handler: give(handler, 206, b"part"), "status 206"),
        (lambda handler: give(handler, 200, b"zip", Content_Encoding="gzip"), "encoding"),
        (lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "nonsense"),
    ],
    ids=["silence", "long", "short", "redirect", "500", "206", "gzip", "nonsense"],
)
def test_an_answer_that_no_log_gives_is_refused(server, fetch, answer, told):
    server.answers[TILE] = answer
    with pytest.raises(FetchError, match=told):
        fetch(TILE)
    assert fetch("checkpoint")  # and the next request is answered


def test_a_checkpoint_has_its_own_smaller_limit(server, fetch):
    server.answers["checkpoint"] = lambda handler: give(handler, 200, bytes(262_145))
    with pytest.raises(FetchError, match="262144"):
        fetch("checkpoint")


def test_an_answer_that_drips_ends_at_the_deadline(server):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(bytes(100))
        except OSError:
            pass

    server.answers[TILE] = drip
    fetch = HttpFetch(server.url, timeout_s=2, deadline_s=0)
    with pytest.raises(FetchError, match="not sent in time"):
        fetch(TILE)
    fetch.close()


ENDLESS = {
    "answers that announce another": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a status line": (b"", b"H"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"A"),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        b"A: b\r\n",
    ),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_without_an_end_is_not_read_for_ever(server, what):
    begin, again = ENDLESS[what]
    ended = threading.Event()

    def answer(handler):
        handler.wfile.write(begin)
        try:
            while not ended.wait(0.01):
                handler.wfile.write(again)
        except OSError:
            pass

    server.answers[TILE] = answer
    fetch = HttpFetch(server.url, timeout_s=2, deadline_s=0.2)
    told: list[str] = []

    def ask():
        with pytest.raises(FetchError) as refused:
            fetch(TILE)
        told.append(str(refused.value))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(20)
    ended.set()
    assert told
    assert "time" in told[0]


def test_a_server_that_is_not_there_is_named(public):
    with serving(public) as server:
        url = server.url
    with pytest.raises(FetchError, match="127"):
        HttpFetch(url, timeout_s=2)("checkpoint")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "log.example",
        "ftp://log.example/",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://user:word@log.example/",
        "http://log.example/?query",
        "http://log.example/#part",
        "http://log.example:port/",
        "http://log.example:99999/",
        "http://log.example/a b",
        "http://log.example/\r\nX: y",
        "http://[::1/",
        "http://löğ.example/",
    ],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ConfigError):
        HttpFetch(url)
