"""Files of a data folder: private, whole or not at all, and TOML that reads back."""

import errno
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trifleet.layout import Settings, make_folder, write_private, write_toml

keys = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
plain = (
    st.booleans()
    | st.integers(-(1 << 62), 1 << 62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"))
)
tables = st.recursive(
    st.dictionaries(keys, plain, max_size=4),
    lambda inner: st.dictionaries(
        keys, plain | inner | st.lists(inner, min_size=1, max_size=2), max_size=4
    ),
    max_leaves=8,
)


@given(values=tables)
def test_settings_read_back(tmp_path_factory: pytest.TempPathFactory, values: Settings) -> None:
    path = tmp_path_factory.mktemp("toml") / "settings.toml"
    write_toml(path, values)
    assert tomllib.loads(path.read_text()) == values


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a/b")
    write_private(folder / "secret", b"x")
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_private(tmp_path / "key", b"old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_private(tmp_path / "key", b"new")
    assert caught.value.filename == str(tmp_path / "key.new")
    assert (tmp_path / "key").read_bytes() == b"old"


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, b"long old content")
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert [item.name for item in tmp_path.iterdir()] == ["key"]
