"""The table of figures: which side of a limit is good, where the curve bends, what is printed."""

from typing import Any

import pytest

from tests.bench.bench_scale import PARTS, documents
from tests.bench.scale_table import Line, as_text, last_straight, of_ingest, of_rate


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (Line("a", 5_000, 5_000, at_least=True), "ok"),
        (Line("a", 4_999, 5_000, at_least=True), "over"),
        (Line("a", 50, 50), "ok"),
        (Line("a", 50.1, 50), "over"),
        (Line("a", 0, 0), "ok"),
        (Line("a", 7), "-"),
    ],
)
def test_a_figure_is_on_one_side_of_its_limit(line: Line, verdict: str) -> None:
    assert line.verdict == line.as_json()["verdict"] == verdict


def point(vehicles: int, p99: float | None = 0.2, **more: int) -> dict[str, Any]:
    return {
        "vehicles": vehicles,
        "to_log_s": {"p99": p99},
        "not_acknowledged_in_time": 0,
        "lost": 0,
        **more,
    }


@pytest.mark.parametrize(
    "bent",
    [point(1_000, 1.1), point(1_000, None), point(1_000, lost=1),
     point(1_000, not_acknowledged_in_time=3)],
)  # fmt: skip
def test_the_curve_bends_at_the_first_size_that_is_late_or_loses(bent: dict[str, Any]) -> None:
    assert last_straight([point(100), bent, point(10_000)]) == 100
    assert last_straight([bent]) == 0
    assert last_straight([point(100), point(1_000)]) == 1_000


def test_a_rate_is_held_to_what_was_asked_for() -> None:
    found = {
        "statements_per_s": 1_050, "values_per_s": 3_400, "share_of_machine_in_all": 0.6,
        "limit_share": 0.5, "limit_p99_s": 1, "to_log_s": {"p99": 0.4}, "latency_s": {"p99": 0.3},
        "lost": 0, "doubled": 1,
    }  # fmt: skip
    verdicts = {line.figure: line.verdict for line in of_rate(found, 1_111)}
    assert [name for name, verdict in verdicts.items() if verdict == "over"] == [
        "messages/s of the rate run", "its share of the machine", "its statements lost or doubled"
    ]  # fmt: skip


def test_the_ratio_is_to_the_same_runs_bare_checks() -> None:
    one = {
        "statements_per_s": 6_000, "processor_us_a_statement": 180,
        **{f"checks_per_s_{name}": rate for name, rate in
           (("cryptography", 8_000), ("libsodium", 16_000), ("libsodium_all_cores", 24_000))},
    }  # fmt: skip
    fifty = {"samples_per_s": 40_000, "bytes_a_sample": 78.6}
    limits = {"statements_per_s": 5_000, "samples_per_s": 30_000, "bytes_a_sample": 90}
    lines = list(of_ingest({"limits": limits, "paced": one, "runs": [one, fifty]}))
    shares = [line.measured for line in lines if "share" in line.figure]
    assert shares == [0.75, 0.375, 0.25]
    assert [line.verdict for line in lines].count("ok") == 3


def test_the_table_has_a_row_a_figure() -> None:
    text = as_text([Line("rate", 6_615, 5_000, at_least=True), Line("plain", 0.25)])
    assert [row.split() for row in text.splitlines()[1:]] == [
        ["rate", "6,615", ">=", "5,000", "ok"],
        ["plain", "0.25", "-"],
    ]


def test_documents_follow_each_other_on_lines_or_spread_over_them() -> None:
    assert documents('{"a": 1}\n{\n "b": [2]\n}\n') == [{"a": 1}, {"b": [2]}]
    assert documents("") == []


def test_every_part_is_a_measurement_of_this_folder() -> None:
    for part in PARTS.values():
        __import__(f"tests.bench.{part.module}")
