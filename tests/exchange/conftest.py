"""Settings of the readers' tests."""

from hypothesis import settings

settings.register_profile("no_clock", deadline=None)  # The first example compiles; no test asserts a time.
settings.load_profile("no_clock")
