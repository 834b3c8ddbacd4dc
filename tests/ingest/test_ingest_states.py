"""The newest state: what stays true after its value is gone, and what does not."""

from fleet_backend.fleet.schema import MEASURED
from fleet_backend.ingest import states
from fleet_backend.ingest.fast import Sample
from protocol import lock

NOW = 1_900_000_000


def sample(seq, **values):
    return Sample("v-1", 1, seq, NOW + seq, tuple(values.get(name) for name in MEASURED))


def value(newest, name):
    return newest.values[MEASURED.index(name)]


def test_a_vehicle_at_rest_stays_on_the_map_and_wakes_with_its_next_sample():
    place = {"lat_e7": -349_000_000, "lon_e7": -561_000_000, "heading_cdeg": 100}
    driven = sample(0, state=lock.LOCKED, soc_permille=800, odometer_m=5, speed_mmps=0, **place)
    # Its other nodes are asleep: nothing of them is fresh.
    resting = sample(1, state=lock.LOCKED, odometer_m=5, rest=1)
    newest = states.fold(None, [resting, driven], NOW)
    assert (value(newest, "rest"), value(newest, "speed_mmps")) == (1, None)
    assert all(value(newest, name) == place[name] for name in place)
    assert value(newest, "soc_permille") == 800
    assert states.as_event(newest, lock.STATES)["rest"] == 1
    woken = states.fold(newest, [sample(2, state=lock.READY, odometer_m=5)], NOW)
    assert (value(woken, "rest"), value(woken, "lat_e7")) == (None, place["lat_e7"])


def test_a_lock_record_says_nothing_of_the_rest():
    newest = states.fold(None, [sample(0, state=lock.LOCKED, rest=1)], NOW)
    newest = states.fold(newest, [states.Lock("v-1", 1, 1, NOW, lock.READY)], NOW)
    assert (value(newest, "state"), value(newest, "rest")) == (lock.READY, 1)
