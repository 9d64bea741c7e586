"""What a distillation costs at stated prices, and what each point of accuracy costs."""

from __future__ import annotations

from dataclasses import dataclass

from stillwatch.lab.harvest import Tokens


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in United States dollars; the defaults are round numbers to be replaced by one's own.

    Raises:
        ValueError: If a price is negative.
    """

    prompt_usd_per_million: float = 3.0
    answer_usd_per_million: float = 15.0
    compute_usd_per_hour: float = 0.05  # One core.

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.prompt_usd_per_million, self.answer_usd_per_million, self.compute_usd_per_hour) < 0:
            raise ValueError(f"no price may be negative: {self}")


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent, in dollars."""

    answers_usd: float
    compute_usd: float

    @property
    def total_usd(self) -> float:
        """Both together."""
        return self.answers_usd + self.compute_usd

    def usd_per_point(self, accuracy: float, guess: float) -> float | None:
        """Return dollars for each percentage point of accuracy above guessing; None if none was gained."""
        points = 100.0 * (accuracy - guess)
        return self.total_usd / points if points > 0 else None


def cost(prices: Prices, tokens: Tokens, seconds: float) -> Cost:
    """Return what so many tokens and seconds of training cost."""
    answers = prices.prompt_usd_per_million * tokens.prompts + prices.answer_usd_per_million * tokens.answers
    return Cost(answers / 1e6, prices.compute_usd_per_hour * seconds / 3600)
