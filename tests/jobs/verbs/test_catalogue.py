"""The catalogue over several nights of the main job, and its command line."""

import json

import pytest

import sgddiff_batch
from jobs import cli, infer_archive
from jobs.exits import Exit
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import open_store
from tests.kit import jobs
from tests.kit.faulty import StoreFault
from tests.kit.scripted import scripted, scripted_output


@pytest.fixture(scope="module")
def nights(tmp_path_factory, checkpoint):
    """Four nights: all new; one changed and one torn; one gone; the same back. What each night listed."""
    folder = tmp_path_factory.mktemp("nights")
    scenes, out = jobs.write_archive(folder / "scenes"), folder / "out"
    for number in (1, 2):
        jobs.write_scene(scenes / f"extra{number}.tif", 40, 40, number)
    config = jobs.write_config(folder / "run.yaml", scenes, out, checkpoint)

    def night(*flags):
        code = infer_archive.main(["--config", str(config), *flags])
        return code, {e.scene_id: (e.uri, e.state) for e in sgddiff_batch.list_mosaics(str(out))}

    seen = [night()]
    jobs.write_scene(scenes / "a.tif", 301, 417, 99)
    jobs.write_broken(scenes / "extra1.tif")
    seen.append(night())
    kept = (scenes / "c.tif").rename(folder / "c.tif")
    seen.append(night())
    withdrawn = set(ObjectLedger(open_store(str(out))).withdrawn())
    kept.rename(scenes / "c.tif")
    seen.append(night())
    return out, scenes, night, seen, withdrawn


def newest_report(out):
    return jobs.reports(out)[-1]


def test_every_night_shows_what_it_left(nights):
    out, _, _, seen, withdrawn = nights
    codes = [code for code, _ in seen]
    assert codes == [0, Exit.QUARANTINED, 0, 0]
    first, second, third, fourth = (listed for _, listed in seen)
    assert sorted(first) == ["a.tif", "c.tif", "extra1.tif", "extra2.tif", "north/b.tif"]
    assert second["a.tif"][0] != first["a.tif"][0]
    assert second["extra1.tif"] == (first["extra1.tif"][0], "quarantined")
    assert sorted(third) == ["a.tif", "extra1.tif", "extra2.tif", "north/b.tif"]
    assert withdrawn == {"c.tif"}
    assert fourth == second
    assert newest_report(out)["totals"]["tiles"] == 0, "a scene that came back was computed"


def test_the_command_line_shows_and_turns_back(nights, capsys):
    out = str(nights[0])
    assert cli.main(["catalogue", "generations", out]) == 0
    assert "current" in capsys.readouterr().out
    assert cli.main(["catalogue", "rollback", out]) == 0
    assert "generation 3 is current, 4 mosaics; before: 4" in capsys.readouterr().out
    assert cli.main(["catalogue", "show", out, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 4
    assert cli.main(["catalogue", "show", out, "--generation", "1"]) == 0
    assert "5 mosaics" in capsys.readouterr().out
    assert cli.main(["catalogue", "rollback", out, "--to", "4"]) == 0


@pytest.mark.parametrize("command", [["show"], ["generations"], ["rollback"]])
def test_an_output_that_is_not_there_ends_with_2(command, tmp_path, capsys):
    assert cli.main(["catalogue", *command, str(tmp_path / "typo")]) == Exit.WRONG
    assert "sgddiff catalogue: " in capsys.readouterr().err


def test_an_archive_that_is_suddenly_empty_withdraws_nobody(nights, tmp_path, caplog):
    out, scenes, night, seen, _ = nights
    moved = scenes.rename(tmp_path / "away")
    scenes.mkdir()
    try:
        code, listed = night()
        assert (code, listed) == (0, seen[3][1])
        assert "5 of the 5 scenes" in caplog.text
        code, listed = night("--allow-withdrawals")
        assert (code, listed) == (0, {})
    finally:
        scenes.rmdir()
        moved.rename(scenes)
    assert night()[1] == seen[3][1]
    assert newest_report(out)["totals"]["tiles"] == 0


def test_a_catalogue_that_cannot_be_published_ends_with_1_and_stays(nights, caplog):
    out, scenes, night, seen, _ = nights
    jobs.write_scene(scenes / "late.tif", 40, 40, 5)

    with scripted(StoreFault("write", "*/_catalogue/*", None, OSError("no space left"))):
        code, listed = night(*scripted_output(out))
    assert (code, listed) == (Exit.FAILED, seen[3][1])
    assert "the catalogue is still that of before" in caplog.text
    code, listed = night()
    assert code == 0
    assert listed.keys() == seen[3][1].keys() | {"late.tif"}
