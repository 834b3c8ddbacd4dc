"""Every error of the bench has an exit code and an advice; the documented table is the real one."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import workbench
from workbench.errors import PortLostError, SelfTestError, WorkbenchError
from workbench.events import KINDS, Failure, Progress, Result, Step, as_json
from workbench.exits import ADVICE, MEANINGS, Exit, explain

README = Path(workbench.__file__).with_name("README.md")


def every_error(kind: type[WorkbenchError] = WorkbenchError) -> Iterator[type[WorkbenchError]]:
    for below in kind.__subclasses__():
        yield below
        yield from every_error(below)


def test_every_error_of_the_workbench_has_a_code_and_an_advice() -> None:
    for module in pkgutil.walk_packages(workbench.__path__, "workbench."):
        importlib.import_module(module.name)
    found = set(every_error())
    assert PortLostError in found
    bare = {kind for kind in found if not ADVICE.keys() & set(kind.__mro__)}
    assert not bare, "without a line in workbench/exits.py"
    for code, what, following in ADVICE.values():
        assert code not in (Exit.DONE, Exit.FAILED)
        assert not what.endswith(".")
        assert following.endswith(".")


def test_an_error_that_knows_better_gives_its_own_advice() -> None:
    error = SelfTestError("lock_bolt")
    assert explain(error).exit == Exit.SELF_TEST_FAILED
    assert "lock_bolt" in explain(error).why
    error.next_step = "Oil the bolt."  # type: ignore[attr-defined]
    assert explain(error).next == "Oil the bolt."


def test_the_table_in_the_readme_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", README.read_text(), re.MULTILINE)
    assert {int(code): text for code, text in rows} == {int(c): t for c, t in MEANINGS.items()}
    assert set(MEANINGS) == set(Exit)


def test_each_event_is_one_json_object_with_the_documented_fields() -> None:
    events = (
        Step("flash", "writes"),
        Progress("flash", 1, 2),
        Failure(10, "what", "why", "next"),
        Result("flash", 10, {"port": None}),
    )
    said = [json.loads(json.dumps(as_json(event, 1.23456))) for event in events]
    assert [one["event"] for one in said] == list(KINDS.values())
    documented = re.findall(r"^\| `(\w+)` \| (.+?) \|", README.read_text(), re.MULTILINE)
    fields = {name: set(re.findall(r"`(\w+)`", cells)) for name, cells in documented}
    for one in said:
        assert (one.pop("v"), one.pop("t_s")) == (1, 1.235)
        assert fields[one.pop("event")] == set(one)
