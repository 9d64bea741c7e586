"""Window shift: does a window of prompts, as a whole, come from where benign windows come from?

A window's mean feature vector is compared with a benign reference. Plain maximum mean discrepancy weighs each direction
by how much benign traffic varies along it, so that a shift along which honest prompts hardly vary drowns. Here each
direction is weighed by 1 / (its variance + a ridge), for several ridges, and the results are averaged. Nothing is
learned from harvests. Looking along directions towards known harvests as well was tried, and found less: decision 7.

Source: Hagrass, Sriperumbudur & Li, "Spectral regularized kernel two-sample tests", arXiv:2212.09201, for the ridge;
the standardised average over ridges and the null from held-out folds are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.statistics.e_value import log_e_from_rank

RIDGES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)  # Parts of the total variance: from nearly whitened to nearly plain.


@dataclass(frozen=True, slots=True)
class Reference:
    """What benign vectors look like.

    Attributes:
        mean: Shape (dimensions,).
        axes: Shape (dimensions, dimensions): the principal axes as columns.
        variance: Shape (dimensions,), along the axes.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def learned(cls, vectors: NDArray[np.floating]) -> Reference:
        """Learn from benign vectors.

        Args:
            vectors: Shape (vectors, dimensions), at least two.

        Raises:
            ValueError: If there are fewer than two vectors, or none of them differ.
        """
        if len(vectors) < 2:
            raise ValueError(f"two vectors are the least to learn from, not {len(vectors)}")
        mean = np.asarray(vectors.mean(axis=0, dtype=np.float64))
        spread, axes = np.linalg.eigh(np.cov(np.asarray(vectors, np.float32).T, dtype=np.float64))
        variance = np.maximum(spread, 0.0)
        if not variance.sum() > 0:
            raise ValueError("the vectors are all the same, so that no shift can be told from none")
        return cls(mean, np.asarray(axes, np.float64), variance)

    def shifts(self, means: NDArray[np.floating], size: int) -> NDArray[np.float64]:
        """Return how far windows lie off, in about standard deviations of benign windows.

        Were the vectors of a window independent draws from the reference's law, its mean would be nearly Gaussian with
        variance ``variance / size`` along each axis. The weighted sum of squares along the axes then has a known mean
        and variance, which are taken off and divided out.

        Args:
            means: Shape (windows, dimensions): mean vectors.
            size: How many vectors a window has.

        Returns:
            Shape (windows, ridges).
        """
        off = np.asarray(means, np.float64) - self.mean
        squares = size * (off @ self.axes) ** 2
        columns = []
        for ridge in RIDGES:
            weight = 1 / (self.variance + ridge * self.variance.sum())
            part = self.variance * weight
            columns.append((squares @ weight - part.sum()) / np.sqrt(2 * (part**2).sum()))
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class WindowTest:
    """A reference together with what benign windows score.

    Attributes:
        reference: What benign vectors look like.
        size: How many vectors a window has.
        middle: Shape (ridges,): medians of the benign windows' shifts.
        spread: Shape (ridges,): their standard deviations.
        null: Shape (windows,), ascending: the benign windows' scores.
    """

    reference: Reference
    size: int
    middle: NDArray[np.float64]
    spread: NDArray[np.float64]
    null: NDArray[np.float64]

    @classmethod
    def learned(
        cls,
        vectors: NDArray[np.floating],
        size: int,
        rng: np.random.Generator,
        windows: int = 1000,
        folds: int = 4,
    ) -> WindowTest:
        """Learn a reference, and what benign windows score against one that they had no part in.

        Each fold's windows are scored against the other folds, so that the null holds what a reference of finite size
        adds. Windows of one fold overlap. As fewer vectors stand behind these references than behind the last one, the
        null lies a little too high rather than too low.

        Args:
            vectors: Shape (vectors, dimensions), benign.
            size: Vectors a window.
            rng: Draws folds and windows.
            windows: How many benign windows.
            folds: Into how many parts the vectors are cut, at least 2.

        Raises:
            ValueError: If a fold would be smaller than a window, or there are fewer than two folds or windows.
        """
        if folds < 2 or windows < 2 or len(vectors) // folds < size:
            raise ValueError(
                f"{len(vectors)} vectors in {folds} folds give no windows of {size}; give more vectors or fewer folds"
            )
        parts = np.array_split(rng.permutation(len(vectors)), folds)
        scored = []
        for part, share in zip(parts, np.array_split(np.arange(windows), folds), strict=True):
            rest = np.setdiff1d(np.arange(len(vectors)), part)
            drawn = [
                vectors[rng.choice(part, size, replace=False)].mean(axis=0, dtype=np.float64) for _ in range(len(share))
            ]
            if drawn:
                scored.append(Reference.learned(vectors[rest]).shifts(np.stack(drawn), size))
        null = np.concatenate(scored)
        middle, spread = np.median(null, axis=0), null.std(axis=0)
        unranked = cls(Reference.learned(vectors), size, middle, spread, np.zeros(0))
        return cls(unranked.reference, size, middle, spread, np.sort(unranked._joined(null)))

    def scores(self, means: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return one score a window: the average over the ridges.

        Args:
            means: Shape (windows, dimensions): mean vectors of windows of ``size`` vectors.

        Returns:
            Shape (windows,), in about standard deviations of benign windows.
        """
        return self._joined(self.reference.shifts(means, self.size))

    def _joined(self, shifts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(((shifts - self.middle) / self.spread).mean(axis=1), np.float64)

    def threshold(self, false_positive_rate: float) -> float:
        """Return the score that at most this share of benign windows passes.

        Raises:
            ValueError: If the benign windows are too few to tell, or the rate is not in (0, 1).
        """
        if not 0 < false_positive_rate < 1 or false_positive_rate * (len(self.null) + 1) < 1:
            raise ValueError(f"{len(self.null)} benign windows cannot tell a rate of {false_positive_rate}")
        return float(self.null[-int(false_positive_rate * (len(self.null) + 1))])

    def log_e(self, means: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the log e-value against "these windows are exchangeable with the benign ones".

        Args:
            means: As for ``scores``.

        Returns:
            Shape (windows,), nats, at most log(n / harmonic(n)) with n one more than the benign windows.

        Assumption:
            Exchangeability with the benign windows. One honest user's window is not exchangeable with windows of
            everybody's prompts: compare like with like.
        """
        scores = self.scores(means)
        above = len(self.null) - np.searchsorted(self.null, scores, side="left")
        return log_e_from_rank(above + 1, len(self.null) + 1)
