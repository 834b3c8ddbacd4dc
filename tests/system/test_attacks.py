"""Attacks on the running stack: each is refused by the vehicle, shows on the operator's page with
its reason, and never brings a VCU_Drive enable onto the bus. The bus is watched, not the API.
"""

import contextlib
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import RunningStack
from scene import Scene, direct, signed_command

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.delegations import find as find_delegation
from protocol import command, cose, grant, presentation, refusal
from trifleet.client import HolderKey, RiderClient
from trifleet.errors import ClientError


@pytest.fixture
def scene(stack: RunningStack) -> Iterator[Scene]:
    made = Scene(stack, "trike-1")
    yield made
    made.rider.close()


def test_another_vehicles_grant(scene: Scene) -> None:
    key = scene.rider.key
    granted = scene.owner.grant(key, "trike-2")
    asked = signed_command(key, "trike-1", scene.challenge(), granted)
    scene.expect_refused(direct(scene, granted, asked, key), refusal.VEHICLE)


def test_an_expired_grant(scene: Scene) -> None:
    key = scene.rider.key
    now = int(time.time())
    granted = scene.owner.grant(key, "trike-1", not_before=now - 7200, not_after=now - 3600)
    asked = signed_command(key, "trike-1", scene.challenge(), granted)
    scene.expect_refused(direct(scene, granted, asked, key), refusal.EXPIRED)


def test_a_grant_that_its_holder_rewrote(scene: Scene) -> None:
    """The rider changes the end of a real grant; the owner's signature no longer fits."""
    key = scene.rider.key
    granted = scene.owner.grant(key, "trike-1")
    payload, signature = cose.split(granted, cose.PS256, "grant")
    fields = grant.decode(payload)
    fields.not_after += 86_400
    rewritten = cose.assemble(cose.PS256, grant.encode(fields), signature)
    asked = signed_command(key, "trike-1", scene.challenge(), rewritten)
    scene.expect_refused(direct(scene, rewritten, asked, key), refusal.SIGNATURE)


def test_a_grant_that_its_holder_widened(scene: Scene) -> None:
    """A holder who may delegate gives a friend more than the holder has."""
    key, friend = scene.rider.key, HolderKey()
    above = scene.owner.grant(key, "trike-1", actions=grant.DELEGATE | 2)
    payload, _ = cose.split(above, cose.PS256, "grant")
    wider = grant.decode(payload)
    wider.actions, wider.holder = 3, friend.thumbprint
    payload = grant.encode(wider)
    below = key.seal(payload, grant.signed_message(payload))
    asked = signed_command(friend, "trike-1", scene.challenge(), below)
    keyring = [scene.owner.key.modulus, key.modulus, friend.modulus]
    scene.expect_refused(presentation.encode([above, below], keyring, asked), refusal.WIDENED)


def test_a_command_signed_by_another_key(scene: Scene) -> None:
    key, thief = scene.rider.key, HolderKey()
    granted = scene.owner.grant(key, "trike-1")
    asked = signed_command(thief, "trike-1", scene.challenge(), granted)
    scene.expect_refused(direct(scene, granted, asked, key), refusal.SIGNATURE)


def test_a_stolen_grant_under_another_key(scene: Scene) -> None:
    key, thief = scene.rider.key, HolderKey()
    granted = scene.owner.grant(key, "trike-1")
    asked = signed_command(thief, "trike-1", scene.challenge(), granted)
    scene.expect_refused(direct(scene, granted, asked, thief), refusal.HOLDER)


def test_a_challenge_used_twice(scene: Scene) -> None:
    key = scene.rider.key
    challenge = scene.challenge()
    granted = scene.owner.grant(key, "trike-1", actions=2)
    first = signed_command(key, "trike-1", challenge, granted)
    scene.expect_refused(direct(scene, granted, first, key), refusal.ACTION)
    good = scene.owner.grant(key, "trike-1")
    second = signed_command(key, "trike-1", challenge, good)
    scene.expect_refused(direct(scene, good, second, key), refusal.CHALLENGE)


def test_the_api_by_itself(scene: Scene) -> None:
    """With all that the API process holds: the database, the chains, the broker's credential.

    It knows the owner's delegation and the vehicle's next challenge; it has no key.
    """
    database = open_database(f"sqlite:///{scene.stack.layout.database}")
    with database.read() as connection:
        chain = find_delegation(connection, "trike-1")
    database.close()
    assert chain is not None
    made_up = HolderKey()
    own = grant.decode(cose.split(chain.grants[0], cose.PS256, "grant")[0])
    own.holder, own.actions = made_up.thumbprint, 3
    own.not_after = own.not_before + 600
    payload = grant.encode(own)
    # The issuer's signature is what it cannot make; its own is the best it can do.
    below = made_up.seal(payload, grant.signed_message(payload))
    asked = signed_command(made_up, "trike-1", scene.challenge(), below)
    keyring = [*chain.keys, made_up.modulus]
    forged = presentation.encode([*chain.grants, below], keyring, asked)
    scene.expect_refused(forged, refusal.SIGNATURE)


def test_the_api_process_has_no_private_key_open_or_named(stack: RunningStack) -> None:
    """But for that of its certificate, by which the broker knows it, and which it reads anew."""
    config = (stack.layout.root / "config/api.toml").read_text()
    own = str(stack.layout.tls("api") / "mqtt.key")
    assert config.count(".key") == config.count(own) == 1
    maps = f"/proc/{stack.pid_of('api')}/fd"
    for name in os.listdir(maps):
        with contextlib.suppress(OSError):
            assert not os.readlink(f"{maps}/{name}").endswith(".key")


