"""A short storm over half a dozen gateways; `make chaos` is the long one."""

import time
from pathlib import Path

import pytest
from chaos_site import Site, SiteSettings
from fed_bus import Script
from storm import Storm, account, kinds, plan, settle

SEED = 20_261
GATEWAYS = 6
RECORDS = 40  # of each, one in half a second


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_whatever_dies(tmp_path: Path) -> None:
    script = Script(time.time() + 4, 0.5, RECORDS)
    with Site(tmp_path, SiteSettings(GATEWAYS, 3, script, SEED)) as site:
        blows = plan(site, 16, 2.5)
        print(f"seed {SEED}: {[(blow.kind, blow.target, round(blow.at_s, 1)) for blow in blows]}")
        storm = Storm(site)
        storm.run(blows)
        assert set(storm.done) == set(kinds(site))
        settled = settle(site, 90)
        found = account(site)
    assert settled, found
    assert found.is_clean, found
    assert found.sent == GATEWAYS * RECORDS
