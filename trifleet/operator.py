"""An operator's client: what the fleet page sees, over the HTTP API."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from trifleet.errors import ClientError

_POLL_S = 0.1


class OperatorClient:
    """One operator against one server. Every method raises ClientError."""

    def __init__(self, address: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=10.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def vehicle(self, vehicle: str) -> dict[str, Any]:
        """The newest report of one vehicle."""
        for item in self._get("/v1/fleet/vehicles").json()["items"]:
            if item["id"] == vehicle:
                return dict(item)
        raise ClientError(f"there is no vehicle {vehicle}")

    def records(self, vehicle: str) -> list[dict[str, Any]]:
        """Its newest records other than telemetry, newest first."""
        return list(self._get(f"/v1/fleet/vehicles/{vehicle}/events").json()["items"])

    def wait_for_record(
        self, vehicle: str, matches: Callable[[dict[str, Any]], bool], what: str, wait_s: float
    ) -> dict[str, Any]:
        """The newest record that matches, once the ledger holds it. `what` is for the error."""
        end = time.monotonic() + wait_s
        while True:
            for item in self.records(vehicle):
                if matches(item) and item["leaf_index"] is not None:
                    return item
            if time.monotonic() > end:
                raise ClientError(f"{vehicle} recorded no {what} within {wait_s:.0f} s")
            time.sleep(_POLL_S)

    def receipt(self, leaf_index: int) -> str:
        """The receipt of any statement in the ledger."""
        return self._get(f"/v1/fleet/receipts/{leaf_index}").text

    def _get(self, path: str) -> httpx.Response:
        answer = self._http.get(path)
        if not answer.is_success:
            raise ClientError(f"GET {path}: {answer.status_code}")
        return answer
