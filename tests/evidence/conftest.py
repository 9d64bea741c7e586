"""Hypothesis without deadlines: a shared machine's slow moment, or the first compilation, is no failure."""

from hypothesis import settings

settings.register_profile("evidence", deadline=None)
settings.load_profile("evidence")
