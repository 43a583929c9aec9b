"""The columns of the catalogue that follow from its others, made of columns: of a million rows each counts.

They are in files alone. Whoever compares and changes rows does without them, for they take as much memory as
all others together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from sgddiff_batch.core.hrefs import href_of, scene_href
from sgddiff_batch.io.catalogue.schema import LINEAGE, LINK, SCHEMA
from sgddiff_batch.io.catalogue.stac_fields import SALIENCY, lineage, same_fields, same_links


def with_stac(table: pa.Table, uri: str) -> pa.Table:
    """Return lean rows with all columns: row by row what ``stac_fields`` says of them, too.

    uri: that of the output.
    """
    hrefs = [href_of(path) for path in table["store"].to_pylist()]
    same = same_fields(uri)
    columns = {name: _repeated(SCHEMA.field(name).type, value, len(hrefs)) for name, value in same.items()}
    columns["assets"] = _assets(columns["assets"], hrefs)
    columns["links"] = _links(hrefs, table["scene_uri"].to_pylist(), uri)
    told = (table[name].to_pylist() for name in ("id", "scene_version", "run_key", "model_digest"))
    columns[LINEAGE] = pa.array(map(lineage, *told), pa.string())
    known = {name: table[name] for name in table.schema.names}
    return pa.table([(known | columns)[name] for name in SCHEMA.names], schema=SCHEMA)


def _repeated(kind: Any, value: object, count: int) -> pa.Array:  # noqa: ANN401 - pyarrow has no types
    return pa.array([value], kind).take(pa.array(np.zeros(count, np.int32)))


def _assets(same: pa.StructArray, hrefs: list[str]) -> pa.StructArray:
    """Return assets with the href of each, from some that have none."""
    asset = same.field(SALIENCY)
    fields = list(asset.type)
    parts = [pa.array(hrefs, each.type) if each.name == "href" else asset.field(each.name) for each in fields]
    return pa.StructArray.from_arrays(
        [pa.StructArray.from_arrays(parts, fields=fields)], fields=list(same.type)
    )


def _links(hrefs: list[str], scenes: list[str | None], uri: str) -> pa.ListArray:
    """Return of each row the links to the Collection, to its store and, where it is known, to its scene."""
    kinds = same_links()
    count = np.fromiter((len(kinds) if scene else len(kinds) - 1 for scene in scenes), np.int32, len(scenes))
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(count, dtype=np.int32)])
    kind = pa.array(np.arange(offsets[-1], dtype=np.int32) - np.repeat(offsets[:-1], count))
    whole = kinds[0]["href"]
    led = [
        target
        for href, scene in zip(hrefs, scenes, strict=True)
        for target in ((whole, href, scene_href(scene, uri)) if scene else (whole, href))
    ]
    parts = [
        pa.array(led, pa.string())
        if each.name == "href"
        else pa.array([link[each.name] for link in kinds], each.type).take(kind)
        for each in LINK
    ]
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(parts, fields=list(LINK)))
