"""Every wrong command and every mistake in the data of `sgddiff evaluate`: one message, and no work done."""

import numpy as np
import pytest
from PIL import Image

from tests.kit.pictures import run, write, write_maps, write_pictures


@pytest.fixture
def data(tmp_path):
    return write_pictures(tmp_path)


@pytest.fixture
def maps(tmp_path, data):
    return write_maps(tmp_path / "somebodys", data[1])


def refused(capsys, *arguments):
    """Run a wrong command; returns the lines of its message."""
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


def test_all_mistakes_in_the_data_are_in_one_list_before_any_work(data, checkpoint, tmp_path, capsys):
    images, labels = data
    for name in ("cut", "no-label", "deep", "classes", "shape", "twice"):
        write(images / f"{name}.png", np.full((20, 20, 3), 9, np.uint8))
        write(labels / f"{name}.png", np.zeros((20, 20), np.uint8))
    (images / "cut.png").write_bytes((images / "cut.png").read_bytes()[:60])
    (labels / "no-label.png").unlink()
    write(images / "deep.png", np.full((20, 20), 4000, np.uint16))
    write(labels / "classes.png", np.eye(20, dtype=np.uint8))
    write(labels / "shape.png", np.zeros((20, 21), np.uint8))
    write(images / "twice.jpg", np.zeros((20, 20), np.uint8))
    (labels / "not-a-picture.png").write_text("hello")
    (images / "._a.png").write_text("what macOS leaves behind")
    (images / "notes.txt").write_text("not a picture, and not meant as one")
    folders = ["--images", images, "--labels", labels]
    lines = refused(capsys, *folders, "--checkpoint", checkpoint, "--maps", tmp_path / "out")
    assert lines[0].startswith("sgddiff evaluate: 8 mistakes in the data:")
    wanted = [
        ("twice.png", "has the stem of twice.jpg"),
        ("not-a-picture.png", "no picture of that stem"),
        ("no-label.png", "no label of that stem"),
        ("classes.png", "only 0 and 1"),
        ("cut.png", ""),
        ("deep.png", "no 8-bit picture"),
        ("not-a-picture.png", "cannot identify"),
        ("shape.png", "21 x 20 px, its picture is 20 x 20 px"),
    ]
    for line, (name, reason) in zip(lines[1:], wanted, strict=True):
        assert name in line
        assert reason in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", ["lacking", "extra", "empty", "absent", "deep"])
def test_maps_that_do_not_fit_the_labels_are_mistakes(data, maps, tmp_path, capsys, case):
    folder, reason = maps, ""
    if case == "lacking":
        (maps / "a.png").unlink()
        reason = f"a.png: no map of that stem in {maps}"
    elif case == "extra":
        write(maps / "sheet.png", np.zeros((9, 9), np.uint8))
        reason = "sheet.png: no label of that stem"
    elif case == "deep":
        write(maps / "a.png", np.zeros((9, 9), np.uint16))
        reason = "no 8-bit map"
    else:
        folder, reason = tmp_path / "nothing", "no such folder"
        if case == "empty":
            folder.mkdir()
            reason = "no maps"
    lines = refused(capsys, "--score-maps", folder, "--labels", data[1])
    assert len(lines) == 2
    assert reason in lines[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "labels", "--json", "s.json"], "--images: which pictures?"),
        (["--images", "images"], "nothing to do"),
        (["--images", "images", "--maps", "out", "--json", "s.json"], "--labels: needed for scores"),
        (["--score-maps", "somebodys"], "--labels: needed for scores"),
        (["--score-maps", "somebodys", "--labels", "labels", "--maps", "out"], "--maps: nothing is computed"),
        (["--images", "images", "--maps", "images"], "--maps: is the folder of --images"),
        (["--images", "images", "--labels", "labels", "--maps", "./labels/"], "--maps: is the folder of"),
        (["--score-maps", "somebodys", "--labels", "labels", "--worst", "somebodys"], "--worst: is the"),
        (["--images", "images", "--labels", "labels", "--maps", "x", "--worst", "x"], "--worst: is the"),
        (["--images", "images", "--labels", "labels", "--json", "labels"], "--json: is a folder"),
        (["--images", "images", "--labels", "labels", "--json", "."], "--json: is a folder"),
        (["--images", "images", "--maps", "labels/a.png"], "--maps: is a file"),
        (["--images", "images", "--maps", "out", "--checkpoint", "net.pth"], "--checkpoint: net.pth is a"),
        (["--images", "images", "--maps", "out", "--checkpoint", "nowhere"], "no such folder"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_one_line_and_exit_code_two(
    data, maps, tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    lines = refused(capsys, *arguments)
    assert len(lines) == 1
    assert lines[0].startswith("sgddiff evaluate: ")
    assert message in lines[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_device_that_is_not_there_is_exit_code_two(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    lines = refused(capsys, "--images", data[0], "--maps", tmp_path / "maps", "--device", "cuda")
    assert lines == ["sgddiff evaluate: --device: is cuda, but PyTorch finds no CUDA device; use auto or cpu"]


def test_a_checkpoint_and_ready_maps_exclude_each_other(data, maps, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("--score-maps", maps, "--labels", data[1], "--checkpoint", "bundled")
    assert "not allowed with" in capsys.readouterr().err


def test_scores_without_scipy_say_what_to_install(data, maps, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    lines = refused(capsys, "--score-maps", maps, "--labels", data[1])
    assert lines == ["sgddiff evaluate: --labels: scores need SciPy; pip install 'sgddiff-batch[train]'"]


def test_what_cannot_be_written_is_one_line_and_exit_code_one(data, maps, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert run("--score-maps", maps, "--labels", data[1], "--json", tmp_path / "file" / "s.json") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_picture_too_large_for_memory_is_named_and_sent_to_the_main_job(
    data, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    lines = refused(capsys, "--images", data[0], "--maps", tmp_path / "maps")
    assert len(lines) == 2
    assert "b.large.png: too large for a picture; give it to `sgddiff run`" in lines[1]
