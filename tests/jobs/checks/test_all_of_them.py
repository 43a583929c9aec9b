"""All checks of the doctor: this machine first, then what the config names, and nothing that it does not."""

from __future__ import annotations

import pytest

from jobs.checks.all_of_them import examine
from sgddiff_batch.config import load_config
from tests.kit import jobs

MACHINE = ["python", "gdal", "cuda", "mamba_ssm", "checkpoint", "pixels"]


@pytest.fixture
def config_of(tmp_path, checkpoint):
    """Read the config of a small archive, with settings laid over it."""
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 50, 1)
    path = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", checkpoint)
    return lambda *settings: load_config(str(path), settings)


def found(config, **environment):
    """What was looked at, in order and each once, and the state of each."""
    checks = [check for check in examine(config, environment) if not check.what.startswith("package")]
    return list(dict.fromkeys(check.what for check in checks)), {c.what: c.state for c in checks}


def test_without_a_config_this_machine_alone_is_looked_at():
    names, states = found(None)
    assert names == MACHINE
    assert states["checkpoint"] == "ok"


def test_what_the_config_names_comes_after_the_machine(config_of):
    names, states = found(config_of())
    assert names[:8] == [*MACHINE, "memory", "task"]
    assert names.index("archive") < names.index("output") < names.index("disk") == len(names) - 1
    assert {states[name] for name in ("checkpoint", "archive", "output")} == {"ok"}


def test_a_cluster_is_looked_at_where_a_run_would_use_it(config_of):
    for names in (found(config_of("engine.kind=ray"))[0], found(None, RAY_ADDRESS="local")[0]):
        assert names[6] == "ray"


def test_a_cluster_that_a_run_starts_here_takes_this_machines_memory(config_of):
    ray = config_of("engine.kind=ray", "engine.workers=1000")
    memory = {c.what: c for c in examine(ray, {})}["memory"]
    assert memory.state == "failed"
    assert "a run may take at most " in memory.found
    elsewhere = {c.what: c for c in examine(ray, {"RAY_ADDRESS": "127.0.0.1:1"})}["memory"]
    assert "this one's is not looked at" in elsewhere.found


def test_a_checkpoint_that_is_not_there_hides_no_other_check(config_of):
    names, states = found(config_of("model.checkpoint=/nowhere"))
    assert states["checkpoint"] == "failed"
    assert "memory" not in names, "who works on a plan is not known"
    assert states["archive"] == "ok"


def test_an_archive_that_is_not_there_leaves_the_output_to_be_looked_at(config_of):
    _, states = found(config_of("archive.uri=/nowhere"))
    assert states["archive"] == "failed"
    assert states["output"] == "ok"
