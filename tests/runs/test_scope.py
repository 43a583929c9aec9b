"""The flags of the nightly run: what a part of a night does, and what it leaves for the next."""

import os

import pytest

import sgddiff_batch
from jobs import infer_archive
from jobs.network import network_of
from sgddiff_batch.config.job import load_config
from sgddiff_batch.runs.bench import open_bench
from sgddiff_batch.runs.plan import plan_run
from sgddiff_batch.runs.scope import Scope
from tests.kit import jobs


@pytest.fixture
def config(tmp_path, checkpoint):
    """Four small scenes; the ids run against the ages of their files."""
    for age, name in enumerate(["a.tif", "b.tif", "c.tif", "d.tif"]):
        path = jobs.write_scene(tmp_path / "scenes" / name, 30 + age, 40, age)
        os.utime(path, (2_000_000_000 - 86400 * age,) * 2)
    return jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", checkpoint)


def done(config):
    return [entry.scene_id for entry in sgddiff_batch.list_mosaics(str(config.parent / "out"))]


def test_a_limit_takes_the_oldest_files_first_and_nights_go_on_to_the_end(config, caplog):
    caplog.set_level("INFO")
    assert infer_archive.main(["--config", str(config), "--limit", "3"]) == 0
    assert done(config) == ["b.tif", "c.tif", "d.tif"]
    assert "1 scene is new or changed, and left for another run: over the limit" in caplog.text
    assert infer_archive.main(["--config", str(config), "--limit", "3"]) == 0
    assert done(config) == ["a.tif", "b.tif", "c.tif", "d.tif"]


def test_since_takes_the_scenes_that_were_written_since(config):
    assert infer_archive.main(["--config", str(config), "--since", "2033-05-17T00:00:00Z"]) == 0
    assert done(config) == ["a.tif", "b.tif"]


@pytest.mark.parametrize(
    ("scope", "count"),
    [(Scope(), 4), (Scope(limit=4), 4), (Scope(limit=2), 2), (Scope(only=frozenset({"c.tif"})), 1)],
)
def test_a_part_of_a_night_leaves_the_rest_for_another_and_lists_all(config, scope, count):
    read = load_config(str(config))
    run = plan_run(open_bench(read, network_of(read)), scope)
    assert len(run.plan.todo) == count
    assert run.listing.is_whole
    assert len(run.listing.scenes) == 4
    assert len(run.plan.postponed) == 4 - count


@pytest.mark.parametrize(
    "flags",
    [["--limit", "0"], ["--limit", "-1"], ["--limit", "x"], ["--since", "yesterday"], ["--since", ""]],
)
def test_a_flag_that_means_nothing_ends_with_2(config, flags, capsys):
    with pytest.raises(SystemExit) as end:
        infer_archive.main(["--config", str(config), *flags])
    assert end.value.code == 2
    assert flags[0] in capsys.readouterr().err
