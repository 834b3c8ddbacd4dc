"""Code runs as it was sent or not at all, and once, whatever the line does to it."""

from collections.abc import Callable

import pytest

from workbench import checked
from workbench.checked import Checked
from workbench.errors import DeviceError, NoSuchFileError, ReplyError
from workbench.raw_repl import RawRepl

Spoil = Callable[[str], str]


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Spoil], list[Callable[[bytes], bytes]]]:
    """What happens to the next frames on their way, and to the next answers; then nothing more."""
    there: list[Spoil] = []
    back: list[Callable[[bytes], bytes]] = []
    execute = RawRepl.exec

    def spoiled(repl: RawRepl, code: str | bytes, *, timeout_s: float | None = None) -> bytes:
        text = code.decode() if isinstance(code, bytes) else code
        if text.startswith("_run") and there:
            text = there.pop(0)(text)
        answer = execute(repl, text, timeout_s=timeout_s)
        return back.pop(0)(answer) if text.startswith("_run") and back else answer

    monkeypatch.setattr(RawRepl, "exec", spoiled)
    return there, back


def test_what_is_damaged_on_its_way_is_not_run_and_sent_again(
    repl: RawRepl, spoil: tuple[list[Spoil], list[Callable[[bytes], bytes]]]
) -> None:
    sure = Checked(repl)
    sure.exec("count = 0\nright = wrong = 0")
    there = spoil[0]
    there += [
        lambda text: text.replace("right", "wrong"),  # sound code, and not what was meant
        lambda text: text.replace("count", "coount"),
        lambda text: text[:-3],
        lambda text: text.replace("(", "((", 1),
    ]
    assert sure.exec("right += 1\ncount += 1\nprint(right, wrong, count)") == b"1 0 1\n"
    assert not spoil[0]


def test_an_answer_that_was_damaged_is_asked_for_again_and_nothing_is_done_twice(
    repl: RawRepl, spoil: tuple[list[Spoil], list[Callable[[bytes], bytes]]]
) -> None:
    sure = Checked(repl)
    sure.exec("count = 0")
    spoil[1].extend(
        [lambda said: said.replace(b"1", b"11"), lambda said: said[1:], lambda said: b""]
    )
    assert sure.exec("count += 1\nprint(count)") == b"1\n"
    spoil[1].extend([lambda said: said[:-2]])
    with pytest.raises(DeviceError, match="ValueError: on purpose"):
        sure.exec("count += 1\nraise ValueError('on purpose')")
    assert sure.exec("print(count)") == b"2\n"
    with pytest.raises(NoSuchFileError):
        sure.exec("open('none')")


def test_a_board_that_was_reset_gets_the_helpers_again(repl: RawRepl) -> None:
    sure = Checked(repl)
    assert sure.add("def twice(n):\n    return 2 * n\nprint('ready')") == b"ready\n"
    repl.soft_reset()  # as a byte 0x04 that came twice does
    assert sure.exec("print(twice(21))") == b"42\n"


def test_a_line_that_stays_bad_is_a_named_error(
    repl: RawRepl, spoil: tuple[list[Spoil], list[Callable[[bytes], bytes]]]
) -> None:
    sure = Checked(repl)
    spoil[0].extend([lambda text: text[:-1]] * checked.TRIES)
    with pytest.raises(ReplyError, match="damaged on its way"):
        sure.exec("print(1)")
    assert sure.exec("print(2)") == b"2\n"


def test_a_board_that_is_reset_again_and_again_is_a_named_error(
    repl: RawRepl, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = Checked(repl)
    sure.add("ready = True")
    execute = RawRepl.exec

    def reset_before(link: RawRepl, code: str | bytes, *, timeout_s: float | None = None) -> bytes:
        if str(code).startswith("_run"):
            link.soft_reset()
        return execute(link, code, timeout_s=timeout_s)

    with monkeypatch.context() as falls:
        falls.setattr(RawRepl, "exec", reset_before)
        with pytest.raises(ReplyError, match="reset again and again"):
            sure.exec("print(ready)")
    assert sure.exec("print(ready)") == b"True\n"
