"""What a verification found: collected, told, and marked for the next run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from jobs import assembly
from jobs.recomputing import Recomputed
from sgddiff_batch.core.words import printable
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.ledger import ObjectLedger, mark_redo
from sgddiff_batch.io.upkeep import Verdict

_SHOWN = 5
"""Problems of one mosaic that the table shows; the JSON has all."""


@dataclass(slots=True)
class Findings:
    """Totals, and the verdicts of the mosaics of which there is something to say, by store.

    ``older`` counts the mosaics whose pixels another version of the code made: no damage. ``redo`` says of
    each damaged mosaic what --mark-for-redo did; ``seed`` is that of the sample, if any.
    """

    seed: int | None = None
    mosaics: int = 0
    blocks: int = 0
    older: int = 0
    told: dict[str, Verdict] = field(default_factory=dict)
    recomputed: list[Recomputed] = field(default_factory=list)
    redo: dict[str, str] = field(default_factory=dict)

    @property
    def damaged(self) -> list[Verdict]:
        """The verdicts with problems, sorted by store."""
        return [self.told[store] for store in sorted(self.told) if self.told[store].problems]

    def add(self, verdict: Verdict) -> None:
        """Count a mosaic, and keep its verdict if there is something to say."""
        self.mosaics += 1
        self.blocks += verdict.blocks
        self.older += verdict.pixels_version not in (None, assembly.PIXELS_VERSION)
        if verdict.problems or verdict.notes:
            self.told[verdict.store] = verdict

    def add_recomputed(self, recomputed: Recomputed, scene_id: str) -> None:
        """Add what became of a block of the sample; a different one is a problem of its mosaic."""
        self.recomputed.append(recomputed)
        if recomputed.state == "different":
            store, window = recomputed.block.store, recomputed.block.window
            verdict = self.told.setdefault(store, Verdict(store, scene_id))
            verdict.found(f"block {window.name}", f"recomputed from its scene: {recomputed.words}")

    def is_explained(self, verdict: Verdict) -> bool:
        """Whether other software explains all that is wrong with a mosaic: made anew, it may differ again."""
        explained = sum(r.other_software for r in self.recomputed if r.block.store == verdict.store)
        return explained == len(verdict.problems)


def shown_stores(ledger: ObjectLedger) -> set[str]:
    """Return the mosaics that readers of the catalogue see; none where nothing was published.

    Raises:
        FatalError: if the catalogue is damaged.
    """
    table = catalogue.read_catalogue(ledger.store, columns=["store"])
    return set() if table is None else set(table["store"].to_pylist())


def mark_for_redo(ledger: ObjectLedger, findings: Findings, at: str) -> None:
    """Ask the next run to make the damaged mosaics anew, those that it can make."""
    records, shown = ledger.records(), shown_stores(ledger) if findings.damaged else set()
    for verdict in findings.damaged:
        record = records.get(verdict.scene_id)
        if record is None or record.store != verdict.store:
            words = "the catalogue shows it until the next run publishes, or it is turned on from a rollback"
            findings.redo[verdict.store] = (
                f"not marked: it is superseded, {words if verdict.store in shown else 'gc can remove it'}"
            )
        elif record.reason is not None:
            findings.redo[verdict.store] = "not marked: its scene changed since, and is in quarantine"
        elif findings.is_explained(verdict):
            findings.redo[verdict.store] = "not marked: it differs, but it was made with other software"
        else:
            mark_redo(ledger.store, record, "damaged", at)
            findings.redo[verdict.store] = "the next run makes it anew"


def report(findings: Findings) -> dict[str, object]:
    """Return all that was found as plain values."""
    return {
        "mosaics": findings.mosaics,
        "blocks": findings.blocks,
        "older_pixels": findings.older,
        "damaged": len(findings.damaged),
        "told": [_row(findings.told[store], findings.redo) for store in sorted(findings.told)],
        "sample": {
            "seed": findings.seed,
            "blocks": [
                {
                    "store": item.block.store,
                    "window": asdict(item.block.window),
                    "state": item.state,
                    "words": item.words,
                }
                for item in findings.recomputed
            ],
        },
    }


def _row(verdict: Verdict, redo: Mapping[str, str]) -> dict[str, object]:
    return {
        "store": verdict.store,
        "scene_id": verdict.scene_id,
        "blocks": verdict.blocks,
        "problems": [asdict(problem) for problem in verdict.problems],
        "notes": list(verdict.notes),
        "redo": redo.get(verdict.store),
    }


def print_findings(findings: Findings) -> None:
    """Print the mosaics with problems as a table, and the rest in lines."""
    console = Console(highlight=False)
    wide = console if console.is_terminal else Console(highlight=False, width=160)
    if findings.damaged:
        table = Table(title=f"{len(findings.damaged)} of {findings.mosaics} mosaics are damaged")
        for heading in ("mosaic", "object", "what is wrong"):
            table.add_column(heading, overflow="fold")
        for verdict in findings.damaged:
            _add_rows(table, verdict, findings.redo)
        wide.print(table, markup=False)
    else:
        print(f"{findings.mosaics} mosaics, {findings.blocks} blocks: all sound")
    if findings.older:
        print(
            f"{findings.older} mosaics have pixels of another pixels_version than {assembly.PIXELS_VERSION}, "
            "that of this software: they are not damaged for that, and the next run makes them anew"
        )
    noted = sum(1 for verdict in findings.told.values() if verdict.notes)
    if noted:
        print(
            f"{noted} mosaics were committed before digests were kept: only decoded, counted, compared inside"
        )
    _print_sample(findings)


def _add_rows(table: Table, verdict: Verdict, redo: Mapping[str, str]) -> None:
    for at, problem in enumerate(verdict.problems[:_SHOWN]):
        name = verdict.store if at == 0 else ""
        table.add_row(*map(printable, (name, problem.key or "-", problem.words)))
    if len(verdict.problems) > _SHOWN:
        table.add_row("", "", f"and {len(verdict.problems) - _SHOWN} more")
    if verdict.store in redo:
        table.add_row("", "", printable(redo[verdict.store]))


def _print_sample(findings: Findings) -> None:
    if findings.seed is None:
        return
    equal = sum(1 for item in findings.recomputed if item.state == "equal")
    print(f"recomputed from their scenes (seed {findings.seed}): {equal} of {len(findings.recomputed)} equal")
    for item in findings.recomputed:
        if item.state != "equal":
            print(printable(f"{item.block.store} {item.block.window.name}: {item.state}: {item.words}"))
