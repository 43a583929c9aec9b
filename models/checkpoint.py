"""A checkpoint is a folder: `checkpoint.json` with sizes, data seen and a digest, and the tensors it names.

The tensors lie in `model-<start of the digest>.safetensors`, or in `model.safetensors`.

Pickles are refused: unpickling runs code of whoever made the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from .config import ConfigError, NetworkConfig
from .sgddiff import SGDDiff
from .storage import FolderStorage, Storage

FORMAT_VERSION = 1
TENSORS_NAME = "model.safetensors"
FACTS_NAME = "checkpoint.json"
PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
FACTS = frozenset({"format_version", "preset", "sizes", "data", "training", "digest"})
BUNDLED, BUNDLED_TEACHER = "bundled", "bundled-teacher"
SHIPPED = {
    BUNDLED: "student-fine",
    "bundled-fine": "student-fine",  # as configs named it before it was the one that is taken
    "bundled-lite0": "student",
    BUNDLED_TEACHER: "teacher",
}


class CheckpointError(ValueError):
    """A checkpoint cannot be used: missing, a pickle, damaged, or of other sizes than it says."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds. `digest` is the SHA-256 of the tensors; `data` and `training` are for people."""

    network: SGDDiff
    digest: str
    data: Mapping[str, Any]
    training: Mapping[str, Any]


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes, in the order of names, however they were stored."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_checkpoint(
    place: Path | Storage, network: SGDDiff, data: Mapping[str, Any], training: Mapping[str, Any]
) -> str:
    """Write a checkpoint, whole or not at all, in place of an earlier one; returns the digest.

    The tensors go under a name of their own first, and the facts, which name them by their digest, replace
    the earlier ones at once. Other files, such as a model card, are kept.
    """
    storage = FolderStorage(place) if isinstance(place, Path) else place
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    config, digest = network.config, tensor_digest(tensors)
    facts = {
        "format_version": FORMAT_VERSION,
        "preset": config.preset,
        "sizes": config.to_dict(),
        "data": dict(data),
        "training": dict(training),
        "digest": digest,
    }
    earlier = storage.read(FACTS_NAME)
    storage.write(tensors_name(digest), save(tensors))
    storage.write(FACTS_NAME, (json.dumps(facts, indent=1) + "\n").encode())
    if earlier is not None:
        _delete_tensors(storage, earlier, digest)
    return digest


def tensors_name(digest: str) -> str:
    """The file that holds the tensors of a digest."""
    return f"model-{digest[:12]}.safetensors"


def _delete_tensors(storage: Storage, earlier: bytes, digest: str) -> None:
    try:
        old = str(json.loads(earlier)["digest"])
    except (ValueError, LookupError, TypeError):
        return
    storage.delete(TENSORS_NAME)
    if tensors_name(old) != tensors_name(digest) and old.isalnum():
        storage.delete(tensors_name(old))


def resolve_checkpoint(name: str) -> Path:
    """The folder behind a name: "bundled" is the student inside this package, "bundled-lite0" the one that
    shipped before, "bundled-teacher" that one's teacher.

    Raises CheckpointError for a pickle.
    """
    if name in SHIPPED:
        return Path(str(resources.files("models").joinpath("weights", SHIPPED[name])))
    path = Path(name)
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise CheckpointError(
            f"{path} is a pickle, and reading one runs code; give a folder with {TENSORS_NAME}"
        )
    if path.name == FACTS_NAME or path.suffix == ".safetensors":
        return path.parent
    return path


def read_facts(name: str | Path) -> dict[str, Any]:
    """What a checkpoint says of itself: preset, sizes, data, training, digest. Raises CheckpointError."""
    folder = resolve_checkpoint(str(name))
    _refuse_pickles(folder)
    return _read_facts(folder)


def load_checkpoint(name: str | Path) -> Checkpoint:
    """Read and verify a checkpoint: a folder or "bundled". Raises CheckpointError with the reason."""
    folder = resolve_checkpoint(str(name))
    _refuse_pickles(folder)
    facts = _read_facts(folder)
    path = _tensors_path(folder, str(facts["digest"]))
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    found = tensor_digest(tensors)
    if found != facts["digest"]:
        raise CheckpointError(
            f"{path}: the tensors' digest is {found[:12]}, {FACTS_NAME} says {str(facts['digest'])[:12]}"
        )
    return Checkpoint(_build_network(folder, facts, tensors), found, facts["data"], facts["training"])


def _tensors_path(folder: Path, digest: str) -> Path:
    """Where the tensors of a digest lie; a digest is not trusted to be a name."""
    named = folder / tensors_name(digest) if digest.isalnum() else folder / TENSORS_NAME
    return named if named.is_file() else folder / TENSORS_NAME


def _refuse_pickles(folder: Path) -> None:
    if (folder / FACTS_NAME).is_file() and any(folder.glob("model*.safetensors")):
        return
    if not folder.is_dir():
        raise CheckpointError(
            f"{folder}: no such folder; a checkpoint is a folder with {TENSORS_NAME} and {FACTS_NAME}"
        )
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in PICKLE_SUFFIXES)
    if pickles:
        raise CheckpointError(
            f"{folder} holds pickles ({', '.join(pickles)}), which are never read; needed: {TENSORS_NAME}"
        )
    raise CheckpointError(f"{folder} lacks {TENSORS_NAME} or {FACTS_NAME}")


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / FACTS_NAME).read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / FACTS_NAME} cannot be read: {error}") from error
    if not isinstance(facts, dict) or set(facts) != FACTS:
        keys = sorted(facts) if isinstance(facts, dict) else type(facts).__name__
        raise CheckpointError(f"{folder / FACTS_NAME} must have the keys {sorted(FACTS)}, found {keys}")
    if facts["format_version"] != FORMAT_VERSION:
        raise CheckpointError(
            f"{folder}: format version {facts['format_version']}, this code reads {FORMAT_VERSION}"
        )
    return facts


def _build_network(folder: Path, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SGDDiff:
    try:
        config = NetworkConfig.from_dict(facts["sizes"])
    except (ConfigError, TypeError) as error:
        raise CheckpointError(f"{folder / FACTS_NAME}: {error}") from error
    network = SGDDiff(config)
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder}: the tensors do not fit the sizes in {FACTS_NAME}: {error}"
        ) from error
    return network.eval()
