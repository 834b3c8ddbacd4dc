"""The folder of a cluster: whose it is, who runs it, what is in its way."""

import json
import os
import socket
from pathlib import Path

import pytest
from command_line import trifleet

from trifleet.cluster import place as places
from trifleet.cluster.place import Place, claim, require_ports, wanted_ports
from trifleet.errors import InstallationError, PortError
from trifleet.layout import lock_folder


def test_a_cluster_keeps_its_ports_and_lets_others_through_only(tmp_path: Path) -> None:
    place = Place(tmp_path / "deep" / "cluster")
    ports = claim(place)
    assert set(ports) == set(wanted_ports())
    assert len(set(ports.values())) == len(ports)
    assert claim(place) == ports
    assert max(ports.values()) < 32_768  # Linux gives nobody one of them meanwhile
    assert place.root.stat().st_mode & 0o777 == 0o711
    assert (place.root / "cluster.json").stat().st_mode & 0o777 == 0o600


def test_a_folder_of_somebody_else_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(InstallationError, match="choose another --data folder"):
        claim(Place(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_a_cluster_is_run_once(tmp_path: Path) -> None:
    place = Place(tmp_path / "cluster")
    ports = claim(place)
    held = lock_folder(place.root, "`trifleet cluster`")
    with pytest.raises(InstallationError, match="another `trifleet cluster` runs"):
        lock_folder(place.root, "`trifleet cluster`")
    os.close(held)
    os.close(lock_folder(place.root, "`trifleet cluster`"))
    with socket.create_server(("127.0.0.1", ports["mqtt"])), pytest.raises(PortError):
        require_ports(ports)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda value: value.pop("ports"), "damaged"),
        (lambda value: value["ports"].pop("mqtt"), "damaged"),
        (lambda value: value["ports"].update(mqtt=70_000), "a port is none"),
        (lambda value: value["ports"].update(mqtt="1"), "a port is none"),
        (lambda value: value.update(version=2), "another version"),
    ],
    ids=["none", "few", "high", "text", "newer"],
)
def test_a_mark_that_is_not_ours_is_told(tmp_path: Path, change: object, told: str) -> None:
    place = Place(tmp_path / "cluster")
    claim(place)
    mark = place.root / places._MARK
    value = json.loads(mark.read_text())
    change(value)  # type: ignore[operator]
    mark.write_text(json.dumps(value))
    with pytest.raises(InstallationError, match=told):
        claim(place)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "--workers", "0"), "workers: 1 to 32, not 0"),
        (("faults", "--only", "flood"), "no blow is called 'flood': node, leader, primary"),
        (("faults", "--seconds", "1"), "so that a blow is seen"),
        (("hand-over",), "no cluster runs on"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = trifleet("cluster", *words, "--data", tmp_path / "none")
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("trifleet: ") and told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "none").exists()
