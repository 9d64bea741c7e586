"""Maximum mean discrepancy: how far two samples lie apart in the mean of a kernel's features.

Two ways to one number: the quadratic definition, and random Fourier features, by which a sample becomes one vector of
sums. Windows of a stream are then compared at the cost of adding vectors up.

Source: Gretton et al., "A kernel two-sample test", JMLR 13 (2012), equation 3; Rahimi & Recht, "Random features for
large-scale kernel machines", NeurIPS 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]

MULTIPLES = (0.5, 1.0, 2.0, 4.0)  # Of the median distance; the bandwidths of arXiv:2606.05725.


def median_distance(vectors: Vectors) -> float:
    """Return the median distance between two different vectors: the customary bandwidth.

    Pairs at distance 0 are left out, so that copies do not make it vanish.

    Args:
        vectors: Shape (vectors, dimensions). All pairs are looked at: give a few thousand.

    Raises:
        ValueError: If no two vectors differ.
    """
    between = _squared_distances(vectors, vectors)[np.triu_indices(len(vectors), 1)]
    apart = between[between > 0]
    if not len(apart):
        raise ValueError("no two vectors differ, so that there is no distance to take the median of")
    return float(np.sqrt(np.median(apart)))


def mmd2(first: Vectors, second: Vectors, bandwidths: Sequence[float]) -> float:
    """Return the unbiased squared discrepancy under the mean of Gaussian kernels exp(-d^2 / (2 b^2)).

    Its mean is the squared discrepancy of the laws that the samples come from, hence 0 where they are the same; a
    single value can be negative.

    Args:
        first: Shape (m, dimensions), m at least 2.
        second: Shape (n, dimensions), n at least 2. Work grows with (m + n)^2.
        bandwidths: Positive, at least one.

    Raises:
        ValueError: If a sample has fewer than two vectors, or a bandwidth is not positive.
    """
    m, n = len(first), len(second)
    if min(m, n) < 2:
        raise ValueError(f"two vectors a sample are the least, not {m} and {n}")
    within = _kernel(first, first, bandwidths).sum() - m, _kernel(second, second, bandwidths).sum() - n
    across = _kernel(first, second, bandwidths).sum()
    return float(within[0] / (m * (m - 1)) + within[1] / (n * (n - 1)) - 2 * across / (m * n))


def _squared_distances(left: Vectors, right: Vectors) -> NDArray[np.float64]:
    a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
    squares = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None, :]
    return np.asarray(np.maximum(squares - 2 * a @ b.T, 0.0), np.float64)


def _kernel(left: Vectors, right: Vectors, bandwidths: Sequence[float]) -> NDArray[np.float64]:
    if not len(bandwidths) or not all(width > 0 for width in bandwidths):
        raise ValueError(f"bandwidths must be positive, not {tuple(bandwidths)}")
    squares = _squared_distances(left, right)
    total = np.zeros_like(squares)
    for width in bandwidths:
        total += np.exp(squares / (-2 * width**2))
    return np.asarray(total / len(bandwidths), np.float64)


@dataclass(frozen=True, slots=True)
class FourierFeatures:
    """Random features whose inner products stand for the mean of Gaussian kernels.

    For frequencies w the mean over w of cos(w . (x - y)) has the kernel as its mean, and is itself a kernel with
    k(x, x) = 1. So what is computed below is an exact, unbiased discrepancy, only of a kernel that is slightly another.

    Attributes:
        frequencies: Shape (dimensions, features).
    """

    frequencies: NDArray[np.float32]

    @classmethod
    def drawn(
        cls, dimensions: int, bandwidths: Sequence[float], features: int, rng: np.random.Generator
    ) -> FourierFeatures:
        """Draw equally many frequencies for each bandwidth.

        Args:
            dimensions: Of the vectors.
            bandwidths: Of the Gaussian kernels whose mean is wanted.
            features: How many frequencies, a multiple of the number of bandwidths. The kernel's error for a pair is
                at most about 1 / sqrt(features).
            rng: The randomness.

        Raises:
            ValueError: If ``features`` is no positive multiple of the number of bandwidths.
        """
        each, left = divmod(features, len(bandwidths))
        if left or not each:
            raise ValueError(f"{features} frequencies cannot be dealt out to {len(bandwidths)} bandwidths")
        drawn = [rng.standard_normal((dimensions, each)) / width for width in bandwidths]
        return cls(np.concatenate(drawn, axis=1).astype(np.float32))

    def of(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return the features, shape (vectors, 2 * frequencies); each row has length 1."""
        phase = np.asarray(vectors, np.float32) @ self.frequencies
        scale = np.float32(1 / np.sqrt(self.frequencies.shape[1]))
        return np.asarray(np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * scale, np.float32)

    @staticmethod
    def mmd2(
        first: NDArray[np.float64], m: NDArray[np.int64] | int, second: NDArray[np.float64], n: NDArray[np.int64] | int
    ) -> NDArray[np.float64]:
        """Return the unbiased squared discrepancy from sums of features alone.

        Args:
            first: Shape (..., 2 * frequencies): sums of the features of ``m`` vectors. Sum in double precision: the
                discrepancy is a small difference of large numbers.
            m: How many vectors, at least 2; broadcast to the leading shape of ``first``.
            second: Likewise, of ``n`` vectors; the leading shapes are broadcast.
            n: Likewise.
        """
        count_m, count_n = np.asarray(m, np.float64), np.asarray(n, np.float64)
        within_m = (np.einsum("...i,...i->...", first, first) - count_m) / (count_m * (count_m - 1))
        within_n = (np.einsum("...i,...i->...", second, second) - count_n) / (count_n * (count_n - 1))
        across = np.einsum("...i,...i->...", first, second) / (count_m * count_n)
        return np.asarray(within_m + within_n - 2 * across, np.float64)
