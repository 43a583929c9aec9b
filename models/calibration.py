"""The last logits set by pictures held out of training: `z` becomes `scale * z + shift`, at no cost.

Training crops hold more salient ground than pictures do, and soft IoU asks for more of it still, so maps
claim too much (prior shift, Saerens et al. 2002; logit adjustment, Menon et al. 2021), and what is left of a
network's doubt is a haze where nothing lies. Both numbers are chosen by pictures held out, as Platt (1999)
does, but by the S-measure, not by likelihood: maps get sharper than probabilities would be.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .data import Pair
from .run import shown
from .sgddiff import SGDDiff
from .sod_metrics import ScoreSums, score_map
from .sod_metrics_objects import SIZE_CLASSES, ObjectSums, measure_objects

log = logging.getLogger(__name__)

SCALES = (1.0, 1.25, 1.5, 1.75, 2.0)
SHIFTS = (0.0, -0.25, -0.5, -0.75, -1.0)
MOST_LOST = 0.01
"""Of the mean share that is found of the smallest objects: a map may not gain by leaving these out."""

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """`z` becomes `scale * z + shift`; as they are, nothing changes."""

    scale: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class Scored:
    """A calibration's S over pictures, and the mean share, 0..1, that it finds of the smallest objects."""

    calibration: Calibration
    s: float
    found: float


def calibrate(
    network: SGDDiff, pairs: Sequence[Pair], validate_as: tuple[int, int] | None = None
) -> Calibration:
    """Choose by whole pictures held out of training, set the network's last logits, return what was chosen.

    Changes `network`. validate_as: (steps, trajectories) to choose with. Pictures without objects are left
    out. Needs SciPy. Raises ValueError where no picture is left.
    """
    pairs = [pair for pair in pairs if pair.mask.any()]
    if not pairs:
        raise ValueError("there is no picture with objects to choose a calibration by")
    view = shown(network, validate_as).eval()
    logits = [_logits(view, pair) for pair in pairs]
    masks = [pair.mask for pair in pairs]
    scored = [
        score(Calibration(scale, shift), logits, masks) for scale, shift in itertools.product(SCALES, SHIFTS)
    ]
    chosen = choose(scored)
    found = chosen.calibration
    log.info("calibrated: logits times %g, %+g: validation s %.4f", found.scale, found.shift, chosen.s)
    set_logits(network, found)
    return found


def choose(scored: Sequence[Scored]) -> Scored:
    """The one of the highest S among those that find as much of small objects, to MOST_LOST, as the first.

    The first is the network as it is; of equal ones the one that comes first is taken.
    """
    enough = [each for each in scored if each.found >= scored[0].found - MOST_LOST]
    return max(enough, key=lambda each: each.s)


def score(calibration: Calibration, logits: Sequence[Logits], masks: Sequence[NDArray[np.bool_]]) -> Scored:
    """Score a calibration of logits, each (H, W), by their masks, each (H, W)."""
    maps = [codes_of(each, calibration) for each in logits]
    s = ScoreSums.over(score_map(codes, mask) for codes, mask in zip(maps, masks, strict=True)).means().s
    objects = sum(
        (measure_objects(codes, mask) for codes, mask in zip(maps, masks, strict=True)), ObjectSums()
    )
    found = objects.means()[SIZE_CLASSES[0]]["pixel_recall"]
    return Scored(calibration, s, 1.0 if found is None else found)


def codes_of(logits: Logits, calibration: Calibration) -> NDArray[np.uint8]:
    """Saliency as 0..255 of logits (H, W)."""
    z = torch.from_numpy(logits) * calibration.scale + calibration.shift
    codes: NDArray[np.uint8] = (torch.sigmoid(z) * 255).round().to(torch.uint8).numpy()
    return codes


@torch.no_grad()
def set_logits(network: SGDDiff, calibration: Calibration) -> None:
    """Fold a calibration into the last layer, in place."""
    layer = network.refine_head.logit
    layer.weight.mul_(calibration.scale)
    assert layer.bias is not None
    layer.bias.mul_(calibration.scale).add_(calibration.shift)


@torch.inference_mode()
def _logits(network: SGDDiff, pair: Pair) -> Logits:
    """(H, W) of a picture: those of its saliency, the mean of all trajectories."""
    pixels = torch.from_numpy(pair.pixels)[None].to(network.noise_field.device)
    logits: Logits = torch.logit(network(pixels)[0, 0].double(), eps=1e-9).float().cpu().numpy()
    return logits
