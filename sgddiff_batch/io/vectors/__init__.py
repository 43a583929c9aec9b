"""Vectors: the published objects of an output as a file of another format.

Inside is a function a format; what a format needs of other packages is asked for when it is written. Rows
come group by group, and nothing in the output is changed.
"""

from __future__ import annotations

from sgddiff_batch.io.vectors.export import FORMATS, Written, export_objects

__all__ = ["FORMATS", "Written", "export_objects"]
