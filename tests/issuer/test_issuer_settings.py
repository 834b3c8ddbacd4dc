"""The issuer's settings file: strict, with the file and the field named."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.issuer.settings import load_settings

GOOD = {
    "name": '"issuer-1"',
    "database_url": '"sqlite:////x/fleet.db"',
    "issuing_key": '"keys/issuing.key"',
    "statement_key": '"/abs/statement.key"',
    "journal": '"journal"',
    "ledger_public": '"ledger/public"',
    "ledger_policy": '"ledger/policy.txt"',
}


def write(folder: Path, **changes: str | None) -> Path:
    values = {**GOOD, **changes}
    path = folder / "issuer.toml"
    path.write_text("".join(f"{k} = {v}\n" for k, v in values.items() if v is not None))
    return path


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    loaded = load_settings(write(tmp_path, poll_ms="20"))
    assert loaded.issuing_key == tmp_path / "keys/issuing.key"
    assert str(loaded.statement_key) == "/abs/statement.key"
    assert (loaded.poll_ms, loaded.cannot_log_s) == (20, 10)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": None}, "key 'name' is missing"),
        ({"nmae": '"x"'}, "key 'nmae' is unknown"),
        ({"name": "7"}, "'name' must be a line of text"),
        ({"name": '"Not A Name"'}, "'name' must be an identifier"),
        ({"journal": '""'}, "'journal'"),
        ({"poll_ms": '"fast"'}, "'poll_ms' must be a whole number"),
        ({"poll_ms": "true"}, "'poll_ms' must be a whole number"),
        ({"poll_ms": "0"}, "'poll_ms' must be a whole number from 1 to 10000"),
        ({"name": "["}, "issuer.toml"),
        ({"ledger_public": None}, "ledger_public or ledger_url"),
        ({"ledger_url": '"file:///log"'}, "ledger_public or ledger_url"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, changes: dict[str, str | None], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        load_settings(write(tmp_path, **changes))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=500))
def test_arbitrary_files_get_a_named_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(data)
    with pytest.raises(SettingsError):
        load_settings(path)
