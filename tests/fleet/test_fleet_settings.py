"""One loader for the settings of every program: strict, and each fault names file and key."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.settings import Bounds, Port, load
from trifleet import vehicle
from trifleet.commands.common import known_errors
from trifleet.layout import Settings, write_toml


@dataclass(frozen=True)
class Inner:
    port: Port
    wait_s: Annotated[float, Bounds(0, 10)] = 0.5


@dataclass(frozen=True)
class Outer:
    name: str
    folder: Path
    inner: Inner
    other: Inner = field(default_factory=lambda: Inner(1))
    log: Path | None = None
    loud: bool = False
    number: int = 7


GOOD = 'name = "a"\nfolder = "f"\n'
INNER = "[inner]\nport = 1\n"


def read(folder: Path, text: str) -> Outer:
    path = folder / "any.toml"
    path.write_text(text)
    return load(path, Outer)


def test_defaults_paths_and_tables(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD + INNER) == Outer("a", tmp_path / "f", Inner(1))
    found = read(tmp_path, GOOD + 'log = "/abs"\nloud = true\n' + INNER + "wait_s = 3")
    assert (found.log, found.loud, found.inner.wait_s) == (Path("/abs"), True, 3.0)
    assert type(found.inner.wait_s) is float


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD, "key 'inner' is missing: a table"),
        (GOOD + "[inner]", "key 'inner.port' is missing: a whole number from 1 to 65535"),
        (GOOD + INNER + "pott = 1", "key 'inner.pott' is unknown; known are port, wait_s"),
        (GOOD + "inner = 5", "key 'inner' must be a table"),
        (GOOD + "inner = [{port = 1}]", "key 'inner' must be a table"),
        (GOOD + "[inner]\nport = 65_536", "key 'inner.port' must be a whole number from 1 to"),
        (GOOD + "[inner]\nport = true", "key 'inner.port' must be a whole number"),
        (GOOD + "[inner]\nport = 1.0", "key 'inner.port' must be a whole number"),
        (GOOD + INNER + "wait_s = nan", "key 'inner.wait_s' must be a number from 0 to 10"),
        (GOOD + INNER + "wait_s = inf", "key 'inner.wait_s' must be a number from 0 to 10"),
        (GOOD + "number = 1" + "0" * 30 + "\n" + INNER, "key 'number' must be a whole number"),
        (GOOD + "loud = 1\n" + INNER, "key 'loud' must be true or false"),
        (GOOD + "log = false\n" + INNER, "key 'log' must be a path"),
        ('name = ""\nfolder = "f"\n' + INNER, "key 'name' must be a line of text"),
        ('name = "a"\nfolder = "a\\u0000"\n' + INNER, "key 'folder' must be a path"),
        ("name = 1979-05-27\n", "key 'folder' is missing: a path"),
        ("name =", "is not TOML"),
        ("name = " + "9" * 5000, "is not TOML"),
        ("name = " + "[" * 5000, "is not TOML"),
    ],
)
def test_each_fault_names_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "any.toml") in str(caught.value)
    assert isinstance(caught.value, known_errors())


def test_a_value_is_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, 'name = "a"\nfolder = "f"\nnumber = "hunter2"\n' + INNER)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(SettingsError, match=f"cannot read {path}"):
            load(path, Outer)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_arbitrary_files_get_a_named_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(data)
    with pytest.raises(SettingsError):
        load(path, Outer)


NAMES = st.sampled_from([*Outer.__dataclass_fields__, *Inner.__dataclass_fields__, "x"])
VALUES = st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("a")
TABLES = st.dictionaries(NAMES, VALUES, max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, VALUES | TABLES, max_size=4), st.booleans())
def test_arbitrary_tables_are_settings_or_a_named_error(
    tmp_path: Path, values: Settings, complete: bool
) -> None:
    path = tmp_path / "any.toml"
    good: Settings = {"name": "a", "folder": "f", "inner": {"port": 1}} if complete else {}
    write_toml(path, {**good, **values})
    try:
        found = load(path, Outer)
    except SettingsError:
        return
    assert found.folder.is_absolute()
    assert 1 <= found.inner.port <= 65_535 and 0 <= found.inner.wait_s <= 10
    assert [type(found.name), type(found.loud), type(found.number)] == [str, bool, int]


def test_the_settings_of_a_virtual_vehicle(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    values: Settings = {
        "image": "flash.img",
        "can_port": 4000,
        "configuration": "delta-passenger",
        "route": 0,
        "state_file": "state.json",
        "tty_link": "tty",
    }
    write_toml(path, values)
    found = vehicle.load_settings(path)
    assert (found.image, found.can_log, found.reaction_s) == (tmp_path / "flash.img", None, 0.4)
    for change in ({"can_log": ""}, {"can_port": 0}, {"route": -1}, {"reaction": 1}):
        write_toml(path, {**values, **change})
        with pytest.raises(SettingsError, match=next(iter(change))):
            vehicle.load_settings(path)
