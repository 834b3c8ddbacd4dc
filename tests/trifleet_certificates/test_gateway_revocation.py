"""A gateway is revoked in all three places, and whoever is cut off in between repeats it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from fleet_backend.fleet import gateways
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.errors import UnknownError
from fleet_backend.registrar.invitations import Invitations
from trifleet.certificates.authority import Authority
from trifleet.installation import claim
from trifleet.layout import Layout
from trifleet.revocation import revoke_gateway
from trifleet.transport import open_authority


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "data")
    claim(made)
    issue(open_authority(made))
    Invitations(made.invitations).invite("gw-1", ["trike-1"], 1, 1)
    with opened(made) as database:
        database.create_schema()
        with database.begin() as connection:
            gateways.register(connection, "gw-1", bytes(32), gateways.GATEWAY, 1)
    return made


def issue(authority: Authority) -> None:
    for name in ("gw-1", "gw-2"):
        authority.issue_client(name, ec.generate_private_key(ec.SECP256R1()).public_key())


@contextlib.contextmanager
def opened(layout: Layout) -> Iterator[Database]:
    with contextlib.closing(open_database(f"sqlite:///{layout.database}")) as database:
        yield database


def assert_revoked(layout: Layout) -> None:
    assert set(open_authority(layout).holders()) == {"gw-2"}
    assert not Invitations(layout.invitations).all()
    with opened(layout) as database, database.read() as connection:
        assert gateways.revoked(connection) == {"gw-1"}


def test_key_certificates_and_invitation(layout: Layout) -> None:
    assert "1 certificates" in revoke_gateway(layout.root, "gw-1")
    assert_revoked(layout)
    assert "before" in revoke_gateway(layout.root, "gw-1")
    assert_revoked(layout)


@pytest.mark.parametrize("place", [Authority, Invitations], ids=["certificates", "invitation"])
def test_what_was_cut_off_is_ended_by_the_repetition(
    layout: Layout, place: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    name = "revoke" if place is Authority else "uninvite"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(place, name, cut)
        revoke_gateway(layout.root, "gw-1")
    with opened(layout) as database, database.read() as connection:
        assert gateways.revoked(connection) == {"gw-1"}
    revoke_gateway(layout.root, "gw-1")
    assert_revoked(layout)


def test_who_is_no_gateway_loses_nothing(layout: Layout) -> None:
    with pytest.raises(UnknownError):
        revoke_gateway(layout.root, "gw-2")
    assert set(open_authority(layout).holders()) == {"gw-1", "gw-2"}
