"""The bus is watched through a log that begins anew when it is too long: nothing is overlooked."""

from pathlib import Path

from evidence import VCU_DRIVE, BusLog

from hw.virtual_bus.frame import Frame
from hw.virtual_bus.log import CandumpLog


def test_what_is_in_the_older_part_is_seen_as_well(tmp_path: Path) -> None:
    log = BusLog(tmp_path / "can.log")
    written = CandumpLog(log.path, limit_bytes=600)
    assert log.mark() == 0
    marks = []
    for number in range(40):  # 25 of them are a file
        written.write(number, Frame(int(VCU_DRIVE, 16), bytes([number % 2])))
        written.flush()
        marks.append(log.mark())
    written.close()
    assert (tmp_path / "can.log.1").exists()
    assert log.enables() == 20
    assert [len(log.frames(mark)) for mark in marks] == list(reversed(range(40)))
