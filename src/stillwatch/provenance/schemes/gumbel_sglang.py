"""SGLang's Gumbel mark: key and width by request, the prompt's last tokens being context too; one key or two."""

from __future__ import annotations

from functools import partial

import numpy as np

from stillwatch.provenance.functions import murmur
from stillwatch.provenance.keys import CohortKey
from stillwatch.provenance.pairs import Start
from stillwatch.provenance.schemes.gumbel import Gumbel
from stillwatch.provenance.schemes.scheme import Floats, Integers, Scheme, SchemeCard, SchemeMaker, Settings

WIDTH_MOST = 64
CARD = SchemeCard(
    id="gumbel_sglang",
    title="Gumbel mark of SGLang",
    engine="sglang",
    engine_version="0.5.23",
    function_version=murmur.VERSION,
    checked="Hashes and detector totals equal those of the engine's own Python detector. Its GPU sampling kernel was "
    "not run.",
    law="Sum of -log(1 - uniform) over distinct contexts follows Gamma(pairs, 1): exact tail for ideal uniforms. With "
    "two keys each context is read under the one that the engine's coin assigns to it.",
)


def _dual(keys: tuple[int, int], share_a: float, contexts: Integers, tokens: Integers) -> Floats:
    second = murmur.uses_key_b(*keys, contexts, share_a)
    both = [murmur.uniforms(key, contexts, tokens) for key in keys]
    return np.asarray(np.where(second, both[1], both[0]), np.float64)


def _make(numbers: tuple[int, ...], settings: Settings) -> Scheme:
    if len(numbers) not in (1, 2) or not all(0 <= number < 2**64 for number in numbers):
        raise ValueError("this mark has one or two keys, whole numbers from 0 to 2**64 - 1")
    if not 1 <= settings.width <= WIDTH_MOST:
        raise ValueError(f"this mark's width is 1 to {WIDTH_MOST}")
    start = Start(reads_prompt=True, filler=None)
    if len(numbers) == 1:
        return Gumbel(CARD, settings.width, start, partial(murmur.uniforms, numbers[0]))
    share_a = 0.5 if settings.share_b is None else 1 - settings.share_b
    return Gumbel(CARD, settings.width, start, partial(_dual, (numbers[0], numbers[1]), share_a))


def _numbers(key: CohortKey, settings: Settings) -> tuple[int, ...]:
    if settings.share_b is None:
        return (key.number(CARD.id),)
    return (key.number(CARD.id), key.number(f"{CARD.id}/second"))


maker = SchemeMaker(CARD, _make, _numbers)
