"""Verifies receipts as an outsider would: `trifleet ledger verify` in a process of its own."""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from trifleet.errors import ClientError
from trifleet.layout import make_folder
from trifleet.ride import Ride


@dataclasses.dataclass(frozen=True)
class ReceiptFiles:
    """What a rider takes home."""

    folder: Path
    unlock: Path
    lock: Path
    policy: Path


def write_files(folder: Path, ride: Ride, policy: Path) -> ReceiptFiles:
    """Put receipts and policy into a folder of their own."""
    make_folder(folder)
    files = ReceiptFiles(
        folder, folder / "unlock.receipt", folder / "lock.receipt", folder / "policy.txt"
    )
    files.unlock.write_text(ride.unlock_receipt)
    files.lock.write_text(ride.lock_receipt)
    shutil.copyfile(policy, files.policy)
    return files


def verify_in_new_process(files: ReceiptFiles, say: Callable[[str, str], None]) -> None:
    """Raises ClientError unless both receipts hold."""
    for path in (files.unlock, files.lock):
        command = [sys.executable, "-m", "trifleet.cli", "ledger", "verify", str(path)]
        done = subprocess.run(
            [*command, "--policy", str(files.policy), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ClientError(f"{path.name} does not verify: {done.stderr.strip()}")
        found = json.loads(done.stdout)
        kinds = ", ".join(item["kind"] for item in found["records"])
        where = f"entry {found['index']} of {found['size']} in {found['log']}"
        say("verified", f"{path.name}: {where}; the vehicle's records: {kinds}")
