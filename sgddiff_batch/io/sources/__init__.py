"""Sources: everything that names scenes of an archive, reconciled into one listing.

Inside is one row for each kind of source. It is the only room that knows both archives and catalogues.
"""

from __future__ import annotations

from sgddiff_batch.io.sources.listing import Listing, list_archive

__all__ = ["Listing", "list_archive"]
