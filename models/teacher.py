"""What a student takes over from its teacher: stem, encoder and the code of a mask.

The student's encoder is the teacher's and frozen (the paper's stage 2), so both must have been built alike;
denoiser, decoder, head, steps and width of the code may differ.
"""

from __future__ import annotations

import torch
from torch import nn

from .config import ConfigError, NetworkConfig
from .sgddiff import SGDDiff

# What must be equal for one encoder to serve both networks.
SHARED_SIZES = ("stride", "stem", "encoder")
SHARED_PARTS = ("stem", "encoder")


def check_compatible(teacher: NetworkConfig, student: NetworkConfig) -> None:
    """Raises ConfigError that names every size in which the encoders of the two differ."""
    found = [
        f"{name}: teacher {getattr(teacher, name)}, student {getattr(student, name)}"
        for name in SHARED_SIZES
        if getattr(teacher, name) != getattr(student, name)
    ]
    if found:
        raise ConfigError(
            f"a student of preset {student.preset!r} cannot take the encoder of a teacher of preset "
            f"{teacher.preset!r}, because these differ; set the student's to the teacher's:\n"
            + "\n".join(found)
        )


def adopt_encoder(network: SGDDiff, given: SGDDiff) -> None:
    """Copy the stem and the encoder of `given` into `network` and freeze them there; raises ConfigError."""
    check_compatible(given.config, network.config)
    for name in SHARED_PARTS:
        part: nn.Module = getattr(network, name)
        part.load_state_dict(getattr(given, name).state_dict())
        freeze(part)


def adopt_code(student: SGDDiff, teacher: SGDDiff) -> None:
    """Take the embedding of the teacher, frozen, where both codes are of one width: one code, one meaning."""
    if student.code.embedding.shape == teacher.code.embedding.shape:
        with torch.no_grad():
            student.code.embedding.copy_(teacher.code.embedding)
        freeze(student.code)


def freeze(part: nn.Module) -> None:
    """No gradients and no dropped branches in `part` from here on."""
    part.requires_grad_(False)
    part.eval()
