"""Viewer: an output as a map in a browser, by a server on this machine that nothing leaves.

Inside are the loopback server, what it gives of an output and to whom, and what the page is told. The page
itself, in ``page``, is built from ``source``, and knows nothing of storage. Nothing here changes an output.
"""

from __future__ import annotations

from sgddiff_batch.viewer.policy import Basemap
from sgddiff_batch.viewer.server import LoopbackServer
from sgddiff_batch.viewer.site import open_site
from sgddiff_batch.viewer.static import StaticPage, write_static

__all__ = ["Basemap", "LoopbackServer", "StaticPage", "open_site", "write_static"]
