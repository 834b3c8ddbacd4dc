"""Three RabbitMQ nodes as one cluster: what one node's death costs, and revocation on all."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_stand import INGESTS, Peer, Site, tls_of, wait_until

from trifleet.brokers.cluster import ClusterSettings, RabbitCluster
from trifleet.brokers.common import ServerTls
from trifleet.brokers.rabbitmq import RabbitMq
from trifleet.brokers.rabbitmq_config import UP_QUEUE
from trifleet.certificates import files
from trifleet.certificates.authority import create
from trifleet.certificates.files import broker_party

pytestmark = pytest.mark.faults


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[RabbitCluster, Site]]:
    authority = create(tmp_path / "authority", "fleet-test.local authority")
    server = broker_party(tmp_path / "broker-tls")
    files.ensure(authority, server)
    revoked = server.folder / "revoked.pem"
    shutil.copyfile(authority.revoked_file, revoked)
    tls = ServerTls(server.ca_file, server.certificate_file, server.private_key_file, revoked)
    made = RabbitCluster(ClusterSettings(tmp_path / "cluster", tls), [])
    site = Site("rabbitmq", tmp_path, made.nodes[0], iter(()))
    for name in (*INGESTS, "gw-1", "gw-2"):
        files.ensure(authority, site.party(name))
    made.set_users(site.users())
    made.start()
    try:
        yield made, site
    finally:
        site.close_peers()
        made.kill()


def join(site: Site, node: RabbitMq, name: str) -> Peer:
    tls = tls_of(site.party(name))
    site.peers.append(Peer(node.port, tls, tls.client_id(name)))
    return site.peers[-1]


def waiting(node: RabbitMq) -> int:
    table = node.control("list_queues", "name", "messages")
    found = dict(line.split("\t") for line in table.splitlines()[1:])
    return int(found[UP_QUEUE])


def test_a_node_dies_with_its_leader_and_nothing_is_lost_and_nobody_gets_in_again(
    cluster: tuple[RabbitCluster, Site],
) -> None:
    made, site = cluster
    first, second, third = made.nodes
    own = join(site, first, "gw-1")
    for number in range(10):
        assert own.publish("tf/1/gw-1/up/statement", b"%d" % number)
    first.kill()  # every queue's leader was declared here
    assert len(made.running()) == 2

    def goes_on() -> bool:
        """As a gateway does: again, until it is let in and acknowledged."""
        peer = join(site, second, "gw-1")
        return peer.connected and peer.publish("tf/1/gw-1/up/statement", b"after")

    wait_until(goes_on, "the next leader", 90.0)
    own = site.peers[-1]
    wait_until(lambda: waiting(third) >= 11, "what was acknowledged, and what came after")
    first.start()
    again = join(site, first, "gw-2")
    assert again.connected and own.connected
    site.authority.revoke("gw-1")
    shutil.copyfile(site.authority.revoked_file, site.folder / "broker-tls/revoked.pem")
    made.set_users(site.users())
    own.wait_gone()
    assert not any(join(site, node, "gw-1").connected for node in made.nodes)
    assert join(site, third, "gw-2").connected
    made.stop()
    assert made.running() == []
