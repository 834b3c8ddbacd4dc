"""The generator writes what the DBC says, notices drift, and refuses what the codec cannot do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hw.can.generate import DBC, TABLE, load, main, table
from hw.errors import DbcError

Write = Callable[..., Path]

REFUSED = {
    "big endian": ' SG_ Speed : 7|16@0+ (1,0) [0|65535] "" MC',
    "scaled (0.1": ' SG_ Speed : 0|16@1+ (0.1,0) [0|6553.5] "" MC',
    "scaled (1, 40)": ' SG_ Speed : 0|8@1+ (1,40) [40|295] "" MC',
    "multiplexed": ' SG_ Kind M : 0|8@1+ (1,0) [0|1] "" MC\n SG_ A m0 : 8|8@1+ (1,0) [0|1] "" MC',
    "not byte 7": ' SG_ Alive : 0|4@1+ (1,0) [0|15] "" MC\n SG_ Crc : 8|8@1+ (1,0) [0|255] "" MC',
    "not 4 bits": ' SG_ Alive : 0|8@1+ (1,0) [0|255] "" MC\n SG_ Crc : 56|8@1+ (1,0) [0|255] "" MC',
    "only one of Alive and Crc": ' SG_ Crc : 56|8@1+ (1,0) [0|255] "" MC',
    "limits outside": ' SG_ Speed : 0|8@1+ (1,0) [0|256] "" MC',
    "not a whole number": ' SG_ Speed : 0|8@1+ (1,0) [0|2.5] "" MC',
    "floating-point": ' SG_ Speed : 0|32@1- (1,0) [0|1] "" MC\n\nSIG_VALTYPE_ 80 Speed : 1;',
    "overlapping": ' SG_ A : 0|8@1+ (1,0) [0|1] "" MC\n SG_ B : 4|8@1+ (1,0) [0|1] "" MC',
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_signal_that_the_codec_cannot_do_is_refused_by_name(write_dbc: Write, why: str) -> None:
    path = write_dbc(REFUSED[why])
    with pytest.raises(DbcError, match="Drive") as refusal:
        table(load(path))
    assert why in str(refusal.value)


def test_extended_identifiers_and_long_frames_are_refused(write_dbc: Write) -> None:
    with pytest.raises(DbcError, match="extended"):
        table(load(write_dbc("", "BO_ 2147483728 Drive: 8 VCU")))
    with pytest.raises(DbcError, match="longer"):
        table(load(write_dbc("", "BO_ 80 Drive: 12 VCU")))


def test_a_file_that_is_no_dbc_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "case.dbc"
    path.write_text("BO_ what is this", encoding="utf-8")
    with pytest.raises(DbcError, match=r"case\.dbc"):
        load(path)


def test_a_timeout_must_be_longer_than_the_cycle(write_dbc: Write) -> None:
    attributes = (
        ' SG_ A : 0|8@1+ (1,0) [0|1] "" MC\n\n'
        'BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;\nBA_DEF_ BO_ "GenMsgTimeout" INT 0 65535;\n'
        'BA_DEF_DEF_ "GenMsgCycleTime" 0;\nBA_DEF_DEF_ "GenMsgTimeout" 0;\n'
        'BA_ "GenMsgCycleTime" BO_ 80 100;\nBA_ "GenMsgTimeout" BO_ 80 100;'
    )
    with pytest.raises(DbcError, match="timeout 100 ms"):
        table(load(write_dbc(attributes)))


def test_the_committed_table_is_what_the_dbc_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_drift_is_one_line_and_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale = tmp_path / "can_table.py"
    stale.write_text(TABLE.read_text(encoding="utf-8").replace("0x50", "0x51"), encoding="utf-8")
    assert main(["--check"], DBC, stale) == 1
    assert main(["--check"], DBC, tmp_path / "missing.py") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("python -m hw.can.generate" in line for line in lines)
    assert main([], DBC, stale) == 0
    assert main(["--check"], DBC, stale) == 0


def test_other_arguments_print_the_usage() -> None:
    assert main(["--help"]) == 2


def test_a_refused_dbc_leaves_the_table_alone(write_dbc: Write, tmp_path: Path) -> None:
    target = tmp_path / "can_table.py"
    target.write_text("before", encoding="utf-8")
    assert main([], write_dbc(REFUSED["big endian"]), target) == 1
    assert target.read_text(encoding="utf-8") == "before"
