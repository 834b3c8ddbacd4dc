"""A witness over HTTP that keeps to C2SP tlog-witness, and can be told to misbehave.

It keeps its memory in memory: persistence is tested with the real one.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from ledger_tools import SIGNER

from fleet_backend.ledger.addcheckpoint import parse_request
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.merkle import EMPTY_ROOT, verify_consistency
from fleet_backend.ledger.policy import Policy, parse_policy

TIME_S = 1_800_000_000
Answer = tuple[int, str, bytes]
Misbehave = Callable[[bytes], Answer]


class StandInWitness:
    """Serves `add-checkpoint` below a prefix. `misbehave`: what it answers instead of the truth."""

    def __init__(self, number: int, *, post_quantum: bool = False) -> None:
        name = f"witness.example/{number}"
        seed = bytes([number]) * 32
        self.cosigners = [Cosigner(name, Ed25519PrivateKey.from_private_bytes(seed))]
        if post_quantum:
            self.cosigners.append(Cosigner(name, MLDSA44PrivateKey.from_seed_bytes(seed)))
        self.seen = (0, EMPTY_ROOT)
        self.asked: list[int] = []
        self.misbehave: Misbehave | None = None
        self.connections: set[socket.socket] = set()
        self.gate = threading.Event()
        self.gate.set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/prefix"

    def start(self) -> None:
        """Listen, on the port that it had before."""
        handler = type("Handler", (_Handler,), {"witness": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """As when its process ends: nobody listens, and the connections are gone."""
        self.gate.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def answer(self, body: bytes) -> Answer:
        if self.misbehave is not None:
            return self.misbehave(body)
        request = parse_request(body)
        self.asked.append(request.old)
        signed = open_checkpoint(request.note, (SIGNER.verifier,))
        size, root = self.seen
        if request.old != size:
            return 409, "text/x.tlog.size", b"%d\n" % size
        verify_consistency(size, signed.size, root, signed.root, request.proof)
        self.seen = (signed.size, signed.root)
        lines = [one.cosign(signed.text, TIME_S) + "\n" for one in self.cosigners]
        return 200, "text/plain; charset=utf-8", "".join(lines).encode()


class _Handler(BaseHTTPRequestHandler):
    witness: StandInWitness
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.witness.connections.add(self.connection)

    def finish(self) -> None:
        self.witness.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def do_POST(self) -> None:
        assert self.path == "/prefix/add-checkpoint"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.witness.gate.wait(60)
        status, kind, answer = self.witness.answer(body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        with suppress(OSError):  # whoever asked may not wait any more
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def policy_of(witnesses: list[StandInWitness], quorum: int) -> Policy:
    """Any `quorum` of the witnesses, by their Ed25519 keys."""
    lines = [f"log {SIGNER.verifier.vkey}"]
    for number, witness in enumerate(witnesses):
        lines.append(f"witness w{number} {witness.cosigners[0].verifier.vkey} {witness.url}")
    members = " ".join(f"w{number}" for number in range(len(witnesses)))
    lines += [f"group all-of-them {quorum} {members}", "quorum all-of-them", ""]
    return parse_policy("\n".join(lines).encode())
