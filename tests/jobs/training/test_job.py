"""The training job: all is checked before anything is trained, and nobody else writes meanwhile."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from PIL import Image

from jobs.training.job import run_training, write_all_cards
from jobs.training.session import load_data
from jobs.training.storage import lease_on
from models.data import DataError
from sgddiff_batch.errors import ConfigError, FatalError, LeaseHeldError
from tests.kit.data_sets import write_set
from tests.kit.logs import enable_our_loggers
from tests.kit.training_plans import STAGE, HeardEvents, config_of


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def config(tmp_path):
    """A training of one step over six pictures, two of them held out."""
    write_set(tmp_path / "squares", range(8))
    sets = [{"uri": str(tmp_path / "squares")}]
    data = {"sets": sets, "validation": 2, "cache": str(tmp_path / "cache")}
    return config_of(tmp_path / "run", data=data)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_training_trains_under_a_lease_tells_its_events_and_can_write_its_cards_again(config, tmp_path):
    events, asked = HeardEvents(), []

    def lease_of(storage):
        asked.append(storage)
        return lease_on(storage, alone=True)

    run_training(config, lease_of=lease_of, events_of=lambda _: events)
    assert asked == [config.storage]
    assert ("scores", "direct", 1) in events.heard
    assert events.closed == 1
    card = tmp_path / "run/seed-0/direct/best/README.md"
    text = card.read_text()
    card.unlink()
    assert write_all_cards(config) == ["seed-0/direct/best/README.md"]
    assert card.read_text() == text


def test_a_check_says_what_there_is_and_leaves_nothing(config, tmp_path, caplog):
    enable_our_loggers()
    caplog.set_level("INFO")
    found = run_training(config, check_only=True)
    assert "6 pictures to train on, 2 to validate" in caplog.text
    assert found["pictures"] == {"training": 6, "validation": 2}
    assert (found["stages"], found["storage"]) == (["direct"], config.storage)
    assert not (tmp_path / "run").exists(), "the folder that the check made is gone, too"


def test_a_check_of_a_training_on_ray_needs_no_cluster(config, tmp_path):
    engine = config.engine.model_copy(update={"kind": "ray"})
    run_training(config.model_copy(update={"engine": engine}), check_only=True)
    assert files(tmp_path / "run") == []


def test_a_calibration_without_an_object_to_go_by_is_refused_before_anything_is_trained(tmp_path):
    write_set(tmp_path / "squares", range(8))
    data = {"sets": [{"uri": str(tmp_path / "squares")}], "validation": 2, "cache": str(tmp_path / "cache")}
    config = config_of(tmp_path / "run", data=data, direct={**STAGE, "calibrate": True})
    run_training(config, check_only=True)
    for held_out in load_data(config).validation:
        (label,) = (tmp_path / "squares").rglob(f"*label*/{held_out.name}.png")
        Image.new("L", held_out.mask.shape[::-1]).save(label)
    with pytest.raises(
        ConfigError, match=r"direct\.calibrate: none of the 2 validation pictures has an object"
    ):
        run_training(config)
    assert files(tmp_path / "run") == []


def test_wrong_stages_are_found_before_the_pictures_are_looked_at(tmp_path):
    wrong = config_of(tmp_path / "run", direct={**STAGE, "network": {"stem.width": 7}})
    with pytest.raises(ConfigError, match="no network can be built"):
        run_training(wrong)
    with pytest.raises(DataError):
        run_training(config_of(tmp_path / "run"))


def test_a_storage_that_cannot_be_written_is_found_before_any_training(config, tmp_path):
    (tmp_path / "run").write_text("a file in the way")
    with pytest.raises(ConfigError, match=str(tmp_path / "run")):
        run_training(config, lease_of=lambda _: pytest.fail("it went on"))


def test_beside_another_run_nothing_is_trained(config):
    @contextmanager
    def held(storage):
        raise LeaseHeldError(f"another run is at work on {storage}")
        yield

    events = HeardEvents()
    with pytest.raises(LeaseHeldError):
        run_training(config, lease_of=held, events_of=lambda _: events)
    assert events.heard == []


def test_a_run_that_was_taken_over_writes_nothing_more(config, tmp_path):
    class Lost:
        def check(self):
            raise FatalError("another run took the storage over")

    @contextmanager
    def lost(storage):
        yield Lost()

    events = HeardEvents()
    with pytest.raises(FatalError, match="took the storage over"):
        run_training(config, lease_of=lost, events_of=lambda _: events)
    assert files(tmp_path / "run") == []
    assert events.closed == 1


def test_a_storage_without_anything_finished_has_no_cards(config):
    with pytest.raises(ConfigError, match="no stage that was finished and assessed"):
        write_all_cards(config)
