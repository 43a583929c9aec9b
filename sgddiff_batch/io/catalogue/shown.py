"""What a row of the catalogue shows of a mosaic besides its record: found out once, when it is committed.

It lies in the ledger's record of the scene, so that publishing opens no mosaic.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.core.provenance import parse_provenance
from sgddiff_batch.core.words import redact_uri
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.geodesy import Footprint, FootprintMaker

NOT_SHOWN = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, RecursionError)
"""What is raised of JSON that does not say what a row shows."""

_OF_THREAD = threading.local()


@dataclass(frozen=True, slots=True)
class Shown:
    """``source`` is the scene's URI without secrets, ``code`` or ``wkt`` the CRS, as the root has it."""

    source: str
    model_digest: str | None
    code: str | None
    wkt: str | None
    height_px: int
    width_px: int
    transform: Transform
    outline: Footprint | None

    def to_json(self) -> dict[str, object]:
        """Return it as a record of the ledger has it."""
        outline = self.outline
        return {
            "source": self.source,
            "model_digest": self.model_digest,
            "code": self.code,
            "wkt": self.wkt,
            "shape": [self.height_px, self.width_px],
            "transform": list(self.transform.coefficients),
            "outline": outline and [outline.wkb.hex(), list(outline.box), outline.area_km2],
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Shown:
        """Return what :meth:`to_json` wrote.

        Raises:
            KeyError, ValueError, TypeError, IndexError: if it is something else.
        """
        outline = tree["outline"]
        if outline is not None:
            wkb, (west, south, east, north), area_km2 = outline
            box = float(west), float(south), float(east), float(north)
            outline = Footprint(bytes.fromhex(wkb), box, float(area_km2))
        height_px, width_px = map(int, tree["shape"])
        names = tree["model_digest"], tree["code"], tree["wkt"]
        if not all(name is None or isinstance(name, str) for name in names):
            raise TypeError(f"{names} are no texts")
        transform = Transform(*map(float, tree["transform"]))
        return cls(str(tree["source"]), *names, height_px, width_px, transform, outline)


def shown_of(root: Mapping[str, Any], footprints: FootprintMaker) -> Shown:
    """Return what a row shows of a mosaic, from the attributes of its root.

    Raises:
        KeyError, ValueError, TypeError, IndexError: if ``root`` is not the root of a mosaic.
    """
    provenance = parse_provenance(root.get(mosaics.PROVENANCE), partial=True)
    layout = root["multiscales"]["layout"][0]
    height_px, width_px = (int(side) for side in layout["spatial:shape"])
    transform = Transform(*map(float, layout["spatial:transform"]))
    code, wkt = root.get("proj:code"), root.get("proj:wkt2")
    outline = footprints.footprint(height_px, width_px, transform, code or wkt)
    source = redact_uri(provenance.source_uri)
    return Shown(source, provenance.model_digest, code, wkt, height_px, width_px, transform, outline)


def shown_json(root: bytes) -> dict[str, object] | None:
    """Return what a row shows of the mosaic of a root object, as JSON; None if that cannot be told."""
    maker = getattr(_OF_THREAD, "maker", None)
    if maker is None:
        maker = _OF_THREAD.maker = FootprintMaker()
    try:
        return shown_of(json.loads(root)["attributes"], maker).to_json()
    except NOT_SHOWN:
        return None
