"""The panel of the simulated dash: words for every screen, and keys that go out one a frame."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hw_fakes import wait_until
from hypothesis import given
from hypothesis import strategies as st

from hw.can.database import vehicle_bus
from hw.errors import ConfigError
from hw.model.dash import CLEAR, ENTER
from hw.model.panel_texts import COLUMNS, LANGUAGES, LINES, load_panel_texts
from hw.model.route import load_routes
from hw.model.simulation import Simulation
from hw.vehicle_config import load_vehicle
from hw.virtual_bus import VirtualBus
from protocol import panel

CONFIG = load_vehicle("tadpole-cargo")
ROUTE = load_routes()[3]


@pytest.fixture
def simulation(bus: VirtualBus) -> Iterator[Simulation]:
    with Simulation(bus, CONFIG, ROUTE) as running:
        yield running


# --- words ---


def test_every_screen_has_its_words_and_no_other() -> None:
    assert {number: text.name for number, text in load_panel_texts().items()} == panel.SCREENS


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_written_fits_the_display(language: str) -> None:
    for text in load_panel_texts().values():
        for number in (0, 5, 16, 60, 99):
            lines = text.shown(language, number)
            assert 1 <= len(lines) <= LINES
            assert all(line.strip() and len(line) <= COLUMNS for line in lines)
            whole = [line.replace("{n}", str(number)) for line in text.lines[language]]
            assert list(lines) == whole  # nothing was cut


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_screens_say_the_same(language: str) -> None:
    said = [text.lines[language] for name, text in load_panel_texts().items()]
    assert len(set(said)) == len(said)


def test_screens_with_a_number_show_it() -> None:
    texts = load_panel_texts().values()
    numbered = {text.name for text in texts if "{n}" in "".join(text.lines["en"])}
    assert numbered == {
        "LIMP", "BATTERY_EMPTY", "NOT_SET_UP", "CODE_TYPING", "CODE_WAIT", "REFUSED", "FAULT",
        "BATTERY_LOW", "CURVE_LIMIT", "ZONE_LIMIT", "GRANT_LIMIT", "LIMITED", "CHARGING",
    }  # fmt: skip
    for text in load_panel_texts().values():
        assert ("{n}" in "".join(text.lines["fr"])) == ("{n}" in "".join(text.lines["en"]))


@given(st.integers(0, 65_535))
def test_a_number_that_is_too_long_is_cut(number: int) -> None:
    for text in load_panel_texts().values():
        assert all(len(line) <= COLUMNS for line in text.shown("fr", number))


GOOD = '[10]\nname = "A"\nen = ["a"]\nfr = ["b"]\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[10", "cannot be read"),
        ('[x]\nname = "A"\nen = ["a"]\nfr = ["b"]\n', "number of a screen"),
        ('[0]\nname = "A"\nen = ["a"]\nfr = ["b"]\n', "number of a screen"),
        ('[256]\nname = "A"\nen = ["a"]\nfr = ["b"]\n', "number of a screen"),
        ('[010]\nname = "A"\nen = ["a"]\nfr = ["b"]\n', "number of a screen"),
        ("10 = 1\n", "10: expected exactly"),
        ('[10]\nname = "A"\nen = ["a"]\n', "10: expected exactly name, en, fr"),
        (GOOD + 'de = ["c"]\n', "10: expected exactly"),
        ('[10]\nname = ""\nen = ["a"]\nfr = ["b"]\n', "10.name"),
        ('[10]\nname = 1\nen = ["a"]\nfr = ["b"]\n', "10.name"),
        ('[10]\nname = "A"\nen = []\nfr = ["b"]\n', "10.en"),
        ('[10]\nname = "A"\nen = ["a", "b", "c"]\nfr = ["b"]\n', "10.en"),
        ('[10]\nname = "A"\nen = "a"\nfr = ["b"]\n', "10.en"),
        ('[10]\nname = "A"\nen = ["a"]\nfr = [" "]\n', "10.fr"),
        ('[10]\nname = "A"\nen = ["a"]\nfr = ["a\\nb"]\n', "10.fr"),
        ('[10]\nname = "A"\nen = ["a"]\nfr = [1]\n', "10.fr"),
        ('[10]\nname = "A"\nen = ["' + "a" * 21 + '"]\nfr = ["b"]\n', "more than 20"),
        ('[10]\nname = "A"\nen = ["' + "a" * 19 + '{n}"]\nfr = ["b"]\n', "more than 20"),
    ],
)
def test_a_file_of_words_that_is_none_is_named(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "words.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        load_panel_texts(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_panel_texts(tmp_path / "none.toml")


# --- on the bus ---


def say(bus: VirtualBus, **changes: int) -> None:
    """A VCU that shows one thing, ten times a second."""
    signals = {"Screen": 254, "Led": 1, "Sound": 0, "Typed": 0, "Number": 0, "Battery_pct": 80}
    signals.update(changes)
    port = bus.attach(lambda *_: None, set())
    count = iter(range(1 << 30))
    bus.every(
        0.1, lambda _: port.send(0xB0, vehicle_bus().encode("VCU_Panel", signals, next(count)))
    )


def test_the_dash_shows_the_panel_in_two_languages(bus: VirtualBus, simulation: Simulation) -> None:
    assert simulation.dash.panel is None and not simulation.dash.door_released
    say(bus, Screen=panel.ZONE_LIMIT, Led=panel.DOUBLE, Number=6)
    wait_until(lambda: simulation.dash.panel is not None)
    shown = simulation.dash.panel
    assert shown is not None
    assert (shown.screen, shown.led, shown.battery_pct) == (panel.ZONE_LIMIT, panel.DOUBLE, 80)
    assert shown.lines("en") == ("Slow zone", "Max 6 km/h")
    assert shown.lines("fr") == ("Zone lente", "Max 6 km/h")


@pytest.mark.parametrize(("screen", "open_door"), [(panel.EGRESS, True), (panel.LIMP, False)])
def test_the_door_is_open_while_the_panel_says_so(
    bus: VirtualBus, simulation: Simulation, screen: int, open_door: bool
) -> None:
    say(bus, Screen=screen, Battery_pct=panel.NO_BATTERY)
    wait_until(lambda: simulation.dash.panel is not None)
    assert simulation.dash.door_released == open_door
    shown = simulation.dash.panel
    assert shown is not None and shown.battery_pct is None


def test_a_screen_without_words_is_shown_as_its_number(
    bus: VirtualBus, simulation: Simulation
) -> None:
    say(bus, Screen=11)
    wait_until(lambda: simulation.dash.panel is not None)
    shown = simulation.dash.panel
    assert shown is not None and shown.lines("fr") == ("? 11",)


def test_keys_go_out_one_a_frame_in_order(bus: VirtualBus, simulation: Simulation) -> None:
    seen: list[dict[str, int]] = []
    bus.attach(
        lambda identifier, data: seen.append(vehicle_bus().decode(identifier, data)[1]), {0x411}
    )
    wait_until(lambda: len(seen) >= 1)
    assert seen[0]["Presses"] == 0
    simulation.dash.type_code("4071")
    simulation.dash.press(CLEAR)
    wait_until(lambda: simulation.dash.has_typed and seen[-1]["Presses"] == 6)
    changes = []
    for before, after in itertools.pairwise(seen):
        leap = after["Presses"] - before["Presses"]
        assert leap in (0, 1)
        changes += [after["Digit"]] * leap
    assert changes == [4, 0, 7, 1, ENTER, CLEAR]


def test_egress_is_sent_while_it_is_pressed(bus: VirtualBus, simulation: Simulation) -> None:
    seen: list[int] = []
    bus.attach(
        lambda identifier, data: seen.append(vehicle_bus().decode(identifier, data)[1]["Egress"]),
        {0x411},
    )
    simulation.dash.egress_pressed = True
    wait_until(lambda: 1 in seen)
    simulation.dash.egress_pressed = False
    wait_until(lambda: seen[-1] == 0)


@pytest.mark.parametrize("key", [-1, 12, 15])
def test_there_are_twelve_keys(simulation: Simulation, key: int) -> None:
    with pytest.raises(ValueError, match="no key"):
        simulation.dash.press(key)
