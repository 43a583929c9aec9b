"""Areas: mosaics of scenes in the pixels of a cell and period.

Inside, members are found in the catalogue, read, warped by GDAL where their grid is another, and composed.
An area has a ledger and a catalogue of its own, made elsewhere.
"""

from __future__ import annotations

from sgddiff_batch.io.areas.compose import Composer, cell_bytes
from sgddiff_batch.io.areas.made_of import made_of
from sgddiff_batch.io.areas.members import Membership, find_members, parse_crs

__all__ = ["Composer", "Membership", "cell_bytes", "find_members", "made_of", "parse_crs"]
