"""The verifier as its reader has it: one short file, by itself, with two other files."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from verifier_tools import FILE, GATEWAY_PUBLIC, POLICY, QUORUM, Parts

LINES = 300
GOOD = Parts()


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """In a folder with nothing else, the interpreter cut off from ours and from the environment."""
    (folder / FILE.name).write_bytes(FILE.read_bytes())
    return subprocess.run(
        [sys.executable, "-I", "-X", "importtime", FILE.name, *arguments],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_is_short():
    assert len(FILE.read_text().splitlines()) <= LINES


def test_it_imports_the_standard_library_and_cryptography_alone():
    names = set()
    for node in ast.walk(ast.parse(FILE.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Name):
            assert node.id not in ("__import__", "eval", "exec", "open")
    assert names - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.mark.parametrize("form", ["proof_file", "cose_receipt"])
def test_it_runs_alone(tmp_path, form):
    (tmp_path / "receipt").write_bytes(getattr(GOOD, form)())
    (tmp_path / "policy").write_bytes(POLICY)
    done = run(tmp_path, "receipt", "policy")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("THIS RECEIPT HOLDS. It is entry 3 of the log")
    assert "LOCK a3000201010201" in done.stdout
    assert "Not proved: that this is the gateway's key." in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    ours = {"protocol", "fleet_backend", "edge_gateway", "trifleet", "workbench", "boards", "hw"}
    assert "cryptography" in loaded
    assert not {name for name in loaded if name.split(".")[0] in ours}
    assert all(line.startswith("import time:") for line in done.stderr.splitlines())


def test_a_known_key_is_told_apart(tmp_path):
    (tmp_path / "receipt").write_bytes(replace(GOOD, cosigners=(0, 1)).proof_file())
    (tmp_path / "policy").write_bytes(QUORUM)
    done = run(tmp_path, "receipt", "policy", GATEWAY_PUBLIC.hex())
    assert done.returncode == 0
    assert "\nProved: that this is the gateway's key." in done.stdout
    assert "cosigners that the policy asks for: 'both'" in done.stdout
    for wrong in ("00" * 32, "00", "x"):
        assert run(tmp_path, "receipt", "policy", wrong).returncode == 1


REFUSALS = {
    "a changed byte": (GOOD.proof_file().replace(b"index 3", b"index 4"), POLICY),
    "no witness": (GOOD.proof_file(), QUORUM),
    "no cosignature in COSE": (GOOD.cose_receipt(), QUORUM),
    "not a receipt": (b"\xff\xfe", POLICY),
    "nothing": (b"", POLICY),
    "not a policy": (GOOD.proof_file(), b"log\n"),
    "a hostile text": (b"\x1b[2J\n\n" + GOOD.proof_file(), POLICY),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_are_one_line_and_status_1(tmp_path, case):
    receipt, policy = REFUSALS[case]
    (tmp_path / "receipt").write_bytes(receipt)
    (tmp_path / "policy").write_bytes(policy)
    done = run(tmp_path, "receipt", "policy")
    assert done.returncode == 1
    assert done.stdout.startswith("REFUSED: ") and done.stdout.count("\n") == 1
    assert done.stdout[:-1].isprintable()
    assert "Traceback" not in done.stderr


def test_files_that_are_not_there_and_wrong_use(tmp_path):
    done = run(tmp_path, "receipt", "policy")
    assert (done.returncode, done.stdout[:9]) == (1, "REFUSED: ")
    for arguments in ((), ("receipt",), ("a", "b", "c", "d")):
        done = run(tmp_path, *arguments)
        assert done.returncode == 1
        assert "python3 trifleet_verify.py RECEIPT POLICY" in done.stderr


def test_an_older_cryptography_refuses_what_it_cannot_check_in_one_line(tmp_path):
    (tmp_path / "receipt").write_bytes(replace(GOOD, cosigners=(0, 3)).proof_file())
    (tmp_path / "policy").write_bytes(QUORUM)
    without = (
        "import runpy, sys; sys.modules['cryptography.hazmat.primitives.asymmetric.mldsa'] = None;"
        f"sys.argv = ['v', 'receipt', 'policy']; runpy.run_path({str(FILE)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", without],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("REFUSED: ")
    assert "mldsa" in done.stdout
