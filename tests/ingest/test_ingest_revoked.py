"""A gateway that was revoked: what it signed stays, what it signs is refused from then on."""

from pathlib import Path

import pytest
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet

from fleet_backend.fleet import gateways, quarantine, statements
from fleet_backend.fleet.errors import UnknownError, ValueRefusedError
from fleet_backend.ingest import reasons, registry


def test_what_a_revoked_gateway_signs_is_refused(desk) -> None:
    desk.take(desk.gateway.message([desk.vehicle.sample()]))
    with desk.database.begin() as connection:
        gateways.revoke(connection, desk.gateway.name, NOW)
    desk.take(desk.gateway.message([desk.vehicle.sample()]))
    assert desk.acked() == ({0}, set())
    with desk.database.read() as connection:
        assert [one.reason for one in quarantine.newest(connection)] == [reasons.UNKNOWN_GATEWAY]
        head = statements.head(connection, desk.gateway.name)
        assert head is not None and head.seq == 0


def test_the_others_go_on(tmp_path: Path) -> None:
    gone, other = FakeGateway("gw-1"), FakeGateway("gw-2")
    database = open_fleet(tmp_path, (gone, [FakeVehicle("v-1")]), (other, [FakeVehicle("v-2")]))
    with database.read() as connection:
        before = registry.load(connection)
        assert registry.current(connection, before) is before
    with database.begin() as connection:
        gateways.revoke(connection, "gw-1", NOW)
    with database.read() as connection:
        for found in (registry.load(connection), registry.current(connection, before)):
            assert set(found.gateways) == {"gw-2"}
            assert set(found.vehicles) == {"v-1", "v-2"}
    database.close()


def test_only_a_gateway_is_revoked(tmp_path: Path) -> None:
    database = open_fleet(tmp_path)
    with database.begin() as connection:
        gateways.register(connection, "issuer-1", bytes(32), gateways.ISSUER, NOW)
        with pytest.raises(UnknownError):
            gateways.revoke(connection, "gw-1", NOW)
        with pytest.raises(ValueRefusedError):
            gateways.revoke(connection, "issuer-1", NOW)
    database.close()
