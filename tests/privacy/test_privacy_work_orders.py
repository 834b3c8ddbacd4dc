"""A mechanic's name goes out of the database's very bytes; that he worked stays proved."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from fleet_backend.fleet import gateways, statements, workorders
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import UnknownError
from protocol import statement, workorder
from tests.notary.documents import order
from trifleet.layout import Layout
from trifleet.privacy.work_orders import erase_work_order

NAME = "Ayşe Öztürk"
KINDS = (statement.WORK_ORDER, statement.WORK_ORDER, statement.GATEWAY)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An installation whose notary sent two work orders and something else."""
    made = Layout(tmp_path)
    (tmp_path / "installation.json").write_text("{}")
    made.backups.write_text(f'["{tmp_path}/back-up"]')
    with closing(open_database(made.database_url)) as database:
        database.create_schema()
        with database.begin() as connection:
            gateways.register(connection, "n-1", bytes(32), gateways.NOTARY, 1)
            for seq, kind in enumerate(KINDS):
                # Not compressed, so that the name can be searched for.
                body = b"\x78\x01\x01" + workorder.encode(order(f"trike-{seq}"))
                name = os.urandom(32)
                new = statements.NewStatement(
                    "n-1", seq, name, bytes(32), kind, 1, name, bytes(16), body
                )
                number = statements.insert_one(connection, new, 1)
                if kind == statement.WORK_ORDER:
                    workorders.add(connection, number, order(f"trike-{seq}"))
    return made


def test_the_name_is_gone_and_the_rest_stays(layout: Layout) -> None:
    names = layout.database.read_bytes().count(NAME.encode())
    assert names == 3
    report = erase_work_order(layout, "n-1", 1)
    assert report.is_new and report.backups == [f"{layout.root}/back-up"]
    assert not erase_work_order(layout, "n-1", 1).is_new
    held = b"".join(path.read_bytes() for path in layout.root.glob("*.db*"))
    assert held.count(NAME.encode()) == 2
    with closing(open_database(layout.database_url)) as database, database.read() as connection:
        (row,) = workorders.of_vehicle(connection, "trike-1", None, 5)
        assert row.order is None and (row.notary, row.seq, row.outcome) == ("n-1", 1, 0)


def test_only_work_orders_are_erased_so(layout: Layout) -> None:
    for notary, number in (("n-1", 2), ("n-1", 9), ("n-2", 0)):
        with pytest.raises(UnknownError):
            erase_work_order(layout, notary, number)
    assert layout.database.read_bytes().count(NAME.encode()) == 3
