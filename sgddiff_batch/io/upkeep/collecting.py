"""Garbage collection: what nobody will ask for again below an output is removed, under a lease of its own."""

from __future__ import annotations

from collections.abc import Callable

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.io.ledger import Lease, fenced
from sgddiff_batch.io.reports import new_run_id
from sgddiff_batch.io.storage import Store
from sgddiff_batch.io.upkeep.garbage import Garbage, Inventory, find_garbage, remove_garbage

_LEASE_S = 120.0


def collect_garbage(
    store: Store,
    older_than_s: float,
    found: Callable[[Inventory], None],
    access: BucketAccess = OWN,
) -> list[Garbage]:
    """Remove the garbage of an output, ``found`` having been told first; return what went.

    access: how the archive is asked whether the scene of an unfinished mosaic is still there.

    Raises:
        LeaseHeldError: if a run is at work there.
    """
    with Lease(store, f"gc-{new_run_id()}", _LEASE_S, alone=True) as lease:
        inventory = find_garbage(store, older_than_s, access=access)
        found(inventory)
        return list(remove_garbage(fenced(store, lease), inventory.garbage))
