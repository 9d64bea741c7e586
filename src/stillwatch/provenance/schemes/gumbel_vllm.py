"""vLLM's Gumbel mark: one 64-bit key an engine, context of generated tokens only."""

from __future__ import annotations

from functools import partial

from stillwatch.provenance.functions import philox
from stillwatch.provenance.keys import CohortKey
from stillwatch.provenance.pairs import Start
from stillwatch.provenance.schemes.gumbel import Gumbel
from stillwatch.provenance.schemes.scheme import Scheme, SchemeCard, SchemeMaker, Settings

CARD = SchemeCard(
    id="gumbel_vllm",
    title="Gumbel mark of vLLM",
    engine="vllm",
    engine_version="0.33.0",
    function_version=philox.VERSION,
    checked="Uniforms and detector totals equal those of the engine's own Python code, bit for bit and to rounding. "
    "The engine's GPU sampling kernel was not run.",
    law="Sum of -log(1 - uniform) over distinct contexts follows Gamma(pairs, 1): exact tail for ideal uniforms; the "
    "engine's 24-bit uniforms move it by less than 1e-6 of itself a pair.",
)


def _make(numbers: tuple[int, ...], settings: Settings) -> Scheme:
    if len(numbers) != 1 or not 0 <= numbers[0] < 2**64:
        raise ValueError("this mark has one key, a whole number from 0 to 2**64 - 1")
    # The prompt is never context; before the first token the engine reads -1.
    return Gumbel(CARD, settings.width, Start(reads_prompt=False, filler=-1), partial(philox.uniforms, numbers[0]))


def _numbers(key: CohortKey, settings: Settings) -> tuple[int, ...]:  # noqa: ARG001
    return (key.number(CARD.id),)


maker = SchemeMaker(CARD, _make, _numbers)
