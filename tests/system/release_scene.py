"""A fleet of two that takes releases: repository, release keys, a notary, and a signed bundle."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from running import RunningStack

from fleet_backend.fleet.keys import load_rsa
from protocol import release
from trifleet.client import HolderKey, RiderClient
from trifleet.layout import Layout, write_private
from trifleet.releases.fleet import FleetClient
from trifleet.releases.rollout import Rollout
from workbench.application import BoardFile, board_file, collect_application
from workbench.release import bundle, keys, signing

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "a passphrase of this test"
VEHICLE, OTHER = "trike-1", "trike-2"
WAIT_S = 240.0


def trifleet(*arguments: str, typed: str = "") -> str:
    """One command; what it printed."""
    command = [sys.executable, "-m", "trifleet.cli", *arguments]
    done = subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class ReleaseScene:
    """Made before the stack starts, because vehicles learn whom to believe when they are set up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = Layout(folder / "data")
        self.stack = RunningStack(self.layout.root, 2)
        self._keys = [keys.make_key() for _ in range(2)]
        trifleet("release", "repository", "init", *self.data, typed=PASSPHRASE)
        names = sorted(keys.name_of(one) for one in self._keys)
        trust = release.encode_trust(release.Trust(2, names, "virtual"))
        write_private(self.layout.release_trust, trust)

    @property
    def data(self) -> tuple[str, str]:
        return "--data", str(self.layout.root)

    def enrol_notary(self) -> None:
        """Who logs releases; the stack runs."""
        code = trifleet("notary", "invite", "releases-1", *self.data)
        where = ("--folder", str(self.folder / "notary"))
        trifleet("notary", "enrol", self.stack.address, *where, typed=code)

    def build(self, number: int, extra: int = 0, spoil: bool = False) -> Path:
        """The checkout's application as a signed release; `extra` bytes that nothing packs."""
        files = list(collect_application(ROOT))
        if extra:
            files.append(board_file("ballast.bin", os.urandom(extra)))
        if spoil:
            files = [_broken(one) if one.path == "vcu/app.mpy" else one for one in files]
        made = bundle.build(files, "virtual", f"1.{number}.0", number, 0, release.ROMFS)
        for key in self._keys:
            made = signing.sign(made, key)
        path = self.folder / f"app-{number}.tfr"
        path.write_bytes(made.data)
        return path

    def publish(self, path: Path) -> bytes:
        """Through the ledger, by the command line; the digest of the release."""
        where = ("--notary", str(self.folder / "notary"))
        said = trifleet("release", "publish", str(path), *where, *self.data, typed=PASSPHRASE)
        return bytes.fromhex(said.split()[0])

    def body(self, path: Path, *waves: list[str]) -> dict[str, object]:
        """Of a roll-out that no failure may be in."""
        found = bundle.read(path.read_bytes())
        manifest = found.manifest
        return {
            "digest": found.digest.hex(),
            "target": path.name,
            "board": manifest.board,
            "version": manifest.version,
            "number": manifest.number,
            "failures_most": 0,
            "waves": waves,
        }

    @contextlib.contextmanager
    def rolling_out(self, name: str, path: Path, *waves: list[str]) -> Iterator["Rolling"]:
        token = self.layout.operator_token.read_text().strip()
        fleet = FleetClient(self.stack.address, token)
        rider = RiderClient(self.stack.address, HolderKey(load_rsa(self.layout.owner_key)))
        try:
            fleet.create(name, self.body(path, *waves))
            yield Rolling(fleet, rider, name, self.stack)
        finally:
            rider.close()
            fleet.close()


class Rolling:
    """A roll-out that the test carries on step by step."""

    def __init__(
        self, fleet: FleetClient, rider: RiderClient, name: str, stack: RunningStack
    ) -> None:
        self.said: list[tuple[str, str]] = []
        self.fleet = fleet
        self.rider = rider
        self.name = name
        self._stack = stack
        self._rollout = Rollout(fleet, rider, name, lambda *what: self.said.append(what))

    @property
    def vehicle(self) -> dict[str, object]:
        """The one of the first wave."""
        return dict(self.fleet.rollout(self.name)["vehicles"][0])

    def until(self, what: Callable[[dict[str, object]], bool], wait_s: float = WAIT_S) -> None:
        """Step until the roll-out, as the API shows it, is so."""
        self._stack.wait_for(
            lambda: what(self._rollout.step()), f"{self.name}: {self.said}", wait_s
        )

    def until_shown(self, *words: str) -> None:
        self.until(lambda found: found["vehicles"][0]["shown"] in words)  # type: ignore[index]


def _broken(one: BoardFile) -> BoardFile:
    return board_file(one.path, b"not a module of MicroPython")
