"""The frameworks that only the lab needs, and what to say where they are absent."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

HINT = "pip install 'stillwatch[lab]'"


class MissingFrameworkError(ImportError):
    """A framework of the lab is not installed; the message says how to get it."""


def require(names: Sequence[str] = ("torch",)) -> None:
    """Check that the frameworks are installed, before a module that needs them is imported.

    Raises:
        MissingFrameworkError: If one is absent, with the command that installs it.
    """
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingFrameworkError(f"the lab needs {' and '.join(absent)}, not installed here: {HINT}")
