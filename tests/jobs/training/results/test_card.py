"""The model card: it says every number of its facts, nothing that a file's name could smuggle in, and is
written by the training itself."""

import copy
import json
import shutil
from dataclasses import asdict

import pytest
import torch
import yaml
from markdown_it import MarkdownIt

from jobs import cli
from jobs.training.pictures.data import DataSet, load_training_data
from jobs.training.results.assessment import assess, read_assessment
from jobs.training.results.card import MARK, without_folders, write_card
from jobs.training.results.markdown import quoted
from models.checkpoint import load_checkpoint
from models.config import preset
from models.sod_metrics import MEASURE_NAMES
from models.training import TrainSettings
from tests.kit.data_sets import write_set

HOSTILE = "`](javascript:alert(1)) ``` <img src=x onerror=alert(1)> | www.evil.example\n# Owned\n<!-- \u202e"


def made_up_facts(stage="student", name="student"):
    settings = TrainSettings(steps=1600, batch=4, seed=1, rate=5e-4, warmup=100, teacher_steps=4)
    return {
        "preset": name,
        "sizes": preset(name).to_dict(),
        "digest": "ab" * 32,
        "data": {
            "training": 379,
            "validation": ["a", "b"],
            "removed": 7,
            "init": "/home/somebody/runs/seed-1/direct/best",
            "sets": [
                {"name": "VHR", "uri": "~/VHR", "training": 339, "validation": 1, "weight": 1.0},
                {"name": "ORSSD", "uri": "s3://b/ORSSD", "training": 40, "validation": 1, "weight": 0.25},
            ],
        },
        "training": {
            "stage": stage,
            "teacher": "cd" * 32 if stage == "student" else "",
            "step": 1200,
            "validation": {"s": 0.8123},
            "settings": json.loads(json.dumps(asdict(settings))),
        },
    }


def made_up_assessment(seed=1, s=0.8, stage="student"):
    return {
        "format_version": 1,
        "stage": stage,
        "seed": seed,
        "checkpoint": "best",
        "digest": "ab" * 32,
        "assessed_as": None,
        "network": {"parameters": 4_280_000, "gmac": 1.8698},
        "validation": {
            "steps": 1,
            "trajectories": 1,
            "tile_px": 576,
            "overlap_px": 64,
            "totals": {
                "pictures": 42,
                "with_objects": {"pictures": 40, **dict.fromkeys(MEASURE_NAMES, 0.5), "s": s, "mae": 0.0122},
                "empty_masks": {
                    "pictures": 2,
                    "false_alarm_area": 0.0321,
                    "pictures_with_alarm": 0.5,
                    "mae": 0.0411,
                },
                "all_pictures": {},
                "objects_by_size": {
                    "below 0.5 %": {"objects": 264, "pixel_recall": 0.777, "found": 0.864},
                    "0.5 to 2 %": {"objects": 97, "pixel_recall": 0.619, "found": 0.669},
                    "above 2 %": {"objects": 0, "pixel_recall": None, "found": None},
                },
                "windows_without_objects": {
                    "windows": 117,
                    "false_alarm_area": 0.00456,
                    "windows_with_alarm": 0.157,
                },
            },
            "worst": [{"name": "VHR/042", "s": 0.4321, "mae": 0.1}, {"name": "VHR/7", "s": 0.55, "mae": 0.1}],
        },
        "cost": {
            "spent_s": 5400.0,
            "steps": 1600,
            "crops": 6400,
            "workers": 2,
            "device": "A Device 3000",
            "threads": 1,
            "precision": "fp32",
        },
        "software": {"sgddiff_batch": "0.1.0", "code": "0123456789ab", "torch": "2.13.0"},
    }


