"""Names: which are those of scenes, which buckets can be called so, and which folders hold no archive."""

from __future__ import annotations

import re

SCENE_SUFFIXES = (".tif", ".tiff")

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_NO_ARCHIVE = {
    *(".git", ".hg", ".svn", ".bzr", ".ipynb_checkpoints", "__pycache__"),
    *(".snapshot", ".snapshots", "~snapshot", "#snapshot", ".zfs", ".ckpt"),
    *("lost+found", "$recycle.bin", "#recycle", "@recycle", "system volume information"),
    *("@eadir", "__macosx", ".appledouble", ".spotlight-v100", ".fseventsd", ".temporaryitems"),
    *(".documentrevisions-v100",),
}
"""Folders of version control, of notebooks, of snapshots, of what was thrown away, and of other systems."""


def is_scene(path: str) -> bool:
    """Whether a file of this name is taken for a scene."""
    return path.lower().endswith(SCENE_SUFFIXES) and not path.startswith("._", path.rfind("/") + 1)


def is_bucket(name: str) -> bool:
    """Whether a bucket can have this name, with some store."""
    return _BUCKET.fullmatch(name) is not None


def is_no_archive(folder: str) -> bool:
    """Whether a folder of this name holds copies and leavings of whoever made it: ``.git``, ``.Trash-0``."""
    lower = folder.lower()
    return lower in _NO_ARCHIVE or lower.startswith(".trash")


def no_archive_above(path: str) -> str | None:
    """Return the first such folder of a file's path, as a path; None where there is none."""
    parts = path.split("/")
    first = next((at for at, part in enumerate(parts[:-1]) if is_no_archive(part)), None)
    return None if first is None else "/".join(parts[: first + 1])
