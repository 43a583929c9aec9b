"""Reading: what an analyst needs to find and open mosaics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import rioxarray  # noqa: F401 - gives every DataArray its .rio
import xarray as xr

from sgddiff_batch.io import conventions, ledgers, mosaic_metadata
from sgddiff_batch.io.archive_catalogue import read_catalogue
from sgddiff_batch.io.catalogue_rows import DONE, QUARANTINED
from sgddiff_batch.io.stores import Store, open_store

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

    They are those of the archive catalogue, which a run replaces as a whole when it ends: never half a
    night's. Where none was ever published, they are what the ledger has so far.

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
    records = ledgers.read_records(store)
    if not records and not store.keys(ledgers.LEDGER):
        raise FileNotFoundError(
            f"cannot list the mosaics of {output_uri!r}: there is no {ledgers.LEDGER} below it; "
            "give the output.uri of a run"
        )
    ledger = ledgers.ObjectLedger(store)
    current = []
    for _, record in sorted(records.items()):
        if record.store is not None:
            # The record of a newer version in quarantine keeps the mosaic of the older one.
            facts = (record.reason and ledger.finished_mosaic(record.store)) or record
            current.append((facts, f"{store.uri}/{record.store}", QUARANTINED if record.reason else DONE))
    return [
        MosaicEntry(
            scene_id=facts.scene_id,
            uri=uri,
            height_px=facts.height_px,
            width_px=facts.width_px,
            valid_px=facts.valid_px,
            salient_px=facts.salient_px,
            version=facts.version,
            run_key=facts.run_key,
            finished_at=facts.finished_at,
            state=state,
        )
        for facts, uri, state in current
    ]


def open_mosaic(uri: str, level: int = 0) -> xr.DataArray:
    """Open a level of a mosaic lazily: float32 saliency 0..1 (y, x), NaN where there is no data, CRS set.

    Level 0 is native resolution; each further level halves it. Pixels are read when they are used: a part
    that is cut out with ``isel`` or ``rio.clip_box`` costs no more than its own chunks. The
    mosaic's provenance is in ``attrs["provenance"]``.

    Raises:
        ConfigError: if the URI has a scheme that is not known.
        FileNotFoundError: if there is no mosaic at ``uri``.
        ValueError: if the mosaic is not complete, or has no such level.
    """
    store = open_store(uri)
    root = read_root(store)
    levels = mosaic_levels(root)
    if not 0 <= level < levels:
        raise ValueError(f"{uri!r} has no level {level}; its levels are 0 to {levels - 1}")
    packed = xr.open_zarr(
        store.zarr("", read_only=True),
        group=str(level),
        consolidated=True,
        chunks=None,
        decode_cf=False,
        zarr_format=3,
    )
    attributes = packed[conventions.ARRAY_NAME].attrs
    for name in ("scale_factor", "add_offset"):
        # CF unpacks to the type of these two. JSON knows no float32, and float64 would double the memory.
        attributes[name] = np.float32(attributes[name])
    unpacked = xr.decode_cf(packed, decode_coords="all")
    saliency: xr.DataArray = unpacked[conventions.ARRAY_NAME]
    return saliency.assign_attrs({conventions.PROVENANCE: root.get(conventions.PROVENANCE)})


def read_root(store: Store) -> dict[str, Any]:
    """Return the attributes of the root of the complete mosaic that a store holds.

    Raises:
        FileNotFoundError: if there is no mosaic.
        ValueError: if what is there is no mosaic, or not complete.
    """
    try:
        data = store.read(mosaic_metadata.ROOT)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"there is no mosaic at {store.uri!r}: it has no {mosaic_metadata.ROOT}; "
            "sgddiff_batch.list_mosaics(output_uri) gives the URIs of those that there are"
        ) from None
    try:
        attributes: dict[str, Any] = json.loads(data)["attributes"]
        marked, _ = attributes[conventions.COMPLETE], mosaic_levels(attributes)
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{store.uri!r} is not the root of a mosaic of this project") from None
    if marked is not True:
        raise ValueError(f"the mosaic {store.uri!r} is not complete: run the job again to finish it")
    return attributes


def mosaic_levels(attributes: dict[str, Any]) -> int:
    """Return the number of levels that root attributes list."""
    return len(attributes["multiscales"]["layout"])
