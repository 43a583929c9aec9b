"""The cells and periods that an area was begun with: one catalogue holds those of one grid of cells alone."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rasterio.crs import CRS
from rasterio.errors import CRSError

from sgddiff_batch.core.composite_planning import AreaSettings
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.ledger.marks import LEDGER
from sgddiff_batch.io.storage import Store

_SHOWN = 60
CELLS = f"{LEDGER}/lattice~.json"
"""What an area was begun with, written once."""


def check_cells(area: Store, name: str, settings: AreaSettings) -> None:
    """Return if an area has the cells and periods that it was begun with, or was not begun.

    Raises:
        ConfigError: if it has others.
        FatalError: if the object that says so is damaged.
    """
    try:
        begun = _parsed(area.read(CELLS))
    except FileNotFoundError:
        return
    now = _facts_of(settings)
    other = [key for key, value in now.items() if not _is_same(key, begun[key], value)]
    if other:
        told = "; ".join(f"{key} was {_short(begun[key])}, is {_short(now[key])}" for key in other)
        raise ConfigError(
            f"areas: {name}: it was begun with other cells or periods, and one catalogue cannot hold both: "
            f"{told}; take another name for the area, or go back"
        )


def keep_cells(area: Store, name: str, settings: AreaSettings, run_id: str) -> None:
    """Write what an area is begun with, unless that is done.

    Raises:
        ConfigError: if it was begun with something else.
        FatalError: if the object that says so is damaged, or the lease was lost.
        RetryableError: as the store does.
    """
    data = json.dumps({**_facts_of(settings), "run_id": run_id}).encode()
    if area.create(CELLS, data) is None:
        check_cells(area, name, settings)


def _facts_of(settings: AreaSettings) -> dict[str, object]:
    cells = settings.cells
    return {
        "crs": cells.crs_wkt,
        "resolution": float(cells.resolution),
        "origin": [float(value) for value in cells.origin],
        "cell_px": cells.cell_px,
        "period": settings.period,
    }


def _parsed(data: bytes) -> Mapping[str, object]:
    try:
        row = json.loads(data)
        return {key: row[key] for key in ("crs", "resolution", "origin", "cell_px", "period")}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FatalError(
            f"the object {CELLS} of the area is damaged ({error}); restore it, or delete it if the area's "
            "crs, resolution, origin, cell_px and period were never changed"
        ) from None


def _is_same(key: str, begun: object, now: object) -> bool:
    if begun == now or key != "crs":
        return begun == now
    try:
        # Another GDAL may write the same CRS in other words.
        return bool(CRS.from_wkt(str(begun)) == CRS.from_wkt(str(now)))
    except CRSError:
        return False


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
