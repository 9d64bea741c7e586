"""Sampling answers: prompts of equal length go through the model together, one token at a time over a cache."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch

from stillwatch.lab.models.language_model import LanguageModel

Marker = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (tokens so far, logits) to logits, by sequence.

_BATCH = 1024  # Sequences at once: wide enough for one core, and a cache of a few dozen megabytes.


def sample(
    model: LanguageModel,
    prompts: Sequence[str],
    *,
    generator: torch.Generator,
    temperature: float = 1.0,
    tokens_most: int = 64,
    marker: Marker | None = None,
    batch: int = _BATCH,
) -> list[list[int]]:
    """Return the tokens of one answer a prompt, without the end token.

    Args:
        model: Who answers.
        prompts: As text.
        generator: All randomness of the answers.
        temperature: At least 0; 0 takes the likeliest token, of equals the first.
        tokens_most: Longest answer; the context may cut it shorter still.
        marker: Biases the logits of each step, as a watermark does; None leaves them.
        batch: Sequences at once.

    Raises:
        ValueError: If the temperature is negative, or a prompt leaves no room for an answer.
    """
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, not {temperature}")
    by_length = defaultdict(list)
    encoded = [model.encode_prompt(prompt) for prompt in prompts]
    for place, tokens in enumerate(encoded):
        if len(tokens) >= model.context:
            raise ValueError(f"prompt {place + 1} has {len(tokens)} tokens, and the context is {model.context}")
        by_length[len(tokens)].append(place)
    answers: list[list[int]] = [[] for _ in prompts]
    with torch.inference_mode():
        for length, places in sorted(by_length.items()):
            for start in range(0, len(places), batch):
                chosen = places[start : start + batch]
                begun = torch.tensor([encoded[place] for place in chosen])
                room = min(tokens_most, model.context - length)
                for place, answer in zip(
                    chosen, _continued(model, begun, room, temperature, generator, marker), strict=True
                ):
                    answers[place] = answer
    return answers


def _continued(
    model: LanguageModel,
    begun: torch.Tensor,
    room: int,
    temperature: float,
    generator: torch.Generator,
    marker: Marker | None,
) -> list[list[int]]:
    """Return the answers to prompts of one length, shape (sequences, places)."""
    length = begun.shape[1]
    told, cache, fresh = begun, None, begun
    ended = torch.zeros(len(begun), dtype=torch.bool)
    for _ in range(room):
        logits, cache = model.advance(fresh, cache)
        if marker is not None:
            logits = marker(told, logits)
        if temperature:
            odds = torch.softmax(logits / temperature, dim=-1)
            drawn = torch.multinomial(odds, 1, generator=generator)
        else:
            drawn = logits.argmax(dim=-1, keepdim=True)
        fresh = torch.where(ended[:, None], model.end, drawn)
        told = torch.cat([told, fresh], dim=1)
        ended |= fresh[:, 0] == model.end
        if bool(ended.all()):
            break
    rows = told[:, length:].tolist()
    return [row[: row.index(model.end)] if model.end in row else row for row in rows]
