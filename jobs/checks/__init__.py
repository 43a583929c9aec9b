"""Checks: what a run needs of this machine, the network, the archive and the output, looked at beforehand.

Inside, each check finds one thing, says whether a run can do with it, and what mends it if not. A check
raises nothing, changes nothing, and leaves nothing behind; the object that is put into the output is removed.
"""

from __future__ import annotations

from jobs.checks.all_of_them import examine
from jobs.checks.check import Check

__all__ = ["Check", "examine"]
