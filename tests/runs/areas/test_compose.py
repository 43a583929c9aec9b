"""The job that composes area mosaics: nights of new, changed and withdrawn scenes, and what it says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml

import sgddiff_batch
from jobs import cli
from jobs.exits import Exit
from jobs.supervisor import Journal
from sgddiff_batch.config.job import load_config
from sgddiff_batch.io.catalogue import generations as archive_catalogue
from sgddiff_batch.io.catalogue.generations import POINTER
from sgddiff_batch.io.ledger.lease import Lease
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.pages import page as page_module
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.runs import Attempt, Ending
from sgddiff_batch.runs.areas import compose
from tests.io.area_examples import arrays_of, object_bytes, publish_scenes, put_scene, smooth
from tests.kit.deaths import die
from tests.kit.faulty import StoreFault
from tests.kit.pages import seen
from tests.kit.s3 import new_bucket
from tests.kit.scripted import scripted, scripted_uri

MONTHLY = {
    "name": "monthly", "crs": "EPSG:32633", "resolution": 10, "cell_px": 80, "period": "month",
    "rule": "latest", "block_px": 512, "workers": 2,
}  # fmt: skip
TIMES = {"a.tif": "2026-01-05", "b.tif": "2026-01-20", "c.tif": "2026-02-02"}
PLACES = {"a.tif": (0, 0), "b.tif": (40, 40), "c.tif": (0, 160)}
LEFT_OUT = {"pixel.tif": None, "timeless.tif": None}


class World:
    """An output with mosaics of scenes, and the config of its areas."""

    def __init__(self, folder: Path, *areas: dict, output: str = "out") -> None:
        self.folder, self.times = folder, dict(TIMES)
        self.output = open_store(output if "://" in output else str(folder / output))
        self.config = folder / "archive.yaml"
        tree = {
            "archive": {"uri": str(folder / "scenes")},
            "output": {"uri": self.output.uri},
            "lease": {"seconds": 5},
            "areas": list(areas) or [MONTHLY],
        }
        self.config.write_text(yaml.safe_dump(tree))
        self.area = open_store(f"{self.output.uri}/_areas/monthly")

    def put(self, name: str, seed: int = 0, number: int = 1) -> None:
        row, col = PLACES[name]
        put_scene(self.output, name, smooth(80, 80, seed, hole=False), row=row, col=col, number=number)

    def publish(self) -> None:
        publish_scenes(self.output, self.times)

    def night(self, *flags: str) -> int:
        return cli.main(["compose", "--config", str(self.config), *flags])

    def scripted_night(self, *faults: StoreFault, flags: Sequence[str] = ()) -> int:
        """A night whose storage does as a script says."""
        with scripted(*faults):
            return self.night("--set", f"output.uri={scripted_uri(self.output.root)}", *flags)

    def composed(self) -> list[str]:
        """The ids of the area mosaics that the last night worked on."""
        left = ("gone", "still quarantined")
        return [row["scene_id"] for row in self.report()["scenes"] if row["state"] not in left]

    def mosaics(self) -> dict[str, str]:
        return {e.scene_id: e.uri for e in sgddiff_batch.list_mosaics(self.area.uri)}

    def report(self) -> dict:
        return json.loads(
            max(Path(self.area.root).glob("report-*.json"), key=lambda p: p.stat().st_mtime_ns).read_text()
        )


def filled(world: World) -> World:
    for seed, name in enumerate(TIMES):
        world.put(name, seed)
    world.publish()
    return world


@pytest.fixture
def world(tmp_path):
    return filled(World(tmp_path))


ALL = {
    "2026-01/x625y6623", "2026-01/x625y6624", "2026-01/x626y6623", "2026-01/x626y6624", "2026-02/x627y6624",
}  # fmt: skip


def test_nights_touch_only_the_cells_of_what_changed(world):
    assert world.night() == 0
    assert set(world.mosaics()) == set(world.composed()) == ALL
    first = world.mosaics()
    assert world.night() == 0
    assert world.composed() == []
    assert archive_catalogue.read_pointer(world.area).current == 1, "nothing new was published anew"

    world.put("c.tif", 9, number=2)
    world.publish()
    assert world.night() == 0
    assert world.composed() == ["2026-02/x627y6624"]
    changed = {k for k, uri in world.mosaics().items() if uri != first[k]}
    assert changed == {"2026-02/x627y6624"}

    ObjectLedger(world.output).withdraw("b.tif", "2026-03-01T00:00:00+00:00")
    world.publish()
    assert world.night("--allow-withdrawals") == 0
    assert world.composed() == ["2026-01/x625y6624"], "the only cell of the scene's that has another one"
    assert set(world.mosaics()) == {"2026-01/x625y6624", "2026-02/x627y6624"}
    np.testing.assert_array_equal(
        arrays_of(world.area, world.mosaics()["2026-01/x625y6624"].removeprefix(f"{world.area.uri}/"))[
            "0/saliency"
        ],
        smooth(80, 80, 0, hole=False),
    )
    assert world.report()["totals"]["states"] == {"done": 1, "gone": 3}

    ObjectLedger(world.output).restore("b.tif")
    world.publish()
    assert world.night() == 0
    assert world.composed() == ["2026-01/x625y6624"], "the others are as they were"
    assert {k: v for k, v in world.mosaics().items() if k in first and "2026-01" in k} == {
        k: v for k, v in first.items() if "2026-01" in k
    }


def test_the_catalogue_of_an_area_tells_the_period_and_goes_back(world):
    assert world.night() == 0
    table = archive_catalogue.read_catalogue(world.area).to_pylist()
    rows = {row["id"]: row for row in table}
    january = rows["2026-01/x625y6624"]
    assert january["start_datetime"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert january["end_datetime"].isoformat() == "2026-01-31T23:59:59.999999+00:00"
    assert january["model_digest"] == "d" * 64
    assert january["proj:code"] == "EPSG:32633"
    assert january["salient_km2"] > 0
    world.put("c.tif", 9, number=2)
    world.publish()
    assert world.night() == 0
    archive_catalogue.rollback(world.area)
    assert world.mosaics()["2026-02/x627y6624"].endswith(rows["2026-02/x627y6624"]["store"])


def test_garbage_of_an_area_is_what_nobody_names(world, capsys):
    assert world.night() == 0
    world.put("c.tif", 9, number=2)
    world.publish()
    assert world.night("--set", "output.keep_generations=1") == 0
    assert cli.main(["gc", world.area.uri, "--older-than", "0", "--delete"]) == 0
    assert "removed 2 items" in capsys.readouterr().out
    assert set(world.mosaics()) == ALL
    assert len([key for key in world.area.keys("2026-02") if key.count("/") == 3 and "zarr.json" in key]) == 1
    assert cli.main(["gc", world.output.uri, "--older-than", "0"]) == 0
    assert "_areas" not in capsys.readouterr().out


def test_a_night_leaves_a_page_on_which_its_mosaics_are_drawn_without_scenes(world):
    assert world.night() == 0
    (path,) = Path(world.area.root).glob("report-*.html")
    page = seen(path.read_bytes())
    assert (page.wrong, page.reaching_out()) == ([], [])
    assert [image["alt"].partition(":")[0] for image in page.all("img")] == ["saliency"] * len(ALL)
    assert page.text.count("it is made of several scenes") == len(ALL)
    assert "5 mosaics have a place on the globe" in page.text


@pytest.mark.parametrize("wanted", [True, False])
def test_pictures_of_new_mosaics_come_with_them_and_nothing_is_read_for_the_page(world, monkeypatch, wanted):
    read = []
    monkeypatch.setattr(page_module, "view_of", lambda output, path, access: read.append(path))
    flags = () if wanted else ("--set", "report.html=false")
    assert world.night(*flags) == 0
    pages = [*Path(world.area.root).glob("report-*.html")]
    assert (len(pages), read) == (int(wanted), [])
    if wanted:
        assert len(seen(pages[0].read_bytes()).all("img")) == len(ALL)


def test_the_report_of_an_area_says_what_it_took_as_that_of_a_run_does(world):
    assert world.night() == 0
    run = world.report()["run"]
    costs = run["costs"]
    assert costs["storage_calls"] > costs["storage_writes"] >= 3 * len(ALL)
    assert costs["retries"] == 0
    assert costs["worker_memory_bytes"] > 2**20
    assert costs["worker_memory_predicted_bytes"] == run["peak_memory_bytes"]
    assert world.night() == 0
    assert world.report()["run"]["costs"]["storage_calls"] < costs["storage_calls"]


def test_a_dry_run_changes_nothing(world, capsys):
    before = world.output.keys("")
    assert world.night("--dry-run") == 0
    assert "5, of 3 scenes" in capsys.readouterr().out
    assert world.output.keys("") == before


def test_scenes_that_are_refused_are_named_in_the_log_and_the_report(world, caplog):
    put_scene(world.output, "timeless.tif", smooth(8, 8))
    put_scene(world.output, "pixel.tif", smooth(8, 8), crs=None)
    world.times["pixel.tif"] = "2026-01-01"
    world.publish()
    assert world.night() == Exit.QUARANTINED
    refused = {row["path"]: row["reason"] for row in world.report()["ignored"]}
    assert sorted(refused) == ["pixel.tif", "timeless.tif"]
    assert "time is not known" in refused["timeless.tif"]
    assert "timeless.tif: not in any area mosaic" in caplog.text
    assert "2 scenes are in no area mosaic, and no run has told so before" in caplog.text
    assert (world.report()["run"]["scenes_left_out"], world.report()["run"]["newly_left_out"]) == (2, 2)
    assert world.night() == 0, "what was told is not told as new"
    assert (world.report()["run"]["scenes_left_out"], world.report()["run"]["newly_left_out"]) == (2, 0)
    assert set(world.mosaics()) == ALL


def test_a_scene_is_left_out_anew_at_a_new_version_and_after_it_was_taken(world):
    put_scene(world.output, "timeless.tif", smooth(8, 8))
    world.publish()
    assert [world.night(), world.night()] == [Exit.QUARANTINED, 0]
    put_scene(world.output, "timeless.tif", smooth(8, 8), number=2)
    world.publish()
    assert [world.night(), world.night()] == [Exit.QUARANTINED, 0]
    put_scene(world.output, "far.tif", smooth(8, 8), col=300_000)
    world.times["far.tif"] = "2026-01-01"
    world.publish()
    assert [world.night(), world.night()] == [Exit.QUARANTINED, 0]
    ObjectLedger(world.output).withdraw("timeless.tif", "2026-03-01T00:00:00+00:00")
    world.publish()
    assert world.night() == 0
    ObjectLedger(world.output).restore("timeless.tif")
    world.publish()
    assert world.night() == Exit.QUARANTINED


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(("broken", "code"), [(KeyboardInterrupt, Exit.INTERRUPTED), (OSError, Exit.FAILED)])
def test_a_scene_that_a_broken_run_left_out_is_told_of_by_the_next(world, broken, code):
    put_scene(world.output, "timeless.tif", smooth(8, 8))
    world.publish()
    assert world.scripted_night(StoreFault("write", "*/_areas/*.zarr/*", None, broken())) == code
    assert [world.night(), world.night()] == [Exit.QUARANTINED, 0]


def test_a_damaged_note_of_what_was_left_out_tells_again(world, caplog):
    put_scene(world.output, "timeless.tif", smooth(8, 8))
    world.publish()
    assert world.night("--dry-run") == 0
    assert world.night() == Exit.QUARANTINED
    world.area.write("_ledger/left-out~.json", b"[")
    assert [world.night(), world.night()] == [Exit.QUARANTINED, 0]
    assert "left-out~.json of the area is damaged" in caplog.text


def test_a_damaged_scene_puts_its_cells_in_quarantine_and_stops_no_other(world):
    entry = next(e for e in sgddiff_batch.list_mosaics(world.output.uri) if e.scene_id == "b.tif")
    shard = entry.uri.removeprefix(f"{world.output.uri}/") + "/0/saliency/c/0/0"
    sound = world.output.read(shard)
    world.output.write(shard, sound[: len(sound) // 2])
    assert world.night() == Exit.QUARANTINED
    assert set(world.mosaics()) == {"2026-02/x627y6624"}
    states = {row["scene_id"]: row["state"] for row in world.report()["scenes"]}
    assert sorted(states.values()) == ["done"] + 4 * ["quarantined"]
    assert world.night() == 0, "what is known is not told as new"
    assert world.composed() == []
    world.output.write(shard, sound)
    assert world.night("--retry-quarantined") == 0
    assert set(world.mosaics()) == ALL


def test_a_scene_whose_mosaic_is_gone_fails_its_cells_until_it_is_back(world, caplog):
    entry = next(e for e in sgddiff_batch.list_mosaics(world.output.uri) if e.scene_id == "c.tif")
    root = entry.uri.removeprefix(f"{world.output.uri}/") + "/zarr.json"
    kept = world.output.read(root)
    world.output.delete(root)
    assert world.night() == Exit.FAILED
    assert set(world.mosaics()) == ALL - {"2026-02/x627y6624"}
    assert "2026-02/x627y6624: failed: the mosaic c.tif/" in caplog.text
    world.output.write(root, kept)
    assert world.night() == 0
    assert set(world.mosaics()) == ALL


def test_beside_another_run_it_leaves_with_4_and_nothing_is_done(world):
    with Lease(world.area, "another", 5.0):
        assert world.night() == Exit.HELD
    assert not [key for key in world.area.keys("") if not key.startswith("_ledger/lease")]


def test_a_killed_night_is_gone_on_with_and_ends_with_equal_bytes(tmp_path):
    for name in ("quiet", "killed"):
        (tmp_path / name).mkdir()
    quiet, killed = filled(World(tmp_path / "quiet")), filled(World(tmp_path / "killed"))
    assert quiet.night() == 0
    third = StoreFault("write", "*/_areas/*/_ledger/blocks/*", (3,), KeyboardInterrupt())
    assert killed.scripted_night(third) == Exit.INTERRUPTED
    assert killed.night() == 0
    assert killed.mosaics().keys() == quiet.mosaics().keys()
    for area_id, uri in quiet.mosaics().items():
        store = uri.removeprefix(f"{quiet.area.uri}/")
        assert killed.mosaics()[area_id].endswith(store)
        assert object_bytes(killed.area, store) == object_bytes(quiet.area, store)
    assert killed.report()["totals"]["states"].keys() <= {"done"}


def test_a_cell_that_ends_its_processes_is_quarantined_and_all_others_are_composed(world):
    config, journal = load_config(str(world.config)), Journal()
    area, deadly = config.areas[0], min(ALL)
    Attempt.at(world.area.uri, journal)
    die(journal, world.area.uri, *(f"reading {area_id}" for area_id in ALL))
    for _ in range(2):
        Attempt.at(world.area.uri, journal).suspects(world.area.uri)
        die(journal, world.area.uri, f"reading {deadly}")
    attempt = Attempt.at(world.area.uri, journal)
    with compose.leased_area(config, area, attempt) as lease:
        run = compose.plan_area(config, area, lease)
        assert compose.compose_area(run, attempt=attempt) is Ending.QUARANTINED
    assert set(world.mosaics()) == ALL - {deadly}
    report = world.report()
    assert [row["scene_id"] for row in report["scenes"] if row["state"] == "quarantined"] == [deadly]
    assert (report["run_id"], len(report["run"]["deaths"])) == (attempt.run_id, 3)


@dataclass
class Dying:
    """Two attempts of a run over the area: the first dies as soon as it has settled two cells."""

    world: World
    monkeypatch: pytest.MonkeyPatch
    journal: Journal = field(default_factory=Journal)

    def attempt(self, **flags: bool) -> Ending:
        config = load_config(str(self.world.config))
        attempt = Attempt.at(self.world.area.uri, self.journal)
        with compose.leased_area(config, config.areas[0], attempt) as lease:
            run = compose.plan_area(config, config.areas[0], lease, **flags)
            return compose.compose_area(run, attempt=attempt)

    def first_attempt(self, **flags: bool) -> None:
        settled = []

        def dies(attempt, scene_id, *, is_done):
            settled.append(scene_id)
            if len(settled) == 2:
                raise KeyboardInterrupt

        with self.monkeypatch.context() as patch:
            patch.setattr(Attempt, "settled", dies)
            patch.setattr(compose, "publish_area", lambda *_: False)
            patch.setattr(compose, "write_area_report", lambda *_: None)
            with pytest.raises(KeyboardInterrupt):
                self.attempt(**flags)
        die(self.journal, self.world.area.uri)

    def row_states(self) -> dict[str, int]:
        """The states of the rows of the one report that there is, each row of another area mosaic."""
        rows = self.world.report()["scenes"]
        assert len({row["scene_id"] for row in rows}) == len(rows)
        return Counter(row["state"] for row in rows)


def test_the_report_of_a_run_has_what_its_process_settled_that_died(world, monkeypatch):
    run = Dying(world, monkeypatch)
    run.first_attempt()
    assert run.attempt() is Ending.DONE
    assert set(world.composed()) == set(world.mosaics()) == ALL
    assert run.row_states() == {"done": 5}
    rows, report = {row["scene_id"]: row for row in world.report()["scenes"]}, world.report()
    assert rows["2026-01/x625y6624"]["scenes"] == 2
    assert all(row["store"] and row["valid_px"] for row in rows.values())
    assert (report["run"]["unchanged"], len(report["run"]["deaths"])) == (0, 1)


def test_after_a_death_what_left_and_what_was_made_are_both_told(world, monkeypatch):
    assert world.night() == 0
    world.put("c.tif", 9, number=2)
    ObjectLedger(world.output).withdraw("b.tif", "2026-03-01T00:00:00+00:00")
    world.publish()
    run = Dying(world, monkeypatch)
    run.first_attempt(allow_withdrawals=True)
    assert run.attempt() is Ending.DONE
    assert run.row_states() == {"done": 2, "gone": 3}


@pytest.mark.parametrize("retry", [False, True])
def test_after_a_death_what_the_run_put_into_quarantine_is_new_and_tried_once(world, monkeypatch, retry):
    entry = next(e for e in sgddiff_batch.list_mosaics(world.output.uri) if e.scene_id == "b.tif")
    world.output.write(entry.uri.removeprefix(f"{world.output.uri}/") + "/0/saliency/c/0/0", b"damaged")
    run = Dying(world, monkeypatch)
    run.first_attempt(retry_quarantined=retry)
    before = ObjectLedger(world.area).records()
    assert any(record.reason for record in before.values())
    composed = []
    monkeypatch.setattr(compose, "log_result", lambda result: composed.append(result.scene_id))
    assert run.attempt(retry_quarantined=retry) is Ending.QUARANTINED
    assert run.row_states() == {"done": 1, "quarantined": 4}
    assert set(composed) == ALL - before.keys()


def test_what_a_reader_sees_flips_as_a_whole(world):
    assert world.night() == 0
    before = world.mosaics()
    for name in TIMES:
        world.put(name, 7, number=2)
    world.publish()
    seen = []
    changes = ("write *.zarr/*", "write */_ledger/*", "write */_catalogue/generations/*", f"put */{POINTER}")
    look = {"calls": None, "then": lambda: seen.append(world.mosaics())}
    looks = [StoreFault(*change.split(), **look) for change in changes]
    assert world.scripted_night(*looks) == 0
    assert len(seen) > 5 * 2
    assert all(listed == before for listed in seen)
    assert not set(world.mosaics().values()) & set(before.values())


def test_several_areas_are_made_and_one_can_be_chosen(tmp_path):
    yearly = {
        **MONTHLY,
        "name": "yearly",
        "period": "year",
        "rule": "mean",
        "resolution": 20,
        "crs": "EPSG:32632",
    }
    world = filled(World(tmp_path, MONTHLY, yearly))
    assert world.night("--area", "yearly") == 0
    assert not Path(world.area.root).exists()
    listed = sgddiff_batch.list_mosaics(f"{world.output.uri}/_areas/yearly")
    assert {e.scene_id.split("/")[0] for e in listed} == {"2026"}
    assert world.night() == 0
    assert set(world.mosaics()) == ALL


def test_without_a_catalogue_it_says_what_to_run_first(tmp_path, capsys):
    assert World(tmp_path).night() == Exit.WRONG
    assert "run `sgddiff run` first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("areas", "flags", "words"),
    [
        ([{**MONTHLY, "crs": "EPSG:1"}], [], "areas.crs: 'EPSG:1'"),
        ([{**MONTHLY, "rule": "median"}], [], "areas.0.rule"),
        ([{**MONTHLY, "name": "../x"}], [], "areas.0.name"),
        ([{**MONTHLY, "block_px": 1000}], [], "block_px must be a multiple of 512"),
        ([MONTHLY, {**MONTHLY, "name": "Monthly"}], [], "the name monthly is given twice"),
        ([{**MONTHLY, "time_pattern": "("}], [], "regular expression"),
        ([{**MONTHLY, "time_pattern": "[0-9]+"}], [], "must have a group"),
        ([{**MONTHLY, "resolution": 0}], [], "areas.0.resolution"),
        ([{**MONTHLY, "resolutoin": 1}], [], "resolution"),
        ([MONTHLY], ["--area", "daily"], "no such area; it has monthly"),
    ],
)
def test_a_mistake_in_the_config_ends_with_2_before_any_work(tmp_path, capsys, areas, flags, words):
    world = filled(World(tmp_path, *areas))
    assert world.night(*flags) == Exit.WRONG
    assert words in capsys.readouterr().err
    assert not Path(world.output.root, "_areas").exists()


def test_a_config_without_areas_says_so(tmp_path, capsys):
    world = World(tmp_path)
    assert world.night("--set", "areas=[]") == Exit.WRONG
    assert "areas: the config has none" in capsys.readouterr().err


def test_the_plan_states_its_memory_before_it_starts(world):
    config = load_config(str(world.config))
    run = compose.plan_area(config, config.areas[0])
    assert run.peak_memory_bytes == 600 * 2**20 + 2 * (32 * 512**2 + 3 * 2**24)


def test_a_damaged_area_mosaic_is_found_and_made_anew_in_another_store(world):
    assert world.night() == 0
    before = world.mosaics()
    store = before["2026-02/x627y6624"].removeprefix(f"{world.area.uri}/")
    sound = object_bytes(world.area, store)
    arguments = ["--config", str(world.config), "--set", f"output.uri={world.area.uri}"]
    assert cli.main(["verify", *arguments]) == Exit.DONE
    world.area.write(f"{store}/0/n_obs/c/0/0", b"damaged")
    assert cli.main(["verify", *arguments, "--mark-for-redo"]) == Exit.DAMAGED
    assert world.night() == 0
    assert world.composed() == ["2026-02/x627y6624"]
    after = world.mosaics()["2026-02/x627y6624"].removeprefix(f"{world.area.uri}/")
    assert after != store
    assert object_bytes(world.area, after) == sound
    assert cli.main(["verify", *arguments]) == Exit.DONE
    assert world.night() == 0
    assert world.composed() == []


def test_counts_that_do_not_fit_the_saliency_are_damage(world, capsys):
    assert world.night() == 0
    ids = ["2026-01/x625y6624", "2026-02/x627y6624"]
    one, other = (world.mosaics()[area_id].removeprefix(f"{world.area.uri}/") for area_id in ids)
    key = "0/n_obs/c/0/0"
    sparse = arrays_of(world.area, world.mosaics()["2026-01/x626y6623"].removeprefix(f"{world.area.uri}/"))
    assert (sparse["0/n_obs"] == 0).any()
    third = world.mosaics()["2026-01/x626y6623"].removeprefix(f"{world.area.uri}/")
    world.area.write(f"{one}/{key}", world.area.read(f"{third}/{key}"))
    world.area.delete(f"{other}/{key}")
    assert cli.main(["verify", "--config", str(world.config), "--set", f"output.uri={world.area.uri}"]) == 5
    assert capsys.readouterr().out.count("is not 0 just where the saliency has no data") == 2


def test_a_pixel_of_an_area_mosaic_is_explained_by_the_mosaics_of_its_scenes(world, capsys):
    assert world.night() == 0
    assert cli.main(["explain", world.mosaics()["2026-01/x625y6624"], "0", "0"]) == Exit.WRONG
    told = capsys.readouterr().err
    assert "is an area mosaic" in told
    assert "a.tif/" in told
    assert "b.tif/" in told


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A new bucket, and an environment in which this process reaches it."""
    with new_bucket(s3_server, "area-bucket", monkeypatch):
        yield "area-bucket"


def test_areas_on_object_storage_have_the_bytes_of_local_ones(tmp_path, bucket):
    local = filled(World(tmp_path))
    assert local.night() == 0
    far = filled(World(tmp_path, output=f"s3://{bucket}/out"))
    assert far.night() == 0
    assert set(far.mosaics()) == ALL
    for area_id, uri in local.mosaics().items():
        store = uri.removeprefix(f"{local.area.uri}/")
        for key in object_bytes(local.area, store):
            assert far.area.read(f"{store}/{key}") == local.area.read(f"{store}/{key}"), area_id
    assert far.night() == 0
