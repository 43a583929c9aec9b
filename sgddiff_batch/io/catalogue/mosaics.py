"""Listing: the mosaics that an output shows."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from sgddiff_batch.io.catalogue.generations import read_catalogue
from sgddiff_batch.io.catalogue.rows import DONE, QUARANTINED
from sgddiff_batch.io.ledger import LEDGER, ObjectLedger, read_records
from sgddiff_batch.io.storage import Store, open_store

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class MosaicEntry:
    """The current mosaic of a scene. ``finished_at`` is the ISO time at which it was committed.

    ``salient_px`` counts the pixels of saliency 0.5 and more, ``valid_px`` those with data. ``state`` is
    done, or quarantined: the newest version of the scene could not be read, and the mosaic is of an earlier
    one. ``box`` is (west, south, east, north) in degrees, west > east across the antimeridian. What only the
    catalogue knows (``scene_uri`` and what follows) is None where none was ever published, and ``box`` also
    where there is no CRS.
    """

    scene_id: str
    uri: str
    height_px: int
    width_px: int
    valid_px: int
    salient_px: int
    version: str
    run_key: str
    finished_at: str
    state: str = DONE
    scene_uri: str | None = None
    model_digest: str | None = None
    box: Box | None = None


def list_mosaics(
    output_uri: str, *, state: str | None = None, generation: int | None = None
) -> list[MosaicEntry]:
    """Return the current mosaic of every scene below an output folder or prefix, sorted by scene id.

    They are those of the archive catalogue, which a run replaces as a whole: when it ends, and every so
    often while it goes on, with what it has done so far. Where none was ever published, they are what the
    ledger has so far.

    state: only those that are "done", or "quarantined"; None: all. generation: an earlier catalogue.

    Raises:
        ConfigError: if the URI has a scheme that is not known.
        FatalError: if the output's catalogue or ledger is damaged.
        FileNotFoundError: if no run has ever written to ``output_uri``.
        ValueError: if there is no such state, or that generation is not kept.
    """
    if state not in (None, DONE, QUARANTINED):
        raise ValueError(f"state must be {DONE!r}, {QUARANTINED!r} or None, got {state!r}")
    store = open_store(output_uri)
    table = read_catalogue(store, generation, list(_COLUMNS))
    if table is None and generation is not None:
        raise ValueError(f"there is no generation {generation}: {output_uri!r} has no catalogue")
    entries = _of_ledger(store, output_uri) if table is None else _of_catalogue(store, table)
    return [entry for entry in entries if state in (None, entry.state)]


_COLUMNS = (
    "id", "store", "bbox", "state", "scene_uri", "scene_version", "run_key", "model_digest",
    "height_px", "width_px", "valid_px", "salient_px", "created",
)  # fmt: skip


def _of_catalogue(store: Store, table: pa.Table) -> list[MosaicEntry]:
    return [
        MosaicEntry(
            scene_id=row["id"],
            uri=f"{store.uri}/{row['store']}",
            height_px=row["height_px"],
            width_px=row["width_px"],
            valid_px=row["valid_px"],
            salient_px=row["salient_px"],
            version=row["scene_version"],
            run_key=row["run_key"],
            finished_at=row["created"].isoformat(timespec="seconds") if row["created"] else "",
            state=row["state"],
            scene_uri=row["scene_uri"],
            model_digest=row["model_digest"],
            box=row["bbox"] and (*row["bbox"].values(),),
        )
        for row in table.to_pylist()
    ]


def _of_ledger(store: Store, output_uri: str) -> list[MosaicEntry]:
    records = read_records(store)
    if not records and not store.keys(LEDGER):
        raise FileNotFoundError(
            f"cannot list the mosaics of {output_uri!r}: there is no {LEDGER} below it; "
            "give the output.uri of a run"
        )
    ledger = ObjectLedger(store)
    current = []
    for _, record in sorted(records.items()):
        if record.store is not None:
            # The record of a newer version in quarantine keeps the mosaic of the older one.
            completed = (record.reason and ledger.finished_mosaic(record.store)) or record
            current.append((completed, f"{store.uri}/{record.store}", QUARANTINED if record.reason else DONE))
    return [
        MosaicEntry(
            scene_id=completed.scene_id,
            uri=uri,
            height_px=completed.height_px,
            width_px=completed.width_px,
            valid_px=completed.valid_px,
            salient_px=completed.salient_px,
            version=completed.version,
            run_key=completed.run_key,
            finished_at=completed.finished_at,
            state=state,
        )
        for completed, uri, state in current
    ]
