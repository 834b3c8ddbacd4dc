"""The real API and the pages over a real log, for the tests of /ledger. A test may have the server
show other files of the log than the true ones, as a server that lies would."""

import base64
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import FilePayload, Page, expect

from fleet_backend.ledger.keys import load_log_key
from fleet_backend.ledger.note import COSIGNATURE, Verifier, key_id
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from fleet_backend.web.pages import web_routes
from protocol import lock, record
from tests.api.api_stand import ApiStand, Client
from tests.issuer.stand import ORIGIN, VEHICLE

ML_DSA_44 = 0x06


class Witness:
    """A cosigner; its lines are written here from the specification."""

    def __init__(self, name: str, seed: int) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        public = self.key.public_key().public_bytes_raw()
        self.verifier = Verifier(name, COSIGNATURE, public)

    def cosign(self, note: bytes, time: int) -> bytes:
        text = note.rpartition(b"\n\n")[0] + b"\n"
        signature = self.key.sign(b"cosignature/v1\ntime %d\n" % time + text)
        return line(self.verifier.name, self.verifier.key_id, time, signature)


def line(name: str, number: int, time: int, signature: bytes) -> bytes:
    blob = number.to_bytes(4, "big") + time.to_bytes(8, "big") + signature
    return f"— {name} {base64.b64encode(blob).decode()}\n".encode()


class ModernWitness:
    """One with an ML-DSA-44 key, of which a browser can check nothing: the bytes mean nothing."""

    def __init__(self, name: str) -> None:
        self.name, self.public = name, bytes(range(32)) * 41
        self.number = key_id(name, ML_DSA_44, self.public)

    @property
    def vkey(self) -> str:
        key = base64.b64encode(bytes([ML_DSA_44]) + self.public).decode()
        return f"{self.name}+{self.number:08x}+{key}"

    def cosign(self, note: bytes, time: int) -> bytes:
        return line(self.name, self.number, time, bytes(2420))


class LedgerStand:
    """A fleet with a log of a few entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api = ApiStand(folder)
        self.app = self.api.app
        self.policy_file = self.api.settings.ledger_policy
        self.app.router.routes.extend(web_routes(self.policy_file))
        self.key = load_log_key(folder / "ledger/log.key")
        self.url = ""
        for _ in range(3):
            self.api.record(VEHICLE, record.LOCK, {0: 0, 1: 1, 2: lock.COMMAND})
        self.grow(2)

    @property
    def vkey(self) -> str:
        return self.policy_file.read_text().split()[1]

    def grow(self, count: int) -> None:
        """That many more records, in the log."""
        for number in range(count):
            self.api.record("trike-2", record.FAULT, {0: 1, 1: number, 2: True})
        self.api.fleet.log_what_waits()

    def receipt(self, index: int) -> bytes:
        """The receipt of an entry, as the operator gets it."""
        with Client(base_url=self.url, timeout=20, trust_env=False) as client:
            answer = client.operator(f"/v1/fleet/receipts/{index}")
        assert answer.status_code == 200
        return answer.content

    @property
    def size(self) -> int:
        return int((self.api.settings.ledger_public / "checkpoint").read_bytes().split(b"\n")[1])

    def newest_receipt(self) -> bytes:
        """The one of the last entry: its checkpoint is the newest."""
        return self.receipt(self.size - 1)

    def copy(self, name: str) -> Path:
        """The log's files as they are now."""
        made = self.folder / name
        shutil.copytree(self.api.settings.ledger_public, made)
        return made

    def another_history(self, name: str, count: int) -> Path:
        """The files of another log that the same key signs."""
        made = self.folder / name
        create_ledger(made, ORIGIN, self.key)
        writer = LedgerWriter.open(made, ORIGIN, self.key)
        writer.append([b"another entry %d" % number for number in range(count)])
        writer.close()
        return made / "public"

    @contextmanager
    def showing(self, public: Path) -> Iterator[None]:
        """The server shows these files instead of its own."""
        ledger = self.api.services.ledger
        true = ledger.fetch
        ledger.fetch = FolderFetch(public)
        try:
            yield
        finally:
            ledger.fetch = true

    def policy(self, lines: Sequence[str]) -> bytes:
        return "\n".join([f"log {self.vkey}", *lines, ""]).encode()

    def close(self) -> None:
        self.api.close()


def file(data: bytes, name: str = "receipt.txt") -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": data}


def open_ledger(page: Page, stand: LedgerStand, mark: str = "look") -> None:
    page.goto(f"{stand.url}/ledger")
    expect(page.get_by_test_id(mark)).to_be_visible()


def check(page: Page, receipt: bytes, verdict: str) -> None:
    """Choose the file and wait for this very file's verdict."""
    name = f"receipt-{secrets.token_hex(4)}.txt"
    page.get_by_test_id("receipt-file").set_input_files(file(receipt, name))
    expect(page.get_by_text(name)).to_be_visible()
    expect(page.get_by_test_id("report")).to_have_attribute("data-verdict", verdict)
    # Every blank was filled in.
    assert not re.search(r"[{}]|undefined|null|NaN", page.get_by_test_id("report").inner_text())


def result(page: Page, step: str, value: str, family: str = "check") -> None:
    found = page.get_by_test_id(f"{family}-{step}")
    expect(found).to_have_attribute("data-result", value)


def saved(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_test_id(button).click()
    return Path(download.value.path()).read_bytes()


def witnesses_of(stand: LedgerStand) -> tuple[list[Witness], ModernWitness, bytes]:
    some = [Witness(f"w{number}.example", 50 + number) for number in range(3)]
    modern = ModernWitness("pq.example")
    lines = [f"witness w{n} {one.verifier.vkey}" for n, one in enumerate(some)]
    lines += [f"witness pq {modern.vkey}", "group most 2 w0 w1 w2 pq", "quorum most"]
    return some, modern, stand.policy(lines)
