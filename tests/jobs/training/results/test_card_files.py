"""The cards that lie in the storage of a training, as a training leaves them."""

import copy
import json

import pytest

from jobs.training.results.card import MARK
from models.checkpoint import load_checkpoint
from tests.kit.trainings import train_here


def train(folder, *assignments, cards=False):
    return train_here(folder / "train.yaml", *assignments, *(["--cards"] if cards else []))


def read(run, seed):
    folder = run / f"run/seed-{seed}/direct"
    return json.loads((folder / "assessment.json").read_text()), (folder / "best/README.md").read_text()


def test_a_finished_stage_has_an_assessment_and_a_card_that_says_it(trained):
    for seed in (0, 1):
        assessment, card = read(trained, seed)
        checkpoint = load_checkpoint(trained / f"run/seed-{seed}/direct/best")
        assert assessment["digest"] == checkpoint.digest
        cost = assessment["cost"]
        assert cost.pop("spent_s") > 0
        assert cost.pop("device")
        assert cost == {"steps": 2, "crops": 4, "workers": 1, "threads": 1, "precision": "fp32"}
        assert set("0123456789abcdef").issuperset(assessment["software"]["code"])
        totals = assessment["validation"]["totals"]
        assert f"| S | {totals['with_objects']['s']:.4f} |" in card
        assert f"`{assessment['validation']['worst'][0]['name']}`" in card
        assert str(trained) not in card


def test_a_later_seed_gives_the_earlier_ones_card_its_spread(trained):
    values = [read(trained, seed)[0]["validation"]["totals"]["with_objects"]["s"] for seed in (0, 1)]
    for seed in (0, 1):
        assert f"| S | {values[seed]:.4f} | {sum(values) / 2:.4f} |" in read(trained, seed)[1]


def test_nothing_is_assessed_twice_and_a_lost_card_comes_again(run):
    folder = run / "run/seed-0/direct"
    card, before = (folder / "best/README.md").read_bytes(), (folder / "assessment.json").stat().st_mtime_ns
    (folder / "best/README.md").unlink()
    assert train(run, "seeds=[0]") == 0
    assert (folder / "best/README.md").read_bytes() == card
    assert (folder / "assessment.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["gone", "no JSON", "other tensors", "other pictures"])
def test_a_finished_run_without_its_assessment_is_assessed(run, damage):
    path = run / "run/seed-0/direct/assessment.json"
    whole = json.loads(path.read_text())
    changed = copy.deepcopy(whole)
    if damage == "other tensors":
        changed["digest"] = "0" * 64
    changed["validation"]["totals"]["pictures"] = 5 if damage == "other pictures" else 2
    path.write_text("{" if damage == "no JSON" else json.dumps(changed))
    if damage == "gone":
        path.unlink()
    assert train(run, "seeds=[0]") == 0
    again = json.loads(path.read_text())
    assert {**again, "software": {}} == {**whole, "software": {}}


def test_a_card_without_its_first_line_is_somebodys_own_and_stays(run):
    path = run / "run/seed-0/direct/best/README.md"
    path.write_text(path.read_text().removeprefix(MARK) + "\nmy words\n")
    own = path.read_text()
    assert train(run, "seeds=[0]") == 0
    assert path.read_text() == own


def test_seeds_that_were_trained_in_another_way_are_no_spread(run):
    assert train(run, "seeds=[7]", "direct.rate=0.01") == 0
    assert "One run, seed 7" in read(run, 7)[1]
    assert "Seeds 0, 1, all else equal" in read(run, 0)[1]


def test_without_validation_the_last_checkpoint_has_the_card(run):
    assert train(run, "seeds=[0]", "data.validation=0", "storage=alone") == 0
    assert not (run / "alone/seed-0/direct/best").exists()
    card = (run / "alone/seed-0/direct/last/README.md").read_text()
    assert "None: no picture was held out." in card
    assert "8 pictures to train on in all" in card


def test_cards_are_written_again_when_asked_for_from_what_is_stored(run, capsys):
    path = run / "run/seed-1/direct/best/README.md"
    card = path.read_bytes()
    path.write_text(f"{MARK}\n\nof an older code\n")
    assert train(run, cards=True) == 0
    assert path.read_bytes() == card
    assert capsys.readouterr().out.splitlines() == [
        "card: seed-0/direct/best/README.md",
        "card: seed-1/direct/best/README.md",
    ]


@pytest.mark.parametrize("where", ["nowhere", "squares", "gs://bucket/run"])
def test_a_storage_without_anything_assessed_is_one_line_and_exit_code_two(trained, capsys, where):
    assert train(trained, f"storage={where}", cards=True) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_assessment_cannot_send_the_card_elsewhere(run):
    path = run / "run/seed-0/direct/assessment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "checkpoint": "../../../elsewhere"}))
    assert train(run, cards=True) == 0
    assert not (run / "elsewhere").exists()
