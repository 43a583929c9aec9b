"""Sections: what a page says of a run, as words and rows: its state, what is new, what it was made with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sgddiff_batch.core.run_measures import object_of
from sgddiff_batch.core.words import counted, first_of, printable
from sgddiff_batch.io.pages.digest import MOST_TROUBLES, TROUBLES, Digest, Row, salient_share, seconds_of
from sgddiff_batch.io.pages.words import command, share
from sgddiff_batch.io.reports import DAMAGED

Facts = Mapping[str, Any]

ENDINGS: Mapping[str, tuple[int, str, str]] = {
    "done": (0, "good", "Everything is done."),
    "quarantined": (3, "warn", "Done, and scenes are in quarantine that no run has told of before."),
    "failed": (1, "bad", "Something is left to do: scenes failed, or the catalogue could not be published."),
    "interrupted": (130, "warn", "It was asked to end; what was done until then is published."),
    "wrong": (2, "bad", "The config is wrong, or what it names is not there any more, or denied."),
}
"""Of each ending of a run its exit code, how grave it is, and what it means."""

_AGAIN = {
    "failed": "the next run tries it again",
    "pending": "the next run goes on with it",
    "quarantined": "when its scenes change, or as said above",
    "still quarantined": "when its scenes change, or as said above",
    DAMAGED: "the run went round it; verify says what else is damaged",
}


def verdict(facts: Facts) -> dict[str, str]:
    """Return how a run ended: a word, how grave it is, and a sentence with its exit code."""
    ending = str(facts.get("ending"))
    if ending not in ENDINGS:
        return {"words": "ended", "tone": "", "sentence": "Its report does not say how it ended."}
    code, tone, sentence = ENDINGS[ending]
    return {"words": f"{ending}, exit code {code}", "tone": tone, "sentence": f"{sentence} Exit code {code}."}


def steps(facts: Facts, digest: Digest, output: str) -> list[dict[str, str | None]]:
    """Return what to do now, most urgent first, with a command where there is one."""
    found: list[dict[str, str | None]] = []

    def step(words: str, *line: str) -> None:
        found.append({"words": words, "command": command(*line) if line else None})

    refused = _refused(object_of(facts.get("run")))
    if refused:
        step(f"Nothing was withdrawn: {refused}")
    if facts.get("ending") in ("failed", "interrupted"):
        step(f"{'Else run' if refused else 'Run'} the same command again: it goes on where it stopped.")
    if facts.get("ending") == "wrong":
        step("Mend the config; this checks it:", "sgddiff", "doctor", "--config", "archive.yaml")
    if object_of(facts.get("run")).get("deaths"):
        step("A process of the run died and was begun again; the report names the signal: run.deaths.")
    quarantined = digest.states.get("quarantined", 0) + digest.states.get("still quarantined", 0)
    if quarantined:
        words = counted(quarantined, "scene", "are")
        step(
            f"Look at the reasons below: {words} in quarantine. One whose file changes is tried again by "
            "itself. When the cause is mended, this has the next run try all of them:",
            *(
                _AREA_REPLAY
                if _is_area(facts)
                else ("sgddiff", "quarantine", "replay", "--all", "--output", output)
            ),
        )
    if undrawn := _undrawn(facts)[0]:
        words = counted(undrawn, "mosaic", "have")
        step(
            f"{words} no objects, for drawing them failed; this tries again:", *drawing_objects(facts, output)
        )
    if digest.states.get(DAMAGED):
        step("Records of the ledger are damaged; this tells what else is:", "sgddiff", "verify", output)
    return found or [{"words": "Nothing.", "command": None}]


def _refused(run: Facts) -> object:
    """Return why a run over scenes, or over an area, refused to withdraw what is gone; None if it did not."""
    return object_of(run.get("withdrawals")).get("refused") or run.get("withdrawals_refused")


def counts(facts: Facts) -> list[dict[str, str]]:
    """Return how many scenes became what, as numbers with words."""
    run, totals = object_of(facts.get("run")), object_of(facts.get("totals"))
    states, why = object_of(totals.get("states")), object_of(run.get("why"))
    left = object_of(run.get("withdrawals"))
    rows = [
        *((states.get(state, 0), words) for state, words in (("done", "made"),)),
        *((why[word], word) for word in why if why[word]),
        (states.get("unchanged", 0), "unchanged"),
        *((count, state) for state, count in states.items() if state not in ("done", "unchanged")),
        *((_listed(left, name)[0], words) for name, words in _LEFT.items()),
    ]
    return [{"count": f"{count:,}", "words": words} for count, words in rows if count or words == "made"]


_LEFT = {
    "withdrawn": "withdrawn: gone from the archive",
    "superseded": "superseded by a newer version",
    "returned": "back in the archive",
}


def changes(facts: Facts) -> list[str]:
    """Return the first of the scenes that left or came back, and what the listing lacked."""
    run = object_of(facts.get("run"))
    left, listing = object_of(run.get("withdrawals")), object_of(run.get("listing"))
    lines = []
    for name, words in _LEFT.items():
        count, first = _listed(left, name)
        if count:
            lines.append(f"{counted(count, 'scene')} {words}: {printable(first_of(first))}")
    if listing and not listing.get("is_whole", True):
        lines.append("The listing of the archive was not whole, so that nothing was withdrawn by it.")
    count, first = _undrawn(facts)
    if count:
        lines.append(f"{counted(count, 'mosaic', 'have')} no objects: {printable(first_of(first))}")
    ignored = facts.get("ignored") or []
    if ignored:
        reasons = {str(row.get("reason", "?")) for row in ignored if isinstance(row, Mapping)}
        lines.append(f"Files or scenes were left out: {printable(first_of(sorted(reasons)))}")
    return lines


def _undrawn(facts: Facts) -> tuple[int, list[str]]:
    """Return how many mosaics objects could not be drawn of, and the first of them with the reason."""
    told = object_of(object_of(facts.get("run")).get("objects_undrawn"))
    count, rows = told.get("mosaics"), told.get("first")
    first = [object_of(row) for row in rows] if isinstance(rows, list) else []
    words = [f"{row.get('scene_id', '?')} ({row.get('reason', '?')})" for row in first]
    return (count if isinstance(count, int) else 0), words


def drawing_objects(facts: Facts, output: str) -> tuple[str, ...]:
    """Return the command that draws objects as the run's config has it."""
    wanted = object_of(object_of(facts.get("config")).get("objects"))
    flags = (
        (f"--{name.replace('_', '-')}", str(value)) for name, value in wanted.items() if value is not None
    )
    return ("sgddiff", "objects", output, *(word for flag in flags for word in flag))


