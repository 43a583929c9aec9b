"""Curves: losses and scores over the steps of a training, as SVG that needs no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.words import printable

MOST_CURVES = 12
_MOST_POINTS = 300
_WIDTH, _HEIGHT, _LEFT, _FOOT = 620.0, 240.0, 56.0, 22.0
_COLOURS = 6

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """A series by name: steps (n,) ascending, values (n,), all finite."""

    name: str
    steps: Values
    values: Values


def curves_of(rows: object, names: Iterable[str] | None = None, but: Sequence[str] = ()) -> list[Curve]:
    """Return the curves of rows of numbers with a ``step``; what is no number is left out.

    names: of these alone, in their order; else all but ``but``, as they first appear. Of rows of one step the
    last counts, as in a training that went on from an earlier state.
    """
    by_step = {
        step: row
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping) and (step := _number(row.get("step"))) is not None
    }
    found = dict.fromkeys(str(name) for row in by_step.values() for name in row if name != "step")
    wanted = [*names] if names is not None else [name for name in found if name not in but]
    curves = []
    for name in wanted:
        told = [(step, _number(by_step[step].get(name))) for step in sorted(by_step)]
        points = [(step, value) for step, value in told if value is not None]
        if points:
            table = np.array(points, dtype=np.float64)
            curves.append(Curve(name, table[:, 0], table[:, 1]))
    return curves


def drawn(curves: Sequence[Curve], what: str, *, log: bool = False) -> str:
    """Return curves as an SVG element with axes, "" where there are none. log: if all are above 0."""
    shown = [curve for curve in curves if len(curve.values)][:MOST_CURVES]
    if not shown:
        return ""
    is_log = log and all(float(curve.values.min()) > 0 for curve in shown)
    shown = [_thinned(curve) for curve in shown]
    axes = _Axes.around(shown, is_log=is_log)
    lines = [_line(curve, number, axes) for number, curve in enumerate(shown)]
    size = f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}"
    return (
        f'<svg class="curves" viewBox="{size}" role="img" aria-label="{escape(what)}">'
        f"{''.join(axes.grid())}{''.join(lines)}</svg>"
    )


def legend(curves: Sequence[Curve], best: Mapping[str, bool]) -> list[dict[str, str]]:
    """Return of each curve drawn its colour's class, its name, and its last value; of scores the best, too.

    best: names of scores, and whether more is better.
    """
    rows = []
    for number, curve in enumerate(curves[:MOST_CURVES]):
        words = f"{curve.values[-1]:.4g}"
        if curve.name in best:
            at = int(curve.values.argmax() if best[curve.name] else curve.values.argmin())
            words += f", best {curve.values[at]:.4g} at step {curve.steps[at]:,.0f}"
        rows.append({"kind": f"curve{number % _COLOURS}key", "name": printable(curve.name), "words": words})
    return rows


@dataclass(frozen=True, slots=True)
class _Axes:
    """What is between the axes: steps, and values or, where it ``is_log``, their logarithms."""

    start: float
    stop: float
    low: float
    high: float
    is_log: bool

    @classmethod
    def around(cls, curves: Sequence[Curve], *, is_log: bool) -> _Axes:
        steps = np.concatenate([curve.steps for curve in curves])
        values = np.concatenate([curve.values for curve in curves])
        values = np.log10(values) if is_log else values
        low, high = float(values.min()), float(values.max())
        room = (high - low) * 0.04 or abs(high) * 0.05 or 1.0
        stop = float(steps.max())
        return cls(float(steps.min()), stop, low - room, high + room, is_log)

    def x(self, steps: Values) -> Values:
        width = self.stop - self.start or 1.0
        return _LEFT + (steps - self.start) / width * (_WIDTH - _LEFT - 8)

    def y(self, values: Values) -> Values:
        heights = np.log10(values) if self.is_log else values
        return 6 + (self.high - heights) / (self.high - self.low) * (_HEIGHT - _FOOT - 12)

    def grid(self) -> list[str]:
        parts = []
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            height = self.low + share * (self.high - self.low)
            value = 10.0**height if self.is_log else height
            down = 6 + (1 - share) * (_HEIGHT - _FOOT - 12)
            ends = f'x1="{_LEFT}" y1="{down:.1f}" x2="{_WIDTH - 8}" y2="{down:.1f}"'
            parts.append(f'<line class="grid" {ends}/>')
            parts.append(f'<text class="end" x="{_LEFT - 5}" y="{down + 4:.1f}">{value:.3g}</text>')
            step = self.start + share * (self.stop - self.start)
            across = _LEFT + share * (_WIDTH - _LEFT - 8)
            place = "end" if share == 1 else "middle"
            parts.append(f'<text class="{place}" x="{across:.1f}" y="{_HEIGHT - 6}">{step:,.0f}</text>')
        return parts


def _line(curve: Curve, number: int, axes: _Axes) -> str:
    across, down = axes.x(curve.steps), axes.y(curve.values)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    title = f"<title>{escape(printable(curve.name))}</title>"
    if len(across) == 1:
        place = f'cx="{across[0]:.1f}" cy="{down[0]:.1f}" r="3"'
        return f'<circle class="curve{number % _COLOURS}" {place}>{title}</circle>'
    return f'<polyline class="curve{number % _COLOURS}" points="{points}">{title}</polyline>'


def _thinned(curve: Curve) -> Curve:
    """Return a curve of the means of at most so many parts."""
    count = len(curve.values)
    if count <= _MOST_POINTS:
        return curve
    starts = np.arange(_MOST_POINTS) * count // _MOST_POINTS
    sizes = np.diff(np.append(starts, count))
    steps, values = (np.add.reduceat(one, starts) / sizes for one in (curve.steps, curve.values))
    return Curve(curve.name, steps, values)


def _number(value: Any) -> float | None:  # noqa: ANN401 - whatever JSON has there
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and abs(number) <= 1e30 else None
