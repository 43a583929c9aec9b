"""Explain: where a pixel of a mosaic comes from: scene, tiles and weights, model, settings, run, object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sgddiff_batch.core.explaining import block_at, probability, tiles_at, weight_total
from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ConfigError, RetryableError, SceneError
from sgddiff_batch.io.archive import current_scene
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.mosaics import StoredMosaic, open_stored
from sgddiff_batch.io.scenes import GeoTiffReader
from sgddiff_batch.io.storage import open_store, over_network
from sgddiff_batch.runs import PIXELS_VERSION

_SCENES_SHOWN = 5
_WHY = {
    "internal": "the mask in the file, or a sample that is not finite",
    "sidecar": "the mask beside the file (.msk), or a sample that is not finite",
    "alpha": "alpha is 0, or a sample is not finite",
    "nodata": "every shown band has its no-data value, or a sample is not finite",
    "none": "a sample is not finite",
}
_ADVICE = "; if its bucket is public or the asker pays, give --config, which says so"


def explain_pixel(stored: StoredMosaic, row: int, col: int, access: BucketAccess = OWN) -> dict[str, Any]:
    """Return everything that made a pixel, as plain values; ``access`` is how its scene is asked for.

    Raises:
        ValueError: if the pixel is not in the mosaic, or its shard is damaged.
    """
    grid, said, level = stored.mosaic.grid, stored.provenance.to_json(), stored.levels[0]
    block = block_at(grid, stored.mosaic.tiling.block_px, row, col)
    codes = stored.read_shard(level, block)
    code = 255 if codes is None else int(codes[row - block.row_start, col - block.col_start])
    x, y = grid.transform.apply(col + 0.5, row + 0.5)
    settings = stored.provenance.pixel_settings
    return {
        "mosaic": stored.store.uri,
        "is_complete": stored.attributes.get("complete") is True,
        "is_current": _is_current(stored),
        "pixel": {"row": row, "col": col, "x": x, "y": y},
        "value": {"code": code, "probability": probability(code)},
        "no_data": _why_no_data(stored, row, col, access) if code == 255 else None,
        "scene": {
            "id": stored.provenance.mosaic_id,
            "uri": stored.provenance.source_uri,
            "version": stored.provenance.version,
            **{name: said[name] for name in ("bands", "stretch")},
            "inverted": bool(stored.provenance.inverted),
            "mask_rule": stored.provenance.mask_rule or "unknown",
            "notes": said["notes"],
        },
        "tiles": _tiles(stored, row, col),
        "weight_total": weight_total(stored.mosaic.lattice),
        "pixels": _age(stored),
        "pixels_version": stored.provenance.pixels_version,
        "block": {
            "window": asdict(block),
            "object": stored.shard_key(level, block),
            "is_stored": codes is not None,
        },
        "model": settings["model"],
        "settings": {name: value for name, value in settings.items() if name != "model"},
        **{name: said[name] for name in ("run_key", "run_id", "software", "created")},
    }


def _tiles(stored: StoredMosaic, row: int, col: int) -> list[dict[str, Any]]:
    lattice = stored.mosaic.lattice
    total = weight_total(lattice)
    return [{**asdict(tile), "share": tile.weight / total} for tile in tiles_at(lattice, row, col)]


def _is_current(stored: StoredMosaic) -> bool | None:
    """Whether the ledger calls the mosaic its scene's current one; None where no ledger is beside it."""
    scene_id, uri = stored.mosaic.id, stored.store.uri
    output, separator, name = uri.rpartition(f"/{scene_id}/")
    if not separator or "/" in name:
        return None
    record = ObjectLedger(open_store(output)).record(scene_id)
    return None if record is None else record.store == f"{scene_id}/{name}"


def _why_no_data(stored: StoredMosaic, row: int, col: int, access: BucketAccess) -> str:
    """Return why a pixel has no data, from the scene where that is still what it was."""
    settings = stored.provenance.pixel_settings["input"]
    bands, stretch = settings["bands"], settings["stretch"]
    reader = GeoTiffReader(
        bands=bands if bands == "auto" else tuple(bands),
        stretch=stretch if stretch in ("auto", "none") else tuple(stretch),
        access=access,
    )
    try:
        scene = current_scene(stored.provenance.scene, access)
        if isinstance(scene, str):
            return f"not known: {scene}"
        profile = reader.profile(scene)
        _, valid = reader.read(scene, profile, Window(row, row + 1, col, col + 1))
    except (SceneError, RetryableError, ConfigError, ValueError) as error:
        advice = "" if access.by_bucket or not over_network(stored.provenance.scene.uri) else _ADVICE
        return f"not known: the scene cannot be read: {on_one_line(error)}{advice}"
    version = stored.provenance.pixels_version
    rule, made_by = profile.mask.rule, stored.provenance.mask_rule or "unknown"
    if not valid[0, 0]:
        return f"the scene has no valid sample there: {_WHY[rule]}"
    if version != PIXELS_VERSION or rule != made_by:
        return (
            f"the mask by which the mosaic was made (mask rule {made_by}, pixels_version "
            f"{version}); by that of this software (mask rule {rule}, pixels_version "
            f"{PIXELS_VERSION}) the scene has data there"
        )
    return "not known: the scene has a valid sample there; `sgddiff verify` can tell if the mosaic is damaged"


def _age(stored: StoredMosaic) -> str:
    """Return whether the pixels are those that this software makes of the same scene."""
    made_by = stored.provenance.pixels_version
    if made_by == PIXELS_VERSION:
        return f"pixels_version {made_by}, that of this software"
    return f"pixels_version {made_by}; this software makes {PIXELS_VERSION}, and the next run makes them anew"


def open_explained(uri: str) -> StoredMosaic:
    """Open a mosaic of a scene.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is composed of others, or damaged.
    """
    store = open_store(uri)
    try:
        stored = open_stored(store, uri.rstrip("/").rpartition("/")[2])
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no mosaic at {uri!r}; `sgddiff catalogue show OUTPUT` names those that there are"
        ) from None
    if stored.provenance.area is not None:
        names = ", ".join(scene.path for scene in stored.provenance.area.scenes[:_SCENES_SHOWN])
        raise ValueError(f"{uri!r} is an area mosaic, composed of others: explain one of those, {names}")
    return stored
