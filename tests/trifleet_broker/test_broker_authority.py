"""The authority is changed under a broker of each kind, while a gateway's records go through it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_stand import KINDS, RABBITMQ, Site, make_site, tls_of
from gateway_over_broker import Ride

from trifleet.certificates import files, rotation
from trifleet.certificates.authority import load_certificate
from trifleet.certificates.files import Party, broker_party


@pytest.fixture(
    params=[pytest.param(kind, marks=[pytest.mark.faults] * (kind == RABBITMQ)) for kind in KINDS]
)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made = make_site(request.param, tmp_path / "site", 10)
    try:
        yield made
    finally:
        made.close_peers()
        made.broker.stop()


def bring_up(site: Site) -> None:
    """What a running stack does after a step: everybody's files, then the broker starts again."""
    for name in site.authority.holders():
        files.ensure(site.authority, site.party(name))
    files.ensure(site.authority, broker_party(site.folder / "broker-tls"))
    shutil.copyfile(site.authority.revoked_file, site.folder / "broker-tls/revoked.pem")
    site.broker.stop()
    site.broker.set_users(site.users())
    site.broker.start()


def copy_of(party: Party, folder: Path) -> Party:
    shutil.copytree(party.folder, folder)
    return Party(party.name, folder, party.use)


def test_a_connected_gateway_goes_through_all_steps(site: Site, tmp_path: Path) -> None:
    old = copy_of(site.party("gw-8"), tmp_path / "old")
    ride = Ride(site, tmp_path / "gw")
    try:
        ride.fill(10)
        ride.wait_for_all()
        rotation.begin(site.authority)
        bring_up(site)
        ride.fill(10)
        ride.wait_for_all()
        rotation.switch(site.authority, lambda name: True)
        bring_up(site)
        assert (
            site.join("gw-8", tls=tls_of(old)).connected is False
        )  # it does not know the broker's
        files_of_both(site, old)
        assert site.join("gw-8", tls=tls_of(old)).connected
        ride.fill(10)
        ride.wait_for_all()
        rotation.finish(site.authority)
        bring_up(site)
        ride.fill(10)
        ride.wait_for_all()
        ride.check()
    finally:
        ride.close()
    root = load_certificate(site.authority.certificate_file)
    load_certificate(site.party("gw-7").certificate_file).verify_directly_issued_by(root)
    assert is_refused(site, old)
    assert site.join("gw-8").connected


def files_of_both(site: Site, old: Party) -> None:
    """He was told of the new root, and has not renewed yet."""
    shutil.copyfile(site.party("gw-8").ca_file, old.ca_file)


def is_refused(site: Site, old: Party) -> bool:
    try:
        return not site.join("gw-8", tls=tls_of(old)).connected
    except OSError:
        return True
