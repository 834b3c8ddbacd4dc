"""OpenTimestamps calendars: hand in a commitment, ask later whether it is in a block.

Only calendars that the settings name are ever asked, whatever a timestamp's promises say.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .errors import StampError, UnreachableError, UntrustedAnswerError
from .otsfile import MAX_ANSWER_BYTES, Attested, OtsFile, Promised, decode_answer
from .webrequest import Answer, Limits, request

_LIMITS = Limits(total_s=20.0, answer_bytes=MAX_ANSWER_BYTES)
_ACCEPT = {"Accept": "application/vnd.opentimestamps.v1"}


@dataclass(frozen=True)
class Calendars:
    """Base URLs to hand in to, how many must answer, and further ones that may be asked later."""

    urls: tuple[str, ...]
    needed: int
    also_ask: tuple[str, ...] = ()
    limits: Limits = _LIMITS

    def stamp(self, note: bytes) -> OtsFile:
        """A timestamp that at least `needed` calendars promise to bring into a block.

        Raises UnreachableError with what each of the others said.
        """
        file, commitment = OtsFile.begin(note)
        said: list[str] = []
        for url in self.urls:
            try:
                answer = _good(self._ask("POST", url, "digest", commitment))
                file = file.grown(decode_answer(commitment, answer))
            except (UnreachableError, UntrustedAnswerError) as error:
                said.append(str(error))
        if len(self.urls) - len(said) < self.needed:
            raise UnreachableError(
                f"{len(self.urls) - len(said)} of {len(self.urls)} calendars answered,"
                f" {self.needed} are needed: {'; '.join(said)}"
            )
        return file

    def upgrade(
        self, file: OtsFile, check: Callable[[Attested], object] | None = None
    ) -> tuple[OtsFile, list[str]]:
        """Ask for the blocks of what was promised. Returns the grown file and what was wrong.

        `check` raises an AnchorError for a block attestation that does not hold: the answer is
        refused then, the promise stays, and the next round asks again.
        """
        said: list[str] = []
        known = {url.rstrip("/") for url in (*self.urls, *self.also_ask)}
        for promised in file.promised():
            if promised.uri.rstrip("/") not in known:
                said.append(f"calendar {promised.uri} is not in the settings: not asked")
                continue
            try:
                file = self._upgrade(file, promised, check)
            except (UnreachableError, UntrustedAnswerError) as error:
                said.append(str(error))
        return file, said

    def _upgrade(
        self, file: OtsFile, promised: Promised, check: Callable[[Attested], object] | None
    ) -> OtsFile:
        answer = self._ask("GET", promised.uri, f"timestamp/{promised.commitment.hex()}")
        if answer.status == 404:  # not in a block yet
            return file
        found = decode_answer(promised.commitment, _good(answer))
        for attested in found.attested():
            if check is not None:
                check(attested)
        return file.grown(found)

    def _ask(self, method: str, base: str, path: str, body: bytes | None = None) -> Answer:
        return request(method, f"{base.rstrip('/')}/{path}", body, _ACCEPT, self.limits)


def _good(answer: Answer) -> bytes:
    if answer.status != 200:
        raise StampError(f"a calendar answered {answer.status}")
    return answer.body
