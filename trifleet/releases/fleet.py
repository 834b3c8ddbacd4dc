"""The roll-outs of one server, over its API. Every method raises ClientError."""

import re
from typing import Any

import httpx

from trifleet.errors import ClientError

_NAME = re.compile(r"[a-z0-9-]{1,40}")


class ChangedError(ClientError):
    """Somebody else changed the roll-out meanwhile: look again."""


class FleetClient:
    """One operator against one server."""

    def __init__(self, address: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=20.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def vehicles(self) -> dict[str, dict[str, Any]]:
        """The newest report of each, by name."""
        out: dict[str, dict[str, Any]] = {}
        cursor = ""
        while True:
            page = self._ask("GET", f"/v1/fleet/vehicles?limit=500{cursor}")
            out |= {str(one["id"]): one for one in page["items"]}
            if not page["next"]:
                return out
            cursor = f"&cursor={page['next']}"

    def rollouts(self) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self._ask("GET", "/v1/fleet/rollouts")["items"])

    def rollout(self, name: str) -> dict[str, Any]:
        return self._ask("GET", f"/v1/fleet/rollouts/{_checked(name)}")

    def create(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """The same name again gives the one that is there."""
        return self._ask("PUT", f"/v1/fleet/rollouts/{_checked(name)}", body)

    def change(
        self, seen: dict[str, Any], state: str, wave: int | None = None, reason: str = ""
    ) -> dict[str, Any]:
        """From what was `seen`. Raises ChangedError where that is not the newest."""
        body = {
            "revision": seen["revision"],
            "state": state,
            "wave": seen["wave"] if wave is None else wave,
            "reason": reason[:200],
        }
        return self._ask("PUT", f"/v1/fleet/rollouts/{_checked(str(seen['id']))}/state", body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ClientError(f"{method} {path}: the server is not reached: {error}") from error
        if answer.status_code == 409:
            raise ChangedError(f"{method} {path}: {_detail(answer)}")
        if not answer.is_success:
            raise ClientError(f"{method} {path}: {answer.status_code} {_detail(answer)}")
        value = answer.json()
        if not isinstance(value, dict):
            raise ClientError(f"{path} answered something else than an object")
        return value


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ClientError(f"{name!r} is no name of a roll-out: 1 to 40 characters of a-z 0-9 -")
    return name


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem.get('title', '')}: {problem.get('detail', '')}".strip(" :")
    except (ValueError, AttributeError):
        return ""
