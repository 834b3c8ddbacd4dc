"""What a notary signs is kept, once, whatever happens; what cannot be read is never signed."""

import functools
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from notary_stand import NAME, Site

from edge_gateway import enrol as gateway_enrolment
from edge_gateway import renewal
from edge_gateway.enrol import Plan
from edge_gateway.errors import EnrolError, GatewayError
from edge_gateway.outbox import Outbox
from fleet_backend.fleet import gateways
from protocol import ack, cbor, statement, workorder
from tests.edge_gateway.test_gateway_enrol import BUSES, Direct
from tests.notary.documents import head, order
from tests.registrar.registrar_stand import NOW
from trifleet.notary.archive import Archive
from trifleet.notary.errors import NotaryError
from trifleet.notary.notary import open_notary

BODY = workorder.encode(order())


def chain(folder: Path) -> list[statement.Statement]:
    """All that waits, after a check that it is one chain of what the archive holds."""
    with open_notary(folder) as notary:
        waiting = [
            statement.decode_message(one.message)[0] for one in notary.outbox.pending(-1, 99)
        ]
        assert [one.sign1 for one in notary.kept()] == waiting
        assert notary.outbox.next_seq == len(waiting)
    before = statement.FIRST_PREV_HASH
    for seq, sign1 in enumerate(waiting):
        made = statement.decode_unverified(sign1)
        assert (made.gateway, made.seq, made.prev_hash) == (NAME, seq, before)
        before = statement.statement_hash(sign1)
    return [statement.decode_unverified(one) for one in waiting]


def test_a_notary_is_registered_as_one_and_signs_in_one_chain(site: Site) -> None:
    folder = site.enrol()
    with site.registrar.database.read() as connection:
        found = gateways.get(connection, NAME)
    assert found.kind == gateways.NOTARY
    with open_notary(folder) as notary:
        assert found.public_key == notary.public_key
        assert notary.append(statement.WORK_ORDER, BODY) == 0
        assert notary.append(statement.RELEASE, head()) == 1
        assert notary.append(statement.WORK_ORDER, BODY) == 0
        assert notary.append(statement.WORK_ORDER, workorder.encode(order("trike-8"))) == 2
        with pytest.raises(NotaryError, match="another process"), open_notary(folder):
            pass
    assert [one.kind for one in chain(folder)] == [5, 4, 5]
    assert not any(path.stat().st_mode & 0o077 for path in [folder, *folder.iterdir()])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (statement.WORK_ORDER, BODY[:-1]),
        (statement.WORK_ORDER, head()),
        (statement.RELEASE, BODY),
        (statement.RELEASE, head() + b"\0"),
        (statement.RELEASE, b""),
        (statement.RECORDS, cbor.encode([b"record"])),
        (statement.GATEWAY, cbor.encode({0: 1, 1: "started"})),
        (statement.GRANT, cbor.encode(b"grant")),
    ],
)
def test_what_the_backend_would_refuse_is_not_signed(site: Site, kind: int, body: bytes) -> None:
    folder = site.enrol()
    with open_notary(folder) as notary, pytest.raises(NotaryError):
        notary.append(kind, body)
    assert chain(folder) == []


@pytest.mark.parametrize("step", ["before the commit", "after the commit", "after the copy"])
def test_an_end_at_any_step_of_append_signs_once(
    site: Site, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = site.enrol()
    owner, name = (Archive, "copy") if step == "after the copy" else (Outbox, "store_body")
    real = getattr(owner, name)

    def dying(self: object, *given: object) -> object:
        if step != "before the commit":
            result = real(self, *given)
            if step == "after the copy" and not given[0]:
                return result
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, open_notary(folder) as notary:
        patch.setattr(owner, name, dying)
        with pytest.raises(KeyboardInterrupt):
            notary.append(statement.WORK_ORDER, BODY)
    with open_notary(folder) as notary:
        assert notary.append(statement.WORK_ORDER, BODY) == 0
    assert len(chain(folder)) == 1


def _append_and_die(folder: Path) -> None:
    with open_notary(folder) as notary:
        notary.append(statement.WORK_ORDER, BODY)
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_append_returned_for_outlives_a_kill(site: Site) -> None:
    folder = site.enrol()
    child = multiprocessing.get_context("spawn").Process(target=_append_and_die, args=(folder,))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert len(chain(folder)) == 1


def test_an_acknowledgement_is_in_the_archive_before_the_outbox_forgets(site: Site) -> None:
    folder = site.enrol()
    with open_notary(folder) as notary:
        for vehicle in ("trike-1", "trike-2", "trike-3"):
            notary.append(statement.WORK_ORDER, workorder.encode(order(vehicle)))
        notary.archive.acknowledge([(0, 0), (7, 1 << 63)], [(1, 1)])
    # Power went here: the outbox still has all three, and is told again.
    with open_notary(folder) as notary:
        assert [one.state for one in notary.kept()] == [1, 2, 0]
        assert notary.outbox.count() == 3
        notary.outbox.delete(ack.Ack(NAME, [(0, 0)], [(1, 1)]))
        assert [one.seq for one in notary.archive.without_receipt()] == [0]
        with pytest.raises(NotaryError, match="waits"):
            notary.archive.forget(2)
        notary.archive.forget(0)
        assert notary.archive.get(0).is_forgotten and notary.archive.without_receipt() == []
        with pytest.raises(NotaryError, match="no statement 9"):
            notary.archive.get(9)


def test_a_notary_renews_its_certificate_until_it_is_revoked(site: Site) -> None:
    folder = site.enrol()
    stand = site.registrar
    stand.now = NOW + 340 * 86_400
    with open_notary(folder) as notary:
        tls = notary.settings.mqtt.tls
        assert tls is not None
        before = tls.certificate_file.read_bytes()
        own = renewal.Own(notary.name, notary.key, tls)
        ask = functools.partial(renewal.renew, own, Direct(stand), 5, lambda: float(stand.now))
        assert ask()
        assert tls.certificate_file.read_bytes() != before
        with stand.database.begin() as connection:
            gateways.revoke(connection, NAME, stand.now)
        stand.now += 340 * 86_400
        with pytest.raises(EnrolError, match="refused"):
            ask()


def test_a_code_is_for_one_kind_alone(site: Site, tmp_path: Path) -> None:
    gateways_plan = Plan(tmp_path / "gw", BUSES, wait_s=5)
    with pytest.raises(EnrolError, match="for a notary: trifleet notary enrol"):
        gateway_enrolment.enrol(gateways_plan, site.code, Direct(site.registrar))
    assert not gateways_plan.folder.exists()
    code = site.registrar.invitations.invite("gw-9", ["trike-9"], 24, NOW)
    with pytest.raises(EnrolError, match="for a gateway: trifleet gateway enrol"):
        site.code = code
        site.enrol()
    assert not site.folder.exists()


def test_a_folder_that_is_none_or_damaged_is_named(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NotaryError, match="no notary's folder"), open_notary(tmp_path):
        pass
    folder = site.enrol()
    (folder / "archive.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(NotaryError, match="archive"), open_notary(folder):
        pass
    settings = folder / "notary.toml"
    settings.write_text(settings.read_text() + '\n[[bus]]\nvehicle = "trike-1"\n')
    with pytest.raises(GatewayError, match="bus"), open_notary(folder):
        pass