def test_the_card_says_every_number_of_its_facts():
    card = write_card(made_up_facts(), made_up_assessment())
    wanted = """
        Student, distilled|preset `student`|4.28 M parameters|1.87 GMAC at 352 x 352|1 diffusion step|abababab
        `VHR`: 339 pictures|weight 1.|`ORSSD` (`s3://b/ORSSD`): 40 pictures|weight 0.25|379 pictures
        7 left out|EfficientNet-Lite0|ImageNet|`.../seed-1/direct/best`|cdcdcdcd
        `bce` 1, `iou` 1, `coarse_bce` 0.4, `coarse_iou` 0.4, `edges` off
        `features` 1, `trajectory` 0.5, `logits` 0.5
        stride 8|temperature 4|took 4 steps|peak rate 0.0005 (0.25 of it|decay 0.02
        100 steps of linear warm-up|norm of 2.|(0.998)
        1600 steps of 4 crops of 320 x 320 px: 6400 crops, 16.9 for each|seed 1
        0.6 to 1.6 times|20% of them without objects|haze 0.15|paste 0.25|after every 400 steps
        step 1200 of 1600|S was 0.8123|40 validation pictures|tiles of 576 px with 64 px|One run, seed 1
        | S | 0.8000 ||| MAE | 0.0122 ||| below 0.5 % | 264 | 0.7770 | 0.8640 ||| above 2 % | 0 | - | - |
        0.456% of the area of 117 windows of 320 x 320 px|more than 0.1% in 15.7% of them
        2 pictures without any object: 3.210% of the area, MAE 0.0411
        2 workers on `A Device 3000`, 1 thread each, fp32|1600 steps, 6400 crops seen|5400 s (1.50 h)
        0.5 to 2 % of the picture are found least: 66.9% of 97|61.9% of an object's|15.7% of such windows
        `VHR/042` (0.432), `VHR/7` (0.550)|not calibrated|only the data sets above|code `0123456789ab`
    """
    for line in wanted.strip().splitlines():
        for piece in line.strip().replace("|||", "|\0|").split("\0") if "| S |" in line else line.split("|"):
            assert piece.strip() in card, piece
    assert "/home" not in card
    assert "~/VHR" not in card


def test_seeds_give_a_mean_and_a_spread_of_n_minus_one():
    runs = [made_up_assessment(seed, s) for seed, s in ((0, 0.80), (1, 0.82), (2, 0.87))]
    card = write_card(made_up_facts(), runs[1], runs)
    assert "| | seed 1 | mean of 3 seeds | standard deviation |" in card
    assert "| S | 0.8200 | 0.8300 | 0.0361 |" in card
    assert "| MAE | 0.0122 | 0.0122 | 0.0000 |" in card
    assert "Seeds 0, 1, 2, all else equal" in card
    assert "0: 0.8000, 1: 0.8200, 2: 0.8700" in card
    assert "One run" not in card


def test_stages_on_labels_have_no_distillation_and_a_slow_teacher_says_how_it_was_scored():
    facts, assessment = made_up_facts("teacher", "teacher"), made_up_assessment(stage="teacher")
    card = write_card(facts, assessment)
    assert "# Teacher\n" in card
    assert "`features`" not in card
    assert "100% of the crops began with their label's code" in card
    assert "10 diffusion steps, 5 trajectories) that" in card
    assert "1 diffusion step, one trajectory, no test-time" in card
    assert "teacher's tensors" not in card


def test_a_term_of_weight_zero_is_called_off():
    facts = made_up_facts()
    facts["training"]["settings"]["weights"]["trajectory"] = 0.0
    assert "`trajectory` off" in write_card(facts, made_up_assessment())


def test_what_is_not_known_is_left_out_or_said_to_be_unknown():
    facts, assessment = made_up_facts(), made_up_assessment()
    facts["data"] = {"training": 3, "validation": []}
    assessment |= {"validation": None}
    assessment["cost"] |= {"spent_s": 0.0, "threads": None}
    card = write_card(facts, assessment)
    assert "None: no picture was held out." in card
    assert "no score chose it" in card
    assert "It was not scored" in card
    assert "of training, over all restarts" not in card
    assert "thread each" not in card


def test_an_encoder_that_was_kept_is_named():
    facts = made_up_facts()
    facts["data"]["encoder"] = "/home/somebody/runs/seed-1/direct/best"
    (line,) = [x for x in write_card(facts, made_up_assessment()).splitlines() if "kept as they were" in x]
    assert "seed-1/direct/best" in line
    assert "somebody" not in line


def test_names_cannot_bring_markup_into_the_card():
    facts, assessment = made_up_facts(), made_up_assessment()
    plain = write_card(facts, assessment)
    facts["data"]["init"] = facts["preset"] = HOSTILE
    facts["data"]["sets"][0]["name"] = HOSTILE
    facts["data"]["sets"][1]["uri"] = f"s3://{HOSTILE}"
    assessment["cost"]["device"] = HOSTILE
    assessment["validation"]["worst"][0]["name"] = HOSTILE
    card = write_card(facts, assessment)
    assert kinds_of(card) == kinds_of(plain)
    assert "\u202e" not in card


