"""Makes the benches importable: they are run from the repository's root as modules, and belong to no package."""

import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

settings.register_profile("no_clock", deadline=None)  # The first example compiles; no test asserts a time.
settings.load_profile("no_clock")
