"""A training's events reach TensorBoard and the user's classes, and no failure of theirs stops it."""

from __future__ import annotations

import io
import logging
import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jobs.training.events import EventGroup, TensorBoardEvents, build_named, load_events
from sgddiff_batch.errors import ConfigError


class Recorder:
    def __init__(self):
        self.heard = []

    def losses(self, stage, step, values):
        self.heard.append(("losses", stage, step, values))

    def scores(self, stage, step, values):
        self.heard.append(("scores", stage, step, values))

    def picture(self, stage, step, name, png):
        self.heard.append(("picture", stage, step, name, png))

    def close(self):
        self.heard.append(("close",))


class Failing(Recorder):
    def scores(self, stage, step, values):
        super().scores(stage, step, values)
        raise RuntimeError("no\nroute to the tracker")


class FailsToClose(Recorder):
    def close(self):
        super().close()
        raise OSError("disk full")


class Careless(Recorder):
    def losses(self, stage, step, values):
        values.clear()


def read_back(folder):
    """Curves {tag: [(step, value)]} and the pictures' accumulator of one stage, as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    found.Reload()
    curves = {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
    return curves, found


def png():
    target = io.BytesIO()
    Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3)).save(target, "PNG")
    return target.getvalue()


def test_tensorboard_shows_losses_rate_scores_and_pictures_by_stage(tmp_path):
    events = TensorBoardEvents(tmp_path / "tensorboard")
    events.losses("teacher", 10, {"bce": 0.5, "rate": 0.25})
    events.losses("student", 3, {"bce": 0.75, "feature": math.nan})
    events.scores("teacher", 10, {"max_f": 0.5, "mae": 0.125})
    events.picture("teacher", 10, "contact sheet", png())
    events.close()
    curves, found = read_back(tmp_path / "tensorboard" / "teacher")
    assert curves == {
        "losses/bce": [(10, 0.5)],
        "rate": [(10, 0.25)],
        "scores/max_f": [(10, 0.5)],
        "scores/mae": [(10, 0.125)],
    }
    (image,) = found.Images("contact sheet")
    with Image.open(io.BytesIO(image.encoded_image_string)) as opened:
        assert np.array_equal(np.asarray(opened), np.arange(60).reshape(4, 5, 3))
    other, _ = read_back(tmp_path / "tensorboard" / "student")
    assert other["losses/bce"] == [(3, 0.75)]
    assert math.isnan(other["losses/feature"][0][1])


def test_a_resumed_run_doubles_no_point_and_leaves_none_of_steps_that_are_gone(tmp_path):
    killed = TensorBoardEvents(tmp_path)
    for step in range(0, 100, 10):
        killed.losses("student", step, {"bce": float(step)})
    killed.scores("student", 90, {"max_f": 0.25})
    resumed = TensorBoardEvents(tmp_path)  # the first was never closed
    for step in range(50, 80, 10):
        resumed.losses("student", step, {"bce": -float(step)})
    resumed.close()
    curves, _ = read_back(tmp_path / "student")
    assert curves["losses/bce"] == [
        (0, 0), (10, 10), (20, 20), (30, 30), (40, 40), (50, -50), (60, -60), (70, -70)
    ]  # fmt: skip
    assert not curves.get("scores/max_f")
    killed.close()


def test_resuming_the_student_leaves_the_teachers_curves_alone(tmp_path):
    first = TensorBoardEvents(tmp_path)
    first.losses("teacher", 900, {"bce": 1.0})
    first.losses("student", 5, {"bce": 2.0})
    first.close()
    resumed = TensorBoardEvents(tmp_path)
    resumed.losses("student", 5, {"bce": 3.0})
    resumed.close()
    assert read_back(tmp_path / "teacher")[0] == {"losses/bce": [(900, 1.0)]}
    assert read_back(tmp_path / "student")[0] == {"losses/bce": [(5, 3.0)]}


def test_a_run_resumed_at_once_is_read_after_the_one_before(tmp_path):
    for _ in range(2):
        events = TensorBoardEvents(tmp_path)
        events.losses("student", 5, {"bce": 2.0})
        events.close()
    seconds = [path.name.split(".")[3] for path in sorted((tmp_path / "student").iterdir())]
    assert len(seconds) == len(set(seconds)) == 2


def test_a_point_is_on_the_disk_before_the_run_goes_on(tmp_path):
    events = TensorBoardEvents(tmp_path)
    events.losses("teacher", 1, {"bce": 0.5})
    assert read_back(tmp_path / "teacher")[0] == {"losses/bce": [(1, 0.5)]}
    events.close()


def test_closing_twice_before_any_event_is_no_mistake(tmp_path):
    events = TensorBoardEvents(tmp_path / "none")
    events.close()
    events.close()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("stage", ["../elsewhere", "a/b", "", ".."])
def test_a_stage_that_is_no_name_writes_nowhere(tmp_path, stage):
    with pytest.raises(ValueError, match="names no stage"):
        TensorBoardEvents(tmp_path / "in").losses(stage, 0, {"bce": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_object_storage_is_refused_for_tensorboard():
    with pytest.raises(ConfigError, match=r"s3://bucket/run.*local disk"):
        TensorBoardEvents("s3://bucket/run")


def test_without_tensorboard_the_error_tells_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"pip install 'sgddiff-batch\[train\]'") as raised:
        TensorBoardEvents(tmp_path)
    assert "\n" not in str(raised.value)


def test_everyone_hears_everything_and_closed_once():
    first, second = Recorder(), Recorder()
    group = EventGroup(first, second)
    group.losses("teacher", 1, {"bce": 1.0})
    group.scores("teacher", 2, {"mae": 0.1})
    group.picture("teacher", 3, "sheet", b"png")
    group.close()
    group.close()
    expected = [
        ("losses", "teacher", 1, {"bce": 1.0}),
        ("scores", "teacher", 2, {"mae": 0.1}),
        ("picture", "teacher", 3, "sheet", b"png"),
        ("close",),
    ]
    assert first.heard == second.heard == expected


def test_one_that_fails_is_logged_once_closed_and_left_out(caplog):
    failing, steady = Failing(), Recorder()
    group = EventGroup(failing, steady)
    with caplog.at_level(logging.WARNING):
        for step in range(3):
            group.scores("teacher", step, {"mae": 0.1})
        group.close()
    (record,) = caplog.records
    assert record.getMessage() == (
        "Failing failed and hears nothing more, the training goes on: RuntimeError: no route to the tracker"
    )
    assert [kind for kind, *_ in failing.heard] == ["scores", "close"]
    assert [kind for kind, *_ in steady.heard] == ["scores"] * 3 + ["close"]


def test_one_that_fails_to_close_does_not_keep_the_others_open(caplog):
    failing, steady = FailsToClose(), Recorder()
    EventGroup(failing, steady).close()
    assert steady.heard == [("close",)]
    assert failing.heard == [("close",)]
    assert len(caplog.records) == 1


def test_what_one_does_to_the_values_the_others_do_not_see():
    steady = Recorder()
    values = {"bce": 1.0}
    EventGroup(Careless(), steady).losses("teacher", 1, values)
    assert steady.heard == [("losses", "teacher", 1, {"bce": 1.0})]
    assert values == {"bce": 1.0}


def test_an_interrupt_passes():
    class Interrupted(Recorder):
        def losses(self, stage, step, values):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        EventGroup(Interrupted()).losses("teacher", 1, {})


def test_a_full_disk_under_tensorboard_does_not_stop_the_training(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    steady = Recorder()
    group = EventGroup(TensorBoardEvents(tmp_path / "file"), steady)
    group.losses("teacher", 1, {"bce": 1.0})
    group.losses("teacher", 2, {"bce": 1.0})
    assert len(steady.heard) == 2
    assert [record.getMessage().split()[0] for record in caplog.records] == ["TensorBoardEvents"]


USER_MODULE = """
class Tracker:
    def losses(self, stage, step, values): ...
    def scores(self, stage, step, values): ...
    def picture(self, stage, step, name, png): ...
    def close(self): ...

