"""A running virtual bus, a scripted VCU on it, and small DBC files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hw_fakes import ScriptedVcu

from hw.virtual_bus import VirtualBus


@pytest.fixture
def bus() -> Iterator[VirtualBus]:
    with VirtualBus() as running:
        yield running


@pytest.fixture
def vcu(bus: VirtualBus) -> ScriptedVcu:
    return ScriptedVcu(bus)


@pytest.fixture
def write_dbc(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a DBC with one message, whose signals the test gives."""

    def write(signals: str, message: str = "BO_ 80 Drive: 8 VCU") -> Path:
        path = tmp_path / "case.dbc"
        path.write_text(f'VERSION ""\n\nBU_: VCU MC\n\n{message}\n{signals}\n', encoding="utf-8")
        return path

    return write
