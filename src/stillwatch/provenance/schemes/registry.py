"""The marks that can be read, registered once."""

from __future__ import annotations

from stillwatch.provenance.schemes import (
    green_list,
    gumbel_dual_vllm,
    gumbel_sglang,
    gumbel_vllm,
    synthid,
)
from stillwatch.provenance.schemes.scheme import SchemeMaker

SCHEMES: tuple[SchemeMaker, ...] = (
    gumbel_vllm.maker,
    gumbel_dual_vllm.maker,
    gumbel_sglang.maker,
    green_list.left_maker,
    green_list.own_maker,
    synthid.maker,
)


def scheme_maker(name: str) -> SchemeMaker:
    """Return the maker of one scheme.

    Raises:
        ValueError: If there is none of that name.
    """
    for maker in SCHEMES:
        if maker.card.id == name:
            return maker
    raise ValueError(f"no scheme is called {name}: there are {', '.join(maker.card.id for maker in SCHEMES)}")
