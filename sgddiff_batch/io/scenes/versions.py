"""Versions: whether a scene is the one that was listed, and a small one fetched whole at that version."""

from __future__ import annotations

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import ChangedSceneError, ConfigError, RetryableError, UnreadableSceneError
from sgddiff_batch.io import storage
from sgddiff_batch.io.archive import ArchiveFile, fetched_at, file_at, look_up, version_of
from sgddiff_batch.io.scenes.gdal_errors import unanswered, without_secrets
from sgddiff_batch.io.storage import DeniedError

SMALL_SCENE_BYTES = 8 * 2**20
"""A remote scene of at most so many bytes is fetched whole.

By parts it takes two requests one after the other, of 30 to 60 ms each before the first byte comes; whole it
takes one, and what is fetched in vain, overviews and bands that are not shown, comes at some 90 MB/s and
more: even half of 8 MiB costs no more than the request that is saved. It holds a tile of 1088 px of three
bands of uint16 that are not compressed, and a worker's few scenes in flight are small beside their pixels.
"""


def is_fetched_whole(scene: Scene) -> bool:
    """Whether a scene is small, remote, and all that is said of it is in its file."""
    is_small = 0 < scene.size_bytes <= SMALL_SCENE_BYTES
    return is_small and not scene.has_sidecars and storage.over_network(scene.uri)


def current_version(scene: Scene, access: BucketAccess = OWN) -> str | None:
    """Return the version that a listing would give a scene now, None where it is gone.

    Raises:
        ConfigError: if the storage denies it.
        RetryableError: if it does not answer.
    """
    if scene.has_sidecars:
        found = look_up({scene.uri: scene.scene_id}, access).scenes
        return found[0].scene.version if found else None
    file = file_at(scene.uri, access)
    return version_of([file]) if isinstance(file, ArchiveFile) else None


def check_unchanged(scene: Scene, access: BucketAccess = OWN) -> None:
    """Ask the store whether a scene is the one that was listed.

    Raises:
        ChangedSceneError: if it changed or went.
        ConfigError, RetryableError: as :func:`current_version`.
    """
    _compare(scene, current_version(scene, access))


def _compare(scene: Scene, found: str | None) -> None:
    if found is None:
        raise ChangedSceneError("it is gone since it was listed; the next run lists the archive anew")
    if found != scene.version:
        raise ChangedSceneError("it was changed since it was listed; the next run reads it as it is now")


def fetch_whole(scene: Scene, doing: str, access: BucketAccess = OWN) -> bytes:
    """Return a remote scene without sidecars, by one request, whose answer tells the version, too.

    doing: what it is for, as the beginning of a sentence ("opening it").

    Raises:
        ChangedSceneError: if it changed or went since it was listed.
        UnreadableSceneError: if the storage denies it.
        RetryableError: if the storage failed.
    """
    storage.gdal_path(scene.uri)  # what GDAL would not ask for, nobody does
    try:
        file, data = fetched_at(scene.uri, access)
    except FileNotFoundError:
        check_unchanged(scene, access)
        raise RetryableError(
            f"{doing} failed: there is no such object (HTTP 404). It is there again."
        ) from None
    except DeniedError:
        raise denied() from None
    except (ConfigError, RetryableError) as error:
        raise unanswered(doing, without_secrets(str(error))) from None
    _compare(scene, version_of([file]))
    if len(data) != scene.size_bytes:
        raise unanswered(doing, f"it sent {len(data)} of {scene.size_bytes} bytes")
    return data


def denied() -> UnreadableSceneError:
    """Return the error of a scene that may be listed and not read."""
    return UnreadableSceneError("access to it is denied (HTTP 403); check the credentials")
