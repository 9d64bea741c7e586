"""Mail domains: public ones, throw-away ones, and domains of firms and operators, all but the public ones made up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.range.draws import chosen, unit
from stillwatch.range.texts.vocabulary import OWN_NAMES

# In falling order of use. Public services are named as they are, for everybody uses them.
PUBLIC: tuple[str, ...] = (
    "gmail.com",
    "outlook.com",
    "yahoo.com",
    "icloud.com",
    "hotmail.com",
    "proton.me",
    "gmx.de",
    "qq.com",
    "naver.com",
    "orange.fr",
    "uol.com.br",
    "web.de",
)
DISPOSABLE: tuple[str, ...] = tuple(
    f"{head}{tail}.example"
    for head in ("ten-minute", "quick", "burner", "spare", "temp")
    for tail in ("box", "mail", "post")
)
_FIRST_OWN = len(PUBLIC) + len(DISPOSABLE)


def public_mail(key: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return a public domain for each key, the great services most often."""
    return np.floor(len(PUBLIC) * unit(key, 921) ** 2.6).astype(np.int64)


def disposable_mail(key: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return a throw-away domain for each key."""
    return len(PUBLIC) + chosen(key, 922, len(DISPOSABLE))


def own_mail(key: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the domain that belongs to each key's firm."""
    return _FIRST_OWN + chosen(key, 923, len(OWN_NAMES))


def domain(code: int) -> str:
    """Return the text of a domain's code."""
    if code < len(PUBLIC):
        return PUBLIC[code]
    if code < _FIRST_OWN:
        return DISPOSABLE[code - len(PUBLIC)]
    return f"{OWN_NAMES[code - _FIRST_OWN].lower()}.example"
