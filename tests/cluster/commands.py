"""Commands in manifests, units and the cron file, asked of the programs that they name."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from jobs.cli import VERBS, build_parser
from jobs.training.config import load_train_config
from sgddiff_batch.config.job import load_config
from tests.cluster.manifests import CONFIGS

CHECKOUT = "/opt/sgddiff-batch"
"""Where the image and the plain machines have the checkout."""

LOADERS: dict[str, Any] = {"run": load_config, "train": load_train_config}
"""The verbs, and how each loads its config."""


def job_of(command: str) -> tuple[str, Any]:
    """The verb that a command ends with, and its options as its own parser reads them.

    Raises:
        SystemExit: by the parser, if an option is not the verb's.
    """
    words = shlex.split(command)
    at = next(index for index, word in enumerate(words) if _is_ours(words[:index], word))
    options = build_parser([word for word in words[at:] if word in VERBS]).parse_args(words[at + 1 :])
    return options.verb, options


def _is_ours(before: list[str], word: str) -> bool:
    """Whether a word is the program: sgddiff, or jobs after python -m."""
    return Path(word).name == "sgddiff" or (word == "jobs" and before[-2:] == ["python", "-m"])


def config_of(command: str, configs: dict[str, str], folder: Path) -> Any:
    """The config that a command reads, loaded as the job does it, out of files by their names."""
    name, options = job_of(command)
    assert options.config.startswith(f"{CONFIGS}/"), command
    path = folder / Path(options.config).name
    path.write_text(configs[path.name])
    return LOADERS[name](str(path), tuple(options.set), under_ray_job=True)
