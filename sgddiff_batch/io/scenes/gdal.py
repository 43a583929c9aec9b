"""How GDAL is let at a scene: one driver, no references to other files, settings for object storage."""

from __future__ import annotations

import os
import posixpath
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.session import DummySession

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import ConfigError, RetryableError, SgddiffBatchError, UnreadableSceneError
from sgddiff_batch.io import storage
from sgddiff_batch.io.scenes.gdal_errors import (
    GDAL_FAILURES,
    overhearing,
    raise_on_damage,
    raise_on_silence,
    translated,
    translated_in_memory,
    without_secrets,
)

BLOCK_CACHE_BYTES = 256 * 2**20
"""GDAL's cache of decoded blocks, one for all threads of a process."""

_TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_REMOTE_SUFFIXES = ".tif,.tiff,.msk,.xml,.tfw,.tifw,.tiffw,.wld"

# All options are set at every opening: what the main thread sets, GDAL shows to all threads that set nothing.
_OPTIONS: dict[str, str | int] = {
    "GDAL_CACHEMAX": BLOCK_CACHE_BYTES,
    "GDAL_NUM_THREADS": "1",  # more would log from threads that we do not overhear
    "GDAL_GEOREF_SOURCES": "PAM,INTERNAL,WORLDFILE",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_LOW_SPEED_TIME": "20",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "GDAL_HTTP_TIMEOUT": "120",
    "VSI_CACHE_SIZE": str(32 * 2**20),
}


@dataclass(frozen=True, slots=True)
class Whole:
    """All bytes of a scene, and the file in memory that GDAL reads them from; nothing lies beside it."""

    data: bytes
    file: MemoryFile

    @classmethod
    def of(cls, scene: Scene, data: bytes) -> Whole:
        """Put a scene into memory, in a folder of its own, under the name that GDAL's messages tell it by."""
        return cls(data, MemoryFile(data, filename=posixpath.basename(scene.uri)))


def gdal_options(
    scene: Scene, environment: Mapping[str, str], access: BucketAccess = OWN, *, in_memory: bool = False
) -> dict[str, str | int]:
    """Return GDAL's settings for one scene; endpoints are taken from the environment."""
    over_network = storage.over_network(scene.uri) and not in_memory
    return {
        **_OPTIONS,
        **storage.gdal_settings(scene.uri, access, environment),
        # EMPTY_DIR: no sidecar is looked for, which saves a dozen requests; TRUE: each is asked for by name.
        "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE" if scene.has_sidecars else "EMPTY_DIR",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": _allowed_endings(scene.uri) if over_network else ".no-network",
        "VSI_CACHE": "TRUE" if over_network else "FALSE",
    }


def _allowed_endings(uri: str) -> str:
    """Return how the names of objects that GDAL may ask for end; it takes a ``?`` for the name's end."""
    before = uri.partition("?")[0]
    ending = re.split("[, /]", before)[-1][-16:]
    is_known = before == uri and uri.lower().endswith(tuple(_REMOTE_SUFFIXES.split(",")))
    return _REMOTE_SUFFIXES if is_known or not ending else f"{_REMOTE_SUFFIXES},{ending}"


@contextmanager
def opened(scene: Scene, doing: str, access: BucketAccess = OWN) -> Iterator[DatasetReader]:
    """Open a scene as a GeoTIFF, and turn what goes wrong inside the ``with`` into our errors.

    Safe to use from several threads: each opening has a handle of its own. doing: what is tried, as the
    beginning of a sentence ("reading rows 0 to 512").

    Raises:
        UnreadableSceneError: if it cannot be opened, refers to other files, or the body fails.
        RetryableError: if the storage failed.
    """
    with opened_with_mask(scene, doing, access) as (source, _):
        yield source


@contextmanager
def opened_with_mask(
    scene: Scene, doing: str, access: BucketAccess = OWN
) -> Iterator[tuple[DatasetReader, str]]:
    """Open a scene as :func:`opened`; yield also what the mask beside it has behind its name, "" without one.

    Raises:
        UnreadableSceneError, RetryableError: as :func:`opened`.
    """
    with let_at(scene, doing, access) as heard:
        suffix = _mask_beside(scene, access)
        path = storage.gdal_path(scene.uri)
        with _opened(path) as source, _with_esri_crs(source, scene, path, heard) as found:
            _refuse_references(found)
            yield found, suffix


@contextmanager
def let_at(
    scene: Scene, doing: str, access: BucketAccess = OWN, whole: Whole | None = None
) -> Iterator[list[str]]:
    """Yield what GDAL says of a scene in this thread, with its settings made and its failures translated.

    whole: the scene in memory, where the body reads that one. Raises as :func:`opened`.
    """
    silence_not_georeferenced()
    options = gdal_options(scene, os.environ, access, in_memory=whole is not None)
    with overhearing() as heard, rasterio.Env(session=DummySession(), **options):
        try:
            yield heard
        except SgddiffBatchError:
            raise
        except GDAL_FAILURES as error:
            # The chain is cut: GDAL's messages can hold signed URLs, and tracebacks end up in logs.
            if whole is not None:
                path = storage.gdal_path(scene.uri)
                raise translated_in_memory(error, doing, whole.file.name, path) from None
            raise translated(error, heard, doing, remote=storage.over_network(scene.uri)) from None
        raise_on_damage(heard, doing)


