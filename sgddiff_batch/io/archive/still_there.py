"""Whether the file of a scene is still the one that a mosaic was made from."""

from __future__ import annotations

from dataclasses import replace

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.words import printable
from sgddiff_batch.io.archive.finding import look_up


def current_scene(scene: Scene, access: BucketAccess = OWN, *, strict: bool = False) -> Scene | str:
    """Return the scene as its folder lists it now, or in words why it is not at this version any more.

    strict: whether a bucket that is not there is an error, too.

    Raises:
        ConfigError, RetryableError: if the folder cannot be listed.
    """
    answer = look_up({scene.uri: scene.scene_id}, access, strict=strict)
    if not answer.scenes:
        reason = answer.missing[0].reason if answer.missing else f"there is no file at {printable(scene.uri)}"
        return f"its scene is gone: {reason}"
    found = answer.scenes[0].scene
    if found.version != scene.version:
        return f"its scene changed since: version {scene.version} then, {found.version} now"
    return replace(found, scene_id=scene.scene_id)
