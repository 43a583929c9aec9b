"""Where the training pictures and labels of a data set lie: its layout, found by looking, and its files."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.evaluation.pictures import by_stem, unpartnered
from jobs.training.pictures.cache import StoredFile
from jobs.training.retries import retrying
from sgddiff_batch.core.schemes import SCHEMES
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage import Store, local_path, open_store

LAYOUTS = (
    ("train-images", "train-labels"),
    ("train/image", "train/GT"),
    ("train/images", "train/labels"),
    ("train/images", "train/lables"),
)
"""Folders of pictures and of labels below a data set's root, in any letter case; `lables` is in the wild."""
_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FilePair:
    """The picture and the label of one stem."""

    stem: str
    picture: StoredFile
    label: StoredFile


@dataclass(frozen=True, slots=True)
class Located:
    """A data set on its store: its pairs by stem, sorted, and the folders that they lie in."""

    name: str
    uri: str
    layout: str
    pairs: tuple[FilePair, ...]


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder of a store; `inside` is "" for the store's root."""

    store: Store
    inside: str

    @property
    def uri(self) -> str:
        return f"{self.store.uri}/{self.inside}" if self.inside else self.store.uri

    def entries(self) -> dict[str, str | None]:
        """What lies right in it. Raises ConfigError, with where and why in one line, or RetryableError."""
        try:
            return retrying(lambda: self.store.entries(self.inside))
        except FileNotFoundError:
            raise ConfigError(f"{self.uri}: no such folder") from None
        except ConfigError as error:
            reason = str(error).removeprefix(f"{self.store.path(self.inside)}: ")
            advice = (
                "; check the bucket's name, the credentials and their rights"
                if self.store.over_network
                else ""
            )
            raise ConfigError(f"{self.uri}: cannot be listed: {reason}{advice}") from None


def find_in_root(uri: str, mistakes: list[str]) -> Located:
    """The training split below `uri`, in one of the LAYOUTS; what is wrong in it is added to `mistakes`.

    uri: a local folder or s3://bucket/prefix.

    Raises:
        ConfigError: if there is nothing to be listed, or none of the layouts, or several.
        RetryableError: if the store did not answer, several times.
    """
    root = _Folder(open_checked(uri), "")
    images, labels = _find_layout(root)
    pairs = _pair(_Folder(root.store, images), _Folder(root.store, labels), mistakes)
    return Located(_name_of(root.uri), _for_others(uri), f"{images} + {labels}", pairs)


def find_in_folders(images: str, labels: str, mistakes: list[str]) -> Located:
    """As :func:`find_in_root`, where both folders are named."""
    folders = [_Folder(open_checked(uri), "") for uri in (images, labels)]
    if folders[0].uri == folders[1].uri:
        raise ConfigError(f"{folders[0].uri}: is given for `images` and for `labels`")
    pairs = _pair(folders[0], folders[1], mistakes)
    uri = " + ".join(_for_others(each) for each in (images, labels))
    return Located(_name_of(posixpath.dirname(folders[0].uri)), uri, "named folders", pairs)


def open_checked(uri: str) -> Store:
    """Open a store. Raises ConfigError for what cannot be one, and never repeats a secret in it."""
    scheme, separator, rest = uri.partition("://")
    bucket = rest.partition("/")[0]
    if not uri.strip() or "\0" in uri:
        raise ConfigError(f"{uri!r} names no folder")
    if separator and scheme not in SCHEMES:
        known = ", ".join(f"{one}://" for one in SCHEMES)
        raise ConfigError(f"{scheme}://...: only local folders and {known} are known")
    if separator and ("@" in bucket or ("?" in rest) or (":" in bucket and not bucket.startswith("arn:"))):
        raise ConfigError(
            f"{scheme}://...: no user, password or query belongs into a URI; use the AWS variables"
        )
    if separator and not bucket:
        raise ConfigError(f"{uri}: names no bucket")
    return open_store(uri)


def _find_layout(root: _Folder) -> tuple[str, str]:
    """The one layout's folders, as they are written there. Raises ConfigError."""
    found = _folders_of(root)
    matches = [
        (images, labels)
        for layout in LAYOUTS
        for images in found.get(layout[0].lower(), [])
        for labels in found.get(layout[1].lower(), [])
    ]
    if len(matches) == 1:
        return matches[0]
    looked_for = ", ".join(f"{images} + {labels}" for images, labels in LAYOUTS)
    if matches:
        several = ", ".join(f"{images} + {labels}" for images, labels in matches)
        raise ConfigError(f"{root.uri}: holds several layouts, {several}; name `images` and `labels` instead")
    raise ConfigError(
        f"{root.uri}: holds no layout of training data; looked for {looked_for}; found {_shown(found)}; "
        "name `images` and `labels` instead"
    )


def _folders_of(root: _Folder) -> dict[str, list[str]]:
    """The folders right in the root and right in its `train`, by their names in lower case."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(name for name, version in root.entries().items() if version is None):
        found[name.lower()].append(name)
        if name.lower() == "train":
            inner = _Folder(root.store, name).entries()
            for each in sorted(each for each, version in inner.items() if version is None):
                found[f"{name}/{each}".lower()].append(f"{name}/{each}")
    return found


def _shown(found: Mapping[str, list[str]]) -> str:
    names = [name for same in found.values() for name in same]
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return (", ".join(names[:_MOST_SHOWN]) or "no folders") + more


def _pair(images: _Folder, labels: _Folder, mistakes: list[str]) -> tuple[FilePair, ...]:
    """Match two folders by stem; what is wrong with either is added to `mistakes`."""
    folders = {"picture": images, "label": labels}
    versions: dict[str, dict[str, str]] = {}
    for kind, folder in folders.items():
        try:
            versions[kind] = {n: version for n, version in folder.entries().items() if version is not None}
        except ConfigError as error:
            mistakes.append(str(error))
    where = {kind: folders[kind].uri for kind in versions}
    names = {kind: by_stem(versions[kind], kind, where[kind], mistakes) for kind in versions}
    mistakes += unpartnered(names, where)
    if len(names) < len(folders):
        return ()

    def file_of(kind: str, stem: str) -> StoredFile:
        folder, name = folders[kind], names[kind][stem]
        key = f"{folder.inside}/{name}" if folder.inside else name
        return StoredFile(folder.store, key, versions[kind][name])

    common = sorted(set(names["picture"]) & set(names["label"]))
    return tuple(FilePair(stem, file_of("picture", stem), file_of("label", stem)) for stem in common)


def _name_of(uri: str) -> str:
    return printable(posixpath.basename(uri.rstrip("/"))) or "data"


def _for_others(uri: str) -> str:
    """The URI for the checkpoint; of a local path its end, because the rest would tell who trained it."""
    return printable(uri.rstrip("/") if local_path(uri) is None else "/".join(Path(uri).parts[-2:]))
