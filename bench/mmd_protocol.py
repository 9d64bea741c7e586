"""The protocol of arXiv:2606.05725 on real prompts: its MMD detector and our window test, on the same windows.

    .venv/bin/python -m bench.mmd_protocol --seeds 1 20 42

Windows of 1,500 prompts. People's prompts are split 80/20: the large part is what a detector may learn from, the small
part is mixed with a distiller family's prompts. Texts that occur twice are used once, so that nothing of the small part
was seen before.

The baseline follows the paper and the defaults of its authors' code: unbiased squared MMD, four Gaussian kernels of
1/2, 1, 2 and 4 times the median distance, 1,000 windows against windows of the large part, the 95th percentile of
these as threshold, and as score the mean over 20 reference windows. Two things differ: prompts are embedded by
wordllama, not by bge-small, and kernels are 1,024 random Fourier features, with reference windows drawn from a bank
(``--exact`` compares them with the quadratic definition). Ours is ``stillwatch.statistics.window_shift``, on the same
embeddings, and with figures of the prompts' outer form beside them. It too learns from people's prompts alone. Its
threshold is set for a false-positive rate of 0.3 %, which is what the paper reports.

Under "honest drift" a quarter of a benign window comes from one source more than usual. Nothing hostile is in it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from bench.agreement import clopper_pearson
from bench.peers.texts import FORM_CLIP, FORM_FEATURES, FORM_WIDTHS, embedded, form
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

from stillwatch.statistics.mean_discrepancy import MULTIPLES, FourierFeatures, median_distance, mmd2
from stillwatch.statistics.window_shift import WindowTest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIZE = 1500
POOL_SHARE = 0.8
SHARES = (0.05, 0.10, 0.25, 0.50)
PURE = 1.0
NULL_WINDOWS = 1000
PERCENTILE = 95.0
REFERENCES = 20  # Whose mean is a window's score.
BANK = 400  # Reference windows that are drawn from.
FREQUENCIES = 1024
BANDWIDTH_SAMPLE = 2000
OUR_RATE = 0.003
FAMILY_MOST = 8000
DRIFT_SHARE = 0.25
PUBLISHED = {0.05: 0.590, 0.10: 0.937, 0.25: 1.0, 0.50: 1.0, PURE: 1.0}  # TPR in the paper, on other prompts.
PUBLISHED_FPR = 0.003
PUBLISHED_BALANCED = 0.951

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Material:
    """All prompts as vectors, people's first.

    Attributes:
        vectors: Shape (prompts, dimensions), embeddings of length 1.
        form: Shape (prompts, FORMS).
        source: Shape (people's prompts,): where each comes from.
        families: Rows by distiller family.
    """

    vectors: NDArray[np.float32]
    form: NDArray[np.float32]
    source: NDArray[np.str_]
    families: dict[str, Rows]

    @property
    def people(self) -> int:
        """How many prompts people wrote."""
        return len(self.source)


@dataclass(frozen=True, slots=True)
class Split:
    """One seed's split and its windows.

    Attributes:
        pool: Rows that detectors may learn from.
        held: People's other rows.
        windows: Shape (windows, SIZE), rows, by what they hold: "benign", a family and a share, or a drift.
    """

    pool: Rows
    held: Rows
    windows: dict[tuple[str, float], Rows]


@dataclass(frozen=True, slots=True)
class Detector:
    """A learned detector: rows of windows in, scores out; a window is flagged above the threshold."""

    score: Callable[[Rows], NDArray[np.float64]]
    threshold: float


def material(data: Path, cap: int, seed: int = 0) -> Material:
    """Read and embed the prompts, each text once; of a large family, ``cap`` drawn ones.

    Raises:
        FileNotFoundError: If the prompts are not there.
    """
    human = pq.ParquetFile(data / "prompts_human.parquet").read(columns=["source", "text"])
    hostile = pq.ParquetFile(data / "prompts_distiller.parquet").read(columns=["family", "text"])
    seen: dict[str, str] = {}
    for source, text in zip(human["source"].to_pylist(), human["text"].to_pylist(), strict=True):
        if text.strip():
            seen.setdefault(text, source)
    texts, families = list(seen), {}
    rng = np.random.default_rng(seed)
    labels, written = np.array(hostile["family"].to_pylist()), hostile["text"].to_pylist()
    for family in sorted(set(labels.tolist())):
        own = list({written[row]: None for row in np.flatnonzero(labels == family) if written[row] not in seen})
        chosen = rng.permutation(len(own))[:cap]
        families[family] = np.arange(len(texts), len(texts) + len(chosen))
        texts += [own[place] for place in chosen]
    return Material(embedded(texts), form(texts), np.array(list(seen.values())), families)


def split(of: Material, seed: int, each: int, benign: int) -> Split:
    """Split people's prompts and draw windows: ``benign`` of the held-out part, ``each`` of a family and share.

    As in the authors' code a part is drawn with replacement where it holds fewer prompts than are asked for.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(of.people)
    cut = int(POOL_SHARE * of.people)
    pool, held = order[:cut], order[cut:]

    def draw(rows: Rows, count: int) -> Rows:
        return rng.choice(rows, count, replace=len(rows) < count)

    def mixed(rows: Rows, share: float, count: int) -> Rows:
        part = round(SIZE * share)
        return np.stack([np.concatenate([draw(held, SIZE - part), draw(rows, part)]) for _ in range(count)])

    windows = {("benign", 0.0): np.stack([draw(held, SIZE) for _ in range(benign)])}
    for family, rows in of.families.items():
        for share in (*SHARES, PURE):
            windows[family, share] = mixed(rows, share, each)
    for source in sorted(set(of.source.tolist())):
        rows = held[of.source[held] == source]
        if len(rows) >= SIZE * DRIFT_SHARE:
            windows[f"drift: {source}", 0.0] = mixed(rows, DRIFT_SHARE, each)
    return Split(pool, held, windows)


def sums(features: NDArray[np.float32], windows: Rows) -> NDArray[np.float64]:
    """Return the sums of the windows' features, shape (windows, features)."""
    count, size = windows.shape
    chosen = csr_matrix(
        (np.ones(windows.size, np.float32), windows.ravel(), np.arange(0, windows.size + 1, size)),
        (count, len(features)),
    )
    return np.asarray(chosen @ features, np.float64)


def as_published(vectors: NDArray[np.float32], of_split: Split, seed: int) -> Detector:
    """Learn the paper's detector."""
    rng = np.random.default_rng([seed, 1])
    pool = of_split.pool
    sample = vectors[rng.choice(pool, min(BANDWIDTH_SAMPLE, len(pool)), replace=False)]
    widths = [median_distance(sample) * multiple for multiple in MULTIPLES]
    features = FourierFeatures.drawn(vectors.shape[1], widths, FREQUENCIES, rng).of(vectors)
    pairs = np.stack([rng.choice(pool, 2 * SIZE, replace=False) for _ in range(NULL_WINDOWS)])
    null = FourierFeatures.mmd2(sums(features, pairs[:, :SIZE]), SIZE, sums(features, pairs[:, SIZE:]), SIZE)
    limit = float(np.percentile(null, PERCENTILE))
    bank = sums(features, np.stack([rng.choice(pool, SIZE, replace=False) for _ in range(BANK)]))

    def score(windows: Rows) -> NDArray[np.float64]:
        drawn = np.stack([rng.choice(BANK, REFERENCES, replace=False) for _ in range(len(windows))])
        against = FourierFeatures.mmd2(sums(features, windows)[:, None], SIZE, bank[drawn], SIZE)
        return np.asarray(against.mean(axis=1), np.float64)

    return Detector(score, limit)


def form_features(of: Material, pool: Rows, seed: int) -> NDArray[np.float32]:
    """Return random features of the form, standardised by the pool alone."""
    middle, spread = of.form[pool].mean(axis=0), of.form[pool].std(axis=0) + 1e-6
    standard = np.clip((of.form - middle) / spread, -FORM_CLIP, FORM_CLIP)
    rng = np.random.default_rng([seed, 2])
    return FourierFeatures.drawn(standard.shape[1], FORM_WIDTHS, FORM_FEATURES, rng).of(standard)


def joined(parts: list[NDArray[np.float32]], pool: Rows) -> NDArray[np.float32]:
    """Return feature sets side by side, each brought to a total variance of 1 over the pool."""
    return np.concatenate([part / np.sqrt(part[pool].var(axis=0).sum()) for part in parts], axis=1)


def ours(features: NDArray[np.float32], of_split: Split, seed: int) -> Detector:
    """Learn our window test from the pool."""
    test = WindowTest.learned(features[of_split.pool], SIZE, np.random.default_rng([seed, 3]), NULL_WINDOWS)
    return Detector(lambda windows: test.scores(sums(features, windows) / SIZE), test.threshold(OUR_RATE))


def detectors(of: Material, of_split: Split, seed: int) -> dict[str, Callable[[], Detector]]:
    """Return how to learn each contestant, in the order of the table."""
    pool = of_split.pool
    both = joined([of.vectors, form_features(of, pool, seed)], pool)
    return {
        "MMD": lambda: as_published(of.vectors, of_split, seed),
        "MMD: embeddings and form": lambda: as_published(both, of_split, seed),
        "ours: embeddings": lambda: ours(of.vectors, of_split, seed),
        "ours: embeddings and form": lambda: ours(both, of_split, seed),
    }


@dataclass(frozen=True, slots=True)
class Figures:
    """What one contestant did.

    Attributes:
        fpr: Share of benign windows flagged.
        fpr_interval_95: Clopper and Pearson's; windows of one split overlap, so that it is the least uncertainty.
        tpr: By share of the family's prompts in a window; the mean over families.
        balanced_accuracy: The mean of the specificity and of the mean of ``tpr``, as the paper has it.
        tpr_by_family: Likewise, a family each.
        fpr_drift: Share of benign windows flagged whose sources are mixed in another way than usual.
        seconds: To learn and to score, all seeds together.
    """

    fpr: float
    fpr_interval_95: tuple[float, float]
    tpr: dict[float, float]
    balanced_accuracy: float
    tpr_by_family: dict[str, dict[float, float]]
    fpr_drift: float
    seconds: float


@dataclass
class Tally:
    """Flagged windows of all windows, by what they hold, for one contestant over all seeds."""

    flagged: dict[tuple[str, float], int]
    windows: dict[tuple[str, float], int]
    seconds: float = 0.0

    def share(self, wanted: Callable[[str, float], bool]) -> tuple[int, int]:
        """Return flagged windows and windows over all kinds that are wanted."""
        kinds = [kind for kind in self.windows if wanted(*kind)]
        return sum(self.flagged[kind] for kind in kinds), sum(self.windows[kind] for kind in kinds)

    def rate(self, share: float) -> float:
        """Return the mean over families of the share of windows flagged that hold this share of theirs."""
        rates = [self.flagged[kind] / self.windows[kind] for kind in self.windows if kind[1] == share]
        return float(np.mean(rates))

    def figures(self) -> Figures:
        """Return the paper's figures, those of each family, and what honest drift does."""
        false, of = self.share(lambda what, _: what == "benign")
        rates = {share: self.rate(share) for share in (*SHARES, PURE)}
        families = sorted({what for what, share in self.windows if share > 0})
        by_family = {
            family: {share: self.flagged[family, share] / self.windows[family, share] for share in rates}
            for family in families
        }
        drift, of_drift = self.share(lambda what, _: what.startswith("drift"))
        balanced = (float(np.mean(list(rates.values()))) + 1 - false / of) / 2
        return Figures(
            false / of, clopper_pearson(false, of), rates, balanced, by_family, drift / max(of_drift, 1), self.seconds
        )


def compare(of: Material, seeds: list[int], each: int, benign: int) -> dict[str, Tally]:
    """Run every contestant on every seed's windows."""
    tallies: dict[str, Tally] = {}
    for seed in seeds:
        of_split = split(of, seed, each, benign)
        for name, learn in detectors(of, of_split, seed).items():
            tally = tallies.setdefault(name, Tally({}, {}))
            begun = time.perf_counter()
            detector = learn()
            for kind, windows in of_split.windows.items():
                hits = int((detector.score(windows) > detector.threshold).sum())
                tally.flagged[kind] = tally.flagged.get(kind, 0) + hits
                tally.windows[kind] = tally.windows.get(kind, 0) + len(windows)
            tally.seconds += time.perf_counter() - begun
    return tallies


def exact(of: Material, seed: int, count: int) -> tuple[float, float]:
    """Return how scores by features relate to the quadratic definition: correlation, and mean ratio.

    Windows are a benign and a mixed one by turns, each against one reference window.
    """
    of_split = split(of, seed, count, count)
    rng = np.random.default_rng([seed, 4])
    sample = of.vectors[rng.choice(of_split.pool, BANDWIDTH_SAMPLE, replace=False)]
    widths = [median_distance(sample) * multiple for multiple in MULTIPLES]
    features = FourierFeatures.drawn(of.vectors.shape[1], widths, FREQUENCIES, rng).of(of.vectors)
    found = []
    for place in range(count):
        kind = ("benign", 0.0) if place % 2 else (sorted(of.families)[place // 2 % len(of.families)], SHARES[1])
        window, against = of_split.windows[kind][place], rng.choice(of_split.pool, SIZE, replace=False)
        first, second = sums(features, np.stack([window, against]))
        fast = FourierFeatures.mmd2(first, SIZE, second, SIZE)
        found.append((float(fast), mmd2(of.vectors[window], of.vectors[against], widths)))
    fast_all, true_all = np.array(found).T
    return float(np.corrcoef(fast_all, true_all)[0, 1]), float(fast_all.mean() / true_all.mean())


def table_of(figures: dict[str, Figures]) -> Table:
    """Return the table: the paper's columns, and the false-positive rate under honest drift."""
    table = Table(box=None, pad_edge=False)
    heads = ("", "FPR", *(f"TPR {share:.0%}" for share in SHARES), "pure", "balanced", "FPR, honest drift", "s")
    for head in heads:
        table.add_column(head, justify="right" if head else "left", no_wrap=True)
    published = (f"{PUBLISHED_FPR:.1%}", *(f"{rate:.1%}" for rate in PUBLISHED.values()), f"{PUBLISHED_BALANCED:.1%}")
    table.add_row("MMD as published, other data", *published)
    for name, of in figures.items():
        low, high = of.fpr_interval_95
        rates = [f"{rate:.1%}" for rate in of.tpr.values()]
        last = f"{of.balanced_accuracy:.1%}", f"{of.fpr_drift:.1%}", f"{of.seconds:.0f}"
        table.add_row(name, f"{of.fpr:.1%} ({low:.1%}–{high:.1%})", *rates, *last)
    return table


def family_table(figures: dict[str, Figures], share: float) -> Table:
    """Return each family's TPR at one share, a column a contestant."""
    table = Table(title=f"TPR at {share:.0%}, by family", box=None, pad_edge=False, title_justify="left")
    table.add_column("")
    for name in figures:
        table.add_column(name, justify="right")
    for family in next(iter(figures.values())).tpr_by_family:
        table.add_row(family, *(f"{of.tpr_by_family[family][share]:.2f}" for of in figures.values()))
    return table


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the prompts")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 20, 42], help="as the paper's, by default")
    parser.add_argument("--windows", type=int, default=50, help="windows a family and share")
    parser.add_argument("--benign", type=int, default=500, help="benign windows a seed")
    parser.add_argument("--exact", type=int, default=0, help="windows to check against the quadratic definition")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()
    if not (args.data / "prompts_human.parquet").is_file():
        sys.exit(f"{args.data} holds no prompts_human.parquet; give the folder of real prompts with --data")
    console = Console(width=max(Console().width, 150), highlight=False)
    console.print(f"seeds {' '.join(map(str, args.seeds))}; windows of {SIZE:,d} prompts")
    of = material(args.data, FAMILY_MOST)
    if args.exact:
        correlation, ratio = exact(of, args.seeds[0], args.exact)
        console.print(
            f"features against the quadratic definition: correlation {correlation:.4f}, mean ratio {ratio:.3f}"
        )
    figures = {name: tally.figures() for name, tally in compare(of, args.seeds, args.windows, args.benign).items()}
    console.print(table_of(figures))
    console.print(family_table(figures, SHARES[0]))
    if args.json:
        found = {name: dataclasses.asdict(of) for name, of in figures.items()}
        args.json.write_text(json.dumps({"seeds": args.seeds, "found": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
