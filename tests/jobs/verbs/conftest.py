"""An output that a run with a stand-in for the network left: no PyTorch, and a second or less."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit import jobs


class Night(NamedTuple):
    """The config of a run that has ended, and its output."""

    config: str
    output: Path

    def uri(self, scene_id: str) -> str:
        import sgddiff_batch

        return next(e.uri for e in sgddiff_batch.list_mosaics(str(self.output)) if e.scene_id == scene_id)


@pytest.fixture(scope="session")
def bright_run(tmp_path_factory):
    """The folder of a run over two scenes, one with a collar."""
    from sgddiff_batch.config import load_config
    from sgddiff_batch.runs import Ending, leased_bench, run_all
    from tests.kit.networks import BrightNetwork, KeptView

    folder = tmp_path_factory.mktemp("bright")
    jobs.write_scene(folder / "scenes" / "a.tif", 150, 200, 1)
    jobs.write_scene(folder / "scenes" / "b.tif", 100, 90, 2, collar_px=20)
    config = jobs.write_config(folder / "run.yaml", folder / "scenes", folder / "out", Path("/nowhere"))
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        assert run_all(bench, KeptView()) is Ending.DONE
    return folder


@pytest.fixture
def night(bright_run, tmp_path):
    """A copy of its output to change, with a config that names it."""
    output = shutil.copytree(bright_run / "out", tmp_path / "out")
    config = jobs.write_config(tmp_path / "run.yaml", bright_run / "scenes", output, Path("/nowhere"))
    return Night(str(config), output)
