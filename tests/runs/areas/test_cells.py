"""Cells as work of an engine: what becomes of each, and that no error of one stops the others."""

import pickle
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from sgddiff_batch.core.cells import Cell
from sgddiff_batch.core.composite_planning import AreaPlan
from sgddiff_batch.core.gallery import PreviewWish
from sgddiff_batch.core.periods import period_of
from sgddiff_batch.core.window import Window
from sgddiff_batch.costs import Costs
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.errors import ChangedSceneError, FatalError, LostClaimError, RetryableError, SceneError
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs.areas.cells import CellRecipe, CellWork, CellWorker, failed_cell
from tests.io.area_examples import area_settings

PLAN = AreaPlan(Cell(1, 2), period_of(0.0, "month"), (), "v", "key")
RECORD = SceneRecord(PLAN.area_id, "v", "key", PLAN.path, valid_px=5, salient_px=2)
EARLIER = SceneRecord(PLAN.area_id, "u", "key", "old.zarr")


@dataclass
class Composer:
    """Answers with a record, or fails."""

    answer: object = RECORD
    quarantines: list = field(default_factory=list)
    blocks: list = field(default_factory=list)

    def compose(self, plan, see):
        for codes, block in self.blocks:
            see(codes, block, Window(0, 2000, 0, 2000))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def quarantine(self, plan, earlier, reason):
        self.quarantines.append((plan, earlier, reason))
        return replace(earlier or SceneRecord(plan.area_id, "", "", None), reason=reason)


@dataclass
class Activity:
    """Keeps what is noted."""

    noted: list = field(default_factory=list)

    def reading(self, scene_id):
        self.noted.append(scene_id)
        return nullcontext()

    def computing(self, scene_id):
        raise AssertionError("a cell has no network")


def run(answer=RECORD, **work):
    composer, activity = Composer(answer), Activity()
    worker = CellWorker(composer, activity, Retries(sleep=lambda seconds: None))
    outcome = worker.run(CellWork(PLAN, **work))
    assert activity.noted == [PLAN.area_id]
    return outcome.result, composer


def test_a_cell_that_was_composed_is_done_with_its_numbers():
    result, _ = run()
    assert (result.state, result.store, result.valid_px, result.salient_px) == ("done", PLAN.path, 5, 2)
    assert set(result.seconds) == {"compose"}


def test_one_without_a_pixel_is_empty():
    assert run(replace(RECORD, store=None))[0].state == "empty"


def test_a_damaged_member_puts_it_into_quarantine_and_keeps_the_earlier_one():
    result, composer = run(SceneError("a shard\nis damaged"), earlier=EARLIER)
    assert (result.state, result.reason, result.store) == ("quarantined", "a shard is damaged", "old.zarr")
    assert composer.quarantines == [(PLAN, EARLIER, "a shard is damaged")]


def test_one_that_processes_died_of_is_put_into_quarantine_without_being_composed():
    result, composer = run(FatalError("it must not be composed"), reason="it died")
    assert (result.state, result.reason) == ("quarantined", "it died")
    assert composer.quarantines == [(PLAN, None, "it died")]


def blocks(*codes):
    """Blocks of a large cell beside each other, each of one code."""
    size = 1000
    return [
        (np.full((size, size), code, np.uint8), Window(0, size, nth * size, (nth + 1) * size))
        for nth, code in enumerate(codes)
    ]


def looked_at(wish, given):
    worker = CellWorker(Composer(blocks=given), Activity(), Retries(sleep=lambda seconds: None))
    outcome = worker.run(CellWork(PLAN, wish=wish))
    assert outcome.result.state == "done"
    return outcome.preview


def test_where_it_is_wished_for_a_preview_of_the_most_salient_block_comes_with_a_cell():
    shown = looked_at(PreviewWish(is_sure=True), blocks(3, 9))
    assert (shown.codes.max(), shown.pixels, shown.is_whole) == (9, None, False)
    assert shown.window.col_start >= 1000
    assert looked_at(None, blocks(3, 9)) is None
    assert looked_at(PreviewWish(is_sure=False, salient=0.39), blocks(3, 9)) is not None  # 2 of 5 px are
    assert looked_at(PreviewWish(is_sure=False, salient=0.41), blocks(3, 9)) is None


def test_a_preview_that_cannot_be_made_costs_no_cell():
    assert looked_at(PreviewWish(is_sure=True), [(None, Window(0, 1, 0, 1))]) is None


@pytest.mark.parametrize("answer", [RECORD, RetryableError("503")])
def test_what_it_took_is_told_whatever_became_of_it(answer):
    took = Costs(retries=3, storage_calls=9)
    worker = CellWorker(Composer(answer), Activity(), Retries(sleep=lambda seconds: None), lambda: took)
    assert worker.run(CellWork(PLAN)).costs == took


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ChangedSceneError("a.tif is gone"), "a.tif is gone"),
        (LostClaimError("it was taken over"), "it was taken over"),
        (RetryableError("503"), "RetryableError: 503"),
        (MemoryError("no\nroom"), "MemoryError: no room"),
    ],
)
def test_what_says_nothing_of_the_cell_leaves_it_for_the_next_run(error, reason):
    assert run(error)[0] == failed_cell(PLAN, reason)


def test_a_fatal_error_stops_the_run():
    with pytest.raises(FatalError, match="the lease was lost"):
        run(FatalError("the lease was lost"))


def test_work_and_recipe_travel_and_the_recipe_opens_the_stores(tmp_path):
    work = CellWork(PLAN, EARLIER)
    assert pickle.loads(pickle.dumps(work)) == work
    assert work.key == work.scene_id == PLAN.area_id
    recipe = CellRecipe(str(tmp_path), str(tmp_path / "area"), "monthly", area_settings(), 512, "run")
    worker = pickle.loads(pickle.dumps(recipe))("worker")
    assert worker.composer.area.root == str(tmp_path / "area")
    assert recipe.take_left("worker").reading == frozenset()
    worker.take_costs()
    worker.composer.area.stat("nothing")
    assert (worker.take_costs().storage_calls, worker.take_costs().storage_calls) == (1, 0)
