"""Charts: small drawings of counts and of a run among the last ones, as SVG: no script can fail in them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sgddiff_batch.io.pages.words import share

_WIDTH, _HEIGHT, _FOOT = 560, 180, 34


def pairs_of_bars(labels: Sequence[str], now: Sequence[float], before: Sequence[float] | None) -> str:
    """Return a chart of shares by class: of this run, and pale beside it of the runs before it.

    ``now`` and ``before`` are counts; they are drawn as shares of their sums.
    """
    parts = [_normal(now), _normal(before) if before else []]
    top = max((*parts[0], *parts[1], 1e-9))
    step = _WIDTH / len(labels)
    bars = []
    for number, label in enumerate(labels):
        x = number * step
        for side, values, kind in ((0.52, parts[1], "before"), (0.12, parts[0], "now")):
            if values:
                height = values[number] / top * (_HEIGHT - _FOOT - 16)
                y = _HEIGHT - _FOOT - height
                words = f"{label}: {share(values[number])} ({'this run' if kind == 'now' else 'runs before'})"
                bars.append(
                    f'<rect class="{kind}" x="{x + side * step:.1f}" y="{y:.1f}" width="{0.36 * step:.1f}" '
                    f'height="{max(height, 0.5):.1f}"><title>{escape(words)}</title></rect>'
                )
        bars.append(f'<text class="middle" x="{x + step / 2:.1f}" y="{_HEIGHT - 18}">{escape(label)}</text>')
    caption = f'<text class="middle" x="{_WIDTH / 2}" y="{_HEIGHT - 2}">salient part of a scene</text>'
    return _svg("chart", _WIDTH, _HEIGHT, "Scenes by their salient part", "".join(bars) + caption)


def line_of(values: Sequence[float | None], words: Sequence[str], what: str) -> str:
    """Return a line over runs, the last one marked; a run of which nothing is known leaves a gap.

    words: what is shown of each when it is pointed at.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    width, height = 260.0, 48.0
    step = (width - 12) / max(1, len(values) - 1)

    def y(value: float) -> float:
        return 6 + (height - 12) * (1 - (value - low) / (high - low) if high > low else 0.5)

    dots = [(6 + step * number, y(value)) for number, value in enumerate(values) if value is not None]
    path = " ".join(f"{x:.1f},{down:.1f}" for x, down in dots)
    last, marks = len(values) - 1, ""
    for number, (value, said) in enumerate(zip(values, words, strict=True)):
        if value is not None:
            kind = 'class="last" r="4"' if number == last else 'class="dot" r="2.5"'
            place = f'cx="{6 + step * number:.1f}" cy="{y(value):.1f}"'
            marks += f"<circle {kind} {place}><title>{escape(said)}</title></circle>"
    return _svg("line", width, height, what, f'<polyline points="{path}"/>{marks}')


def stages_bar(stages: Sequence[tuple[str, float]]) -> str:
    """Return the seconds of stages as one bar, cut in parts of their lengths."""
    total, x, parts = sum(seconds for _, seconds in stages), 0.0, []
    if not total:
        return ""
    for number, (name, seconds) in enumerate(stages):
        width = seconds / total * 1000
        title = f"<title>{escape(name)}: {seconds:,.1f} s, {share(seconds / total)}</title>"
        place = f'x="{x:.1f}" y="0" width="{width:.1f}" height="28"'
        parts.append(f'<rect class="stage{number % 6}" {place}>{title}</rect>')
        x += width
    return _svg("stages", 1000, 28, "Where the time went", "".join(parts), ' preserveAspectRatio="none"')


def _normal(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _svg(kind: str, width: float, height: float, label: str, body: str, more: str = "") -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(label)}"{more}>{body}</svg>'
    )


def drawing(svg: str) -> str:
    """Return a drawing of ours, whose text is escaped, as what a template does not escape once more."""
    from markupsafe import Markup

    return Markup(svg)
