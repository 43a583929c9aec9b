"""The model card: it says every number of its facts, nothing that a file's name could smuggle in, and is
written by the training itself."""

import json
from dataclasses import asdict

from markdown_it import MarkdownIt

from jobs.training.results.card import without_folders, write_card
from models.presets import preset
from models.training import TrainSettings
from tests.kit.assessments import HOSTILE, made_up_assessment


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


def test_a_checkpoints_name_does_not_tell_whose_machine_it_lay_on():
    assert without_folders("/home/me/secret/run/seed-0/teacher/best") == ".../seed-0/teacher/best"
    assert without_folders("s3://bucket/run/best") == "s3://bucket/run/best"
    assert without_folders("bundled") == "bundled"
