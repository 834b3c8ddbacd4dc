"""When a command that no gateway has answered goes out again."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.api.repeats import FIRST_S, LONGEST_S, Repeats
from fleet_backend.fleet.commands import SENT, CommandRow

COMMANDS = [
    CommandRow(bytes([number]) * 16, "trike-1", 1, b"", SENT, None, None, 0, 60, 0, None)
    for number in range(4)
]


def test_the_waits_double_up_to_the_longest() -> None:
    repeats, sent = Repeats(), COMMANDS[:1]
    times = [second for second in range(61) if repeats.due(sent, 100.0 + second)]
    assert times == [4, 12, 28, 44, 60]


def test_an_answered_command_is_forgotten() -> None:
    repeats, sent = Repeats(), COMMANDS[:1]
    assert repeats.due(sent, 0.0) == []
    assert repeats.due([], FIRST_S) == []
    assert repeats.due(sent, FIRST_S) == []
    assert repeats.due(sent, 2 * FIRST_S) == sent


@given(
    st.lists(
        st.tuples(st.floats(0.0, 40.0), st.sets(st.sampled_from(range(len(COMMANDS))))), max_size=40
    )
)
def test_none_goes_twice_within_its_wait_and_none_waits_longer(
    turns: list[tuple[float, set[int]]],
) -> None:
    repeats, now_s = Repeats(), 0.0
    since: dict[CommandRow, float] = {}
    for pause_s, numbers in turns:
        now_s += pause_s
        sent = [COMMANDS[number] for number in sorted(numbers)]
        due = repeats.due(sent, now_s)
        assert set(due) <= set(sent)
        for row in due:
            assert now_s - since[row] >= FIRST_S
        for row in sent:
            assert row in due or now_s - since.get(row, now_s) < LONGEST_S
        since = {row: now_s if row in due else since.get(row, now_s) for row in sent}
