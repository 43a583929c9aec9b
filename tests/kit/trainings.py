"""A small training of both stages, run as a user runs it, and what it leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from tests.kit.data_sets import write_set
from tests.kit.processes import end_with_family

ROOT = Path(__file__).parents[2]
STAGES = ("teacher", "student")
STAGE = {
    "preset": "tiny",
    "steps": 6,
    "batch": 4,
    "warmup": 2,
    "rate": 4e-3,
    "validate_every": 3,
    "log_every": 1,
    "save_every_s": 0.0,
    "crops": {"crop_px": 64},
}
QUICK = {
    "preset": "tiny",
    "steps": 4,
    "batch": 2,
    "warmup": 2,
    "validate_every": 2,
    "log_every": 1,
    "save_every_s": 0.0,
    "crops": {"crop_px": 32},
}
TIMES = ("pictures_per_s", "data_share", "left_s", "spent_s")
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "ignore",
    "OMP_NUM_THREADS": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "120",
    # Processes that the tests do without, each of which takes seconds to start.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_LIMIT_S = 300.0


def write_data(root: Path, count: int = 10) -> Path:
    """A data set of noise with bright rectangles that the labels mark."""
    rng = np.random.default_rng(0)
    for folder in ("train-images", "train-labels"):
        (root / folder).mkdir(parents=True)
    for index in range(count):
        label = np.zeros((80, 96), np.uint8)
        label[10 + 3 * index : 50, 20:60] = 255
        pixels = rng.integers(0, 90, (80, 96, 3), dtype=np.uint8) + (label // 2)[..., None]
        Image.fromarray(pixels).save(root / "train-images" / f"{index:02}.png")
        Image.fromarray(label).save(root / "train-labels" / f"{index:02}.png")
    return root


def write_config(path: Path, data: Path | str, storage: Path | str) -> Path:
    """Two tiny stages on the CPU; the storage is the data's cache's neighbour."""
    tree = {
        "data": {"sets": [{"uri": str(data)}], "validation": 2, "cache": str(path.parent / "cache")},
        "storage": str(storage),
        "stages": list(STAGES),
        **dict.fromkeys(STAGES, STAGE),
        "engine": {"device": "cpu"},
    }
    path.write_text(yaml.safe_dump(tree))
    return path


def write_three_stages(folder: Path) -> Path:
    """A config that trains all three stages in a second or two, its pictures beside it; returns its path."""
    write_set(folder / "squares", range(8))
    tree = {
        "data": {"sets": [{"uri": "squares"}], "validation": 2},
        "storage": "run",
        "stages": ["direct", *STAGES],
        "direct": QUICK,
        "teacher": {**QUICK, "network": {"decoder.dim": 32}, "init": "direct"},
        "student": {**QUICK, "init": "direct"},
    }
    path = folder / "train.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def train_here(config: Path, *words: str) -> int:
    """Run the command in this process; words are assignments and flags. Returns the exit code."""
    import torch

    from jobs import cli

    before = torch.get_num_threads()
    flags = [part for word in words for part in ((word,) if word.startswith("--") else ("--set", word))]
    try:
        return cli.main(["train", "--config", str(config), *flags])
    finally:
        torch.set_num_threads(before)


class Training:
    """A run of the command in a process of its own, and its log; with the context it ends, and its family."""

    def __init__(self, config: Path, *settings: str, **environment: str) -> None:
        command = [sys.executable, str(ROOT / "jobs" / "train_distill.py"), "--config", str(config)]
        command += [word for setting in settings for word in ("--set", setting)]
        self._log = config.with_name(f"{config.stem}-{time.monotonic_ns()}.log")
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env={**ENVIRONMENT, **environment}, stdout=output, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        end_with_family(self.process, patience_s=10.0)

    @property
    def said(self) -> str:
        """All that it has said so far."""
        return self._log.read_text()

    def wait_until(self, holds: Callable[[], Any]) -> None:
        """Wait; fails where it ends before, or nothing comes."""
        end = time.monotonic() + _LIMIT_S
        while not holds():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > end:
                raise AssertionError(f"{'it ended' if ended else 'nothing came'}: {self.said[-3000:]}")
            time.sleep(0.02)

    def wait_for(self, text: str) -> None:
        """Wait until it has said that, a regular expression."""
        self.wait_until(lambda: re.search(text, self.said))

    def end(self) -> int:
        """Wait for its end; returns the exit code."""
        try:
            return self.process.wait(_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end: {self.said[-3000:]}") from None


def run(config: Path, *settings: str, **environment: str) -> tuple[int, str]:
    """Run the command to its end; its exit code and what it said."""
    with Training(config, *settings, **environment) as training:
        return training.end(), training.said


def histories(storage: Path, seed: int = 0) -> dict[str, list[Mapping[str, float]]]:
    """Rows of losses and scores of every stage, without the times, by `<stage>/<kind>`."""
    found = {}
    for stage in STAGES:
        rows = json.loads((storage / f"seed-{seed}" / stage / "history.json").read_text())
        for kind, each in rows.items():
            found[f"{stage}/{kind}"] = [{n: v for n, v in row.items() if n not in TIMES} for row in each]
    return found


def digests(storage: Path | str, seed: int = 0) -> dict[str, str]:
    """The digests of the tensors of every checkpoint that a storage holds."""
    from jobs.training.storage import read_checkpoint

    names = [f"{stage}/{which}" for stage in STAGES for which in ("last", "best")]
    return {name: read_checkpoint(f"{storage}/seed-{seed}/{name}").digest for name in names}


def assert_close(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Compare histories: the same steps, and the same numbers up to the order of sums."""
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        assert [row["step"] for row in found[name]] == [row["step"] for row in rows], name
        for one, other in zip(found[name], rows, strict=True):
            assert one.keys() == other.keys()
            np.testing.assert_allclose(
                list(one.values()), list(other.values()), rtol=1e-4, atol=1e-6, err_msg=name
            )
