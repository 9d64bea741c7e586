"""Small SVG pictures, drawn by hand: text that scales, light and dark, nothing loaded from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

# Told apart by people who see few colours: Okabe & Ito, "Color universal design" (2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1b1b1b; }
.small { font-size: 10.5px; fill: #555; }
.title { font-size: 13px; font-weight: 600; }
.axis { stroke: #888; stroke-width: 1; fill: none; }
.grid { stroke: #ddd; stroke-width: 1; }
.paper { fill: #fff; }
@media (prefers-color-scheme: dark) {
  text { fill: #eee; } .small { fill: #b5b5b5; } .grid { stroke: #3a3a3a; } .paper { fill: #161616; }
}
""".strip()


@dataclass
class Drawing:
    """An SVG under construction; places are in pixels of its own size.

    Attributes:
        width: Of the picture.
        height: Of the picture.
        title: What it shows, for those who hear it.
        about: The same in a sentence or two.
    """

    width: float
    height: float
    title: str
    about: str
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start", turn: float = 0.0) -> None:
        """Write ``words`` with their baseline at y."""
        turned = f' transform="rotate({turn:g} {x:.1f} {y:.1f})"' if turn else ""
        named = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}{turned}>{escape(words)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "axis", colour: str = "") -> None:
        """Draw a straight line."""
        painted = f' stroke="{colour}"' if colour else f' class="{kind}"'
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{painted}/>')

    def box(self, x: float, y: float, width: float, height: float, colour: str, about: str = "") -> None:
        """Draw a filled rectangle, with words that show when one points at it."""
        hint = f"<title>{escape(about)}</title>" if about else ""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{colour}">'
            f"{hint}</rect>"
        )

    def path(self, points: Sequence[tuple[float, float]], colour: str, width: float = 2.0, dash: str = "") -> None:
        """Draw a line through points."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashed}/>')

    def dot(self, x: float, y: float, colour: str, radius: float = 3.0, about: str = "") -> None:
        """Draw a dot, with words that show when one points at it."""
        hint = f"<title>{escape(about)}</title>" if about else ""
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}">{hint}</circle>')

    def mark(self, x: float, y: float, colour: str, shape: str, about: str = "") -> None:
        """Draw a small sign whose tip is at (x, y): "up", a triangle, or "diamond"."""
        if shape == "up":
            points = f"{x:.1f},{y:.1f} {x - 4.5:.1f},{y + 8:.1f} {x + 4.5:.1f},{y + 8:.1f}"
        else:
            points = f"{x:.1f},{y:.1f} {x - 4:.1f},{y + 5:.1f} {x:.1f},{y + 10:.1f} {x + 4:.1f},{y + 5:.1f}"
        hint = f"<title>{escape(about)}</title>" if about else ""
        self.parts.append(f'<polygon points="{points}" fill="{colour}">{hint}</polygon>')

    def svg(self) -> str:
        """Return the picture as a text that stands alone."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'width="{self.width:g}" height="{self.height:g}">'
        )
        words = f"<title>{escape(self.title)}</title><desc>{escape(self.about)}</desc>"
        paper = f'<rect class="paper" width="{self.width:g}" height="{self.height:g}"/>'
        return "\n".join([head, words, f"<style>{_STYLE}</style>", paper, *self.parts, "</svg>\n"])


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places, by ratio or by difference.

    Attributes:
        low: The least value.
        high: The greatest value.
        begin: Where ``low`` lies.
        end: Where ``high`` lies.
        by_ratio: Whether equal ratios are equal distances.

    Raises:
        ValueError: If ``low`` is not below ``high``, or not positive where ratios count.
    """

    low: float
    high: float
    begin: float
    end: float
    by_ratio: bool = False

    def __post_init__(self) -> None:
        """Check the range."""
        if not self.low < self.high or (self.by_ratio and self.low <= 0):
            raise ValueError(f"no scale leads from {self.low} to {self.high}")

    def __call__(self, value: float) -> float:
        """Return the place of ``value``, kept within the ends."""
        kept = min(max(value, self.low), self.high)
        if self.by_ratio:
            part = math.log(kept / self.low) / math.log(self.high / self.low)
        else:
            part = (kept - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)

    def ticks(self) -> tuple[float, ...]:
        """Return the values at which a reader wants a line: powers of ten, or quarters of the range."""
        if self.by_ratio:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return tuple(10.0**power for power in range(first, last + 1))
        return tuple(self.low + (self.high - self.low) * part / 4 for part in range(5))


def decades(values: Sequence[float]) -> tuple[float, float]:
    """Return the powers of ten around the positive ones of ``values``, at least one decade."""
    positive = [value for value in values if value > 0]
    if not positive:
        return 1.0, 10.0
    low, high = 10.0 ** math.floor(math.log10(min(positive))), 10.0 ** math.ceil(math.log10(max(positive)))
    return low, high if high > low else 10 * low
