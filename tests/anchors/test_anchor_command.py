"""`trifleet anchor` as its users have it: processes, kill -9, missing packages, a stranger."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anchor_tools import append, new_log
from calendar_stand_in import Bitcoin, Calendar
from chain_stand_in import CHAIN_ID, ChainStandIn

from fleet_backend.anchors.transaction import address_of, load_account
from tests.command_line import trifleet

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-m", "trifleet.cli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*RUN, "anchor", *arguments, "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=data,
        env=ENVIRONMENT,
    )


def call(data: Path, *arguments: str, status: int = 0) -> str:
    """What the command printed; its last line on stderr where it was to fail."""
    done = trifleet("anchor", *arguments, "--data", data, cwd=data)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr.strip().split("\n")[-1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    new_log(folder / "ledger")
    return folder


@pytest.fixture
def chain() -> Iterator[ChainStandIn]:
    with ChainStandIn() as one:
        yield one


def account_of(data: Path) -> bytes:
    return address_of(load_account(data / "anchor/account.key"))


def make_row(data: Path, chain: ChainStandIn) -> str:
    """`init`, money, `deploy` while the chain goes on, and the contract into the settings."""
    call(data, "init", "--rpc", chain.url, "--chain-id", str(CHAIN_ID))
    chain.fund(account_of(data))
    config = data / "config/anchor.toml"
    config.write_text("poll_s = 0.05\n" + config.read_text() + "confirmations = 4\n")
    chain.after["eth_sendRawTransaction"] = lambda _: chain.mine(4)
    out = call(data, "deploy")
    del chain.after["eth_sendRawTransaction"]
    line = next(line for line in out.split("\n") if line.startswith("contract = "))
    config.write_text(config.read_text() + line + "\n")
    return line.split('"')[1]


def statuses(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in call(data, "status", "--json").split("\n") if line]


def test_timestamps_from_init_to_a_strangers_check(data: Path, tmp_path: Path) -> None:
    with Calendar(Bitcoin()) as calendar:
        call(data, "init", "--calendar", calendar.url)
        assert (data / "config/anchor.toml").stat().st_mode & 0o777 == 0o600
        assert not calendar.asked
        assert "edit it" in call(data, "init", "--calendar", calendar.url, status=1)
        assert "nothing was anchored yet" in call(data, "status", status=1)
        call(data, "run", "--once")
        assert [item["opentimestamps"] for item in statuses(data)] == ["pending"]
        calendar.mine(870_000, time_s=1_732_000_000)
        call(data, "run", "--once")
        (item,) = statuses(data)
        assert item["bitcoin_blocks"] == [870_000]
        proof = tmp_path / "anchor.proof"
        call(data, "export", str(proof))
        headers = tmp_path / "headers.txt"
        headers.write_text(calendar.bitcoin.lines())

    def check(*more: str) -> subprocess.CompletedProcess[str]:
        trusted = ("--policy", data / "ledger/policy.txt")
        return trifleet("anchor", "verify", proof, *trusted, *more, cwd=tmp_path)

    alone = check()
    assert alone.returncode == 1 and "names Bitcoin block 870000" in alone.stdout
    good = check("--headers", str(headers), "--least-work-bits", "0")
    assert good.returncode == 0
    assert "existed before Bitcoin block 870000 was found" in good.stdout
    assert "2024-11-19 07:06:40 UTC" in good.stdout
    assert "Not proved: that the entries are true" in good.stdout
    cheap = check("--headers", str(headers))
    assert cheap.returncode == 1 and "less work than 2^68" in cheap.stdout
    told = json.loads(check("--headers", str(headers), "--least-work-bits", "0", "--json").stdout)
    assert told["holds"] and told["bitcoin"]["block"] == 870_000
    proof.write_bytes(proof.read_bytes().replace(b"ots ", b"ots A"))
    assert check().returncode == 1


def test_a_chain_from_init_to_a_strangers_check(
    data: Path, chain: ChainStandIn, tmp_path: Path
) -> None:
    contract = make_row(data, chain)
    assert (data / "anchor/account.key").stat().st_mode & 0o777 == 0o600
    call(data, "run", "--once")
    assert [item["evm"] for item in statuses(data)] == ["pending"]
    proof = tmp_path / "anchor.proof"
    assert "no anchor yet" in call(data, "export", str(proof), status=1)
    chain.mine(4)
    call(data, "run", "--once")
    assert [item["evm"] for item in statuses(data)] == ["confirmed"]
    call(data, "export", str(proof))
    owner = "0x" + account_of(data).hex()
    stranger = [
        "anchor", "verify", proof, "--policy", data / "ledger/policy.txt", "--json",
    ]  # fmt: skip
    for more, status, word in (
        ((), 1, "verified"),
        (("--rpc", chain.url, "--confirmations", "4"), 0, "verified"),
        (("--rpc", chain.url, "--confirmations", "4", "--owner", owner), 0, "verified"),
        (("--rpc", chain.url, "--confirmations", "4", "--contract", contract), 0, "verified"),
        (("--rpc", chain.url, "--confirmations", "5"), 1, "refused"),
        (("--rpc", chain.url, "--owner", "0x" + "00" * 20), 1, "refused"),
        (("--rpc", chain.url, "--contract", "0x" + "00" * 20), 1, "refused"),
    ):
        done = trifleet(*stranger, *more)
        assert done.returncode == status, (more, done.stderr)
        told = json.loads(done.stdout)
        assert word in told["evm"] and told["holds"] is (status == 0)


@pytest.mark.parametrize("reached", [True, False], ids=["taken", "lost"])
def test_kill_9_between_send_and_note_spends_one_nonce(
    data: Path, chain: ChainStandIn, reached: bool
) -> None:
    """The process dies when the node has the transaction, or has just not got it: the next one
    finds it, or sends the same bytes. One anchor, one nonce, one payment."""
    make_row(data, chain)
    before = chain.transactions_of(account_of(data))
    running: list[subprocess.Popen[str]] = []

    def kill(_: object) -> None:
        running[0].send_signal(signal.SIGKILL)
        running[0].wait()

    def lose(method: str) -> Any:
        if method == "eth_sendRawTransaction":
            kill(None)
            return b""
        return None

    if reached:
        chain.after["eth_sendRawTransaction"] = kill
    else:
        chain.trouble = lose
    sent = len(chain.sent)
    # The handler needs the process before the process needs the handler: Python starts slower.
    running.append(start(data, "run", "--once"))
    out, err = running[0].communicate()
    assert running[0].returncode == -signal.SIGKILL, out + err
    chain.after.clear()
    chain.trouble = None
    assert len(chain.sent) == sent + reached
    call(data, "run", "--once")
    chain.mine(4)
    call(data, "run", "--once")
    assert [item["evm"] for item in statuses(data)] == ["confirmed"]
    assert chain.transactions_of(account_of(data)) == before + 1
    assert len(set(chain.sent[sent:])) == 1
    append(data / "ledger", [b"more"])
    call(data, "run", "--once")  # too early for the next one
    assert len(statuses(data)) == 1


def test_a_process_that_is_stopped_ends_in_order(data: Path) -> None:
    with Calendar(Bitcoin()) as calendar:
        call(data, "init", "--calendar", calendar.url)
        first_asked = start(data, "run")
        while not calendar.asked:
            assert first_asked.poll() is None
        first_asked.send_signal(signal.SIGTERM)
        assert first_asked.communicate() and first_asked.returncode == 0
        assert call(data, "run", "--once") == ""
        assert len(statuses(data)) == 1


BLOCKED = """
import sys
for name in ("opentimestamps", "Cryptodome"):
    sys.modules[name] = None
