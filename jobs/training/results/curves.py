"""The curves of a training: losses, validation scores and the learning rate by step, as one PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.contact_sheet import printable
from sgddiff_batch.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_POINTS = 800
"""A curve of more points is drawn as the means of so many parts, with a band from least to greatest."""
MOST_CURVES = 16

_LARGEST, _SMALLEST = 1e30, 1e-12
_SIZE_INCHES, _DOTS_PER_INCH = (11.5, 9.0), 100
_FURTHER_LINE = ":"
_MARKED_UP_TO = 60
_LONGEST_NAME = 24
_LOWER_IS_BETTER = ("mae",)

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """One named series: steps (n,) ascending, values (n,), both finite; `lost` counts those that were not."""

    name: str
    steps: Values
    values: Values
    lost: int


def draw_curves(
    losses: Sequence[Mapping[str, float]], scores: Sequence[Mapping[str, float]], title: str
) -> bytes:
    """Draw a training's curves; the same input gives the same PNG, to the byte.

    losses: rows of ``step``, ``rate`` (learning rate) and losses by name. scores: rows of ``step`` and
    validation scores by name. A name may be missing in any row. Of rows of one step the last counts, as in a
    run that was resumed. What is not finite or beyond 1e30 is left out and counted in the legend.

    Raises:
        ConfigError: if matplotlib is not installed.
        ValueError: if a row has no finite step.
    """
    style = _matplotlib_style()
    by_name = _read_curves(losses)
    rate = by_name.pop("rate", None)
    # The style of a user's matplotlibrc would change the picture's bytes.
    with style.context("default"):
        figure, panels = _panels(title)
        _draw_losses(panels[0], list(by_name.values()))
        _draw_scores(panels[1], list(_read_curves(scores).values()))
        _draw_rate(panels[2], rate)
        target = io.BytesIO()
        figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _matplotlib_style() -> Any:  # noqa: ANN401 - the module, for its `context`
    try:
        from matplotlib import style
    except ImportError as error:
        raise ConfigError(
            "cannot draw the training's curves: matplotlib is not installed; "
            "run: pip install 'sgddiff-batch[train]'"
        ) from error
    return style


def _read_curves(rows: Sequence[Mapping[str, float]]) -> dict[str, Curve]:
    """The curves by name, in the order in which their names first appear."""
    by_step = {_step(row): row for row in rows}
    ordered = [by_step[step] for step in sorted(by_step)]
    steps = np.array(sorted(by_step), dtype=np.float64)
    names = dict.fromkeys(name for row in ordered for name in row if name != "step")
    return {name: _read_curve(name, ordered, steps) for name in names}


def _read_curve(name: str, rows: Sequence[Mapping[str, float]], steps: Values) -> Curve:
    given = np.array([row.get(name) is not None for row in rows])
    values = np.array([_number(row.get(name)) for row in rows])
    kept = np.isfinite(values) & (np.abs(values) <= _LARGEST)
    return Curve(name, steps[kept], values[kept], int((given & ~kept).sum()))


def _step(row: Mapping[str, float]) -> float:
    step = _number(row.get("step"))
    if not math.isfinite(step):
        raise ValueError(f"cannot draw the row {dict(row)}: it needs a finite 'step'")
    return step


def _number(value: float | None) -> float:
    try:
        return math.nan if value is None else float(value)
    except OverflowError:  # an int of hundreds of digits
        return math.inf


def _panels(title: str) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    panels: list[Axes] = list(figure.subplots(3, 1, sharex=True, height_ratios=(5, 4, 2)))
    figure.subplots_adjust(left=0.085, right=0.7, top=0.935, bottom=0.06, hspace=0.1)
    figure.text(0.085, 0.965, _plain(title, 80), fontsize=13)
    for axes, name in zip(panels, ("loss", "validation score", "learning rate"), strict=True):
        axes.set_ylabel(name)
        axes.yaxis.set_label_coords(-0.085, 0.5)
        axes.grid(visible=True, which="major", color="0.9", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[2].set_xlabel("step")
    panels[2].xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
    panels[2].xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    return figure, panels


def _draw_losses(axes: Axes, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    positive = _any_values(curves) and all((curve.values > 0).all() for curve in curves)
    if positive:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    _draw(axes, curves, _last_value, "no losses yet", floor=_SMALLEST if positive else None)
    _legend([axes], len(curves))


def _draw_scores(axes: Axes, curves: Sequence[Curve]) -> None:
    """Scores where more is better on the left axis; errors, which are small numbers, on the right one."""
    errors = [curve for curve in curves if curve.name.lower() in _LOWER_IS_BETTER]
    others = [curve for curve in curves if curve not in errors]
    _draw(
        axes,
        others,
        lambda curve: _best_value(curve, np.argmax),
        "" if _any_values(errors) else "no scores yet",
    )
    both = [axes]
    if errors:
        right = axes.twinx()
        right.set_ylabel("MAE (dashed)")
        right.spines[["top", "left"]].set_visible(False)
        first = min(len(others), MOST_CURVES)
        _draw(right, errors, lambda curve: _best_value(curve, np.argmin), "", first=first, line="--")
        both.append(right)
    _legend(both, len(curves))


def _draw_rate(axes: Axes, rate: Curve | None) -> None:
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 4))
    _draw(axes, [] if rate is None else [rate], _last_value, "no learning rate yet")
    _legend([axes], 0 if rate is None else 1)


def _draw(
    axes: Axes,
    curves: Sequence[Curve],
    label_of: Callable[[Curve], str],
    nothing: str,
    *,
    first: int = 0,
    line: str = "-",
    floor: float | None = None,
) -> None:
    """Draw the curves; colours start at number `first`; values below `floor` are drawn there."""
    if not _any_values(curves):
        axes.text(0.5, 0.5, nothing, transform=axes.transAxes, ha="center", va="center", color="0.5")
        axes.set_yticks([])
    for number, curve in enumerate(curves[:MOST_CURVES], first):
        steps, means, least, greatest = _thinned(curve, floor)
        colour, shape = f"C{number % 10}", line if number < 10 else _FURTHER_LINE
        marker = "o" if len(steps) <= _MARKED_UP_TO else None
        axes.plot(
            steps,
            means,
            shape,
            color=colour,
            linewidth=1.5,
            marker=marker,
            markersize=3,
            label=label_of(curve),
        )
        if len(steps) < len(curve.steps):
            axes.fill_between(steps, least, greatest, color=colour, alpha=0.13, linewidth=0)


def _any_values(curves: Sequence[Curve]) -> bool:
    return any(len(curve.values) for curve in curves)


def _thinned(curve: Curve, floor: float | None) -> tuple[Values, Values, Values, Values]:
    """Steps, means, least and greatest of at most ``MOST_POINTS`` parts of equal length."""
    values = curve.values if floor is None else np.maximum(curve.values, floor)
    if len(values) <= MOST_POINTS:
        return curve.steps, values, values, values
    starts = np.arange(MOST_POINTS) * len(values) // MOST_POINTS
    counts = np.diff(np.append(starts, len(values)))
    return (
        np.add.reduceat(curve.steps, starts) / counts,
        np.add.reduceat(values, starts) / counts,
        np.minimum.reduceat(values, starts),
        np.maximum.reduceat(values, starts),
    )


def _last_value(curve: Curve) -> str:
    return _labelled(curve, f"{curve.values[-1]:.4g}" if len(curve.values) else "-")


def _best_value(curve: Curve, find: Callable[[Values], np.intp]) -> str:
    if not len(curve.values):
        return _labelled(curve, "-")
    best = int(find(curve.values))
    text = f"{curve.values[-1]:.4g}, best {curve.values[best]:.4g} at {curve.steps[best]:,.0f}"
    return _labelled(curve, text)


def _labelled(curve: Curve, text: str) -> str:
    lost = f" ({curve.lost:,} not finite)" if curve.lost else ""
    # A label that starts with an underscore would be left out of the legend.
    return f"{_plain(curve.name, _LONGEST_NAME).lstrip('_') or '?'}  {text}{lost}"


def _legend(panels: Sequence[Axes], count: int) -> None:
    """One legend beside the panel, where it hides no curve."""
    found = [axes.get_legend_handles_labels() for axes in panels]
    handles = [handle for some, _ in found for handle in some]
    labels = [label for _, some in found for label in some]
    if not handles:
        return
    hidden = count - len(handles)
    place = 1.07 if len(panels) > 1 else 1.01
    panels[0].legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(place, 1.02),
        frameon=False,
        fontsize=8,
        title=f"{hidden} more are not drawn" if hidden else None,
    )


def _plain(text: str, longest: int) -> str:
    """Text without the signs that start a formula."""
    return printable(text, longest).replace("$", r"\$")