class Half:
    def losses(self, stage, step, values): ...
    def close(self): ...

class Needy(Tracker):
    def __init__(self, address): ...

class Exiting(Tracker):
    def __init__(self):
        raise OSError("no token")

number = 5
"""


@pytest.fixture
def user_modules(tmp_path, monkeypatch):
    """Modules of a user: one that is sound, one that needs a missing package, one with a slip."""
    package = tmp_path / "users_own_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tracking.py").write_text(USER_MODULE)
    (package / "needs.py").write_text("import a_package_that_nobody_has")
    (package / "slip.py").write_text("class Tracker(:")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "users_own_package"]:
        del sys.modules[name]


@pytest.mark.usefixtures("user_modules")
def test_classes_of_the_user_are_built_in_order():
    names = ["users_own_package.tracking:Tracker"] * 2
    first, second = load_events(names)
    assert type(first).__name__ == type(second).__name__ == "Tracker"
    assert first is not second
    assert load_events([]) == []
    assert type(build_named("users_own_package.tracking:Half")).__name__ == "Half"


@pytest.mark.usefixtures("user_modules")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Tracker", r"'Tracker' names no class; write package\.module:Class"),
        ("", "names no class"),
        ("a:b:c", "names no class"),
        (".tracking:Tracker", "names no class"),
        ("os;import sys:x", "names no class"),
        ("no_such_package.x:Tracker", "there is no module no_such_package;.*PYTHONPATH"),
        ("users_own_package.trackin:Tracker", r"there is no module users_own_package\.trackin"),
        ("users_own_package.needs:Tracker", "importing users_own_package.needs raised ModuleNotFoundError"),
        ("users_own_package.slip:Tracker", "importing users_own_package.slip raised SyntaxError"),
        ("users_own_package.tracking:Traker", "has no class Traker; did you mean Tracker?"),
        ("users_own_package.tracking:number", "has no class number"),
        ("users_own_package.tracking:Needy", "without arguments and raised TypeError.*address"),
        ("users_own_package.tracking:Exiting", "raised OSError: no token"),
        ("users_own_package.tracking:Half", "it lacks scores, picture"),
    ],
)
def test_a_wrong_name_is_refused_with_the_part_that_is_wrong(name, message):
    with pytest.raises(ConfigError, match=message):
        load_events([name])


def test_importing_the_events_loads_no_pytorch():
    code = "import sys, jobs.training.events; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
