"""Pages: the report of a run as people look at it: one HTML file beside the JSON that it is made of.

Inside are what is picked of a report's rows in one pass, pictures of mosaics and their scenes, a map, charts,
and the templates. No page needs a network or a script; whatever a report says is escaped. Nothing here
changes a mosaic, a record or a report, and what cannot be read leaves its place with a word.
"""

from __future__ import annotations

from sgddiff_batch.io.pages.charts import drawing
from sgddiff_batch.io.pages.history import history_of
from sgddiff_batch.io.pages.page import page_of
from sgddiff_batch.io.pages.rendering import rendered
from sgddiff_batch.io.pages.sections import flat
from sgddiff_batch.io.pages.words import duration, share

__all__ = ["drawing", "duration", "flat", "history_of", "page_of", "rendered", "share"]
