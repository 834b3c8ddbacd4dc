"""vehicle.dbc and its table against the design's table of the bus."""

import cantools
import pytest
from cantools.database.can import Database

from hw.can.generate import DBC, attribute
from protocol.can_table import IDENTIFIERS, MESSAGES
from protocol.lock import STATES

# identifier: (name, cycle, timeout)
BUS = {
    0x050: ("VCU_Drive", 20, 200),
    0x0A0: ("VCU_Lock", 100, 500),
    0x110: ("MC_Status1", 20, 200),
    0x111: ("MC_Status2", 200, 1000),
    0x210: ("BMS_Pack", 100, 500),
    0x211: ("BMS_Cells", 1000, 3000),
    0x212: ("BMS_Temp", 500, 3000),
    0x310: ("CHG_Status", 500, 2000),
    0x410: ("HMI_Inputs", 50, 300),
}


@pytest.fixture(scope="module")
def database() -> Database:
    loaded = cantools.database.load_file(DBC)
    assert isinstance(loaded, Database)
    return loaded


@pytest.mark.parametrize("identifier", BUS)
def test_identifier_cycle_and_timeout_are_those_of_the_design(identifier: int) -> None:
    name, cycle_ms, timeout_ms = BUS[identifier]
    assert IDENTIFIERS[identifier] == name
    assert MESSAGES[name][:4] == (identifier, 8, cycle_ms, timeout_ms)


def test_every_cyclic_message_but_the_full_one_is_protected(database: Database) -> None:
    for message in database.messages:
        names = {signal.name for signal in message.signals}
        protected = {"Alive", "Crc"} <= names
        cyclic = attribute(message, "GenMsgCycleTime") > 0
        assert protected == (cyclic and message.name != "GNSS_Position"), message.name
        if protected:
            crc = message.get_signal_by_name("Crc")
            assert (crc.start, crc.length, message.length) == (56, 8, 8), message.name


def test_the_table_has_every_message_and_signal(database: Database) -> None:
    assert set(MESSAGES) == {message.name for message in database.messages}
    for message in database.messages:
        identifier, length, _, _, alive_start, signals = MESSAGES[message.name]
        assert (identifier, length) == (message.frame_id, message.length)
        assert IDENTIFIERS[identifier] == message.name
        if signals:
            names = {row[0] for row in signals} | ({"Alive", "Crc"} if alive_start else set())
            assert names == {signal.name for signal in message.signals}
        for name, start, bits, signed, minimum, maximum in signals:
            signal = message.get_signal_by_name(name)
            assert (start, bits, signed) == (signal.start, signal.length, signal.is_signed)
            assert (minimum, maximum) == (signal.minimum, signal.maximum)


def test_iso_tp_messages_are_raw(database: Database) -> None:
    raw = {name for name, row in MESSAGES.items() if not row[5]}
    gateway = {"GW_Request", "VCU_RequestFlow", "GW_RecordFlow", "VCU_Record"}
    assert raw == gateway | {"UDS_Broadcast", "UDS_Request", "VCU_UdsAnswer"}


def test_the_words_of_the_lock_are_those_of_the_protocol(database: Database) -> None:
    choices = database.get_message_by_name("VCU_Lock").get_signal_by_name("State").choices
    assert choices is not None
    assert {number: str(word) for number, word in choices.items()} == STATES


def test_every_message_has_a_comment_and_every_heartbeat_its_node(database: Database) -> None:
    assert all(message.comment for message in database.messages)
    beats = {message.frame_id: message.name for message in database.messages}
    nodes = [beats[0x700 + n].removesuffix("_Heartbeat") for n in range(1, 8)]
    assert nodes == ["VCU", "MC", "BMS", "CHG", "HMI", "GNSS", "GW"]
