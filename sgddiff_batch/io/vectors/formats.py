"""Formats: rows of objects as GeoJSON, by GDAL's own writers, and as vector tiles."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import shapely

from sgddiff_batch.errors import ConfigError

_LAYER = "objects"
_TILED = ("id", "scene", "time", "state", "area_m2", "saliency_mean", "saliency_max")
"""The columns that tiles have: each is in every tile that an object reaches into, at every zoom."""

_MOST_ZOOM = 14
_PLACES = 7
"""Digits of degrees in GeoJSON behind the point: a centimetre."""


@dataclass
class Rows:
    """Rows of objects, taken once: ``schema`` and tables of it, with outlines as WKB in ``geometry``.

    ``count``: those that were taken so far.
    """

    schema: pa.Schema
    parts: Iterator[pa.Table]
    count: int = field(default=0)

    def __iter__(self) -> Iterator[pa.Table]:
        for part in self.parts:
            self.count += part.num_rows
            yield part


def write_geojson(rows: Rows, file: Path) -> None:
    """Write a FeatureCollection (RFC 7946), a line a feature."""
    with file.open("w", encoding="utf-8") as out:
        out.write('{"type":"FeatureCollection","features":[\n')
        _write_features(rows, out, ",\n", rows.schema.names)
        out.write("\n]}\n")


def _write_features(rows: Rows, out: TextIO, between: str, names: list[str]) -> None:
    is_first = True
    for part in rows:
        shapes = shapely.from_wkb(part["geometry"].to_pylist())
        outlines = shapely.to_geojson(
            shapely.transform(shapes, lambda points: points.round(_PLACES))
        ).tolist()
        properties = part.select([name for name in names if name != "geometry"]).to_pylist()
        for outline, own in zip(outlines, properties, strict=True):
            told = json.dumps(own, ensure_ascii=False, default=_text, separators=(",", ":"))
            out.write(("" if is_first else between) + _feature(outline, told))
            is_first = False


def _feature(outline: str, told: str) -> str:
    return f'{{"type":"Feature","geometry":{outline},"properties":{told}}}'


def _text(value: Any) -> str:  # noqa: ANN401 - of JSON's choice
    return str(value.isoformat())


def write_by_gdal(driver: str, suffix: str) -> Callable[[Rows, Path], None]:
    """Return what writes a format of GDAL's, which takes the rows as they come."""

    def write(rows: Rows, file: Path) -> None:
        _need("pyogrio", "vector")
        from pyogrio import write_arrow
        from pyogrio.errors import DataLayerError, DataSourceError

        batches = (batch for part in rows for batch in part.to_batches())
        made = file.with_suffix(suffix)  # GDAL looks at names, too
        reader = pa.RecordBatchReader.from_batches(rows.schema, batches)
        try:
            write_arrow(
                reader, made, layer=_LAYER, driver=driver, geometry_name="geometry",
                geometry_type="Unknown", crs="EPSG:4326",
            )  # fmt: skip
        except (DataLayerError, DataSourceError, RuntimeError) as error:
            raise OSError(f"GDAL could not write the file: {error}") from None
        made.replace(file)

    return write


def write_tiles(rows: Rows, file: Path) -> None:
    """Write vector tiles (PMTiles), by tippecanoe, which leaves out the least objects of crowded tiles."""
    _need("cubao_tippecanoe", "tiles")
    with tempfile.TemporaryDirectory(prefix="tiles.", dir=file.parent) as folder:
        lines, made = Path(folder) / "objects.geojsonl", Path(folder) / "objects.pmtiles"
        with lines.open("w", encoding="utf-8") as out:
            _write_features(rows, out, "\n", list(_TILED))
            out.write("\n")
        if not rows.count:
            raise ConfigError("there are no objects with a place on the globe, and tiles of nothing are none")
        command = [
            *(sys.executable, "-m", "cubao_tippecanoe", "tippecanoe", "--quiet", "--force", "-l", _LAYER),
            *(f"--maximum-zoom={_MOST_ZOOM}", "--drop-densest-as-needed", "-t", folder),
            *("-o", str(made), str(lines)),
        ]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if ended.returncode or not made.exists():
            raise OSError(f"tippecanoe ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
        made.replace(file)


def _need(module: str, extra: str) -> None:
    """Look whether a package is there.

    Raises:
        ConfigError: if it is not, with what installs it.
    """
    if find_spec(module) is None:
        raise ConfigError(f"this format needs {module}: pip install 'sgddiff-batch[{extra}]'")