_AREA_REPLAY = ("sgddiff", "compose", "--config", "archive.yaml", "--retry-quarantined")


def _is_area(facts: Facts) -> bool:
    return "area" in object_of(facts.get("run"))


def troubles(facts: Facts, digest: Digest, output: str) -> list[dict[str, str | None]]:
    """Return the rows of the scenes that somebody has to look at, each with what tries it again."""
    return [
        {
            "scene": printable(_text(row, "scene_id")),
            "state": _text(row, "state"),
            "reason": printable(_text(row, "reason")),
            "command": None if _is_area(facts) else _replay(row, output),
            "again": _AGAIN.get(_text(row, "state"), ""),
        }
        for row in digest.troubles
    ]


def more_troubles(digest: Digest) -> list[str]:
    """Return a line for each state of which not all scenes are shown."""
    return [
        f"and {digest.states[state] - MOST_TROUBLES:,} more that are {state}; the JSON report has all"
        for state in TROUBLES
        if digest.states.get(state, 0) > MOST_TROUBLES
    ]


def _replay(row: Row, output: str) -> str | None:
    if "quarantined" not in _text(row, "state"):
        return None
    scene_id = _text(row, "scene_id")
    ends_flags = ["--"] if scene_id.startswith("-") else []
    return command("sgddiff", "quarantine", "replay", "--output", output, *ends_flags, scene_id)


def made(digest: Digest) -> list[dict[str, str]]:
    """Return the rows of the mosaics that were made last."""
    return [
        {
            "scene": printable(_text(row, "scene_id")),
            "size": f"{row['width_px']:,} x {row['height_px']:,}" if row.get("height_px") else "-",
            "salient": share(salient_share(row)),
            "no_data": _no_data(row),
            "tiles": f"{row.get('tiles', 0):,}",
            "seconds": f"{seconds_of(row):.1f}",
            "mask": printable(_text(row, "mask_rule")),
            "notes": printable("; ".join(map(str, row.get("notes") or ()))),
        }
        for row in digest.made
    ]


def _no_data(row: Row) -> str:
    whole = (row.get("height_px") or 0) * (row.get("width_px") or 0)
    return share(1 - (row.get("valid_px") or 0) / whole) if whole else "-"


def tables(facts: Facts) -> list[dict[str, Any]]:
    """Return what the run was made with: the model, versions, and the whole config."""
    run = object_of(facts.get("run"))
    model = {"run key": run.get("run_key", "?"), **object_of(run.get("model"))}
    named = (("Model", model), ("Versions", facts.get("versions")), ("Config", facts.get("config")))
    return [
        {"words": words, "rows": [(printable(name), printable(value)) for name, value in flat(tree)]}
        for words, tree in named
        if tree
    ]


def flat(tree: object, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of JSON by dotted keys; lists and what is empty as JSON."""
    if isinstance(tree, Mapping) and tree:
        for name, value in tree.items():
            yield from flat(value, f"{above}.{name}" if above else str(name))
    else:
        yield above, tree if isinstance(tree, str) else json.dumps(tree, ensure_ascii=False)


def _listed(tree: Facts, name: str) -> tuple[int, list[str]]:
    found = object_of(tree.get(name))
    first = found.get("first")
    return int(found.get("scenes") or 0), [*map(str, first)] if isinstance(first, list) else []


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)
