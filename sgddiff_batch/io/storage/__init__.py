"""Storage: a folder or an object-storage prefix, read and written as whole objects.

Inside is a backend for each kind of storage, local files and S3, what each can do at once (conditional
writes, listings, removals), and how a client is made. A further kind is one module and one row of
:data:`sgddiff_batch.core.schemes.SCHEMES`. Nothing here knows what the objects mean, and nothing outside
asks fsspec, s3fs or botocore for anything, or which kind of storage it has.
"""

from __future__ import annotations

from sgddiff_batch.io.calls import take_calls
from sgddiff_batch.io.storage.backend import ObjectFacts, Versioned
from sgddiff_batch.io.storage.conditional_writes import flip
from sgddiff_batch.io.storage.errors import BucketError, DeniedError, NoBucketError
from sgddiff_batch.io.storage.sizes import measure
from sgddiff_batch.io.storage.store import Store, open_store
from sgddiff_batch.io.storage.uris import (
    credentials_found,
    gdal_path,
    gdal_settings,
    local_path,
    no_new_folders,
    over_network,
)

__all__ = [
    "BucketError",
    "DeniedError",
    "NoBucketError",
    "ObjectFacts",
    "Store",
    "Versioned",
    "credentials_found",
    "flip",
    "gdal_path",
    "gdal_settings",
    "local_path",
    "measure",
    "no_new_folders",
    "open_store",
    "over_network",
    "take_calls",
]
