# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG text, without any library: a bar per engine with every trial as a dot."""
import math
from collections.abc import Sequence
from html import escape

WIDTH, LABEL_WIDTH, ROW, PAD = 760, 210, 26, 30
OURS, PEER, BARE = "#0b6e4f", "#8d99ae", "#c9cdd6"


def color_of(engine: str) -> str:
    if engine.startswith("millrace"):
        return OURS
    return BARE if engine.startswith("bare") else PEER


def number(value: float) -> str:
    """Three digits that matter, thousands apart."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(0, digits)}f}"


def bars(title: str, unit: str, rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """A row: an engine and its values; the bar is their median."""
    rows = [(name, sorted(values)) for name, values in rows if values]
    top = max((max(values) for _, values in rows), default=0) or 1
    scale = (WIDTH - LABEL_WIDTH - 110) / top
    height = PAD + ROW * len(rows) + 8
    parts = [_open(height, title), _text(0, 18, f"{title}{f', {unit}' if unit else ''}", bold=True)]
    for i, (name, values) in enumerate(rows):
        y = PAD + ROW * i
        median = values[len(values) // 2] if len(values) % 2 else (
            values[len(values) // 2 - 1] + values[len(values) // 2]) / 2
        parts.append(_text(LABEL_WIDTH - 8, y + 15, name, anchor="end"))
        parts.append(f'<rect x="{LABEL_WIDTH}" y="{y + 3}" width="{max(1, median * scale):.1f}" '
                     f'height="{ROW - 9}" fill="{color_of(name)}" opacity="0.8"/>')
        for value in values:
            parts.append(f'<circle cx="{LABEL_WIDTH + value * scale:.1f}" cy="{y + 11}" r="2.5" '
                         'fill="#222"/>')
        parts.append(_text(LABEL_WIDTH + max(values) * scale + 8, y + 15, number(median)))
    return "".join(parts) + "</svg>"


def percentiles(title: str, names: Sequence[str],
                rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Latency by percentile on a logarithmic scale, a line per engine."""
    values = [value for _, line in rows for value in line if value > 0]
    if not values:
        return ""
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values))))
    height, left, right = 300, 60, WIDTH - 190
    bottom = height - 40

    def x(i: int) -> float:
        return left + (right - left) * i / max(1, len(names) - 1)

    def y(value: float) -> float:
        return bottom - (math.log10(max(value, 10.0**low)) - low) / (high - low) * (bottom - PAD)

    parts = [_open(height, title), _text(0, 18, title + ", ms (logarithmic)", bold=True)]
    for power in range(low, high + 1):
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y(10.0**power):.1f}" '
                     f'y2="{y(10.0**power):.1f}" stroke="#ddd"/>')
        parts.append(_text(left - 6, y(10.0**power) + 4, f"{10.0**power:g}", anchor="end"))
    for i, name in enumerate(names):
        parts.append(_text(x(i), bottom + 20, name, anchor="middle"))
    ends = _spaced([y(line[-1]) for _, line in rows])
    for (name, line), end in zip(rows, ends, strict=True):
        points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(line))
        dash = "" if "exactly" in name or not name.startswith("millrace") else ' stroke-dasharray="5"'
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color_of(name)}" '
                     f'stroke-width="2"{dash}/>')
        parts.append(_text(right + 8, end + 4, name))
    return "".join(parts) + "</svg>"


def _spaced(positions: list[float], least: float = 14) -> list[float]:
    """Moves labels down so that none covers another."""
    moved = list(positions)
    last = -math.inf
    for i in sorted(range(len(moved)), key=lambda i: moved[i]):
        moved[i] = last = max(moved[i], last + least)
    return moved


def _open(height: int, title: str) -> str:
    return (f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
            f'aria-label="{escape(title, quote=True)}" font-family="sans-serif" font-size="12">')


def _text(x: float, y: float, text: str, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
