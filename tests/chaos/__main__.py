"""`make chaos`: 200 gateways, ten minutes, everything that can die dies. Prints one table."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from chaos_site import Site, SiteSettings
from fed_bus import Script
from storm import Storm, account, plan, settle, told

from trifleet.brokers.kinds import BrokerKind


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=200)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--period", type=float, default=5, help="seconds between two records")
    parser.add_argument("--broker", type=BrokerKind, default=BrokerKind.EMBEDDED)
    parser.add_argument("--sqlite", action="store_true", help="in place of PostgreSQL")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    asked = parser.parse_args()
    seconds = asked.minutes * 60
    ready_s = 20 + asked.gateways / 5
    script = Script(time.time() + ready_s, asked.period, int(seconds / asked.period))
    settings = SiteSettings(
        asked.gateways, asked.hosts, script, asked.seed, asked.broker, not asked.sqlite
    )
    print(f"seed {asked.seed}, {asked.gateways} gateways, {asked.minutes} minutes", flush=True)
    with tempfile.TemporaryDirectory(prefix="trifleet-chaos-") as folder:
        with told("start"):
            site = Site(Path(folder), settings).__enter__()
        try:
            storm = Storm(site)
            with told("storm"):
                storm.run(plan(site, seconds, 8))
            with told("calm"):
                settled = settle(site, 600)
            found = account(site)
        finally:
            site.__exit__(None, None, None)
    print(json.dumps({"blows": dict(storm.done), "settled": settled}))
    for name, value in vars(found).items():
        print(f"{name.replace('_', ' '):>20}  {value if value else 0}")
    return 0 if settled and found.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
