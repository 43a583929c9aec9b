"""Commands in manifests, units and the cron file, asked of the programs that they name."""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path
from typing import Any

from jobs.cli import build_parser
from jobs.training.config import load_train_config
from sgddiff_batch.config.job import load_config
from tests.cluster.manifests import CONFIGS, ROOT

CHECKOUT = "/opt/sgddiff-batch"
"""Where the image and the plain machines have the checkout."""

LOADERS: dict[str, Any] = {"infer_archive.py": load_config, "train_distill.py": load_train_config}
"""The jobs, and how each loads its config."""


def job_of(command: str) -> tuple[str, Any]:
    """The file name of the job that a command ends with, and its options as its own parser reads them.

    Raises:
        SystemExit: by the parser, if an option is not the job's.
    """
    words = shlex.split(command)
    at = next(index for index, word in enumerate(words) if word.endswith(".py"))
    assert Path(words[at - 1]).name == "python", command
    script = words[at].removeprefix(f"{CHECKOUT}/")
    assert script.startswith("jobs/"), command
    assert (ROOT / script).is_file(), command
    name = Path(script).name
    if name == "infer_archive.py":
        return name, build_parser(["run"]).parse_args(["run", *words[at + 1 :]])
    job = importlib.import_module(f"jobs.{name.removesuffix('.py')}")
    return name, job._parse(words[at + 1 :])


def config_of(command: str, configs: dict[str, str], folder: Path) -> Any:
    """The config that a command reads, loaded as the job does it, out of files by their names."""
    name, options = job_of(command)
    assert options.config.startswith(f"{CONFIGS}/"), command
    path = folder / Path(options.config).name
    path.write_text(configs[path.name])
    return LOADERS[name](str(path), tuple(options.set), under_ray_job=True)
