"""What `trifleet anchor` does: settings and key, the contract, rounds, status and proofs."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_backend.anchors.chain import anchored
from fleet_backend.anchors.errors import AnchorError, SettingsError
from fleet_backend.anchors.evm import ChainPlace
from fleet_backend.anchors.jobs import CONFIRMED, Jobs
from fleet_backend.anchors.keccak import keccak256
from fleet_backend.anchors.otsfile import OtsFile, library
from fleet_backend.anchors.proof import UnverifiedAnchor
from fleet_backend.anchors.settings import AnchorSettings, EvmSettings, load_settings
from fleet_backend.anchors.store import Store, Taken
from fleet_backend.anchors.transaction import (
    address_of,
    generate_account,
    load_account,
    parse_address,
    show_address,
)
from fleet_backend.anchors.watcher import Watcher, load_policy, only_origin, open_chain
from fleet_backend.anchors.webrequest import check_url
from trifleet.errors import TrifleetError
from trifleet.layout import Layout, make_folder, write_private


@dataclass(frozen=True)
class InitWishes:
    """What the settings file is to say."""

    calendars: tuple[str, ...]
    needed: int
    rpc: str
    chain_id: int
    contract: str
    every_min: int


def initialise(data: Path, wishes: InitWishes) -> list[str]:
    """Write settings and, for a chain, a new key; neither over an old one. Returns what to do."""
    layout = Layout(data)
    config = layout.config("anchor")
    if config.exists():
        raise TrifleetError(f"{config} is there already: edit it")
    if not wishes.calendars and not wishes.rpc:
        raise TrifleetError("name at least one --calendar, or --rpc and --chain-id")
    text = _settings_text(layout, wishes)
    write_private(config, text.encode())
    try:
        load_settings(config)
    except AnchorError:
        config.unlink()
        raise
    said = [f"{config}: settings"]
    if wishes.rpc:
        key = layout.root / "anchor" / "account.key"
        make_folder(key.parent)
        account = load_account(key) if key.exists() else generate_account(key)
        said += [
            f"{key}: key of the account {show_address(address_of(account))}; it needs a little"
            " money of that chain, and nothing else should use it",
            "next: trifleet anchor deploy",
        ]
    else:
        said.append("next: trifleet anchor run")
    return said


def _settings_text(layout: Layout, wishes: InitWishes) -> str:
    """TOML; URLs have been checked, so that nothing in them needs to be escaped."""
    root = layout.root.resolve()
    lines = [
        f"ledger = {_quoted(str(layout.ledger.resolve()))}",
        f"policy = {_quoted(str(layout.policy.resolve()))}",
        f"every_min = {wishes.every_min}",
    ]
    if wishes.calendars:
        library()
        for url in wishes.calendars:
            check_url(url)
        urls = ", ".join(map(_quoted, wishes.calendars))
        needed = wishes.needed or len(wishes.calendars)
        lines += ["", "[opentimestamps]", f"calendars = [{urls}]", f"needed = {needed}"]
    if wishes.rpc:
        keccak256(b"")
        check_url(wishes.rpc)
        lines += ["", "[evm]", f"rpc_url = {_quoted(wishes.rpc)}", f"chain_id = {wishes.chain_id}"]
        lines.append(f"key_file = {_quoted(str(root / 'anchor/account.key'))}")
        if wishes.contract:
            lines.append(f"contract = {_quoted(show_address(parse_address(wishes.contract)))}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def deploy(config: Path, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Make the contract where there is none, begin the log's row, and wait until that is deep.

    May be interrupted and repeated: nothing is made twice.
    """
    settings = load_settings(config)
    evm = _evm(settings)
    with Store(settings.folder, lock=True) as store:
        origin = only_origin(load_policy(settings.policy))
        anchors = open_chain(evm, store, origin).anchors
        contract = evm.contract
        while contract is None:
            contract = anchors.deploy()
            if contract is None and stop.wait(settings.poll_s):
                raise TrifleetError("stopped while the contract waits for its confirmations")
        if evm.contract is None:
            say(f"the contract is made; put this into {config}, below [evm]:")
            say(f'contract = "{show_address(contract)}"')
        while not anchors.register(contract):
            if stop.wait(settings.poll_s):
                raise TrifleetError("stopped while the registration waits for its confirmations")
        say(f"the log {origin} has its row in {show_address(contract)}")


def _evm(settings: AnchorSettings) -> EvmSettings:
    if settings.evm is None:
        raise SettingsError("the settings have no table [evm]")
    return settings.evm


def run_once(config: Path) -> None:
    """One round. Raises what went wrong, as one line."""
    settings = load_settings(config)
    _require_packages(settings)
    with Store(settings.folder, lock=True) as store:
        wrong = Watcher(settings, store).round()
    if wrong:
        raise AnchorError("; ".join(wrong))


def run_until(config: Path, stop: threading.Event) -> None:
    """Rounds until `stop` is set."""
    settings = load_settings(config)
    _require_packages(settings)
    with Store(settings.folder, lock=True) as store:
        Watcher(settings, store).run(stop)


def _require_packages(settings: AnchorSettings) -> None:
    """Said once at the start, not in each round. Raises MissingPackageError."""
    if settings.calendars is not None:
        library()
    if settings.evm is not None:
        keccak256(b"")


def status(config: Path) -> list[dict[str, Any]]:
    """One object a checkpoint that was taken up, the largest first."""
    settings = load_settings(config)
    with Store(settings.folder, lock=False) as store:
        jobs = Jobs(store).all()
        return [_status(store, taken, anchored(jobs, taken.size)) for taken in store.all_taken()]


def _status(store: Store, taken: Taken, job: Any) -> dict[str, Any]:
    item: dict[str, Any] = {"size": taken.size, "root": taken.root.hex(), "taken_s": taken.taken_s}
    data = store.read_ots(taken.size)
    if data is not None:
        file = OtsFile.decode(data)
        blocks = sorted({found.height for found in file.attested()})
        item["opentimestamps"] = "in a block, to be verified" if blocks else "pending"
        item["bitcoin_blocks"] = blocks
        item["calendars_pending"] = sorted({found.uri for found in file.promised()})
    if job is not None:
        item |= {"evm": job.state, "evm_block": job.block, "evm_node_said": job.told}
    return item


def export(config: Path, size: int) -> tuple[int, bytes]:
    """Size and proof file of a checkpoint: the one asked for, else the newest with an anchor.

    A timestamp may be exported while it is pending; what is in no block of a chain yet, not.
    """
    settings = load_settings(config)
    with Store(settings.folder, lock=False) as store:
        jobs = Jobs(store)
        for taken in store.all_taken():
            if size in (0, taken.size):
                found = UnverifiedAnchor(
                    taken.note, store.read_ots(taken.size) or b"", _place(settings, jobs, taken)
                )
                if size or found.ots or found.place:
                    return taken.size, found.encode()
    raise AnchorError(
        f"the checkpoint of size {size} was not taken up" if size else "no anchor yet"
    )


def _place(settings: AnchorSettings, jobs: Jobs, taken: Taken) -> ChainPlace | None:
    job = anchored(jobs.all(), taken.size)
    if settings.evm is None or job is None or job.state != CONFIRMED:
        return None
    owner = address_of(load_account(settings.evm.key_file))
    return ChainPlace(settings.evm.chain.chain_id, job.recipient, owner, job.hash)