def opened_to_keep(scene: Scene, whole: Whole | None = None) -> DatasetReader:
    """Open a scene without sidecars, to be closed by the caller; for a ``with`` of :func:`let_at`.

    Raises:
        UnreadableSceneError: if it refers to other files.
    """
    source = whole.file.open(driver="GTiff") if whole else _plainly_opened(storage.gdal_path(scene.uri))
    try:
        _take_complaints(source)
        _refuse_references(source)
    except BaseException:
        source.close()
        raise
    return source


def _plainly_opened(path: str) -> DatasetReader:
    return rasterio.open(path, driver="GTiff", sharing=False)


@contextmanager
def _opened(path: str) -> Iterator[DatasetReader]:
    """Open a scene, and take what GDAL complained of meanwhile, such as a sidecar's CRS that is none.

    The scene is open all the same; but rasterio would raise it at the next call, whatever that is.
    """
    with _plainly_opened(path) as source:
        _take_complaints(source)
        yield source


def _take_complaints(source: DatasetReader) -> None:
    with suppress(*GDAL_FAILURES):
        _ = source.colorinterp


@contextmanager
def _with_esri_crs(
    source: DatasetReader, scene: Scene, path: str, heard: Sequence[str]
) -> Iterator[DatasetReader]:
    """Yield a scene with the CRS that ArcGIS has put into an .xml beside it, if it has none of its own.

    Asked always, GDAL would believe the .xml and not the scene, and fail with whatever is called .xml.
    """
    if source.crs or not scene.has_sidecars:
        yield source
        return
    with rasterio.Env(GDAL_GEOREF_SOURCES="PAM,INTERNAL,WORLDFILE,XML"), _opened(path) as asked:
        if not asked.crs and storage.over_network(scene.uri):
            raise_on_silence(heard, "looking for a CRS beside it")
        yield asked if asked.crs else source


def _refuse_references(source: DatasetReader) -> None:
    """Refuse metadata by which GDAL would open any other file or URL, with any driver, for overviews."""
    if named := source.tags(ns="OVERVIEWS").get("OVERVIEW_FILE"):
        raise UnreadableSceneError(
            f"it refers to another file for its overviews ({without_secrets(named)!r})"
        )


def _mask_beside(scene: Scene, access: BucketAccess) -> str:
    """Return what the mask beside a scene has behind its name, "" where there is none.

    Raises:
        UnreadableSceneError: if it is no TIFF: GDAL opens masks with all its drivers, VRT and the network's.
        RetryableError: if the storage failed.
    """
    found = ""
    for suffix in (".msk", ".MSK") if scene.has_sidecars else ():
        beginning = _beginning(scene.uri + suffix, access)
        if beginning is not None and beginning not in _TIFF_BEGINNINGS:
            raise UnreadableSceneError(f"its mask ({suffix}) is no TIFF file; other formats are not opened")
        found = found or ("" if beginning is None else suffix)
    return found


def opened_beside(scene: Scene, suffix: str) -> DatasetReader:
    """Open the mask beside a scene that is open; for a ``with`` inside of that of :func:`opened`."""
    return _plainly_opened(storage.gdal_path(scene.uri) + suffix)


def opened_without_overviews(scene: Scene) -> DatasetReader:
    """Open a scene that is open once more, as if it had none: GDAL opens a .ovr with any of its drivers.

    For whatever may ask GDAL for overviews; for a ``with`` inside of that of :func:`opened`.
    """
    return rasterio.open(storage.gdal_path(scene.uri), driver="GTiff", sharing=False, OVERVIEW_LEVEL="NONE")


def _beginning(uri: str, access: BucketAccess) -> bytes | None:
    store = storage.open_store(uri, access)
    try:
        return store.read_part("", 0, 4)
    except FileNotFoundError:
        return None
    except (ConfigError, RetryableError) as error:
        if isinstance(error.__cause__, IsADirectoryError):
            return None
        if isinstance(error.__cause__, OSError) and not store.over_network:
            raise error.__cause__ from None
        raise RetryableError(f"looking for a mask beside it failed: {without_secrets(str(error))}") from None


def window_words(window: Window) -> str:
    """Return a window in words: "rows 0 to 512, columns 0 to 512", the ends not included."""
    rows = f"rows {window.row_start} to {window.row_stop}"
    return f"{rows}, columns {window.col_start} to {window.col_stop}"


def silence_not_georeferenced() -> None:
    """Ignore rasterio's warning of what has no transform: scenes, of which the profile's notes tell, and the
    arrays of a warp while they are made into datasets.

    ``warnings.catch_warnings`` swaps the filters of all threads; a filter that is added once and stays is
    safe in any thread, and no other warning is touched.
    """
    if not any(kind is NotGeoreferencedWarning for _, _, kind, _, _ in list(warnings.filters)):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
