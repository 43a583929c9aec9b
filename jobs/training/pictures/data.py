"""The training data of a job: sets on local disk or object storage, checked, split and held in memory."""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.pictures import (
    SALIENT_ABOVE,
    decode_label,
    decode_picture,
    quietly,
    reason_of,
    size_mistake,
)
from jobs.training.pictures.cache import FileCache, StoredFile
from jobs.training.pictures.layouts import FilePair, Located, find_in_folders, find_in_root
from jobs.training.pictures.split import SetSplit, split_sets
from models.data import DataError, Pair, make_pair
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError

log = logging.getLogger(__name__)

MIN_SIDE_PX = 32
_THREADS = 8
_GREY_FROM, _GREY_TO = 64, 192
_NESTED = "ORSSD"


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set of a mix: the `uri` of a root in one of the layouts, or both folders by name.

    uri, images, labels: local folders or s3://bucket/prefix. weight: its share of the training, beside the
    others' weights; finite and above 0.
    """

    uri: str = ""
    weight: float = 1.0
    images: str = ""
    labels: str = ""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Pairs in memory. `sets` are the training pairs of each data set, by stem; `weights` as they were given.

    facts: plain values for the checkpoint: `name`; `training`, how many pairs in all; `validation`, the names
    of the pictures held out, as "SET/stem" where there are several sets; `removed`, how many pictures the
    training lost because they are held out elsewhere in the mix; `memory_bytes` of the decoded pairs; and
    `sets`, for each one its name, uri, layout, weight, and numbers of pictures.
    """

    sets: tuple[tuple[Pair, ...], ...]
    weights: tuple[float, ...]
    validation: tuple[Pair, ...]
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What came of reading two files: a pair with the digest of its pixels, or what is wrong."""

    pair: Pair | None = None
    digest: str = ""
    mistakes: tuple[str, ...] = ()
    denied: str = ""


def load_training_data(sets: Sequence[DataSet], held_out: int, seed: int, cache: Path) -> TrainingData:
    """Find, fetch, read and check the pairs of all sets, and hold some out for validation.

    Only the training split of a layout is read. Everything is kept in memory as uint8.

    held_out: pictures for validation in all, at most a quarter of what there is. cache: a folder of this node
    for what comes from object storage; workers may share it, and a second start fetches nothing again.

    Raises:
        DataError: with all mistakes of all sets in one list.
        RetryableError: if a store failed several times in a row, or the cache's disk is full.
    """
    mistakes = _wrong_numbers(sets, held_out)
    located = [_locate(number, each, mistakes) for number, each in enumerate(sets, 1)]
    found = [each for each in located if each is not None]
    loaded = _read(found, FileCache(cache.absolute()), mistakes)
    if mistakes:
        raise DataError(mistakes)
    names = _unique([each.name for each in found])
    marks = [
        [_marks(name, each.pair.name, each.digest) for each in pairs if each.pair]
        for name, pairs in zip(names, loaded, strict=True)
    ]
    splits = split_sets(marks, held_out, seed)
    emptied = [
        f"{given.uri or given.images}: all its pictures are held out for validation elsewhere in the mix; "
        "leave this set out"
        for given, split in zip(sets, splits, strict=True)
        if not split.training
    ]
    if emptied:
        raise DataError(emptied)
    pairs = [[each.pair for each in pairs if each.pair] for pairs in loaded]
    return _assemble(sets, found, names, pairs, splits)


def _assemble(
    sets: Sequence[DataSet],
    located: Sequence[Located],
    names: Sequence[str],
    pairs: Sequence[Sequence[Pair]],
    splits: Sequence[SetSplit],
) -> TrainingData:
    training = tuple(tuple(own[i] for i in split.training) for own, split in zip(pairs, splits, strict=True))
    held = [(n, own[i]) for n, own, split in zip(names, pairs, splits, strict=True) for i in split.validation]
    kept = [pair for own in training for pair in own] + [pair for _, pair in held]
    facts = {
        "name": " + ".join(names),
        "training": sum(map(len, training)),
        "validation": [pair.name if len(names) == 1 else f"{name}/{pair.name}" for name, pair in held],
        "removed": sum(len(split.removed) for split in splits),
        "memory_bytes": sum(pair.pixels.nbytes + pair.mask.nbytes for pair in kept),
        "sets": [
            {
                "name": name,
                "uri": place.uri,
                "layout": place.layout,
                "weight": each.weight,
                "training": len(split.training),
                "validation": len(split.validation),
                "removed": len(split.removed),
            }
            for name, place, each, split in zip(names, located, sets, splits, strict=True)
        ],
    }
    weights = tuple(each.weight for each in sets)
    return TrainingData(training, weights, tuple(pair for _, pair in held), facts)


def _wrong_numbers(sets: Sequence[DataSet], held_out: int) -> list[str]:
    mistakes = [] if sets else ["no data set is named"]
    if held_out < 0:
        mistakes.append(f"held_out: must be at least 0, found {held_out}")
    weights = [each.weight for each in sets]
    for number, weight in enumerate(weights, 1):
        if not math.isfinite(weight) or weight <= 0:
            mistakes.append(f"data set {number}: weight must be finite and above 0, found {weight}")
    if all(map(math.isfinite, weights)) and not math.isfinite(sum(weights)):
        mistakes.append("the weights of the data sets are too large to be added")
    return mistakes


def _locate(number: int, given: DataSet, mistakes: list[str]) -> Located | None:
    """Find a set's files; what is wrong is added to `mistakes`, on one line each."""
    named = bool(given.images), bool(given.labels)
    wrong: list[str] = []
    try:
        if named == (True, True) and not given.uri:
            return find_in_folders(given.images, given.labels, wrong)
        if named == (False, False):
            return find_in_root(given.uri, wrong)
        wrong.append("needs either `uri`, or both `images` and `labels`")
    except ConfigError as error:
        wrong.append(str(error))
    finally:
        mistakes += [f"data set {number}: {printable(line)}" for line in wrong]
    return None


