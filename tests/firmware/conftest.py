"""The firmware's modules are imported as on the board: `vcu` beside `protocol`."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "firmware"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

# How long an example takes says nothing on a machine that does other things too.
settings.register_profile("firmware", deadline=None)
settings.load_profile("firmware")
