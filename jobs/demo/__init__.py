"""The demo: draws a small archive, and a picture of each mosaic that the main job makes of it.

Inside are the scenes, what they show (`drawing`), and how a mosaic is drawn beside its scene. Nothing here
runs the main job: that is the verb's.
"""

from __future__ import annotations

from jobs.demo.archive import SCENES
from jobs.demo.folder import draw_pictures, lacks_scenes, prepare

__all__ = ["SCENES", "draw_pictures", "lacks_scenes", "prepare"]
