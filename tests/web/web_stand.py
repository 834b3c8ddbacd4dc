"""A server that keeps the contract, and a browser that notes what must not happen."""

import asyncio
import socket
import threading
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect
from web_api import FakeFleet, make_app

# Chromium without its own windows: they take a third of the processor's time, and nobody looks.
CHROMIUM = Path("/usr/bin/chromium-headless-shell")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


class WebServer:
    """uvicorn in a thread, on a port that the system chose, with a vehicle clock beside it."""

    def __init__(self, folder: Path) -> None:
        self.fleet = FakeFleet(("trike-1", "trike-2"), folder / "policy.txt")
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(
            make_app(self.fleet), log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()))

    async def run(self) -> None:
        ticking = asyncio.create_task(self.fleet.tick())
        await self.server.serve([self.socket])
        ticking.cancel()

    def stop(self) -> None:
        """No network any more; harmless when called again."""
        self.fleet.down = True  # ends the event streams
        self.server.should_exit = True
        self.thread.join(20)
        self.socket.close()


class Visitor:
    """A browser context that notes what must not happen."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        self.faults: list[str] = []
        self.browser = browser
        self.contexts: list[BrowserContext] = []

    def page(self, locale: str = "en", **options: object) -> Page:
        settings = {"viewport": {"width": 390, "height": 844}, "locale": locale, **options}
        context = self.browser.new_context(**settings)  # type: ignore[arg-type]
        self.contexts.append(context)
        return self.watch(context.new_page())

    def close(self) -> None:
        """End the visit. Fails for what was noted."""
        for context in self.contexts:
            context.close()
        assert self.faults == [], self.faults

    def watch(self, page: Page) -> Page:
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", self._console)
        page.on("request", lambda asked: self._host(asked.url))
        return page

    def _console(self, message: object) -> None:
        kind, text = message.type, message.text  # type: ignore[attr-defined]
        # What Chromium logs by itself for an answer that the page handles and shows.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.faults.append(f"console: {text}")
        if kind == "warning" and "GPU stall" not in text:
            self.faults.append(f"console: {text}")

    def _host(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.faults.append(f"request to another host: {url}")
