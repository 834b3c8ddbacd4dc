"""A stable name for a terminal whose number changes with every start."""

from __future__ import annotations

from pathlib import Path


def publish(tty: str, link: Path | None) -> None:
    """Makes `link` point to `tty`, in place of whatever it pointed to."""
    if link is None:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(link.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(tty)
    fresh.replace(link)


def withdraw(tty: str, link: Path | None) -> None:
    """Another board may have taken the name over meanwhile."""
    if link is not None and link.is_symlink() and str(link.readlink()) == tty:
        link.unlink()
