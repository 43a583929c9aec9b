import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import (
    CheckpointError,
    load_checkpoint,
    resolve_checkpoint,
    save_checkpoint,
    tensor_digest,
)
from models.config import with_settings
from models.presets import preset
from models.sgddiff import SGDDiff
from models.storage import FolderStorage


@pytest.fixture
def folder(tmp_path, tiny):
    save_checkpoint(tmp_path / "student", tiny, {"name": "squares"}, {"step": 3})
    return tmp_path / "student"


def _tensors(folder):
    (path,) = folder.glob("*.safetensors")
    return path


def _edit_facts(folder, **changes):
    path = folder / "checkpoint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_checkpoint_comes_back_as_it_was(folder, tiny):
    loaded = load_checkpoint(folder)
    assert loaded.network.config == tiny.config
    assert loaded.data == {"name": "squares"}
    assert loaded.training == {"step": 3}
    for name, tensor in tiny.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor)


def test_the_digest_names_the_tensors_and_not_their_layout(tiny):
    before = tensor_digest(tiny.state_dict())
    assert tensor_digest(tiny.to(memory_format=torch.channels_last).state_dict()) == before
    with torch.no_grad():
        tiny.decoder.classify.bias.add_(1e-3)
    assert tensor_digest(tiny.state_dict()) != before


def test_saving_again_replaces_the_tensors_and_keeps_the_model_card(folder, tiny):
    (folder / "README.md").write_text("card")
    with torch.no_grad():
        tiny.decoder.classify.bias.add_(1.0)
    digest = save_checkpoint(folder, tiny, {}, {})
    assert load_checkpoint(folder).digest == digest
    assert (folder / "README.md").read_text() == "card"
    names = {"README.md", "checkpoint.json", f"model-{digest[:12]}.safetensors"}
    assert {p.name for p in folder.iterdir()} == names


def test_a_kill_between_two_writes_leaves_the_old_checkpoint_or_the_new_one(folder, tiny):
    class Dying(FolderStorage):
        left = 0

        def write(self, name, data):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            super().write(name, data)

    old = load_checkpoint(folder).digest
    with torch.no_grad():
        tiny.decoder.classify.bias.add_(1.0)
    for writes in (0, 1):
        storage = Dying(folder)
        storage.left = writes
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(storage, tiny, {}, {})
        assert load_checkpoint(folder).digest == old
    assert load_checkpoint(folder).digest != save_checkpoint(folder, tiny, {}, {})


def test_a_digest_that_is_a_path_leads_nowhere(folder):
    _edit_facts(folder, digest="../../x")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        load_checkpoint(folder)


def test_tampered_tensors_are_refused(folder):
    tensors = load_file(_tensors(folder))
    tensors["decoder.classify.bias"] += 1
    save_file(tensors, _tensors(folder))
    with pytest.raises(CheckpointError, match="digest"):
        load_checkpoint(folder)


def test_a_truncated_file_is_refused(folder):
    path = _tensors(folder)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["student.pt", "a/b.pth", "x.ckpt", "y.bin", "z.pkl"])
def test_a_path_to_a_pickle_is_refused(name):
    with pytest.raises(CheckpointError, match="pickle"):
        load_checkpoint(name)


def test_a_folder_with_a_pickle_in_place_of_safetensors_is_refused(folder):
    _tensors(folder).rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pickles \(pytorch_model.bin\)"):
        load_checkpoint(folder)


def test_a_missing_folder_is_refused_by_name(tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        load_checkpoint(tmp_path / "nowhere")


def test_unknown_facts_and_other_versions_are_refused(folder):
    _edit_facts(folder, format_version=99)
    with pytest.raises(CheckpointError, match="format version 99"):
        load_checkpoint(folder)
    _edit_facts(folder, format_version=1, extra=1)
    with pytest.raises(CheckpointError, match="must have the keys"):
        load_checkpoint(folder)


def test_sizes_that_the_tensors_do_not_have_are_refused(folder):
    sizes = with_settings(preset("tiny"), {"decoder.layers": 5}).to_dict()
    _edit_facts(folder, sizes=sizes)
    with pytest.raises(CheckpointError, match="do not fit the sizes"):
        load_checkpoint(folder)


def test_unknown_sizes_are_refused_with_the_nearest_known_one(folder):
    sizes = preset("tiny").to_dict()
    sizes["decoder"]["layer"] = sizes["decoder"].pop("layers")
    _edit_facts(folder, sizes=sizes)
    with pytest.raises(CheckpointError, match=r"did you mean decoder\.layers"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bundled", "student-fine"),
        ("bundled-fine", "student-fine"),
        ("bundled-lite0", "student"),
        ("bundled-teacher", "teacher"),
    ],
)
def test_the_networks_that_ship_are_in_the_package_with_their_cards(name, kind):
    folder = resolve_checkpoint(name)
    assert folder.parts[-3:] == ("models", "weights", kind)
    checkpoint = load_checkpoint(folder)
    assert checkpoint.network.config.preset == kind
    assert checkpoint.digest in (folder / "README.md").read_text()


def test_the_student_before_still_loads_as_it_was():
    before = load_checkpoint("bundled-lite0")
    assert before.network.config == preset("student")
    assert before.digest.startswith("44b710cb0446")


def test_the_fine_student_comes_back_from_its_checkpoint(tmp_path):
    network = SGDDiff(preset("student-fine"))
    save_checkpoint(tmp_path / "fine", network, {}, {})
    assert load_checkpoint(tmp_path / "fine").network.config == network.config
    sizes = json.loads((tmp_path / "fine" / "checkpoint.json").read_text())["sizes"]
    assert sizes["decoder"]["head"] == "pyramid"


def test_the_student_that_ships_is_of_its_preset_and_at_most_25_megabytes():
    folder = resolve_checkpoint("bundled")
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 25e6
    assert load_checkpoint("bundled").network.config == preset("student-fine")
