"""Folders of pictures, labels and maps, matched by stem and checked before any work, and how each is read."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sgddiff_batch.core.words import on_one_line

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SALIENT_ABOVE = 127
_DEEP_MODES = ("I", "F")
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")


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


def match_pictures(images: Path | None, labels: Path | None, maps: Path | None) -> list[Entry]:
    """Match the folders by stem and read every file once, so that mistakes are found before any work.

    Hidden files and those without a picture's suffix are passed over; subfolders are not searched.

    Raises:
        DataMistakesError: with every file that has no partner, cannot be read or is of another size.
    """
    given = {"picture": images, "label": labels, "map": maps}
    folders = {kind: folder for kind, folder in given.items() if folder}
    mistakes: list[str] = []
    names = {kind: _by_stem(folder, kind, mistakes) for kind, folder in folders.items()}
    mistakes += unpartnered(names, folders)
    found = {kind: {stem: folders[kind] / name for stem, name in names[kind].items()} for kind in names}
    stems = sorted(set().union(*found.values()))
    for stem in stems:
        mistakes += _check({kind: files[stem] for kind, files in found.items() if stem in files})
    if mistakes:
        raise DataMistakesError(mistakes)
    return [Entry(stem, *(found.get(kind, {}).get(stem) for kind in given)) for stem in stems]


def by_stem(names: Iterable[str], kind: str, folder: Path | str, mistakes: list[str]) -> dict[str, str]:
    """The pictures among the names of files in a folder, by stem; what is wrong is added to `mistakes`.

    Hidden files and those without a picture's suffix are passed over. kind: what the files are, in a message.
    """
    found: dict[str, str] = {}
    for name in sorted(names):
        path = PurePosixPath(name)
        if path.suffix.lower() not in SUFFIXES or name.startswith("."):
            continue
        if path.stem in found:
            mistakes.append(f"{folder}/{name}: has the stem of {found[path.stem]}")
        found.setdefault(path.stem, name)
    if not found:
        mistakes.append(f"{folder}: no {kind}s ({', '.join(SUFFIXES)})")
    return found


def unpartnered(found: Mapping[str, Mapping[str, str]], folders: Mapping[str, Path | str]) -> list[str]:
    """A line for each file that lacks a partner in another folder; an empty folder is a mistake by itself.

    found: names of files by stem, for each kind; folders: where each kind lies.
    """
    lines = []
    for kind, names in found.items():
        for stem in sorted(set().union(*found.values())):
            if names and stem not in names:
                other = next(each for each in found if stem in found[each])
                name = found[other][stem]
                lines.append(f"{folders[other]}/{name}: no {kind} of that stem in {folders[kind]}")
    return lines


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Pixels (3, H, W) uint8; grey and palette become RGB, transparency is left out of account.

    Raises OSError or ValueError for a file that is no 8-bit picture.
    """
    with quietly():
        return decode_picture(path)


def decode_picture(path: Path) -> NDArray[np.uint8]:
    """As :func:`read_picture`, for threads: they must be started inside :func:`quietly`."""
    with _opened(path) as opened:
        _refuse_deep(opened, "picture; convert it to 8 bits, or give scenes to `sgddiff run`")
        return np.asarray(opened.convert("RGB")).transpose(2, 0, 1).copy()


def read_label(path: Path) -> NDArray[np.bool_]:
    """Mask (H, W) bool: above 127 is salient.

    Raises OSError or ValueError for a file that is no picture, or holds 0 and 1 where 0 and 255 belong.
    """
    with quietly():
        salient: NDArray[np.bool_] = decode_label(path) > SALIENT_ABOVE
        return salient


def decode_label(path: Path) -> NDArray[Any]:
    """Values (H, W) of a label, 0..255 unless the file is deep; for threads inside :func:`quietly`.

    Raises as :func:`read_label`.
    """
    with _opened(path) as opened:
        values = np.asarray(opened if opened.mode.startswith(_DEEP_MODES) else opened.convert("L"))
    if values.size < 2:
        raise ValueError("a label of one pixel cannot be scored")
    if values.max() == 1:
        raise ValueError("the label holds only 0 and 1, so nothing would be salient; multiply it by 255")
    return values


def read_map(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Map 0..255 (H, W) uint8; one of another size is brought to `shape` (H, W), bilinearly.

    Raises OSError or ValueError for a file that is no 8-bit picture.
    """
    with quietly(), _opened(path) as opened:
        _refuse_deep(opened, "map; write it with 8 bits, 0..255")
        grey = opened.convert("L")
    if (grey.height, grey.width) != shape:
        grey = grey.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(grey).copy()


def size_of(path: Path) -> tuple[int, int]:
    """(H, W) in pixels, from the file's header."""
    with quietly(), _opened(path, header_only=True) as opened:
        return opened.height, opened.width


@contextmanager
def quietly() -> Iterator[None]:
    """Pass over what Pillow only warns of, but for pictures that are too large, which become errors.

    The filters are the process's and not a thread's, so threads that decode are started inside of it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def reason_of(error: Exception, path: Path) -> str:
    """An error's words in one line, without the path of its file, which the message has already."""
    reason = on_one_line(error) or type(error).__name__
    return reason.replace(f" {str(path)!r}", "")


def size_mistake(label: Path | str, shape: tuple[int, ...], picture_shape: tuple[int, ...]) -> list[str]:
    """A line if a label's (H, W) is not its picture's, else none."""
    if shape == picture_shape:
        return []
    (height, width), (rows, columns) = picture_shape, shape
    return [f"{label}: {columns} x {rows} px, its picture is {width} x {height} px"]


def _by_stem(folder: Path, kind: str, mistakes: list[str]) -> dict[str, str]:
    if not folder.is_dir():
        mistakes.append(f"{folder}: no such folder")
        return {}
    return by_stem((path.name for path in folder.iterdir() if path.is_file()), kind, folder, mistakes)


def _check(files: dict[str, Path]) -> list[str]:
    """What is wrong with the files of one stem."""
    sizes, mistakes = {}, []
    for kind, path in files.items():
        try:
            sizes[kind] = _size_once_read(kind, path)
        except Exception as error:  # decoders of damaged files raise whatever they like
            mistakes.append(f"{path}: {reason_of(error, path)}")
    if "picture" in sizes and "label" in sizes:
        mistakes += size_mistake(files["label"], sizes["label"], sizes["picture"])
    return mistakes


def _size_once_read(kind: str, path: Path) -> tuple[int, ...]:
    if kind == "picture":
        return read_picture(path).shape[1:]
    return read_label(path).shape if kind == "label" else read_map(path, size_of(path)).shape


@contextmanager
def _opened(path: Path, *, header_only: bool = False) -> Iterator[Image.Image]:
    """Open a picture inside :func:`quietly`; PostScript, which needs another program, stays shut."""
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            if not header_only:
                opened.load()
            yield opened
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(f"too large for a picture; give it to `sgddiff run` ({error})") from error


def _refuse_deep(opened: Image.Image, what_to_do: str) -> None:
    if opened.mode.startswith(_DEEP_MODES):
        raise ValueError(f"mode {opened.mode} is no 8-bit {what_to_do}")
