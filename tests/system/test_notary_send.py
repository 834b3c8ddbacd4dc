"""A notary comes into a running stack, signs without it, and gets receipts that hold outside."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from running import RunningStack

from fleet_backend.ledger.errors import LedgerError
from fleet_backend.receipts.logged import check_logged, trusting
from protocol import statement, workorder
from protocol.errors import VerifyError
from tests.notary.documents import CONTENT, head, order
from trifleet.notary.notary import Notary, open_notary
from trifleet.releases.errors import ReleaseError
from trifleet.releases.notaries import log_beside

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 90.0


def trifleet(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trifleet.cli", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


@pytest.fixture
def enrolled(stack: RunningStack, tmp_path: Path) -> Path:
    """The folder of a notary that the running stack knows."""
    folder = tmp_path / "workshop"
    invited = trifleet("notary", "invite", "workshop-1", "--data", str(stack.layout.root))
    assert invited.returncode == 0, invited.stderr
    asked = ("notary", "enrol", stack.address, "--folder", str(folder))
    done = trifleet(*asked, typed=invited.stdout)
    assert done.returncode == 0 and "workshop-1" in done.stdout, done.stderr
    assert not any(path.stat().st_mode & 0o077 for path in [folder, *folder.iterdir()])
    return folder


def states(folder: Path) -> list[str]:
    shown = trifleet("notary", "status", "--folder", str(folder), "--json")
    return [json.loads(line)["state"] for line in shown.stdout.splitlines()]


def test_from_a_code_to_receipts_that_hold(
    stack: RunningStack, enrolled: Path, tmp_path: Path
) -> None:
    body = workorder.encode(order("trike-1"))
    with open_notary(enrolled) as notary:
        assert notary.append(statement.WORK_ORDER, body) == 0
        policy = notary.policy
    sent = trifleet("notary", "send", "--folder", str(enrolled))
    assert sent.returncode == 0 and "1 sent, 1 receipts" in sent.stdout, sent.stderr
    assert states(enrolled) == ["receipt"]
    receipt = _receipt(enrolled, 0, tmp_path)
    _outsiders_verify(receipt, stack)
    _check_release([receipt, _log_release(enrolled, tmp_path)], policy)
    _operator_sees(stack)
    _forget(enrolled)


def _receipt(folder: Path, number: int, where: Path) -> Path:
    out = where / f"{number}.receipt"
    given = ("notary", "receipt", str(number), "--folder", str(folder), "--out", str(out))
    assert trifleet(*given).returncode == 0
    return out


def _outsiders_verify(receipt: Path, stack: RunningStack) -> None:
    policy = stack.layout.policy
    said = trifleet("ledger", "verify", str(receipt), "--policy", str(policy), "--json")
    found = json.loads(said.stdout)
    assert (found["kind"], found["gateway"]) == ("WORK_ORDER", "workshop-1")
    assert found["content"]["work_order"]["mechanic"] == "Ayşe Öztürk"
    alone = [sys.executable, str(ROOT / "trifleet_verify.py"), str(receipt), str(policy)]
    done = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "THIS RECEIPT HOLDS" in done.stdout, done.stdout


def _log_release(folder: Path, where: Path) -> Path:
    """The ledger before any vehicle: the receipt beside the bundle."""
    bundle = where / "app-1.0.tfr"
    bundle.write_bytes(head() + CONTENT)
    done = trifleet("release", "log", str(bundle), "--notary", str(folder))
    assert done.returncode == 0 and "by workshop-1" in done.stdout, done.stderr
    assert log_beside(bundle, folder)[0].seq == 1  # it is there, and only checked
    other = where / "other.tfr"
    other.write_bytes(head(3) + CONTENT)
    receipt = where / "app-1.0.tfr.receipt"
    (where / "other.tfr.receipt").write_bytes(receipt.read_bytes())
    with pytest.raises(ReleaseError, match="another-release"):
        log_beside(other, folder)
    return receipt


def _check_release(receipts: list[Path], policy: object) -> None:
    bundle_head = head()
    of_order, of_release = (path.read_bytes() for path in receipts)
    logged = check_logged(bundle_head, of_release, policy)  # type: ignore[arg-type]
    assert (logged.notary, logged.seq) == ("workshop-1", 1)
    with pytest.raises(VerifyError, match="not-a-release"):
        check_logged(bundle_head, of_order, policy)  # type: ignore[arg-type]
    with pytest.raises(VerifyError, match="another-release"):
        check_logged(head(3), of_release, policy)  # type: ignore[arg-type]
    with pytest.raises(LedgerError):
        check_logged(bundle_head, of_release, trusting([]))


def _operator_sees(stack: RunningStack) -> None:
    word = stack.layout.operator_token.read_text().strip()
    path = f"{stack.address}/v1/vehicles/trike-1/work-orders"
    assert httpx.get(path, trust_env=False).status_code == 401
    shown = httpx.get(path, headers={"Authorization": f"Bearer {word}"}, trust_env=False).json()
    assert [one["mechanic"] for one in shown["items"]] == ["Ayşe Öztürk"]
    assert shown["items"][0]["leaf_index"] is not None


def _forget(folder: Path) -> None:
    assert trifleet("notary", "forget", "0", "--folder", str(folder)).returncode == 0
    with contextlib.closing(_reopened(folder)) as notary:
        assert notary.archive.get(0).is_forgotten
    assert not any("Ayşe".encode() in path.read_bytes() for path in folder.iterdir())


def _reopened(folder: Path) -> Notary:
    from edge_gateway.settings import load

    return Notary(folder, load(folder / "notary.toml", has_buses=False))
