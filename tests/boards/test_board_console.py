"""The console: what a tool sees does not depend on how the interpreter's output is cut."""

from hypothesis import given
from hypothesis import strategies as st

from boards.virtual.console import FRIENDLY_BANNER, RAW_BANNER, Console

MARKER = b"\x1e0123"
BEGIN, END = MARKER + b"<", MARKER + b">"
BANNER = b"MicroPython v1; linux\r\n" + FRIENDLY_BANNER + b">>> "


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def show(console: Console, pieces: list[bytes]) -> tuple[bytes, bytes]:
    shown, typed = b"", b""
    for piece in pieces:
        more, answer = console.output(piece)
        shown, typed = shown + more, typed + answer
    return shown + console.end(), typed


@given(st.binary(), st.lists(st.integers(0, 20)), st.booleans())
def test_never_raises(data: bytes, sizes: list[int], raw: bool) -> None:
    shown, _ = show(Console(MARKER, raw=raw), cut(data, sizes))
    assert MARKER in data or shown == data


@given(st.lists(st.integers(1, 30)))
def test_a_friendly_start_hides_the_marks_only(sizes: list[int]) -> None:
    console = Console(MARKER, raw=False)
    output = BEGIN + b"boot\r\n" + BEGIN + b"main\r\n" + BEGIN + END + BANNER
    assert show(console, cut(output, sizes)) == (b"boot\r\nmain\r\n" + BANNER, b"")
    assert (console.raw, console.deaf) == (False, False)


@given(st.lists(st.integers(1, 30)))
def test_a_raw_start_hides_the_friendly_banner(sizes: list[int]) -> None:
    console = Console(MARKER, raw=True)
    output = BEGIN + b"boot\r\n" + BEGIN + END + BANNER + b"\r\n" + RAW_BANNER + b">"
    assert show(console, cut(output, sizes)) == (b"boot\r\n" + RAW_BANNER + b">", b"\x01")
    assert (console.raw, console.deaf) == (True, False)


@given(st.lists(st.integers(1, 30)))
def test_follows_the_tool_between_the_two_repls(sizes: list[int]) -> None:
    console = Console(MARKER, raw=False)
    show(console, cut(BEGIN + END + BANNER + b"\r\n" + RAW_BANNER, sizes))
    assert console.raw is True
    show(console, cut(b">\r\n" + BANNER, sizes))
    assert console.raw is False


def test_nobody_listens_before_the_first_mark_and_between_main_and_the_prompt() -> None:
    console = Console(MARKER, raw=False)
    assert console.deaf
    console.output(BEGIN)
    assert not console.deaf
    console.output(END + BANNER[:-1])
    assert console.deaf
    console.output(BANNER[-1:])
    assert not console.deaf