def kinds_of(card):
    """The kinds of all tokens but code spans and the text between them."""
    flat = []
    for token in MarkdownIt("commonmark").enable("table").parse(card):
        flat += [token.type, *(child.type for child in token.children or ())]
    assert flat.count("html_block") == 1
    return [kind for kind in flat if kind not in ("text", "code_inline")]


@pytest.mark.parametrize("text", ["`", "``a`", " ", "", "a`b``c", "\\", HOSTILE, "\udcff", "x" * 5000])
def test_any_text_is_one_code_span(text):
    (paragraph,) = [t for t in MarkdownIt("commonmark").parse(f"a {quoted(text)} b") if t.type == "inline"]
    assert [child.type for child in paragraph.children] == ["text", "code_inline", "text"]


def test_a_checkpoints_name_does_not_tell_whose_machine_it_lay_on():
    assert without_folders("/home/me/secret/run/seed-0/teacher/best") == ".../seed-0/teacher/best"
    assert without_folders("s3://bucket/run/best") == "s3://bucket/run/best"
    assert without_folders("bundled") == "bundled"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny student trained on eight pictures with two seeds; the folder of config, data and run."""
    folder = tmp_path_factory.mktemp("trained")
    write_set(folder / "squares", range(8))
    stage = {"preset": "tiny", "steps": 2, "batch": 2, "warmup": 1, "validate_every": 2, "log_every": 1}
    content = {
        "data": {"sets": [{"uri": "squares"}], "validation": 2},
        "storage": "run",
        "stages": ["direct"],
        "seeds": [0],
        "direct": {**stage, "crops": {"crop_px": 32}},
    }
    (folder / "train.yaml").write_text(yaml.safe_dump(content))
    assert train(folder) == 0
    assert "One run, seed 0" in (folder / "run/seed-0/direct/best/README.md").read_text()
    assert train(folder, "seeds=[0,1]") == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy to change."""
    return shutil.copytree(trained, tmp_path / "copy")


def train(folder, *assignments, cards=False):
    before = torch.get_num_threads()
    settings = [part for assignment in assignments for part in ("--set", assignment)]
    only = ["--cards"] if cards else []
    try:
        return cli.main(["train", "--config", str(folder / "train.yaml"), *settings, *only])
    finally:
        torch.set_num_threads(before)


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


def test_the_assessment_is_what_evaluate_says_of_the_same_pictures(trained, tmp_path):
    assessment, _ = read(trained, 1)
    best = trained / "run/seed-1/direct/best"
    held = load_checkpoint(best).data["validation"]
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for name in held:
            shutil.copy(trained / "squares" / f"train-{kind}" / f"{name}.png", tmp_path / kind)
    folders = ["--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels")]
    report, student = tmp_path / "s.json", ["--checkpoint", str(best), "--device", "cpu"]
    assert cli.main(["evaluate", *folders, *student, "--json", str(report)]) == 0
    assert json.loads(report.read_text())["totals"] == assessment["validation"]["totals"]


def test_assessing_leaves_the_network_as_it_was(trained, tmp_path):
    network = load_checkpoint(trained / "run/seed-0/direct/best").network
    before = copy.deepcopy(network.state_dict())
    pairs = load_training_data([DataSet(str(trained / "squares"))], 0, 0, tmp_path).sets[0][:2]
    found = assess(network, pairs, ["one", "two"], (2, 3))
    assert (found["steps"], found["trajectories"]) == (2, 3)
    assert {row["name"] for row in found["worst"]} == {"one", "two"}
    assert found["worst"][0]["s"] <= found["worst"][1]["s"]
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


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


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format_version": 2}', b"nonsense", None])
def test_what_is_no_assessment_of_this_format_is_none(content):
    assert read_assessment(content) is None


def test_an_assessment_cannot_send_the_card_elsewhere(run):
    path = run / "run/seed-0/direct/assessment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "checkpoint": "../../../elsewhere"}))
    assert train(run, cards=True) == 0
    assert not (run / "elsewhere").exists()