def test_a_replayed_presentation(scene: Scene) -> None:
    """A whole recorded unlock, played again to the vehicle by whoever is on its bus."""
    key = scene.rider.key
    granted = scene.owner.grant(key, "trike-1")
    asked = signed_command(key, "trike-1", scene.challenge(), granted)
    recorded = direct(scene, granted, asked, key)
    name = scene.rider.send("trike-1", recorded)
    scene.rider.wait(name, ("executed",), 20)
    lock(scene, granted)
    mark = scene.bus.mark()
    present_on_the_bus(scene.stack.can_port("trike-1"), recorded)
    scene.operator_sees(refusal.CHALLENGE)
    scene.nothing_moved(mark)


def lock(scene: Scene, granted: bytes) -> None:
    key = scene.rider.key
    asked = signed_command(key, "trike-1", scene.challenge(), granted, command.LOCK)
    name = scene.rider.send("trike-1", direct(scene, granted, asked, key))
    scene.rider.wait(name, ("executed",), 60)
    # "Executed" may mean that the lock waits for the standstill.
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        mark = scene.bus.mark()
        time.sleep(0.5)
        if scene.bus.drives(mark) and scene.bus.enables(mark) == 0:
            return
    raise AssertionError("it did not lock")


def present_on_the_bus(can_port: int, presented: bytes) -> None:
    """Somebody with a laptop on the vehicle's CAN bus."""
    import isotp

    from hw.errors import BusTimeoutError
    from hw.virtual_bus.client import SlcanClient
    from protocol import link

    with SlcanClient(can_port, bitrate=500_000) as client:

        def receive(timeout: float) -> Any:
            with contextlib.suppress(BusTimeoutError):
                frame = client.recv(timeout_s=max(timeout, 0.001))
                return isotp.CanMessage(arbitration_id=frame.identifier, data=frame.data)
            return None

        address = isotp.Address(isotp.AddressingMode.Normal_11bits, txid=0x500, rxid=0x508)
        layer = isotp.TransportLayerLogic(
            rxfn=receive,
            txfn=lambda message: client.send(message.arbitration_id, bytes(message.data)),
            address=address,
            params={"tx_padding": 0xCC},
        )
        layer.send(link.pack(link.PRESENTATION, presented))
        end = time.monotonic() + 10
        while layer.transmitting() and time.monotonic() < end:
            layer.process(rx_timeout=0.01)
        assert not layer.transmitting()


def test_the_issuer_hands_out_nothing_while_it_cannot_log(
    stack: RunningStack, rider: RiderClient
) -> None:
    rider.register()
    stopped = frozen(stack.pid_of("ingest"), stack.layout.database)
    with stopped, pytest.raises(ClientError, match="no grant: requested"):
        rider.obtain_grant("trike-2", 600, wait_s=5.0)
    granted = rider.obtain_grant("trike-2", 600)
    assert granted["leaf_index"] is not None


@contextlib.contextmanager
def frozen(pid: int, database: Path) -> Iterator[None]:
    """A process that stands still, and not while it holds the database against everybody else."""
    try:
        for _ in range(50):
            os.kill(pid, signal.SIGSTOP)
            if can_be_written(database):
                break
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.05)
        else:
            raise AssertionError(f"{database} is held whenever it is looked at")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def can_be_written(database: Path) -> bool:
    with contextlib.closing(sqlite3.connect(database, timeout=1.0, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        db.execute("ROLLBACK")
    return True


def test_nonsense_gets_a_named_answer(stack: RunningStack) -> None:
    """Every door of the API: wrong input is refused with words, and the next request works."""
    with httpx.Client(base_url=stack.address, trust_env=False) as http:
        for path, body in (
            ("/v1/riders", b"\xff\xfe"),
            ("/v1/riders", b"{}"),
            ("/v1/grants", b'{"request": "%%%"}'),
            ("/v1/vehicles/trike-1/commands", b'{"presentation": "AAAA"}'),
            ("/v1/vehicles/nobody/commands", b'{"presentation": "AAAA"}'),
        ):
            headers = {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
            answer = http.post(path, content=body, headers=headers)
            assert 400 <= answer.status_code < 500, (path, answer.text)
            assert answer.headers["content-type"].startswith("application/problem+json")
            assert answer.json()["title"]
        assert http.get("/healthz").status_code == 200


def certificates(stack: RunningStack, *words: str) -> str:
    command_line = [sys.executable, "-m", "trifleet.cli", "certificates", *words]
    command_line += ["--data", str(stack.layout.root)]
    return subprocess.run(command_line, capture_output=True, text=True, check=True).stdout


def test_a_gateway_whose_certificate_was_revoked_is_out_until_it_has_another(
    stack: RunningStack,
) -> None:
    """The gateway itself goes on: it reads its files anew each time that it tries."""
    log_file = stack.layout.logs / "gw-2.log"

    def times(words: str) -> int:
        return log_file.read_text().count(words)

    connected, lost = times("broker connected"), times("broker lost")
    assert "gw-2: revoked" in certificates(stack, "revoke", "gw-2")
    stack.wait_for(lambda: times("broker lost") > lost, "the end of the connection", 20.0)
    refused = times("broker refuses us") + times("broker not reached")
    stack.wait_for(
        lambda: times("broker refuses us") + times("broker not reached") > refused,
        "the next try, which is refused",
        20.0,
    )
    assert times("broker connected") == connected
    rows = [line.split() for line in certificates(stack, "list").splitlines()]
    assert {row[3] for row in rows if row[0] == "gw-2"} == {"revoked"}
    assert {row[3] for row in rows if row[0] != "gw-2"} == {"good"}
    certificates(stack, "issue", "gw-2")
    stack.wait_for(lambda: times("broker connected") > connected, "the new certificate", 40.0)
