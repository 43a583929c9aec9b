"""Folders of pictures, labels and maps, matched by stem and checked before any work, and how each is read."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SALIENT_ABOVE = 127
_DEEP_MODES = ("I", "F")


class DataMistakesError(ValueError):
    """Pictures, labels or maps have mistakes; the message lists all of them, a line each, with the files."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        noun = "mistake" if len(mistakes) == 1 else "mistakes"
        super().__init__("\n  ".join([f"{len(mistakes)} {noun} in the data:", *mistakes]))


@dataclass(frozen=True, slots=True)
class Entry:
    """The files of one stem: a picture, its label, a ready-made map; whatever was asked for is there."""

    name: str
    picture: Path | None
    label: Path | None
    map: Path | None


def survey(images: Path | None, labels: Path | None, maps: Path | None) -> list[Entry]:
    """Match the folders by stem and read every file once, so that mistakes are found before any work.

    Hidden files and those without a picture's suffix are passed over; subfolders are not searched.

    Raises:
        DataMistakesError: with every file that has no partner, cannot be read or is of another size.
    """
    folders = {"picture": images, "label": labels, "map": maps}
    mistakes: list[str] = []
    found = {kind: _by_stem(folder, kind, mistakes) for kind, folder in folders.items() if folder}
    stems = sorted(set().union(*found.values()))
    for kind, files in found.items():
        for stem in stems:
            if files and stem not in files:
                other = next(paths[stem] for paths in found.values() if stem in paths)
                mistakes.append(f"{other}: no {kind} of that stem in {folders[kind]}")
    for stem in stems:
        mistakes += _check({kind: files[stem] for kind, files in found.items() if stem in files})
    if mistakes:
        raise DataMistakesError(mistakes)
    return [Entry(stem, *(found.get(kind, {}).get(stem) for kind in folders)) for stem in stems]


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Pixels (3, H, W) uint8; grey and palette become RGB, transparency is left out of account.

    Raises OSError or ValueError for a file that is no 8-bit picture.
    """
    with _opened(path) as opened:
        _refuse_deep(opened, "picture; convert it to 8 bits, or give scenes to jobs/infer_archive.py")
        return np.asarray(opened.convert("RGB")).transpose(2, 0, 1).copy()


def read_label(path: Path) -> NDArray[np.bool_]:
    """Mask (H, W) bool: above 127 is salient.

    Raises OSError or ValueError for a file that is no picture, or holds 0 and 1 where 0 and 255 belong.
    """
    with _opened(path) as opened:
        values = np.asarray(opened if opened.mode.startswith(_DEEP_MODES) else opened.convert("L"))
    if values.size < 2:
        raise ValueError("a label of one pixel cannot be scored")
    if values.max() == 1:
        raise ValueError("the label holds only 0 and 1, so nothing would be salient; multiply it by 255")
    return values > SALIENT_ABOVE


def read_map(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Map 0..255 (H, W) uint8; one of another size is brought to `shape` (H, W), bilinearly.

    Raises OSError or ValueError for a file that is no 8-bit picture.
    """
    with _opened(path) as opened:
        _refuse_deep(opened, "map; write it with 8 bits, 0..255")
        grey = opened.convert("L")
    if (grey.height, grey.width) != shape:
        grey = grey.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(grey).copy()


def size_of(path: Path) -> tuple[int, int]:
    """(H, W) in pixels, from the file's header."""
    with _opened(path, header_only=True) as opened:
        return opened.height, opened.width


def _by_stem(folder: Path, kind: str, mistakes: list[str]) -> dict[str, Path]:
    """The files of a folder by stem; what is wrong with the listing is added to `mistakes`."""
    if not folder.is_dir():
        mistakes.append(f"{folder}: no such folder")
        return {}
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in found:
            mistakes.append(f"{path}: has the stem of {found[path.stem].name}")
        found.setdefault(path.stem, path)
    if not found:
        mistakes.append(f"{folder}: no {kind}s ({', '.join(SUFFIXES)})")
    return found


def _check(files: dict[str, Path]) -> list[str]:
    """What is wrong with the files of one stem."""
    sizes, mistakes = {}, []
    for kind, path in files.items():
        try:
            sizes[kind] = _size_once_read(kind, path)
        except Exception as error:  # decoders of damaged files raise whatever they like
            reason = " ".join(str(error).split()) or type(error).__name__
            mistakes.append(f"{path}: {reason.replace(f' {str(path)!r}', '')}")
    if "picture" in sizes and sizes.get("label", sizes["picture"]) != sizes["picture"]:
        (height, width), (rows, columns) = sizes["picture"], sizes["label"]
        mistakes.append(f"{files['label']}: {columns} x {rows} px, its picture is {width} x {height} px")
    return mistakes


def _size_once_read(kind: str, path: Path) -> tuple[int, ...]:
    if kind == "picture":
        return read_picture(path).shape[1:]
    return read_label(path).shape if kind == "label" else read_map(path, size_of(path)).shape


@contextmanager
def _opened(path: Path, *, header_only: bool = False) -> Iterator[Image.Image]:
    """Open a picture; what Pillow only warns of is passed over, but for pictures that are too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as opened:
                if not header_only:
                    opened.load()
                yield opened
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise ValueError(
                f"too large for a picture; give it to jobs/infer_archive.py ({error})"
            ) from error


def _refuse_deep(opened: Image.Image, what_to_do: str) -> None:
    if opened.mode.startswith(_DEEP_MODES):
        raise ValueError(f"mode {opened.mode} is no 8-bit {what_to_do}")
