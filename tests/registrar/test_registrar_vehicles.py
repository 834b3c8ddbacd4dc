"""A gateway brings its vehicles: from a file, or from a gateway that was revoked; no other's."""

import dataclasses
import json
import secrets
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fleet_backend.fleet import enrolments, gateways, vehicles
from fleet_backend.ingest import registry
from fleet_backend.registrar import registrations
from fleet_backend.registrar.errors import InvitationError
from fleet_backend.registrar.invitations import Invitations
from fleet_backend.registrar.registrations import Registration
from tests.registrar.registrar_stand import NOW, Asker, Stand
from trifleet.commands.board import app as board_app
from workbench.identity import Identity, encode_identity, key_fingerprint, record_key


def registration(name: str = "trike-9") -> Registration:
    return Registration(name, *(secrets.token_bytes(32) for _ in range(3)))


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def known(stand: Stand, name: str, gateway: str) -> Registration:
    """In the database, behind a gateway of before."""
    made = registration(name)
    with stand.database.begin() as connection:
        gateways.register(connection, gateway, secrets.token_bytes(32), gateways.GATEWAY, NOW)
        vehicles.register(connection, name, gateway, *dataclasses.astuple(made)[1:], NOW)
    return made


def test_a_vehicle_of_a_file_is_the_gateways_when_it_is_enrolled(stand: Stand) -> None:
    new = registration()
    code = stand.invitations.invite("gw-9", ["trike-9", "trike-8"], 24, NOW, [new])
    assert new.record_key.hex() not in repr(stand.invitations.all())
    assert stand.ask(Asker().request(code)).state == enrolments.ANSWERED
    with stand.database.read() as connection:
        held = registry.load(connection).vehicles  # what the ingest judges by
        assert vehicles.get(connection, "trike-9").owner_thumbprint == new.owner_thumbprint
    assert {name: tuple(one) for name, one in held.items()} == {"trike-9": ("gw-9", new.record_key)}
    for path in (stand.folder / "invitations").glob("*.json"):
        assert new.record_key.hex() not in path.read_text()


def test_a_vehicle_of_a_revoked_gateway_moves_and_of_a_good_one_stays(stand: Stand) -> None:
    known(stand, "trike-9", "gw-1")
    code = stand.invitations.invite("gw-9", ["trike-9"], 24, NOW)
    asker = Asker()
    assert stand.ask(asker.request(code)).reason == "vehicle"
    with stand.database.begin() as connection:
        assert vehicles.get(connection, "trike-9").gateway == "gw-1"
        assert gateways.find(connection, "gw-9") is None
        gateways.revoke(connection, "gw-1", NOW)
    asker.nonce = bytes(16)  # another request: the code was not used up
    assert stand.ask(asker.request(code)).state == enrolments.ANSWERED
    with stand.database.read() as connection:
        assert vehicles.get(connection, "trike-9").gateway == "gw-9"


def test_the_key_of_another_vehicle_does_not_come_in_twice(stand: Stand) -> None:
    old = known(stand, "trike-1", "gw-1")
    copy = dataclasses.replace(registration(), record_key=old.record_key)
    code = stand.invitations.invite("gw-9", ["trike-9"], 24, NOW, [copy])
    assert stand.ask(Asker().request(code)).reason == "vehicle"
    assert not stand.authority.entries()


def test_a_registration_belongs_to_a_vehicle_of_the_invitation(stand: Stand) -> None:
    for wrong in ([registration("trike-8")], [registration(), registration()]):
        with pytest.raises(InvitationError, match="each once"):
            stand.invitations.invite("gw-9", ["trike-9"], 24, NOW, wrong)


def test_an_invitation_of_before_is_read(stand: Stand) -> None:
    code = stand.invitations.invite("gw-9", ["trike-9"], 24, NOW)
    (path,) = (stand.folder / "invitations").glob("*.json")
    old = json.loads(path.read_text())
    del old["registrations"]
    path.write_text(json.dumps(old))
    assert stand.ask(Asker().request(code)).state == enrolments.ANSWERED


def test_the_file_of_a_board_becomes_a_registration(tmp_path: Path) -> None:
    identity = Identity("trike-9", secrets.token_bytes(32), secrets.token_bytes(32), NOW)
    (tmp_path / "identity").write_bytes(encode_identity(identity))
    out = tmp_path / "trike-9.json"
    words = ["registration", str(tmp_path / "identity"), "--out", str(out)]
    done = CliRunner().invoke(board_app, words)
    assert done.exit_code == 0, done.output
    assert registrations.read(out) == Registration(
        "trike-9",
        identity.owner_thumbprint,
        record_key(identity.vehicle_key),
        key_fingerprint(identity.vehicle_key),
    )
    assert identity.vehicle_key.hex() not in out.read_text()
    out.chmod(0o640)
    with pytest.raises(InvitationError, match="chmod 600"):
        registrations.read(out)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(
    lambda value: json.dumps({"vehicle": "a", "owner_thumbprint": value}).encode()
))  # fmt: skip
def test_nonsense_is_no_registration(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "nonsense.json"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(InvitationError, match="no registration"):
        registrations.read(path)


def test_an_invitation_with_nonsense_in_the_place_of_registrations(stand: Stand) -> None:
    stand.invitations.invite("gw-9", ["trike-9"], 24, NOW, [registration()])
    (path,) = (stand.folder / "invitations").glob("*.json")
    good = json.loads(path.read_text())
    for wrong in (None, {}, [1], [{}], [{**good["registrations"][0], "record_key": "00"}]):
        path.write_text(json.dumps({**good, "registrations": wrong}))
        with pytest.raises(InvitationError, match="is damaged"):
            Invitations(stand.folder / "invitations").all()
