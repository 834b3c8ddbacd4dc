"""The table of the diagnosis: read strictly, the same in firmware, workbench and docs."""

import shutil

import pytest

from hw.errors import TableError
from hw.uds import generate, table
from hw.uds.table import FAULTS, NODES, TABLE, load, trouble_number
from protocol import fault, uds_table
from workbench.uds import table as host

GOOD = TABLE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "number"),
    [("P0000-00", 0), ("U0110-87", 0xC11087), ("C3FFF-FF", 0x7FFFFF), ("B1120-00", 0x912000)],
)
def test_a_code_and_its_three_bytes(code, number):
    assert trouble_number(code) == number


@pytest.mark.parametrize("code", ["", "U0110", "X0110-87", "U4110-87", "U0110-8", "U011G-87"])
def test_what_is_no_code_is_refused(code):
    with pytest.raises(TableError):
        trouble_number(code)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[[data]]", "[[date]]"),
        ('type = "u8"', 'type = "u7"'),
        ('type = "u8"', "type = 8"),
        ('name = "vehicle"', 'name = "Vehicle"'),
        ("number = 0xF190", "number = 0xF18C"),
        ("number = 0xF190", "number = 0x1F190"),
        ("number = 0xF190", 'number = "0xF190"'),
        ('name = "vehicle"', 'name = "speed"'),
        ("number = 0xFF01", "number = 0x0203"),
        ('code = "U0073-88"', 'code = "U0110-87"'),
        ('node = "BMS"\nfault = "SILENT"', 'node = "MC"\nfault = "SILENT"'),
        ('fault = "FLASH"', 'fault = "FLUSH"'),
        ('node = "VCU"', 'node = "ECU"'),
        ('fr = "La batterie signale un défaut"\n', ""),
        ('unit = "mm/s"', 'unit = "mm/s"\nunits = "x"'),
        ('type = "text"', 'type = "text"\nfreeze = true'),
        ("meaning", "meaning meaning"),
    ],
)
def test_what_is_wrong_in_the_table_is_refused(tmp_path, old, new):
    path = tmp_path / "diagnosis.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TableError):
        load(path)


def test_the_faults_are_those_of_the_protocol():
    assert {name: code for name, code in FAULTS.items() if code} == {
        name: code for code, name in fault.NAMES.items()
    }
    assert dict(enumerate(NODES, 1)) == fault.NODES


def test_firmware_and_workbench_have_the_same_numbers():
    data, troubles = uds_table.DATA, uds_table.TROUBLES
    sizes = {
        int.from_bytes(data[at : at + 2], "big"): data[at + 2] & 15 for at in range(0, len(data), 3)
    }
    assert sizes == {number: table.TYPES[row[1]] for number, row in host.DATA.items()}
    numbers = [int.from_bytes(troubles[at : at + 3], "big") for at in range(0, len(troubles), 7)]
    assert numbers == list(host.TROUBLES)
    assert all(words[3] and words[4] and words[5].endswith(".") for words in host.TROUBLES.values())


def test_the_generated_files_are_compared_and_written(tmp_path, capsys):
    for name in (generate.DEVICE, generate.HOST, generate.PAGE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(generate.ROOT / name, tmp_path / name)
    assert generate.main(["--check"], root=tmp_path) == 0
    page = tmp_path / generate.PAGE
    page.write_text(page.read_text("utf-8").replace("| U0073-88 |", "| U0073-89 |"), "utf-8")
    assert generate.main(["--check"], root=tmp_path) == 1
    assert "diagnosis.md is not what" in capsys.readouterr().err
    assert generate.main([], root=tmp_path) == 0 and generate.main(["--check"], root=tmp_path) == 0
    page.write_text("# Diagnosis\n", "utf-8")
    assert generate.main([], root=tmp_path) == 1
    assert generate.main(["--force"], root=tmp_path) == 2
