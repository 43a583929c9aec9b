"""Processes that die with notes of what they were at work on, and the journal of the command they were of."""

from __future__ import annotations

import subprocess
import sys

from jobs.supervisor import Journal

_DYING = """
import os, signal, sys
from contextlib import ExitStack
from sgddiff_batch.io.ledger.activity import FileActivity
activity, notes = FileActivity(sys.argv[1], sys.argv[2]), ExitStack()
for note in sys.argv[3:]:
    kind, _, scene_id = note.partition(" ")
    notes.enter_context(getattr(activity, kind)(scene_id))
os.kill(os.getpid(), signal.SIGKILL)
"""


def die(journal: Journal, output_uri: str, *notes: str, label: str = "worker") -> None:
    """Have a process die with notes about an output, such as "reading a.tif", and the journal know of it."""
    subprocess.run([sys.executable, "-c", _DYING, output_uri, label, *notes], check=False)
    journal.deaths.append({"signal": "SIGKILL", "at": "2026-11-01T00:00:00+00:00"})
