"""The pipe through which others type on a simulated vehicle."""

import queue
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.model.dash import CLEAR, ENTER
from trifleet.errors import KeypadError
from trifleet.keypad import Keypad, type_keys


@pytest.fixture
def pressed() -> "queue.Queue[int]":
    return queue.Queue()


@pytest.fixture
def path(tmp_path: Path, pressed: "queue.Queue[int]") -> Iterator[Path]:
    path = tmp_path / "vehicle" / "keypad"
    with Keypad(path, pressed.put):
        yield path
    assert not path.exists()


def taken(pressed: "queue.Queue[int]", count: int) -> list[int]:
    return [pressed.get(timeout=10) for _ in range(count)]


def test_keys_arrive_in_their_order_from_one_typist_after_the_other(
    path: Path, pressed: "queue.Queue[int]"
) -> None:
    type_keys(path, "0123456789")
    assert taken(pressed, 10) == list(range(10))
    type_keys(path, "7c\n")
    assert taken(pressed, 3) == [7, CLEAR, ENTER]


def test_a_code_is_not_for_other_users_of_the_machine(path: Path) -> None:
    mode = path.stat().st_mode
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_what_is_no_key_is_pressed_by_nobody(path: Path, pressed: "queue.Queue[int]") -> None:
    path.write_bytes(b"x\xff 1\r")
    type_keys(path, "2")
    assert taken(pressed, 2) == [1, 2]
    with pytest.raises(KeypadError, match="no other key"):
        type_keys(path, "12a")
    assert pressed.empty()


def test_a_pipe_that_was_left_behind_is_replaced(
    tmp_path: Path, pressed: "queue.Queue[int]"
) -> None:
    (tmp_path / "keypad").write_text("left")
    with Keypad(tmp_path / "keypad", pressed.put):
        type_keys(tmp_path / "keypad", "5")
        assert taken(pressed, 1) == [5]


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(KeypadError, match="is the vehicle running"):
        type_keys(tmp_path / "keypad", "1")
    (tmp_path / "file").write_text("")
    with pytest.raises(KeypadError, match="no keypad"):
        type_keys(tmp_path / "file", "1")
    assert (tmp_path / "file").read_text() == ""


def test_no_place_for_a_keypad(tmp_path: Path, pressed: "queue.Queue[int]") -> None:
    (tmp_path / "keypad" / "folder").mkdir(parents=True)
    with pytest.raises(KeypadError, match="no keypad at"):
        Keypad(tmp_path / "keypad", pressed.put)
