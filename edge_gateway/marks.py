"""The marks of stored records in the outbox's file: the difference to what is there is written.

For the outbox, within its transactions.
"""

import sqlite3

from edge_gateway.window import BootMarks, WindowState


class MarksFile:
    """The windows of all vehicles. The caller names errors and begins transactions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        # What the file holds of each window.
        self._written: dict[str, WindowState] = {}

    def read(self, vehicle: str) -> WindowState:
        boots = self._db.execute(
            "SELECT boot, high FROM boots WHERE vehicle = ? ORDER BY used", (vehicle,)
        ).fetchall()
        window = {boot: BootMarks(high, self._marks(vehicle, boot)) for boot, high in boots}
        self._written[vehicle] = window
        return window

    def _marks(self, vehicle: str, boot: int) -> dict[tuple[int, bytes], None]:
        query = "SELECT seq, digest FROM marks WHERE vehicle = ? AND boot = ? ORDER BY id"
        return dict.fromkeys(self._db.execute(query, (vehicle, boot)))

    def write(self, vehicle: str, window: WindowState) -> None:
        """Within a transaction; `written` once it is committed."""
        old = self._written[vehicle] if vehicle in self._written else self.read(vehicle)
        for boot in old.keys() - window.keys():
            self._db.execute("DELETE FROM boots WHERE vehicle = ? AND boot = ?", (vehicle, boot))
            self._db.execute("DELETE FROM marks WHERE vehicle = ? AND boot = ?", (vehicle, boot))
        for boot, marks in window.items():
            # Unchanged ones are the same objects.
            if marks is not old.get(boot):
                self._write_boot(vehicle, boot, old.get(boot, BootMarks()), marks)

    def written(self, vehicle: str, window: WindowState) -> None:
        """The transaction was committed."""
        self._written[vehicle] = window

    def _write_boot(self, vehicle: str, boot: int, old: BootMarks, new: BootMarks) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO boots VALUES "
            "(?, ?, ?, (SELECT coalesce(max(used), 0) + 1 FROM boots))",
            (vehicle, boot, new.high),
        )
        self._db.executemany(
            "DELETE FROM marks WHERE vehicle = ? AND boot = ? AND seq = ? AND digest = ?",
            [(vehicle, boot, *mark) for mark in old.marks if mark not in new.marks],
        )
        self._db.executemany(
            "INSERT INTO marks(vehicle, boot, seq, digest) VALUES (?, ?, ?, ?)",
            [(vehicle, boot, *mark) for mark in new.marks if mark not in old.marks],
        )
