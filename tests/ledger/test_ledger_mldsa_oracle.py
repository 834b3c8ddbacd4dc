"""ML-DSA-44 cosignatures against Go's own implementation, in both directions."""

import base64
import importlib.util
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import NoteError
from fleet_backend.ledger.verifier import MLDSA44_COSIGNATURE, Verifier

SOURCE = Path(__file__).with_name("oracle_mldsa.go")
SEED = bytes(range(32))
COSIGNER = Cosigner("witness.example/é", MLDSA44PrivateKey.from_seed_bytes(SEED))
HEADS = [
    Checkpoint("log.example/fleet", 1, bytes(32)),
    Checkpoint("log.example/fleet", 1 << 40, bytes(range(32))),
    Checkpoint("ł" * 120, (1 << 63) - 1, bytes([255]) * 32),
]
pytestmark = pytest.mark.slow  # Go builds its cryptography once
each_head = pytest.mark.parametrize("head", HEADS, ids=["one", "large", "largest"])


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    """The Go program, built once: nothing but the standard library, nothing fetched."""
    package = importlib.util.find_spec("go")
    assert package is not None and package.submodule_search_locations
    root = Path(package.submodule_search_locations[0])
    folder = tmp_path_factory.mktemp("go")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GO")},
        "GOROOT": str(root), "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path"),
        "GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "",
        "CGO_ENABLED": "0", "GOTELEMETRY": "off", "HOME": str(folder),
    }  # fmt: skip
    program = folder / "oracle"
    build = [str(root / "bin" / "go"), "build", "-o", str(program), str(SOURCE)]
    done = subprocess.run(build, env=environment, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def ask(oracle: "subprocess.Popen[str]", *fields: str) -> str:
    assert oracle.stdin is not None and oracle.stdout is not None
    oracle.stdin.write(" ".join(fields) + "\n")
    oracle.stdin.flush()
    return oracle.stdout.readline().strip()


def described(head: Checkpoint) -> tuple[str, str, str]:
    return head.origin.encode().hex(), str(head.size), head.root.hex()


def blob_of(line: str) -> bytes:
    """Time and signature of a signature line."""
    return base64.b64decode(line.rpartition(" ")[2])[4:]


@each_head
@pytest.mark.parametrize("time_s", [0, 1_800_000_000, (1 << 63) - 1])
def test_go_verifies_what_we_cosign(oracle, head, time_s):
    blob = blob_of(COSIGNER.cosign(head.text, time_s))
    who = COSIGNER.name.encode().hex(), COSIGNER.verifier.public_key.hex()
    assert ask(oracle, "verify", *who, *described(head), blob.hex()) == "good"
    for at in (0, 7, 8, len(blob) - 1):
        wrong = bytearray(blob)
        wrong[at] ^= 1
        assert ask(oracle, "verify", *who, *described(head), wrong.hex()) == "bad"
    other = Checkpoint(head.origin, head.size - 1, head.root)
    assert ask(oracle, "verify", *who, *described(other), blob.hex()) == "bad"


@each_head
@pytest.mark.parametrize("time_s", [0, 1_800_000_000, (1 << 63) - 1])
def test_we_verify_what_go_cosigns(oracle, head, time_s):
    name = COSIGNER.name.encode().hex()
    answer = ask(oracle, "sign", name, SEED.hex(), str(time_s), *described(head))
    public_key, blob = map(bytes.fromhex, answer.split(" "))
    assert public_key == COSIGNER.verifier.public_key
    verifier = Verifier(COSIGNER.name, MLDSA44_COSIGNATURE, public_key)
    assert verifier.verify(head.text, blob) == time_s
    for text in (Checkpoint(head.origin, head.size - 1, head.root).text, head.text + b"x\n"):
        with pytest.raises(NoteError):
            verifier.verify(text, blob)
    with pytest.raises(NoteError):
        Verifier("other.example", MLDSA44_COSIGNATURE, public_key).verify(head.text, blob)
