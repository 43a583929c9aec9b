"""Memory is bounded by the plan, not by the scene."""

import pytest

from tests.bench.memory import draw_sparse_scene, run_measured


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_scene_of_a_quarter_gigapixel_stays_within_the_budget_of_the_plan(tmp_path, checkpoint):
    scene = draw_sparse_scene(tmp_path / "scene.tif", 16_000, 2_500)
    settings = [f"model.checkpoint={checkpoint}", "tiling.task_memory_gib=0.5", "tiling.block_px=1024"]
    stated, peak = run_measured(tmp_path, scene, [*settings, "engine.workers=2"])
    assert peak <= stated
    assert stated < 16_000 * 16_000 * 12, "the budget would not be much below the scene itself"
