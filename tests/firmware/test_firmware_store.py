"""Identity and state: pairs of files, strict decoding, what version 1 left."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu.errors import StoreError
from vcu.flash import crashes, state
from vcu.flash.files import Damage
from vcu.flash.first_version import decode_state
from vcu.flash.identity import decode_identity
from vcu.flash.journal import Journal
from vcu.flash.memory import Memory
from vcu.flash.pair import Pair, seal
from vcu.flash.provision import UNREADABLE_STATE, Provision
from vcu.flash.state import State
from vcu.flash.store import Store
from vcu_bench import NOW_S, Bench, identity

from protocol import cbor, record
from protocol.access import MAX_REVOKED
from protocol.errors import DecodeError, EncodeError

OWNER = bytes(range(32))


@pytest.fixture
def folder(tmp_path):
    return f"{tmp_path}/"


def full_state():
    """Every field at a value of its own, and as long as it may be."""
    full = State(OWNER)
    full.boot, full.generation, full.time_floor = 7, 2, NOW_S
    full.owner = bytes(range(1, 33))
    full.revoked = [bytes([number]) * 16 for number in range(MAX_REVOKED)]
    full.odometer_m, full.zone_mmps = 1_234, 6_000
    full.last = dict.fromkeys(range(240, 256), (1 << 64) - 1)
    full.session, full.codes = b"s" * 64, b"c" * 1_024
    full.zone_until = NOW_S + 60
    return full


def test_state_comes_back(folder):
    Store(folder).save(full_state())
    damage = Damage()
    assert vars(Store(folder, damage).state()) == vars(full_state())
    assert damage.counts == {}


def test_nothing_was_written_yet(folder):
    assert vars(Store(folder).state()) == vars(State(bytes(32)))
    assert Store(folder).identity() is None


def test_what_did_not_change_is_not_written(folder, tmp_path):
    store = Store(folder)
    store.save(full_state())
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    changed = store.state()
    changed.odometer_m += 1
    store.save(changed)
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"life.a", "life.b"}


ENCODERS = {
    "rights": (state.encode_rights, state.decode_rights, state.RIGHTS_BYTES),
    "codes": (state.encode_codes, state.decode_codes, state.CODES_BYTES),
    "ride": (state.encode_ride, state.decode_ride, state.RIDE_BYTES),
    "life": (lambda full: state.encode_life(full, 1), state.decode_life, state.LIFE_BYTES),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_longest_document_fits(name):
    encode, decode, most = ENCODERS[name]
    whole = encode(full_state())
    assert len(whole) <= most
    decode(whole, State(OWNER))


def _one_off(name):
    whole = cbor.decode(ENCODERS[name][0](full_state()))
    small = st.one_of(st.integers(0, 1 << 33), st.binary(max_size=33), st.just({}), st.just([]))
    return st.tuples(st.sampled_from(sorted(whole)), small).map(
        lambda change: cbor.encode({**whole, change[0]: change[1]})
    )


ONE_OFF = {name: _one_off(name) for name in ENCODERS}


@pytest.mark.parametrize("name", ENCODERS)
@given(st.data())
def test_any_document_is_decoded_whole_or_not_at_all(name, data):
    _, decode, most = ENCODERS[name]
    into = State(OWNER)
    values = st.one_of(
        st.integers(-1, 1 << 64),
        st.binary(max_size=70),
        st.booleans(),
        st.lists(st.binary(max_size=17), max_size=3),
        st.dictionaries(st.integers(0, 300), st.integers(0, 9), max_size=20),
    )
    noise = st.binary(max_size=most)
    maps = st.dictionaries(st.integers(0, 8), values, max_size=8).map(_encoded)
    drawn = data.draw(st.one_of(noise, maps, ONE_OFF[name]))
    try:
        decode(drawn, into)
    except DecodeError:
        assert vars(into) == vars(State(OWNER))
    else:  # what decodes has one form, the bytes that came in
        encode = ENCODERS[name][0]
        encoded = encode(into) if name != "life" else state.encode_life(into, decode(drawn, into))
        assert encoded == drawn


def _encoded(value):
    try:
        return cbor.encode(value)
    except EncodeError:
        return b""


@pytest.mark.parametrize("name", ENCODERS)
def test_document_one_field_off_is_refused(name):
    encode, decode, _ = ENCODERS[name]
    whole = cbor.decode(encode(full_state()))
    for key in whole:
        for bad in (None, -1, 1 << 70, b"x" * 2_000, [b"short"], {300: 1}, {1: -1}, True):
            with pytest.raises(DecodeError):
                decode(_encoded({**whole, key: bad}), State(OWNER))
    for changed in ({**whole, len(whole): 0}, {key: whole[key] for key in list(whole)[:-1]}):
        with pytest.raises(DecodeError):
            decode(cbor.encode(changed), State(OWNER))


def test_too_much_of_anything_is_refused():
    for name, change in (
        ("rights", {"revoked": [bytes(16)] * (MAX_REVOKED + 1)}),
        ("rights", {"owner": bytes(31)}),
        ("codes", {"codes": bytes(1_025)}),
        ("ride", {"session": bytes(65)}),
        ("life", {"last": dict.fromkeys(range(17), 0)}),
    ):
        full = full_state()
        vars(full).update(change)
        encode, decode, _ = ENCODERS[name]
        with pytest.raises(DecodeError):
            decode(encode(full), State(OWNER))


@given(st.binary(max_size=200))
def test_identity_of_noise_is_refused(noise):
    with pytest.raises(DecodeError):
        decode_identity(noise)


# --- pairs ---


def pair(folder, damage=None):
    return Pair(folder, "thing", 100, damage or Damage())


def test_pair_with_one_copy_damaged_in_every_way(folder, tmp_path):
    """Cut short and flipped at every byte: the other copy counts, and the damage has a name."""
    saved = pair(folder)
    saved.save(b"first")
    saved.save(b"second")
    whole = (tmp_path / "thing.a").read_bytes()
    assert whole == (tmp_path / "thing.b").read_bytes() == seal("thing", 2, b"second")
    for letter in "ab":
        for bad in damaged_in_every_way(whole):
            (tmp_path / f"thing.{letter}").write_bytes(bad)
            damage = Damage()
            assert pair(folder, damage).load() == b"second"
            assert damage.counts == {f"thing.{letter}": 1}
            # It is whole again, so the other one may be damaged next.
            assert (tmp_path / f"thing.{letter}").read_bytes() == whole


def damaged_in_every_way(whole):
    for at in range(len(whole)):
        yield whole[:at]
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        yield bytes(flipped)
    yield whole + b"\x00"
    yield bytes(len(whole))
    yield b"\xff" * 5_000


def test_pair_with_both_copies_damaged_is_unreadable(folder, tmp_path):
    pair(folder).save(b"first")
    whole = (tmp_path / "thing.a").read_bytes()
    for bad in damaged_in_every_way(whole):
        for letter in "ab":
            (tmp_path / f"thing.{letter}").write_bytes(bad)
        damage = Damage()
        with pytest.raises(StoreError):
            pair(folder, damage).load()
        assert damage.counts == {"thing.a": 1, "thing.b": 1}


def test_pair_cut_between_its_copies_says_the_new_one(folder, tmp_path):
    saved = pair(folder)
    saved.save(b"old")
    old = (tmp_path / "thing.a").read_bytes()
    saved.save(b"new")
    for letter in "ab":
        (tmp_path / f"thing.{letter}").write_bytes(old)
        assert pair(folder).load() == b"new"
        assert pair(folder).load() == b"new"


def test_copy_under_another_name_is_none(folder, tmp_path):
    (tmp_path / "thing.a").write_bytes(seal("other", 1, b"x"))
    with pytest.raises(StoreError):
        pair(folder).load()


@given(st.binary(max_size=120))
def test_pair_of_noise(tmp_path_factory, noise):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "thing.a").write_bytes(noise)
    with pytest.raises(StoreError):
        pair(f"{folder}/").load()


def test_failed_write_gets_a_number_of_its_own(folder, tmp_path, monkeypatch):
    from vcu.flash import files

    saved = pair(folder)
    saved.save(b"old")
    write = files.write

    def fail(path, data):
        write(path, data)
        raise OSError(5)

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(files, "write", fail)
        saved.save(b"refused")
    assert saved.serial == 1 and saved.differs(b"old")
    saved.save(b"old")
    assert pair(folder).load() == b"old"


# --- the store as a whole ---


@pytest.mark.parametrize("name", ["codes", "ride", "life"])
def test_unreadable_documents_cost_what_they_say_and_no_more(folder, tmp_path, name):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    store = Store(folder)
    full = full_state()
    full.provisioning = decode_identity(identity(OWNER)).digest
    store.save(full)
    for letter in "ab":
        (tmp_path / f"{name}.{letter}").write_bytes(b"")
    damage = Damage()
    made = Provision(Store(folder, damage), 0, NOW_S)
    assert made.fault == 0 and made.owner == full.owner and made.key
    assert damage.counts == {f"{name}.a": 1, f"{name}.b": 1}
    assert made.state.revoked == full.revoked
    assert made.state.boot == (NOW_S if name == "life" else 8)
    assert made.state.session == (b"" if name == "ride" else full.session)
    assert made.state.codes == (b"" if name == "codes" else full.codes)
    # From there on the count goes on.
    again = Provision(Store(folder), 0, NOW_S + 9)
    assert again.fault == 0 and again.state.boot == made.state.boot + 1


def test_lost_count_of_boots_without_a_clock_is_a_fault(folder, tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    assert Provision(Store(folder), 0, 0).fault == 0
    for letter in "ab":
        (tmp_path / f"life.{letter}").unlink()
    made = Provision(Store(folder), 0, 0)
    assert made.fault == UNREADABLE_STATE and made.key is None


@pytest.mark.parametrize("kind", ["events", "samples", "mark"])
def test_last_number_of_a_boot_is_a_fault_and_names_no_record(folder, tmp_path, kind):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    journal = Journal(folder, Damage())
    if kind == "mark":
        journal.stored = (0xFFFF_FFFF, 0xFFFF_FFFF)
        journal._write_mark(0xFFFF_FFFF, 0xFFFF_FFFF)
    else:
        journal.append(kind == "samples", 0xFFFF_FFFF, 0xFFFF_FFFF, b"a record")
    for _ in range(3):
        memory = Memory(folder, lambda: NOW_S)
        assert memory.provision.fault == UNREADABLE_STATE and memory.provision.key is None
        assert not memory.outbox.record(record.BOOT, {}, 0)
        assert memory.outbox.restore() == (kind != "mark")
    bench = Bench(folder)  # the whole vehicle, locked but alive
    bench.gateway.listens = False
    bench.run(500)
    assert bench.vcu.fault == UNREADABLE_STATE and bench.frames["VCU_Lock"]


def test_unreadable_rights_obey_nobody(folder, tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    Provision(Store(folder), 0, NOW_S)
    whole = (tmp_path / "rights.a").read_bytes()
    for bad in (b"", whole[:-1], seal("rights", 2, b"\x80"), seal("rights", 2, b"")):
        for letter in "ab":
            (tmp_path / f"rights.{letter}").write_bytes(bad)
        damage = Damage()
        made = Provision(Store(folder, damage), 41, NOW_S)
        assert made.fault == UNREADABLE_STATE and made.state.boot == NOW_S
        assert any(name.startswith("rights") for name in damage.counts)


@pytest.mark.parametrize("how", ["removed", "older"])
def test_rights_that_are_older_than_they_were_are_not_obeyed(folder, tmp_path, how):
    """Whoever puts back the files of before a revocation finds that the vehicle remembers."""
    (tmp_path / "identity").write_bytes(identity(OWNER))
    made = Provision(Store(folder), 0, NOW_S)
    old = (tmp_path / "rights.a").read_bytes()
    store = Store(folder)
    changed = store.state()
    changed.revoked = [bytes(16)]
    store.save(changed)
    assert Provision(Store(folder), 0, NOW_S).fault == 0
    for letter in "ab":
        path = tmp_path / f"rights.{letter}"
        path.unlink() if how == "removed" else path.write_bytes(old)
    made = Provision(Store(folder), 0, NOW_S)
    assert made.fault == UNREADABLE_STATE


def test_boots_are_counted_and_survive_a_new_identity(folder, tmp_path):
    for boot in (1, 2):
        (tmp_path / "identity").write_bytes(identity(OWNER))
        bench = Bench(folder)
        assert bench.vcu.state.boot == boot
    bench.vcu.state.generation = 5
    bench.vcu.state.session = b"ride"
    bench.vcu.store.save(bench.vcu.state)
    (tmp_path / "identity").write_bytes(identity(bytes(range(1, 33))))
    bench = Bench(folder)
    assert bench.vcu.state.boot == 3
    assert bench.vcu.state.generation == 0 and bench.vcu.fault == 0
    assert bench.vcu.state.session == b""
    assert bench.vcu.gate.authority.owner == bytes(range(1, 33))


# --- version 1 ---


def first_version_state(**changes):
    values = {
        0: 1,
        1: decode_identity(identity(OWNER)).digest,
        2: 7,
        3: 2,
        4: NOW_S,
        5: bytes(range(1, 33)),
        6: [bytes(16)],
        7: 1_234,
    }
    values.update({int(key[1:]): changes[key] for key in changes})
    data = cbor.encode(values)
    return data + hashlib.sha256(data).digest()


def test_an_update_from_version_1_keeps_the_owner(folder, tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    (tmp_path / "state").write_bytes(first_version_state())
    for boot in (8, 9):
        made = Memory(folder, lambda: NOW_S).provision
        assert (made.fault, made.state.boot, made.state.odometer_m) == (0, boot, 1_234)
        assert made.owner == bytes(range(1, 33)) and made.time_floor == NOW_S
        assert (made.state.generation, made.state.revoked) == (2, [bytes(16)])
        assert not (tmp_path / "state").exists()


def test_damaged_state_of_version_1_obeys_nobody(folder, tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER))
    whole = first_version_state()
    for at in range(len(whole)):
        for bad in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            with pytest.raises(DecodeError):
                decode_state(bad)
    (tmp_path / "state").write_bytes(whole[:-1])
    memory = Memory(folder, lambda: NOW_S)
    assert memory.provision.fault == UNREADABLE_STATE and memory.damage() == {"state": 1}


@given(st.binary(max_size=300), st.booleans())
def test_state_of_noise_is_refused(noise, sealed):
    with pytest.raises(DecodeError):
        decode_state(noise + hashlib.sha256(noise).digest() if sealed else noise)


def test_state_of_version_1_one_field_off_is_refused():
    for change in ({"_2": -1}, {"_5": bytes(31)}, {"_6": [bytes(15)]}, {"_0": 2}, {"_8": 0}):
        with pytest.raises(DecodeError):
            decode_state(first_version_state(**change))


# --- the crash counter ---


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_crashes_are_counted_until_it_has_settled(in_folder):
    assert crashes.count() == 0 and crashes.settled() and not (in_folder / "crashes").exists()
    for number in range(1, 8):
        assert crashes.begin() and crashes.count() == number
    assert crashes.settled() and crashes.count() == 0 and not crashes.is_damaged()


def test_crashes_end_at_255(in_folder):
    (in_folder / "crashes").write_bytes(b"\xfe\x01")
    assert crashes.begin() and crashes.begin() and crashes.count() == 255


@pytest.mark.parametrize("first", [0, 1, 5, 127, 128, 255])
def test_any_damage_of_the_count_is_noted(in_folder, first):
    for second in range(256):
        (in_folder / "crashes").write_bytes(bytes((first, second)))
        whole = first + second == 255
        assert crashes.is_damaged() != whole
        assert crashes.count() == (first if whole else 0)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\xfe\x00", b"\x01\xfe" * 900])
def test_count_of_another_length_is_damaged_and_counts_anew(in_folder, data):
    (in_folder / "crashes").write_bytes(data)
    assert crashes.is_damaged() and crashes.count() == 0
    assert crashes.begin() and crashes.count() == 1 and not crashes.is_damaged()


def test_counting_on_a_flash_that_fails(in_folder, monkeypatch):
    from flaky_flash import FlakyFlash

    for stored in (False, True):
        for at in (1, 2, 3):
            (in_folder / "crashes").unlink(missing_ok=True)
            with monkeypatch.context() as patch:
                FlakyFlash(patch, fails_at=at, stored=stored)
                assert crashes.begin() is False
                assert crashes.begin() is True
            assert crashes.count() == (2 if stored and at == 3 else 1)
            assert not crashes.is_damaged()
