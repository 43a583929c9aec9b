"""What a finished stage kept is calibrated once, in its place, and says so."""

import json

import pytest

from jobs.training.results import calibrate_kept
from jobs.training.schedule import train_all
from models.calibration import SCALES, SHIFTS
from models.checkpoint import FACTS_NAME, load_checkpoint, save_checkpoint
from models.presets import preset
from models.sgddiff import SGDDiff
from models.storage import FolderStorage
from tests.kit.training_plans import STAGE, config_of, make_pairs, plan_of

PAIRS = make_pairs(2, 20)


@pytest.fixture
def kept(tmp_path):
    save_checkpoint(tmp_path / "best", SGDDiff(preset("tiny")), {"name": "squares"}, {"step": 7})
    return tmp_path / "best"


def test_its_facts_say_by_how_much_and_all_else_stays(kept):
    before = load_checkpoint(kept)
    calibrate_kept(load_checkpoint(kept), FolderStorage(kept), PAIRS)
    after = load_checkpoint(kept)
    chosen = after.training["calibration"]
    assert chosen["scale"] in SCALES
    assert chosen["shift"] in SHIFTS
    assert {"s", "max_f", "mae"} <= set(after.training["validation"])
    assert (after.data, after.training["step"]) == ({"name": "squares"}, 7)
    ours, theirs = before.network.refine_head.logit, after.network.refine_head.logit
    assert (theirs.weight == ours.weight * chosen["scale"]).all()


def test_a_second_time_nothing_changes(kept):
    calibrate_kept(load_checkpoint(kept), FolderStorage(kept), PAIRS)
    before = (kept / FACTS_NAME).read_bytes()
    calibrate_kept(load_checkpoint(kept), FolderStorage(kept), PAIRS)
    assert (kept / FACTS_NAME).read_bytes() == before


def test_a_training_that_wants_it_assesses_what_is_calibrated_and_its_next_start_does_nothing(tmp_path):
    stage = {**STAGE, "calibrate": True}
    train_all(plan_of(tmp_path, PAIRS, direct=stage))
    best = load_checkpoint(tmp_path / "seed-0/direct/best")
    assert "calibration" in best.training
    assert "calibration" not in load_checkpoint(tmp_path / "seed-0/direct/last").training
    assessment = json.loads((tmp_path / "seed-0/direct/assessment.json").read_bytes())
    assert assessment["digest"] == best.digest
    train_all(plan_of(tmp_path, PAIRS, direct=stage))
    assert load_checkpoint(tmp_path / "seed-0/direct/best").digest == best.digest


def test_without_validation_or_for_a_mean_of_seeds_it_is_refused(tmp_path):
    stage = {**STAGE, "calibrate": True}
    data = {"sets": [{"uri": "/nowhere"}], "validation": 0}
    with pytest.raises(ValueError, match=r"direct\.calibrate: needs validation pictures"):
        config_of(tmp_path, direct=stage, data=data)
    with pytest.raises(ValueError, match=r"direct\.calibrate: a mean of seeds"):
        config_of(tmp_path, direct=stage, seeds=[1, 2], average=True)
