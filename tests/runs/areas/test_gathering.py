"""What workers tell with their cells is kept: costs of all, and the previews that are to be shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sgddiff_batch.config.job import ReportConfig
from sgddiff_batch.core.composite_planning import Changes
from sgddiff_batch.core.gallery import Gallery
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.window import Window
from sgddiff_batch.costs import Costs
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs.areas.area_run import settled_cell
from sgddiff_batch.runs.areas.cells import CellOutcome, CellWork, failed_cell
from sgddiff_batch.runs.areas.gathering import Gathering, gathering_of
from tests.runs.areas.test_area_run import area_run
from tests.runs.areas.test_cells import EARLIER, PLAN, RECORD

PREVIEW = Preview(np.zeros((2, 2), np.uint8), None, Window(0, 2, 0, 2), True, 0)


def outcome(record=RECORD, **changes):
    result = settled_cell(PLAN, record, {"compose": 2.0})
    return replace(CellOutcome(CellWork(PLAN), result, Costs(retries=1), PREVIEW), **changes)


def test_costs_add_up_and_the_preview_of_what_was_made_is_kept_by_its_place():
    told = Gathering(Gallery(4))
    for one in (outcome(), outcome(result=failed_cell(PLAN, "503"))):
        told.hear(one)
    assert told.costs.total.retries == 2
    assert dict(told.previews) == {PLAN.path: PREVIEW}


@pytest.mark.parametrize(
    "record", [replace(RECORD, store=None), replace(EARLIER, reason="torn")], ids=["empty", "quarantined"]
)
def test_of_what_has_no_new_mosaic_none_is_kept(record):
    told = Gathering(Gallery(4))
    told.hear(outcome(record))
    assert not told.previews


def test_where_nobody_wants_to_see_any_work_has_no_wish_and_none_is_kept():
    told, work = Gathering(), CellWork(PLAN)
    assert told.wished(work, 9) is work
    told.hear(outcome())
    assert not told.previews
    assert Gathering(Gallery(4)).wished(work, 9).wish.is_sure


@pytest.mark.parametrize("report", [{"html": False}, {"pictures": 0}])
def test_the_config_says_whether_there_are_to_be_any(tmp_path, report):
    run = area_run(tmp_path)
    assert gathering_of(run).gallery is not None
    without = run.config.model_copy(update={"report": ReportConfig(**report)})
    assert gathering_of(replace(run, config=without)).gallery is None


def test_what_drifts_is_told_by_the_mosaics_that_are_unchanged(tmp_path):
    records = {name: SceneRecord(name, "v", "k", "s", valid_px=100, salient_px=10) for name in "abc"}
    run = area_run(tmp_path, records=records, changes=Changes(unchanged=("a", "b", "c")))
    told = gathering_of(run)
    for nth in range(30 * run.config.report.pictures):
        wish = told.wished(CellWork(PLAN), 10**6).wish
        told.hear(outcome(replace(RECORD, store=f"{nth}.zarr", valid_px=1000, salient_px=100)))
    assert not wish.is_sure
    assert wish.typical == 0.1
    assert wish.is_for(0.9, 0.0)
    assert not wish.is_for(0.1, 0.0)
