"""Start, Ctrl-C, start again: what a user of `trifleet run` relies on."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from evidence import ledger_reader
from running import RunningStack, processes_of

from trifleet.errors import InstallationError
from trifleet.installation import claim
from trifleet.layout import Layout


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Two runs on one folder, with what each left behind."""
    stack = RunningStack(tmp_path_factory.mktemp("twice") / "data", vehicles=1)
    told: dict[str, object] = {"stack": stack}
    stack.start()
    vehicle = httpx.get(stack.address + "/v1/vehicles/trike-1", trust_env=False).json()
    told["first"] = vehicle
    told["keys"] = [path.read_bytes() for path in key_files(stack.layout.root)]
    told["second run on the folder"] = subprocess.run(
        [sys.executable, "-m", "trifleet.cli", "run", "--data", str(stack.layout.root)]
        + ["--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    told["run file"] = stack.layout.run_file.exists()
    told["status"] = stack.stop()
    told["left"] = processes_of(stack.layout.root)
    first = ledger_reader(stack.layout).checkpoint.size
    told["size"] = first
    stack.start(30.0)
    told["running"] = processes_of(stack.layout.root)
    # It says that it is ready before anything that happened since is in the log.
    stack.wait_for(
        lambda: ledger_reader(stack.layout).checkpoint.size > first, "another entry", 30.0
    )
    stack.kill_run()
    stack.wait_for(lambda: not processes_of(stack.layout.root), "the end of all children", 10.0)
    told["left after kill -9"] = processes_of(stack.layout.root)
    told["second size"] = ledger_reader(stack.layout).checkpoint.size
    return told


def key_files(root: Path) -> list[Path]:
    return sorted(root.rglob("*.key"))


def test_ctrl_c_ends_cleanly_and_leaves_no_process(story: dict[str, object]) -> None:
    assert story["status"] == 0
    assert story["left"] == []


def test_no_process_is_left_when_run_itself_is_killed(story: dict[str, object]) -> None:
    assert story["running"]
    assert story["left after kill -9"] == []


def test_the_second_start_continues_from_the_first(story: dict[str, object]) -> None:
    stack = story["stack"]
    assert isinstance(stack, RunningStack)
    assert story["keys"] == [path.read_bytes() for path in key_files(stack.layout.root)]
    first, second = story["size"], story["second size"]
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert 0 < first < second


def test_two_runs_do_not_share_a_folder(story: dict[str, object]) -> None:
    done = story["second run on the folder"]
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode == 1
    assert "another trifleet runs on" in done.stderr
    assert "Traceback" not in done.stderr
    assert "stopped" not in done.stdout
    assert story["run file"], "the refused one took away what says how the other runs"


def test_the_vehicle_is_there_and_locked(story: dict[str, object]) -> None:
    first = story["first"]
    assert isinstance(first, dict)
    assert first["state"] == "LOCKED"
    assert first["available"] is True


def test_nobody_else_may_read_a_secret(story: dict[str, object]) -> None:
    stack = story["stack"]
    assert isinstance(stack, RunningStack)
    secrets = key_files(stack.layout.root) + list(stack.layout.root.rglob("*.password"))
    secrets += [stack.layout.operator_token, stack.layout.broker / "nats.conf"]
    secrets += [stack.layout.database]
    assert len(secrets) >= 9
    for path in secrets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(stack.layout.root.stat().st_mode) == 0o700


def test_nothing_at_all_is_for_others_to_read(story: dict[str, object]) -> None:
    """The positions of a vehicle are in the log of its bus."""
    stack = story["stack"]
    assert isinstance(stack, RunningStack)
    made = [path for path in stack.layout.root.rglob("*") if not path.is_symlink()]
    assert {"can.log", "api.log", "checkpoint"} <= {path.name for path in made}
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_no_secret_is_on_a_command_line_or_in_a_log(story: dict[str, object]) -> None:
    stack = story["stack"]
    assert isinstance(stack, RunningStack)
    secrets = [path.read_text().strip() for path in stack.layout.root.rglob("*.password")]
    secrets.append(stack.layout.operator_token.read_text().strip())
    for path in key_files(stack.layout.root):
        secrets.append(path.read_text().splitlines()[1])
    running = story["running"]
    assert isinstance(running, list)
    words = "\n".join(running) + stack.output.read_text()
    words += "".join(path.read_text(errors="replace") for path in stack.layout.logs.glob("*.log"))
    for secret in secrets:
        assert len(secret) > 20
        assert secret not in words


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    done = subprocess.run(
        [sys.executable, "-m", "trifleet.cli", "run", "--data", str(tmp_path), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "was not made by trifleet" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    tmp_path.chmod(0o755)
    claim(layout)  # empty: it becomes ours, and private
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    tmp_path.chmod(0o750)
    with pytest.raises(InstallationError, match="chmod 700"):
        claim(layout)


def test_keys_list_shows_public_names_only(story: dict[str, object]) -> None:
    stack = story["stack"]
    assert isinstance(stack, RunningStack)
    done = subprocess.run(
        [sys.executable, "-m", "trifleet.cli", "keys", "list", "--json"]
        + ["--data", str(stack.layout.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert {"owner", "issuing", "acknowledgements", "log", "gw-1"} <= set(found)
    assert "PRIVATE" not in done.stdout
