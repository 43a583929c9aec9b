"""What is printed of a run over an area before it starts: its numbers, and what somebody should know."""

from __future__ import annotations

import pytest

from jobs.printing import PrintedArea
from jobs.printing.area_plan import print_area_plan
from sgddiff_batch.config import ArchiveJobConfig, AreaConfig
from sgddiff_batch.core.cells import Cell
from sgddiff_batch.core.composite_planning import AreaScene, Changes, plan_areas
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.io.areas import Membership
from sgddiff_batch.io.ledger import RefusedScene
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs.areas.area_run import AreaEnd, AreaRun
from sgddiff_batch.runs.areas.cells import CellRecipe
from tests.io.area_examples import area_settings
from tests.kit.logs import enable_our_loggers


@pytest.fixture
def run_of(tmp_path):
    """Make a planned run of scenes with these models, and what else is said of it."""

    def make(models=("a" * 64,), refused=(), **changes):
        settings = area_settings()
        members = [
            (AreaScene(f"{n}.tif", f"{n}.tif/v.zarr", "now", parse_span("2026-01-05"), model), [Cell(n, 0)])
            for n, model in enumerate(models)
        ]
        plans = plan_areas(settings, members)
        uri = str(tmp_path / "out")
        return AreaRun(
            run_id="run",
            config=ArchiveJobConfig.model_validate({"archive": {"uri": "/in"}, "output": {"uri": uri}}),
            area=AreaConfig(name="monthly", crs="EPSG:32633", resolution=10, block_px=512),
            settings=settings,
            workers=2,
            archive=open_store(uri),
            area_store=open_store(f"{uri}/_areas/monthly"),
            members=Membership((), tuple(refused)),
            recipe=CellRecipe(uri, f"{uri}/_areas/monthly", "monthly", settings, 512, "run"),
            left_out=(),
            plans=plans,
            records={},
            changes=Changes(**{"touched": tuple(plans.values()), **changes}),
            marks={},
        )

    return make


def printed(run, capsys, caplog):
    """The rows of the table, words to value, and the warnings."""
    enable_our_loggers()
    caplog.clear()
    print_area_plan(run)
    cells = [line.split("│")[1:3] for line in capsys.readouterr().out.splitlines() if line.count("│") == 3]
    rows = {words.strip(): value.strip() for words, value in cells}
    return rows, [record.getMessage() for record in caplog.records]


def test_the_table_counts_what_there_is_to_do(run_of, capsys, caplog):
    refused = [RefusedScene("x.tif", "it has no time")]
    run = run_of(("a" * 64,) * 3, refused, unchanged=("m/x9y9", "m/x8y8"), gone=("m/x7y7",))
    rows, warnings = printed(run, capsys, caplog)
    assert rows["mosaics to compose"] == "3, of 3 scenes"
    assert (rows["unchanged"], rows["in quarantine"], rows["without scenes now"]) == ("2", "0", "1")
    assert rows["scenes refused"] == "1"
    assert rows["predicted peak memory"] == f"{run.peak_memory_bytes / 2**30:.2f} GiB"
    assert warnings == ["x.tif: not in any area mosaic: it has no time"]


def test_ten_refused_scenes_are_named_and_the_others_counted(run_of, capsys, caplog):
    refused = [RefusedScene(f"{n:02d}.tif", "it has no time") for n in range(13)]
    _, warnings = printed(run_of(refused=refused), capsys, caplog)
    assert [line.partition(":")[0] for line in warnings[:-1]] == [f"{n:02d}.tif" for n in range(10)]
    assert warnings[-1] == "and 3 more scenes; the report names all"


def test_scenes_of_several_models_are_warned_of_and_those_of_one_are_not(run_of, capsys, caplog):
    assert printed(run_of(("a" * 64, "a" * 64)), capsys, caplog)[1] == []
    _, [warning] = printed(run_of(("a" * 64, "b" * 64, None)), capsys, caplog)
    assert "scenes of 3 models" in warning
    assert f"{'a' * 12}, {'b' * 12}, unknown" in warning


def test_mosaics_that_may_not_go_are_warned_of(run_of, capsys, caplog):
    _, warnings = printed(run_of(refusal="2 of 3 mosaics have no scene left"), capsys, caplog)
    assert warnings == ["monthly: 2 of 3 mosaics have no scene left"]


END = AreaEnd("out/report-1.json", 2.00049, {"states": {"done": 1}}, "out/report-1.html")


@pytest.mark.parametrize("prints", [True, False])
def test_an_area_is_kept_for_json_whether_it_is_printed_or_not(run_of, capsys, prints):
    view, run = PrintedArea("monthly", prints=prints), run_of(unchanged=("m/x9y9",))
    assert view.planned(run) is run
    view.ended(END)
    said = capsys.readouterr().out
    assert (
        "mosaics to compose" in said,
        said.endswith("report: out/report-1.json\npage: out/report-1.html\n"),
    ) == (prints, prints)
    plan = view.facts.pop("plan")
    assert (plan["to_compose"], plan["unchanged"], plan["without_scenes"]) == (1, 1, 0)
    assert plan["peak_memory_bytes"] == run.peak_memory_bytes
    assert view.facts == {
        "area": "monthly",
        "report": "out/report-1.json",
        "page": "out/report-1.html",
        "seconds": 2.0,
        "totals": {"states": {"done": 1}},
    }
