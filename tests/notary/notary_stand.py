"""A notary that was enrolled by a real registrar, and a server of a real log that may lie."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet.gateways import NOTARY
from fleet_backend.ledger.keys import log_vkey
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from fleet_backend.registrar.worker import Offer
from protocol import ack, statement
from tests.edge_gateway.test_gateway_enrol import Direct
from tests.registrar.registrar_stand import NOW, OFFER, Stand
from trifleet.notary.collection import collect
from trifleet.notary.enrolling import enrol_notary
from trifleet.notary.notary import open_notary

NAME = "workshop-1"
ORIGIN = "log.example/fleet"


class Site:
    """Registrar, log and the notary's folder."""

    def __init__(self, folder: Path) -> None:
        self.log_key = Ed25519PrivateKey.generate()
        self.log = folder / "log"
        create_ledger(self.log, ORIGIN, self.log_key)
        (folder / "backend").mkdir()
        offer = Offer(bytes([7] * 32), OFFER.broker, (log_vkey(ORIGIN, self.log_key),))
        self.registrar = Stand(folder / "backend", offer=offer)
        self.code = self.registrar.invitations.invite(NAME, (), 24, NOW, kind=NOTARY)
        self.folder = folder / "notary"

    def enrol(self, address: str = "http://127.0.0.1:1") -> Path:
        carrier = Direct(self.registrar)
        assert enrol_notary(self.folder, address, self.code, carrier, 5) == NAME
        return self.folder

    def append(self, *entries: bytes) -> None:
        with LedgerWriter.open(self.log, ORIGIN, self.log_key) as writer:
            writer.append(entries)

    def close(self) -> None:
        self.registrar.database.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        body = self.server.answer(self.path)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Nothing is written."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, public: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.public = public
        self.places: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def says(self, sign1: bytes, index: object) -> None:
        """Where this statement stands, or what a liar says."""
        name = statement.statement_hash(sign1).hex()
        body = index if isinstance(index, bytes) else json.dumps({"leaf_index": index}).encode()
        self.places[name] = body

    def answer(self, path: str) -> bytes | None:
        prefix = "/v1/ledger/statements/"
        if path.startswith(prefix):
            return self.places.get(path.removeprefix(prefix))
        file = (self.public / path.removeprefix("/ledger/")).resolve()
        inside = file.is_relative_to(self.public.resolve())
        return file.read_bytes() if inside and file.is_file() else None


@contextmanager
def serving(public: Path) -> Iterator[_Server]:
    """The API's two routes that a notary asks, on a port that the system chose."""
    server = _Server(public)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def logged(site: Site, heads: list[bytes]) -> list[bytes]:
    """Receipts of these releases, as the ledger gives them."""
    with serving(site.log / "public") as server, open_notary(site.enrol()) as notary:
        for head in heads:
            notary.append(statement.RELEASE, head)
        last = len(heads) - 1
        notary.archive.acknowledge([(0, last)], [])
        notary.outbox.delete(ack.Ack(notary.name, [(0, last)], []))
        entries = [one.sign1 for one in notary.kept()]
        site.append(*entries)
        for place, entry in enumerate(entries):
            server.says(entry, place)
        collect(notary, server.address, 0)
        return [notary.archive.get(seq).receipt for seq in range(len(heads))]