sys.argv = ["trifleet", *{arguments!r}]
from trifleet.cli import main
main()
"""


def without_packages(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKED.format(arguments=list(arguments))]
    return subprocess.run(command, capture_output=True, text=True, cwd=data, env=ENVIRONMENT)


def test_without_the_packages_one_line_says_what_to_install(data: Path) -> None:
    for arguments in (
        ("init", "--calendar", "https://calendar.example"),
        ("init", "--rpc", "https://node.example", "--chain-id", "1"),
    ):
        done = without_packages(data, "anchor", *arguments, "--data", str(data))
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "pip install -r requirements-anchors.txt" in done.stderr
        assert not (data / "config/anchor.toml").exists()
        assert not (data / "anchor").exists()
    call(data, "init", "--calendar", "http://127.0.0.1:9")
    done = without_packages(data, "anchor", "run", "--once", "--data", str(data))
    assert done.returncode == 1 and "requirements-anchors.txt" in done.stderr
    for arguments in (("--help",), ("ledger", "--help"), ("anchor", "--help")):
        assert without_packages(data, *arguments).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name at least one"),
        (("--calendar", "http://calendar.example"), "https, please"),
        (("--calendar", "https://c.example", "--needed", "2"), "needed"),
        (("--rpc", "https://node.example"), "chain_id"),
        (("--rpc", "https://node.example", "--chain-id", "1", "--contract", "0x1"), "address"),
    ],
    ids=["nothing", "plain http", "too many needed", "no chain", "no address"],
)
def test_init_refuses_what_could_not_work(
    data: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert words in call(data, "init", *arguments, status=1)
    assert not (data / "config/anchor.toml").exists()
    assert not (data / "anchor").exists()
