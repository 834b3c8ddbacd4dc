"""The town of the privacy tests: an installation that was lived in, stopped."""

from tests.privacy.conftest import stopped, template

__all__ = ["stopped", "template"]
