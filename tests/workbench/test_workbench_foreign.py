"""What is no board of ours gets a name, and no answer of it breaks the one who asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import foreign, interpreter
from workbench.errors import ForeignBoardError, ReplyError

SAID = [
    (b"", "nothing that answers"),
    (b"\r\nAdafruit CircuitPython 9.2.1 on 2024-11-20; Pico\r\n>>> ", "CircuitPython"),
    (b"MicroPython v1.9.2 on 2017-09-01; board\r\n>>> ", "gives no raw REPL"),
    (b"^C\r\n\r\nDebian GNU/Linux 12 edge ttyS0\r\n\r\nedge login: ", "asks for a login"),
    (b"AT\r\nsh: 1: AT: not found\r\n$ ", "a Linux shell"),
    (b"\r\nroot@edge:~# ", "a Linux shell"),
    (b"AT\r\r\nOK\r\n", "a modem"),
    (b"AT\r\r\n+CME ERROR: SIM busy\r\n", "a modem"),
    (b"$GNGGA,120000.00,4807.038,N,01131.000,E,1,08*47\r\n$GN", "a satellite receiver"),
    (b"rst:0x1 (POWERON),boot:0x0\r\nwaiting for download\r\n", "boot loader"),
    (b"t1232ABCD\rt1240\r", "a CAN adapter"),
    (b"\r\x03\x03\r\x01AT\r", "loop-back"),
    (bytes(range(128, 256)) * 2, "another speed"),
    (b"temperature 21\r\ntemperature 22\r\n", "does not heed Ctrl-C"),
]


@pytest.mark.parametrize(("heard", "name"), SAID)
def test_names_what_answers(heard: bytes, name: str) -> None:
    assert name in foreign.describe(heard)


@given(st.binary(max_size=1024))
def test_anything_gets_one_line(heard: bytes) -> None:
    name = foreign.describe(heard)
    assert name and "\n" not in name and len(name) < 200


def test_reads_the_facts_of_an_interpreter() -> None:
    found = interpreter.decode(
        b"fact name micropython\r\nfact version 1.28.0\r\nfact platform stm32\r\n"
        b"fact machine Board with CHIP\r\nfact uid 00ff\r\nfact rom 4194304\r\nfact free 4096\r\n"
        b"fact deflate 1\r\n"
    )
    assert found == interpreter.Interpreter(
        "micropython", (1, 28, 0), "stm32", "Board with CHIP", b"\x00\xff", 4 << 20, 4096, True
    )
    assert str(found) == "micropython 1.28.0 on Board with CHIP"
    interpreter.check(found, "port")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (b"fact name circuitpython\nfact version 9.2.1\n", "not MicroPython"),
        (b"fact name micropython\nfact version 1.9.2\n", "needs 1.26 or newer"),
        (b"fact name micropython\n", "needs 1.26 or newer"),
        (b"fact name micropython\nfact version 1.x\nfact uid zz\nfact rom -5\n", "needs 1.26"),
    ],
)
def test_refuses_an_interpreter_that_the_application_does_not_run_on(
    facts: bytes, message: str
) -> None:
    with pytest.raises(ForeignBoardError, match=message):
        interpreter.check(interpreter.decode(facts), "port")


@given(st.binary(max_size=300))
def test_arbitrary_facts_raise_the_packages_error_only(output: bytes) -> None:
    for begin in (b"", b"fact name micropython\nfact version "):
        try:
            interpreter.decode(begin + output)
        except ReplyError:
            assert not begin or b"name" not in begin
