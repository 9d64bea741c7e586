"""One core for the lab's tests: small models are slower on two, and other tests run beside them."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("torch") is not None:
    import torch

    torch.set_num_threads(1)
