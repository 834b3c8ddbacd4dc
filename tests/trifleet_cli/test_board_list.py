"""`trifleet board list`: every board, with room for the application."""

import json

from boards.tables import read_boards
from tests.command_line import trifleet


def test_lists_every_board_with_its_room() -> None:
    done = trifleet("board", "list", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["board"] for row in rows] == [board.name for board, _ in read_boards()]
    assert all(0 < row["application_bytes"] <= row["room_bytes"] for row in rows)
    shown = trifleet("board", "list")
    assert shown.returncode == 0 and "weact-h743" in shown.stdout and "%" in shown.stdout
