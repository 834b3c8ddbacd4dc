"""Several programs on one SQLite file: nobody's locks are lost by opening it once more."""

import subprocess
import sys
from pathlib import Path

from fleet_backend.fleet.database import open_database

READ_AND_END = (
    "import sqlite3, sys; database = sqlite3.connect(sys.argv[1]);"
    " database.execute('SELECT count(*) FROM gateways').fetchone(); database.close()"
)


def test_who_opens_a_database_twice_keeps_its_write_ahead_log(tmp_path: Path) -> None:
    """Whoever closes a file last puts its log away: another program must see that it is not."""
    path = tmp_path / "fleet.db"
    first = open_database(f"sqlite:///{path}")
    first.create_schema()
    open_database(f"sqlite:///{path}").close()
    subprocess.run([sys.executable, "-c", READ_AND_END, str(path)], check=True)
    assert Path(f"{path}-wal").exists()
    first.close()
