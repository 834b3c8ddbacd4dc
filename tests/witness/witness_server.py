"""A real witness in a process of its own, as `trifleet witness serve` starts it."""

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

from ledger_tools import ROOT, SIGNER

from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.witnessdb import WitnessDatabase
from fleet_backend.witness.setup import create_witness
from trifleet.ports import free_port

WAIT_S = 60
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
COMMAND = [sys.executable, "-m", "trifleet.cli", "witness"]


def made(folder: Path, name: str = "witness.example/w") -> tuple[Verifier, ...]:
    """A witness in a new folder that knows the log of `SIGNER`. Returns its keys."""
    cosigners = create_witness(folder, name)
    with WitnessDatabase(folder / "witness.db") as database:
        database.trust(SIGNER.verifier)
    return tuple(cosigner.verifier for cosigner in cosigners)


class Server:
    """Stopped, or killed, at the end of the `with`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        arguments = ["serve", "--config", str(folder / "witness.toml"), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=ENVIRONMENT,
        )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.process.kill()
            raise

    def _wait(self) -> None:
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        assert self.said.startswith("witness "), self.process.communicate()[1]
        while self.process.poll() is None:
            try:
                assert self.get("/vkeys")[0] == 200
            except ConnectionRefusedError:
                continue
            return
        raise AssertionError(self.process.communicate()[1])

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, str, bytes]:
        return self.ask("GET", path)

    def add(self, body: bytes) -> tuple[int, str, bytes]:
        return self.ask("POST", "/add-checkpoint", body)

    def remembered(self) -> int:
        with WitnessDatabase(self.folder / "witness.db") as database:
            newest = database.newest(SIGNER.name)
            return newest.size if newest else -1

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
