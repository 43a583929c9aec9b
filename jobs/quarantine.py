"""Look at the scenes that could not be worked on, and try them again.

    python jobs/quarantine.py list --config archive.yaml [--json]
    python jobs/quarantine.py show --config archive.yaml SCENE_ID
    python jobs/quarantine.py replay --config archive.yaml [SCENE_ID ... | --all] [--now]

Exit codes: 0 done; 2 the config or the command is wrong, or there is no such scene in quarantine; 1 anything
else. With --now those of infer_archive.py.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from jobs import assembly
from jobs.commands import fail
from jobs.logs import start_log
from sgddiff_batch.config import ArchiveJobConfig, load_config
from sgddiff_batch.core.scene import escape_scene_id
from sgddiff_batch.core.words import printable, redact_uri
from sgddiff_batch.errors import ConfigError, LeaseHeldError, SgddiffBatchError
from sgddiff_batch.io.ledger import ObjectLedger, RedoMark, mark_redo, redo_marks
from sgddiff_batch.protocols import SceneRecord

EXIT_DONE, EXIT_FAILED, EXIT_CONFIG, EXIT_HELD = 0, 1, 2, 4

Records = Mapping[str, SceneRecord]


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks and return the exit code."""
    options = _parse(argv)
    start_log()
    try:
        config = load_config(options.config, options.set)
        ledger = assembly.make_ledger(config)
        records = ledger.records()
        quarantined = {name: record for name, record in records.items() if record.reason is not None}
        marks, _ = redo_marks(ledger.store, records)
        if options.verb == "list":
            return _list(quarantined, marks, as_json=options.json)
        if options.verb == "show":
            return _show(ledger, _find(options.scene, quarantined, records), marks)
        return _replay(options, config, ledger, quarantined, records)
    except LeaseHeldError as error:
        return fail("quarantine", error, EXIT_HELD)
    except ConfigError as error:
        return fail("quarantine", error, EXIT_CONFIG)
    except (SgddiffBatchError, OSError) as error:
        return fail("quarantine", error, EXIT_FAILED)


def _list(quarantined: Records, marks: Mapping[str, RedoMark], *, as_json: bool) -> int:
    rows = [quarantined[scene_id] for scene_id in sorted(quarantined)]
    if as_json:
        print(json.dumps([_facts(record, marks.get(record.scene_id)) for record in rows], indent=1))
        return EXIT_DONE
    table = Table(title=f"{len(rows)} scenes in quarantine")
    for heading in ("scene", "reason", "version", "since", "earlier mosaic", "next run"):
        table.add_column(heading, overflow="fold")
    for record in rows:
        earlier = "is current" if record.store else "none"
        again = "tries it again" if record.scene_id in marks else "leaves it"
        cells = (record.scene_id, _reason(record), record.version, record.finished_at, earlier, again)
        table.add_row(*map(printable, cells))
    console = Console(highlight=False)
    wide = console if console.is_terminal else Console(highlight=False, width=200)
    wide.print(table, markup=False)
    return EXIT_DONE


def _show(ledger: ObjectLedger, record: SceneRecord, marks: Mapping[str, RedoMark]) -> int:
    facts = _facts(record, marks.get(record.scene_id))
    if record.store is not None:
        earlier = ledger.finished_mosaic(record.store)
        facts["earlier_mosaic"] = {
            "uri": f"{ledger.store.uri}/{record.store}",
            **(asdict(earlier) if earlier else {}),
        }
    print(json.dumps(facts, indent=1))
    return EXIT_DONE


def _facts(record: SceneRecord, mark: RedoMark | None) -> dict[str, object]:
    """Return what is known of a scene in quarantine; JSON escapes what is not ASCII."""
    return {
        "scene_id": record.scene_id,
        "reason": _reason(record),
        "version": record.version,
        "run_key": record.run_key,
        "since": record.finished_at,
        "earlier_mosaic": record.store,
        "marked_to_be_tried_again": None if mark is None else mark.at,
    }


def _reason(record: SceneRecord) -> str:
    return redact_uri(record.reason or "")


def _replay(
    options: argparse.Namespace,
    config: ArchiveJobConfig,
    ledger: ObjectLedger,
    quarantined: Records,
    records: Records,
) -> int:
    if options.all == bool(options.scenes):
        raise ConfigError("replay: give the ids of scenes in quarantine, or --all")
    if options.all:
        chosen = [quarantined[scene_id] for scene_id in sorted(quarantined)]
    else:
        chosen = list(
            {r.scene_id: r for r in (_find(s, quarantined, records) for s in options.scenes)}.values()
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for record in chosen:
        mark_redo(ledger.store, record, "replay", now)
    if not options.now:
        print(f"{len(chosen)} scenes will be tried again by the next run")
        return EXIT_DONE
    if not chosen:
        print("no scene is in quarantine; nothing was run")
        return EXIT_DONE
    from jobs import infer_archive
    from jobs.scope import Scope

    return infer_archive.run_leased(config, Scope(only=frozenset(record.scene_id for record in chosen)))


def _find(wanted: str, quarantined: Records, records: Records) -> SceneRecord:
    """Return the record of a scene in quarantine by its id, or by its path in the archive.

    Raises:
        ConfigError: if there is none; it names those that are spelled alike.
    """
    for scene_id in (wanted, escape_scene_id(wanted)):
        if scene_id in quarantined:
            return quarantined[scene_id]
        if scene_id in records:
            raise ConfigError(f"{printable(scene_id)} is not in quarantine: it is done")
    near = difflib.get_close_matches(wanted, quarantined, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(map(printable, near))}?" if near else "`list` names those that are"
    raise ConfigError(f"no scene {printable(wanted)!r} is in quarantine; {hint}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quarantine.py", description=(__doc__ or "").partition("\n")[0])
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", required=True, metavar="FILE", help="that of infer_archive.py")
    common.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", parents=[common], help="the scenes in quarantine, as a table")
    listing.add_argument("--json", action="store_true", help="as JSON instead")
    show = verbs.add_parser("show", parents=[common], help="all that is known of one, as JSON")
    show.add_argument("scene", metavar="SCENE_ID")
    replay = verbs.add_parser("replay", parents=[common], help="try scenes again in the next run")
    replay.add_argument("scenes", nargs="*", metavar="SCENE_ID")
    replay.add_argument("--all", action="store_true", help="all scenes in quarantine")
    replay.add_argument("--now", action="store_true", help="run the job for just these now")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
