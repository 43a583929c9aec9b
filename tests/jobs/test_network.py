"""The one file that joins the archive job to its network: what it gives, and what it refuses."""

from __future__ import annotations

import importlib.util
import pickle
from dataclasses import replace

import pytest
import torch

from jobs.network import network_of
from sgddiff_batch.config.job import load_config
from sgddiff_batch.errors import ConfigError
from tests.kit import jobs


@pytest.fixture
def student(tmp_path, archive, checkpoint):
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint)
    return network_of(load_config(str(config)))


def test_its_facts_are_known_before_it_is_loaded(student):
    facts = student.describe(student.device())
    assert (student.device(), facts.batch_tiles) == ("cpu", 1)
    assert facts.model["preset"] == "tiny"
    assert facts.at_once >= 1
    assert facts.bytes_per_px == 420
    assert replace(student, batch_tiles=3).describe("cpu").batch_tiles == 3
    assert student.describe("cuda").batch_tiles > 1


def test_it_is_loaded_in_another_process_as_it_is_here(student):
    again = pickle.loads(pickle.dumps(student))
    assert again == student
    assert again.load("cpu").predict is not None


def test_a_cpu_computes_as_many_batches_at_once_as_it_is_told(student):
    assert student.load("cpu")._device.lanes == 1
    assert student.load("cpu", 3)._device.lanes == 3


def test_it_knows_the_tiles_that_a_gpu_is_made_ready_for(student, monkeypatch):
    given = []
    monkeypatch.setattr("models.predictor.load_predictor", lambda *them: given.append(them))
    student.load("cuda", 2)
    assert given == [(student.checkpoint, "cuda", None, 2, 96, "fp32", "torch", "torch")]


def test_the_precision_of_the_config_is_that_of_the_network_and_of_the_run_key(student):
    half = replace(student, precision="bf16")
    assert half.describe("cpu").model == {**student.describe("cpu").model, "precision": "bf16"}
    assert half.load("cpu")._device._network.network.maps_dtype == torch.bfloat16
    assert replace(student, precision="auto").describe("cuda").model["precision"] == "fp16"
    assert replace(student, kernels="triton").describe("cuda").model["kernels"] == "triton"


def test_a_backend_that_is_not_there_is_refused_with_its_key(student, monkeypatch):
    wanted = replace(student, backend="openvino")
    assert wanted.tile_px == 96
    with pytest.raises(ConfigError, match=r"model\.backend: openvino computes on CPUs"):
        wanted.describe("cuda")
    with pytest.raises(ConfigError, match=r"model\.backend: a graph .* tiling\.tile_px is 4096"):
        replace(wanted, tile_px=4096).describe("cpu")
    monkeypatch.setattr("models.openvino_network.is_installed", lambda: False)
    with pytest.raises(ConfigError, match=r"model\.backend: OpenVINO is not installed.*\[openvino\]"):
        wanted.describe("cpu")


def test_a_backend_and_a_precision_are_in_the_run_key_and_torch_is_as_it_was(student, monkeypatch):
    monkeypatch.setattr("models.predictor.describe_runtime", lambda precision: {"precision": precision})
    plain, other, half, auto = (
        replace(student, backend=backend, precision=precision).describe("cpu").model
        for backend, precision in (
            ("torch", "fp32"),
            ("openvino", "fp32"),
            ("openvino", "bf16"),
            ("openvino", "auto"),
        )
    )
    assert "backend" not in plain
    assert other == auto == {**plain, "backend": {"precision": "fp32"}}
    assert half == {**plain, "backend": {"precision": "bf16"}}


def test_a_checkpoint_that_is_none_names_its_key(student, tmp_path):
    with pytest.raises(ConfigError, match=r"model\.checkpoint"):
        replace(student, checkpoint=str(tmp_path / "none")).describe("cpu")


def test_kernels_that_cannot_be_had_here_name_their_key(student, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    wants = replace(student, kernels="triton")
    with pytest.raises(ConfigError, match=r"model\.kernels: is triton, which is not installed here"):
        wants.describe("cuda")
    assert wants.describe("cpu").model == student.describe("cpu").model
    assert replace(wants, is_here=False).describe("cuda").model["kernels"] == "triton"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_here_is_refused_unless_a_cluster_may_have_it(student):
    assert replace(student, wanted="auto").device() == "cpu"
    assert replace(student, wanted="cuda", is_here=False).device() == "cuda"
    with pytest.raises(ConfigError, match=r"model\.device: is cuda"):
        replace(student, wanted="cuda").device()
