"""What must hold after a storm: the mosaics of a quiet run, each once, and nothing else to be told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import sgddiff_batch
from jobs import cli, infer_archive
from jobs.exits import Exit
from sgddiff_batch.io.catalogue.generations import read_catalogue
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.garbage import find_garbage
from tests.faults.storm_scenes import StormArchive
from tests.kit import jobs

OUTPUT = "s3://storm/out"


def newest_report(output: str) -> dict[str, Any]:
    """Return the report of the run that ended last."""
    store = open_store(output)
    names = [name for name in store.entries() if name.startswith("report-") and name.endswith(".json")]
    reports: list[dict[str, Any]] = [json.loads(store.read(name)) for name in names]
    return max(reports, key=lambda report: str(report["started_at"]))


def find_wrong(folder: Path, checkpoint: Path, archive: StormArchive, config: Path) -> list[str]:
    """Return what is wrong with the output of a storm, compared with a quiet run over its last archive."""
    quiet = folder / "quiet"
    of_quiet = jobs.write_config(folder / "quiet.yaml", "s3://storm/scenes", quiet, checkpoint)
    code = infer_archive.main(["--config", str(of_quiet)])
    wrong = [] if code in (0, 3) else [f"the quiet run ended with {code}"]
    wrong += _differences(jobs.decoded(OUTPUT), jobs.decoded(quiet))
    wrong += _wrong_rows(archive)
    wrong += _wrong_quarantine(archive, set(newest_report(str(quiet))["totals"]["states"]))
    if cli.main(["verify", "--config", str(config), "--sample", "3", "--seed", "1"]) != Exit.DONE:
        wrong.append("verify does not find all sound")
    wrong += _wrong_garbage()
    wrong += [f"{log}: a traceback" for log in folder.glob("*.log") if "Traceback" in log.read_text()]
    return wrong


def _differences(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> Iterator[str]:
    for name in sorted(got.keys() | wanted.keys()):
        if name not in got:
            yield f"{name} is missing"
        elif name not in wanted:
            yield f"{name} is in no quiet run"
        elif not np.array_equal(got[name], wanted[name]):
            yield f"{name} differs in {np.count_nonzero(got[name] != wanted[name])} pixels"


def _wrong_rows(archive: StormArchive) -> Iterator[str]:
    table = read_catalogue(open_store(OUTPUT))
    rows = [] if table is None else sorted(table["id"].to_pylist())
    if rows != (wanted := sorted(archive.names - archive.bad)):
        yield f"the catalogue has {rows}, wanted {wanted}"
    listed = [entry.scene_id for entry in sgddiff_batch.list_mosaics(OUTPUT, state="done")]
    if listed != wanted:
        yield f"list_mosaics has {listed}, wanted {wanted}"


def _wrong_quarantine(archive: StormArchive, states_of_quiet: set[str]) -> Iterator[str]:
    records = ObjectLedger(open_store(OUTPUT)).records()
    quarantined = {name for name, record in records.items() if record.reason is not None} & archive.names
    for name in sorted(quarantined ^ archive.bad):
        why = records[name].reason if name in records else "no record"
        yield f"{name}: {'bad, but not' if name in archive.bad else 'sound, but'} in quarantine: {why}"
    if archive.bad and "quarantined" not in states_of_quiet:
        yield "the quiet run put nothing into quarantine: the storm's bad scenes are none"


def _wrong_garbage() -> Iterator[str]:
    found = find_garbage(open_store(OUTPUT), 0.0)
    current = {entry.uri.removeprefix(f"{OUTPUT}/") for entry in sgddiff_batch.list_mosaics(OUTPUT)}
    if found.broken:
        yield f"named, but not there: {found.broken}"
    for item in found.garbage:
        if item.path in current:
            yield f"gc would remove the current {item.path}: {item.why}"


def left_behind(folder: Path, grace_s: float = 20.0) -> list[str]:
    """Return the command lines of processes that the storm's runs left, after some time to end in."""

    def found() -> list[psutil.Process]:
        others = (process for process in psutil.process_iter() if process.pid != os.getpid())
        return [process for process in others if _is_of(process, folder)]

    _, alive = psutil.wait_procs(found(), timeout=grace_s)
    return [" ".join(process.cmdline()) for process in alive if process.is_running()]


def _is_of(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get("STORM") == str(folder)
    except (psutil.Error, OSError):
        return False
