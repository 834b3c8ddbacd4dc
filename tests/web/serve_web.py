"""Serves the pages over the fake fleet, to look at them by hand: `python serve_web.py [PORT]`."""

import asyncio
import sys
import tempfile
from pathlib import Path

import uvicorn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from web_api import TOKEN, FakeFleet, make_app  # noqa: E402


async def main(port: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fleet = FakeFleet(("trike-1", "trike-2", "trike-3"), Path(folder) / "policy.txt")
        config = uvicorn.Config(make_app(fleet), host="127.0.0.1", port=port, log_level="warning")
        server = uvicorn.Server(config)
        ticking = asyncio.create_task(fleet.tick())
        print(f"http://127.0.0.1:{port}/fleet#token={TOKEN}")
        await server.serve()
        ticking.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8099))
