from __future__ import annotations

import json

from jobs.checks.checkpoint import check_checkpoint
from tests.kit import jobs


def test_the_bundled_network_is_the_one_that_it_says():
    check = check_checkpoint("bundled")
    assert check.state == "ok"
    assert "digest" in check.found


def test_tensors_of_another_digest_fail(tmp_path):
    folder = tmp_path / "tiny"
    jobs.save_tiny_checkpoint(folder)
    facts = json.loads((folder / "checkpoint.json").read_text())
    (tensors,) = folder.glob("*.safetensors")
    tensors.rename(folder / "model.safetensors")
    (folder / "checkpoint.json").write_text(json.dumps({**facts, "digest": "0" * 64}))
    check = check_checkpoint(str(folder))
    assert check.state == "failed"
    assert "digest" in check.found


def test_a_folder_that_is_not_there_and_a_pickle_fail(tmp_path):
    assert check_checkpoint(str(tmp_path / "typo")).state == "failed"
    assert check_checkpoint(str(tmp_path / "model.pt")).state == "failed"