def _read(located: Sequence[Located], cache: FileCache, mistakes: list[str]) -> list[list[_Loaded]]:
    """Read the pairs of all sets, in order, with a few threads."""
    log.info("reading %d pictures and their labels", sum(len(each.pairs) for each in located))
    loaded = []
    with quietly(), ThreadPoolExecutor(_THREADS) as pool:
        for each in located:
            found = list(pool.map(partial(_load, cache), each.pairs))
            mistakes += [printable(line) for one in found for line in one.mistakes]
            denied = [one.denied for one in found if one.denied]
            more = f" (and so for {len(denied) - 1} more of this set's files)" if len(denied) > 1 else ""
            mistakes += [printable(line) + more for line in denied[:1]]
            loaded.append(found)
    return loaded


def _load(cache: FileCache, files: FilePair) -> _Loaded:
    """Read and check a picture and its label."""
    mistakes: list[str] = []
    try:
        pixels = _decode(cache, files.picture, decode_picture, mistakes)
        mask = _decode(cache, files.label, _decode_mask, mistakes)
    except ConfigError as error:
        return _Loaded(mistakes=tuple(mistakes), denied=str(error))
    if pixels is not None:
        if min(pixels.shape[1:]) < MIN_SIDE_PX:
            height, width = pixels.shape[1:]
            mistakes.append(
                f"{files.picture.uri}: {width} x {height} px; at least {MIN_SIDE_PX} a side are needed"
            )
        if mask is not None:
            mistakes += size_mistake(files.label.uri, mask.shape, pixels.shape[1:])
    if mistakes or pixels is None or mask is None:
        return _Loaded(mistakes=tuple(mistakes))
    digest = hashlib.sha256(str(pixels.shape).encode() + b" ")
    digest.update(pixels.data)
    return _Loaded(make_pair(printable(files.stem), pixels, mask), digest.hexdigest())


def _decode(
    cache: FileCache, file: StoredFile, decode: Callable[[Path], NDArray[Any]], mistakes: list[str]
) -> NDArray[Any] | None:
    """The array of a file, or None and what is wrong in `mistakes`. Raises as FileCache.local_path."""
    try:
        path = cache.local_path(file)
    except FileNotFoundError:
        mistakes.append(f"{file.uri}: was listed, and is gone")
        return None
    try:
        return decode(path)
    except Exception as error:  # decoders of damaged files raise whatever they like
        cache.forget(file)
        mistakes.append(f"{file.uri}: {reason_of(error, path)}")
        return None


def _decode_mask(path: Path) -> NDArray[np.bool_]:
    """Mask (H, W) bool. Raises ValueError for a picture that is no mask."""
    values = decode_label(path)
    if not np.isfinite(values).all():
        raise ValueError("the label holds values that are no numbers")
    if 0 < values.max() <= SALIENT_ABOVE:
        raise ValueError(f"the label's brightest value is {values.max()}, so nothing would be salient")
    if ((values >= _GREY_FROM) & (values < _GREY_TO)).mean() > 0.5:
        raise ValueError("most of it is grey; a label holds 0 and 255")
    return np.asarray(values > SALIENT_ABOVE)


def _marks(name: str, stem: str, digest: str) -> frozenset[str]:
    """What tells that pictures are the same: their pixels; the stem in ORSSD and EORSSD, which holds it."""
    return frozenset([digest, f"{_NESTED} {stem}"] if _NESTED in name.upper() else [digest])


def _unique(names: Sequence[str]) -> list[str]:
    """Number the names that occur again."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique
