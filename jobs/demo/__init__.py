"""The demo: draws a small archive, and a picture of each mosaic that the main job makes of it.

Inside are the scenes, what they show (`drawing`), and how a mosaic is drawn beside its scene. Nothing here
runs the main job: that is the verb's.
"""
