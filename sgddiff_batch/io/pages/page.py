"""Page: the report of a run as one HTML file: no network, no script, readable anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from sgddiff_batch.core.colours import STOPS
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.run_measures import AlarmLimits, RunMeasures, measures_of, object_of
from sgddiff_batch.core.words import printable
from sgddiff_batch.io.pages import charts, effort, sections
from sgddiff_batch.io.pages.charts import drawing
from sgddiff_batch.io.pages.comparing import compared, runs_before
from sgddiff_batch.io.pages.digest import Digest, digest_of, salient_share, seconds_of
from sgddiff_batch.io.pages.drawn_objects import object_news
from sgddiff_batch.io.pages.pictures import Drawn, draw_all
from sgddiff_batch.io.pages.rendering import rendered
from sgddiff_batch.io.pages.seen import placed, read_seen
from sgddiff_batch.io.pages.views import OF_SEVERAL, View, view_of
from sgddiff_batch.io.pages.words import at, duration, share
from sgddiff_batch.io.reports import StoredReport
from sgddiff_batch.io.storage import Store

PICTURES = 60
"""So many scenes are drawn where the config does not say how many."""


def page_of(
    output: Store,
    report: StoredReport,
    *,
    access: BucketAccess = OWN,
    seconds: float = 60.0,
    notes: Sequence[str] = (),
    previews: Mapping[str, Preview] = MappingProxyType({}),
) -> bytes:
    """Return the page of a report: HTML in UTF-8.

    output: where its mosaics, its catalogue and the reports before it are. access: how the buckets of scenes
    are asked. seconds: pictures that are not begun by then are left out. notes: what to say besides.
    previews: of mosaics by their path; they are shown before others, and nothing is read for them.

    What is missing in a report of a former version, a catalogue that cannot be read, a scene that is gone:
    each leaves its place with a word.

    Raises:
        FatalError: if the rows of the report are damaged.
        RetryableError: if the storage failed at the report itself.
    """
    facts = report.facts
    wanted = object_of(object_of(facts.get("config")).get("report"))
    limits = AlarmLimits.of(wanted)
    seen = read_seen(output)
    pictures = wanted.get("pictures", PICTURES)
    digest = digest_of(report.rows, int(pictures), seen.typical_share if seen else None, ready=previews)
    look = partial(_view, previews, partial(view_of, output, access=access))
    drawn = draw_all(digest.picks, look, seconds)
    before = runs_before(output, str(facts.get("run_id", "")), limits.runs)
    context = {
        **_state(output, report, digest, notes, before),
        **object_news(output, seen, str(facts.get("run_id", "")), digest.ids),
        **_pictures(drawn, digest),
        **placed(seen, digest.ids),
        **compared(measures_of(facts), before, limits),
        **_work(facts, digest, before),
    }
    return rendered("report.html", context)


def _view(previews: Mapping[str, Preview], look: Callable[[str], View], store: str) -> View:
    """Return what is there to be shown already, else what there is to read."""
    ready = previews.get(store)
    if ready is None:
        return look(store)
    lacking = OF_SEVERAL if ready.pixels is None else ""
    return View(ready.codes, ready.pixels, ready.window, ready.is_whole, lacking)


def _state(
    output: Store, report: StoredReport, digest: Digest, notes: Sequence[str], before: Sequence[RunMeasures]
) -> dict[str, Any]:
    facts = report.facts
    area = object_of(facts.get("run")).get("area")
    what = f"area {area}" if area else "saliency mosaics"
    links = [{"target": f"#{name}", "words": words} for name, words in _PLACES.items()]
    if before and before[-1].has_page:
        links.append({"target": f"report-{before[-1].run_id}.html", "words": "the run before"})
    return {
        "title": f"Run {facts.get('run_id', '?')}",
        "subtitle": printable(
            f"{what} in {output.uri}; begun {at(str(facts.get('started_at', '?')))}, "
            f"took {duration(measures_of(facts).seconds)}; all of it as JSON: {report.uri}"
        ),
        "links": links,
        "verdict": sections.verdict(facts),
        "notes": [*map(printable, notes)],
        "steps": sections.steps(facts, digest, output.uri),
        "counts": sections.counts(facts),
        "changes": sections.changes(facts),
        "reasons": [(printable(reason), f"{count:,}") for reason, count in digest.reasons],
        "troubles": sections.troubles(facts, digest, output.uri),
        "more_troubles": sections.more_troubles(digest),
    }


_PLACES = {
    "new": "what is new", "pictures": "pictures", "map": "where", "still-right": "is it still right",
    "time": "time", "made": "mosaics", "made-with": "made with",
}  # fmt: skip


def _pictures(drawn: Sequence[Drawn], digest: Digest) -> dict[str, Any]:
    colours = ", ".join(f"rgb({r},{g},{b}) {stop:.0%}" for stop, (r, g, b) in STOPS)
    made = digest.states.get("done", 0)
    return {
        "pictures": [_card(one) for one in drawn],
        "ramp": colours,
        "no_pictures": _NO_PICTURES if made else "This run made no mosaic.",
    }


_NO_PICTURES = "None are asked for (report.pictures)."


def _card(drawn: Drawn) -> dict[str, Any]:
    row = drawn.pick.row
    scene = printable(str(row.get("scene_id", "")))
    named = {"scene": drawn.scene, "saliency": drawn.saliency, "overlay": drawn.overlay}
    images = [
        None
        if image is None
        else {
            "uri": image.uri,
            "width_px": image.width_px,
            "height_px": image.height_px,
            "alt": f"{what}: {scene}",
        }
        for what, image in named.items()
    ]
    # One word for what is lacking says it, three of them do not say it better.
    kept = [image for image in images if image is not None]
    words = f"salient {share(salient_share(row))}, {duration(seconds_of(row))}"
    return {
        "scene": scene,
        "images": kept if len(kept) == len(images) else [*kept, None],
        "why": drawn.pick.why,
        "lacking": printable(drawn.lacking),
        "words": f"{words}; {drawn.place}" if drawn.place else words,
    }


def _work(facts: Mapping[str, Any], digest: Digest, before: Sequence[RunMeasures]) -> dict[str, Any]:
    stages, made = effort.stages(facts), digest.states.get("done", 0)
    rows = sections.made(digest)
    words = f"{len(rows):,} of {made:,}, those made last; the JSON report has all."
    return {
        "stages": effort.stage_rows(stages),
        "stages_bar": drawing(charts.stages_bar(stages)),
        "effort": effort.effort(facts, measures_of(facts), before),
        "made": rows,
        "made_words": words if rows else "None.",
        "tables": sections.tables(facts),
    }
