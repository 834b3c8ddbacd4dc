"""What the tests of anchors share: a log, its policy, settings, and a clock that is set by hand."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.anchors.calendars import Calendars
from fleet_backend.anchors.chain import ChainSettings
from fleet_backend.anchors.settings import AnchorSettings, EvmSettings, HeaderSettings
from fleet_backend.anchors.webrequest import Limits
from fleet_backend.ledger.keys import log_vkey
from fleet_backend.ledger.writer import LedgerWriter, create_ledger

ORIGIN = "log.example/fleet"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
POLICY = f"log {log_vkey(ORIGIN, KEY)}\nquorum none\n".encode()


def new_log(folder: Path, entries: Iterable[bytes] = (b"one", b"two", b"three")) -> Path:
    """A log in `folder`, closed again, with its policy beside it."""
    create_ledger(folder, ORIGIN, KEY)
    (folder / "policy.txt").write_bytes(POLICY)
    append(folder, list(entries))
    return folder


def append(folder: Path, entries: Sequence[bytes]) -> None:
    with LedgerWriter.open(folder, ORIGIN, KEY) as writer:
        writer.append(entries)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_800_000_000

    def __call__(self) -> int:
        return self.now_s


def settings_of(
    log: Path,
    calendars: Calendars | None = None,
    headers: HeaderSettings | None = None,
    evm: EvmSettings | None = None,
) -> AnchorSettings:
    policy = log / "policy.txt"
    headers = headers or HeaderSettings()
    return AnchorSettings(log, policy, 3_600, 0.05, calendars, headers, evm)


def calendars_of(*urls: str, needed: int = 1, total_s: float = 20.0) -> Calendars:
    return Calendars(urls, needed, (), Limits(total_s, 10_000))


def chain_settings(chain_id: int, confirmations: int = 4) -> ChainSettings:
    return ChainSettings(chain_id, confirmations, final_blocks=20)
