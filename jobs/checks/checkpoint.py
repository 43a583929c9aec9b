"""Checkpoint: whether the network's weights are there, and are those that they say they are."""

from __future__ import annotations

from jobs.checks.check import Check, failed, ok
from sgddiff_batch.core.words import on_one_line


def check_checkpoint(name: str) -> Check:
    """Load a checkpoint, which compares the digest of its tensors with the one that is written there."""
    from models.checkpoint import CheckpointError, load_checkpoint

    try:
        digest = load_checkpoint(name).digest
    except CheckpointError as error:
        mend = "model.checkpoint: the folder that training wrote, whole; or bundled"
        return failed("checkpoint", on_one_line(error), mend)
    return ok("checkpoint", f"{name}: its tensors have the digest that it says, {digest[:12]}")
