"""Charts as inline SVG: nothing is fetched, text stays text, and lines stay sharp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

LEFT, BOTTOM, TOP, RIGHT = 52, 40, 14, 14


@dataclass(frozen=True)
class Frame:
    """A rectangle of `width` x `height` with axes; values in `x` and `y` are (low, high)."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str
    y_label: str
    width: int = 460
    height: int = 300

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            round(LEFT + across * (self.width - LEFT - RIGHT), 1),
            round(self.height - BOTTOM - up * (self.height - TOP - BOTTOM), 1),
        )

    def draw(self, content: str, label: str) -> str:
        """Axes, grid, and what is drawn in them."""
        lines = []
        for value in ticks(*self.x):
            at = self.at(value, self.y[0])
            lines.append(f'<text x="{at[0]}" y="{at[1] + 16}" class="mid">{value:g}</text>')
        for value in ticks(*self.y):
            at, end = self.at(self.x[0], value), self.at(self.x[1], value)
            lines.append(_line(at, end, "grid"))
            lines.append(f'<text x="{at[0] - 6}" y="{at[1] + 4}" class="end">{value:g}</text>')
        base = self.at(self.x[0], self.y[0]), self.at(self.x[1], self.y[0])
        middle = (self.height - BOTTOM + TOP) / 2
        return (
            f'<svg class="chart" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(label)}">{"".join(lines)}{content}{_line(*base, "axis")}'
            f'<text x="{(self.width + LEFT) / 2}" y="{self.height - 6}" class="mid name">'
            f"{escape(self.x_label)}</text>"
            f'<text transform="translate(13 {middle}) rotate(-90)" class="mid name">'
            f"{escape(self.y_label)}</text></svg>"
        )


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Round values between the ends."""
    if high <= low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = min(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def histogram(series: Sequence[tuple[str, Sequence[float]]], label: str) -> str:
    """How many scans have which value between 0 and 1: the first filled, the second a line."""
    low = max(0.0, math.floor(10 * min(min(values) for _, values in series)) / 10)
    edges = np.linspace(low, 1, 41)
    counted = [np.histogram(np.clip(values, low, 1), edges)[0] for _, values in series]
    highest = max(int(one.max()) for one in counted)
    frame = Frame((low, 1), (0, highest * 1.08), label, "scans")
    content = ""
    for number, (kind, _) in enumerate(series):
        corners = [frame.at(edges[0], 0)]
        for height, start, end in zip(counted[number], edges[:-1], edges[1:], strict=True):
            corners += [frame.at(start, height), frame.at(end, height)]
        corners.append(frame.at(1, 0))
        content += (
            f'<path class="{kind} {"bars" if number == 0 else "line"}" d="{_path(corners)}"/>'
        )
    return frame.draw(content, f"Histogram: {label}")


def scatter(pairs: Sequence[tuple[float, float, str]], names: tuple[str, str], label: str) -> str:
    """Two versions on the same scans: (in service, candidate, name of the scan) each."""
    low = max(0.0, math.floor(10 * min(min(a, b) for a, b, _ in pairs)) / 10)
    frame = Frame((low, 1), (low, 1), names[0], names[1], width=420, height=330)
    dots = "".join(
        f'<circle cx="{frame.at(x, y)[0]}" cy="{frame.at(x, y)[1]}" r="2.6">'
        f"<title>{escape(name)}: {x:.3f}, {y:.3f}</title></circle>"
        for x, y, name in pairs
    )
    diagonal = _line(frame.at(low, low), frame.at(1, 1), "axis dashed")
    return frame.draw(f'{diagonal}<g class="dots">{dots}</g>', label)


def curve(values: Sequence[float], breaks: Sequence[int], kind: str, names: tuple[str, str]) -> str:
    """A value after each epoch; `breaks` are the epochs after which another stage begins."""
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or 0.05
    frame = Frame((1, max(2, len(values))), (low - room, high + room), *names)
    points = [frame.at(number, value) for number, value in enumerate(values, start=1)]
    content = "".join(
        _line(frame.at(one + 0.5, frame.y[0]), frame.at(one + 0.5, frame.y[1]), "axis dashed")
        for one in breaks
    )
    content += f'<path class="{kind} line" d="{_path(points)}"/>'
    content += "".join(f'<circle class="{kind}" cx="{x}" cy="{y}" r="2.5"/>' for x, y in points)
    return frame.draw(content, f"{names[1]} by {names[0]}")


def interval(
    value: float,
    low: float,
    high: float,
    scale: tuple[float, float],
    mark: float,
    limit: float | None = None,
) -> str:
    """A value with its interval on a scale, as large as a word; lines across at mark and limit."""
    width, height = 150.0, 14.0

    def at(number: float) -> float:
        part = (number - scale[0]) / (scale[1] - scale[0] or 1)
        return round(4 + min(max(part, 0.0), 1.0) * (width - 8), 1)

    line = f'<path class="mark" d="M{at(mark)} 0V{height}"/>'
    line += "" if limit is None else f'<path class="limit" d="M{at(limit)} 0V{height}"/>'
    return (
        f'<svg class="interval" viewBox="0 0 {width:g} {height:g}" aria-hidden="true">{line}'
        f'<path d="M{at(low)} 7H{at(high)}M{at(low)} 4V10M{at(high)} 4V10"/>'
        f'<circle cx="{at(value)}" cy="7" r="3.2"/></svg>'
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points)


def _line(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    return f'<path class="{kind}" d="{_path([start, end])}"/>'
