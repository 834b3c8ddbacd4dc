"""Changes the key of a log: both keys sign for a while, then the new one alone.

Whoever knows one of the two keys can verify meanwhile. The change ends only when what readers see
carries the new key; an old key that is lost or stolen is a matter for a new log, not for this.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .checkpoint import SignedCheckpoint, open_checkpoint
from .errors import CheckpointError, ConfigError, MissingError, NoteError
from .keys import log_signer
from .policy import Policy
from .storage import CHECKPOINT, FolderFetch
from .writer import LedgerWriter, WriterSettings


def begin_rotation(
    directory: Path,
    origin: str,
    old: Ed25519PrivateKey,
    new: Ed25519PrivateKey,
    policy: Policy | None = None,
) -> SignedCheckpoint:
    """Sign the newest checkpoint of a log that nobody writes with both keys; returns it.

    From now on the log is opened with `[new, old]`, and its readers get the new verifier key.
    Raises ConfigError, and what `LedgerWriter.open` raises.
    """
    if log_signer(origin, old).verifier == log_signer(origin, new).verifier:
        raise ConfigError("the new key is the old one")
    with LedgerWriter.open(directory, origin, [new, old], WriterSettings(policy=policy)) as writer:
        return writer.checkpoint


def finish_rotation(
    directory: Path, origin: str, new: Ed25519PrivateKey, policy: Policy | None = None
) -> SignedCheckpoint:
    """Sign the newest checkpoint with the new key alone; from now on the log is opened with it.

    Raises ConfigError while readers do not see a checkpoint that the new key signed.
    """
    try:
        note = FolderFetch(directory / "public")(CHECKPOINT)
        open_checkpoint(note, (log_signer(origin, new).verifier,))
    except (MissingError, NoteError, CheckpointError) as error:
        raise ConfigError(
            f"what readers see was not signed by the new key: let both keys sign first ({error})"
        ) from error
    with LedgerWriter.open(directory, origin, new, WriterSettings(policy=policy)) as writer:
        return writer.checkpoint
