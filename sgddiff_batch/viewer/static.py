"""Static: the page as files that read an output by themselves, without a server of ours."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.schemes import split_uri
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive import root_of
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.viewer.policy import Basemap, content_policy
from sgddiff_batch.viewer.served import type_of
from sgddiff_batch.viewer.settings import CONFIG, ScenePlace, settings_json
from sgddiff_batch.viewer.site import INDEX, open_shown, page_folder

MANIFEST = "export.json"
"""Which files an export wrote: the next one removes those that it has no more."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_OUTPUTS_OWN = ("_ledger", "_catalogue", "_objects", "_stac", "_areas")
_STORE = ".zarr"


@dataclass(frozen=True, slots=True)
class StaticPage:
    """What was written: ``uri`` of the page, ``url`` by which browsers ask for it (None: a local file).

    ``hosts``: origins besides its own that it reads from, which must allow it (CORS). ``unseen``: roots of
    scenes that it cannot read.
    """

    uri: str
    url: str | None
    hosts: tuple[str, ...]
    unseen: tuple[str, ...]


def write_static(
    output_uri: str,
    target_uri: str,
    *,
    roots: Sequence[str] = (),
    access: BucketAccess = OWN,
    basemap: Basemap | None = None,
    page: Path | None = None,
) -> StaticPage:
    """Write the page of an output into a folder or prefix, in place of an earlier export there.

    roots: sources of the archive, whose scenes the page shows where browsers can ask for them; access: how
    their buckets are asked, of which browsers pay none. page: the folder of the built page; None: that of
    this package.

    Raises:
        ConfigError: if there is no catalogue or page, the target is part of an output or has files of others,
            or browsers cannot read the output from there.
        FatalError, RetryableError: as the catalogue and the stores do.
    """
    folder, output = page_folder(page), open_shown(output_uri)
    target = open_store(target_uri)
    _check_target(target)
    place = _address(output, target)
    if place is None:
        raise ConfigError(
            f"--export: a page at {target.uri} cannot read {output.uri}: copy it to a bucket, too"
        )
    scenes, unseen = _scene_places(roots, access, target)
    read = [place, *(one.href for one in scenes), *([] if basemap is None else [basemap.url])]
    hosts = tuple(sorted({_origin(url) for url in read if _origin(url)}))
    title = output.root.rpartition("/")[2]
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    files[CONFIG] = settings_json(output, title, basemap, output=place, scenes=scenes)
    files[INDEX] = _with_policy(files[INDEX], hosts)
    _replace(target, files)
    return StaticPage(target.uri_of(INDEX), target.web_url(INDEX), hosts, tuple(unseen))


def _check_target(target: Store) -> None:
    """Raise ConfigError for what is part of a mosaic, or of what runs keep, also by a link."""
    local = target.local_path()
    path = target.root if local is None else os.path.realpath(local)
    for part in path.split("/"):
        if part.endswith(_STORE) or part in _OUTPUTS_OWN:
            raise ConfigError(
                f"--export: {target.uri} lies in {part!r}, which is an output's own; give another place, "
                "as OUTPUT/_view"
            )


def _address(there: Store, page: Store) -> str | None:
    """Return the address of a store from a page, ending in ``/``; None where browsers have none.

    In one bucket, and on one machine, it is relative: then it is the same origin, and outlives moving both.
    """
    if there.local_path() is not None and page.local_path() is not None:
        return _relative(os.path.realpath(there.root), os.path.realpath(page.root))
    here, bucket = split_uri(page.uri)[:2], split_uri(there.uri)[:2]
    if bucket == here:
        return _relative(f"/{there.root}", f"/{page.root}")
    url = there.web_url()
    return None if url is None else f"{url}/"


def _relative(path: str, start: str) -> str:
    return f"{quote(os.path.relpath(path, start), safe='/')}/"


def _scene_places(
    roots: Sequence[str], access: BucketAccess, page: Store
) -> tuple[list[ScenePlace], list[str]]:
    """Return where the page finds scenes by how their URIs begin, and the roots that it cannot read."""
    places, unseen = {}, []
    for root in roots:
        try:
            folder = root_of(root)
            is_paid = access.of(folder) == "requester-pays"
            href = None if is_paid else _address(open_store(folder, access), page)
        except ConfigError:  # an API, whose items lie somewhere else
            folder, href = root, None
        if href is None:
            unseen.append(root)
        else:
            places[f"{folder}/"] = ScenePlace(f"{folder}/", href)
    return [places[prefix] for prefix in sorted(places, key=len, reverse=True)], unseen


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme else ""


def _with_policy(index: bytes, hosts: Sequence[str]) -> bytes:
    """Return the page's HTML with its policy in it, as there is no server of ours that sends one."""
    said = f'<meta http-equiv="Content-Security-Policy" content="{content_policy(hosts, framed=True)}">'
    told = f'<head>{said}<meta name="referrer" content="no-referrer">'.encode()
    if b"<head>" not in index:
        raise ConfigError(f"{INDEX} of the page has no <head>: build it anew with `make viewer`")
    return index.replace(b"<head>", told, 1)


def _replace(target: Store, files: dict[str, bytes]) -> None:
    """Write files, the page itself last, and remove those of an earlier export that are no more.

    Killed at any moment, the next export finds all that was written.
    """
    before = _written_before(target)
    if before is None:
        taken = [name for name in files if target.stat(name) is not None]
        if taken:
            raise ConfigError(
                f"--export: {target.uri_of(taken[0])} is there, and of no export; give an empty place"
            )
    gone = sorted(set(before or ()) - set(files))
    target.write(MANIFEST, _manifest([*files, *gone]), type_of(MANIFEST))
    for name in sorted(files, key=lambda name: (name == INDEX, name)):
        target.write(name, files[name], type_of(name))
    for name in gone:
        target.delete(name)
    target.write(MANIFEST, _manifest([*files]), type_of(MANIFEST))


def _manifest(names: Sequence[str]) -> bytes:
    return json.dumps({"format_version": 1, "files": sorted(names)}, indent=1).encode()


def _written_before(target: Store) -> list[str] | None:
    """Return the files that exports wrote, None where there was none.

    Raises:
        ConfigError: if that is not to be found out.
    """
    try:
        tree = json.loads(target.read(MANIFEST))
        names = tree["files"]
        if tree["format_version"] == 1 and all(_NAME.fullmatch(name) for name in names):
            return [*names]
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise ConfigError(
        f"--export: {target.uri_of(MANIFEST)} is of no export; remove it, or give another place"
    )
