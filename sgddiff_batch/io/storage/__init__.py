"""Storage: a folder or an object-storage prefix, read and written as whole objects.

Inside are the two kinds of storage, local files and S3, what each can do at once (conditional writes,
listings, removals), and how an S3 client is made. Nothing here knows what the objects mean, and nothing
outside asks fsspec, s3fs or botocore for anything.
"""

from __future__ import annotations

from sgddiff_batch.io.storage.conditional_writes import Versioned
from sgddiff_batch.io.storage.listings import Listed
from sgddiff_batch.io.storage.s3_client import code_of, gdal_access_options
from sgddiff_batch.io.storage.sizes import changed_s, infos, measure
from sgddiff_batch.io.storage.store import Store, is_local, open_store, translated

__all__ = [
    "Listed",
    "Store",
    "Versioned",
    "changed_s",
    "code_of",
    "gdal_access_options",
    "infos",
    "is_local",
    "measure",
    "open_store",
    "translated",
]
