"""The measurement on a GPU, here on a CPU: each section finds something, and none loses what others found."""

from __future__ import annotations

import json

import pytest
import torch

from tests.bench import gpu, gpu_kernels, gpu_outside

SMALL = [
    "--device",
    "cpu",
    "--checkpoint",
    "tests/golden/checkpoint",
    "--tile",
    "64",
    "--task",
    "100",
    "--batch",
    "2",
]


def test_what_it_finds_is_json_and_good_where_bytes_agree(tmp_path, pytestconfig, monkeypatch):
    monkeypatch.chdir(pytestconfig.rootpath)
    out = tmp_path / "gpu.json"
    sections = ["agreement", "predict", "batches", "parts", "training"]
    assert gpu.main([*SMALL, "--out", str(out), "--only", *sections]) == 0
    found = json.loads(out.read_text())
    assert found["device"] == "cpu"
    assert [name for name in found if isinstance(found[name], dict)] == sections
    assert found["agreement"]["wrong"] == []
    assert found["agreement"]["most_codes_from_cpu"] == 0
    assert found["predict"]["tiles_per_s"].keys() == {"alone", "four_at_once", "small_scenes"}
    assert found["batches"]["1 calls"]["ms"] > 0
    assert found["parts"]["ms"].keys() == {"stem", "encoder", "denoiser", "decoder", "refine_head", "rest"}
    assert found["training"]["labels_crops_per_s"] > 0


def test_precisions_are_measured_and_held_against_the_cpu(tmp_path, pytestconfig, monkeypatch):
    monkeypatch.chdir(pytestconfig.rootpath)
    out = tmp_path / "gpu.json"
    assert gpu.main([*SMALL, "--out", str(out), "--only", "precision"]) == 0
    found = json.loads(out.read_text())["precision"]
    assert found["fp32 torch"]["most_codes_from_cpu"] == 0
    assert found["bf16 torch"]["most_codes_from_cpu"] > 0
    assert found["bf16 torch"]["mpx_per_s"].keys() == {"calls"}
    monkeypatch.setattr(gpu_kernels, "MOST_CODES_OFF", {"fp32": 0, "bf16": 0})
    assert gpu.main([*SMALL, "--out", str(out), "--only", "precision"]) == 1
    assert json.loads(out.read_text())["precision"]["wrong"] == ["bf16 torch"]


def kernel_makers(faulty=""):
    """PyTorch in the place of each kernel: what a GPU would take is not known here."""

    def maker(kind):
        def make(case, batch, dtype, device):
            x = torch.rand(batch, *case.shape).to(dtype) + 1
            return x.float, x.clone, lambda: x * 2 if kind == faulty else x.clone()

        return make

    return {kind: maker(kind) for kind in gpu_kernels.MAKERS}


def test_each_kernel_is_measured_at_the_networks_shapes_and_a_wrong_one_is_told(
    tmp_path, pytestconfig, monkeypatch
):
    monkeypatch.chdir(pytestconfig.rootpath)
    out = tmp_path / "gpu.json"
    monkeypatch.setattr(gpu_kernels, "MAKERS", kernel_makers())
    assert gpu.main([*SMALL, "--out", str(out), "--only", "kernels"]) == 0
    found = json.loads(out.read_text())["kernels"]
    names = {f"{kind} 64 px {dtype}" for kind in gpu_kernels.MAKERS for dtype in ("fp32", "fp16")}
    assert found["of_a_batch_ms"].keys() == names
    scans = [row["shape"] for row in found["rows"] if row["kind"] == "scanning"]
    assert scans == [[8, 8, 8]] * 2 + [[8, 4, 4]] * 2
    monkeypatch.setattr(gpu_kernels, "MAKERS", kernel_makers(faulty="sampling"))
    assert gpu.main([*SMALL, "--out", str(out), "--only", "kernels"]) == 1
    assert all("sampling" in line for line in json.loads(out.read_text())["kernels"]["wrong"])


def test_what_time_ran_out_for_is_named(pytestconfig, monkeypatch):
    monkeypatch.chdir(pytestconfig.rootpath)
    subject = gpu.Subject(torch.device("cpu"), "tests/golden/checkpoint", 64, 2, 100)
    monkeypatch.setattr(gpu_kernels, "MAKERS", kernel_makers())
    found = gpu_kernels.kernels(subject, 0.0)
    assert found["cut_before"].startswith("64 px, Case(kind='depthwise'")
    assert gpu_kernels.precision(subject, 0.0)["cut_before"] == "fp32 torch"


@pytest.mark.parametrize("kind", ["depthwise", "sampling", "scanning"])
@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")
def test_what_kernels_are_held_against_is_the_same(kind):
    pytest.importorskip("triton", reason="Triton is not installed: pip install triton")
    case = gpu_kernels.Case(kind, (4, 3, 5), *{"depthwise": (3, 1), "sampling": (2, 2)}.get(kind, (1, 0)))
    exact, theirs, ours = gpu_kernels.MAKERS[kind](case, 2, torch.float16, torch.device("cpu"))
    for found in (theirs(), ours()):
        torch.testing.assert_close(found.float(), exact(), rtol=2e-2, atol=2e-2)


def test_a_section_without_time_is_named_and_one_that_fails_costs_no_other(capsys, monkeypatch):
    def fail(subject, left_s):
        raise RuntimeError("no such kernel")

    def lack(subject, left_s):
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    sections = (
        gpu.Section("parts", fail, 0),
        gpu.Section("training", lack, 0),
        gpu.Section("jobs", fail, 1e9),
        gpu.Section("agreement", lambda subject, left_s: {"wrong": []}, 0),
    )
    monkeypatch.setattr(gpu, "SECTIONS", sections)
    assert gpu.main(SMALL) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["parts"]["error"] == "RuntimeError: no such kernel"
    assert found["training"]["left_out"] == "scipy is not installed"
    assert "were left" in found["jobs"]["left_out"]
    assert found["agreement"]["wrong"] == []


def test_wrong_bytes_are_told_by_the_exit_code(capsys, monkeypatch):
    wrong = gpu.Section("agreement", lambda subject, left_s: {"wrong": ["threads"]}, 0)
    monkeypatch.setattr(gpu, "SECTIONS", (wrong,))
    assert gpu.main(SMALL) == 1
    assert json.loads(capsys.readouterr().out)["agreement"]["wrong"] == ["threads"]


def test_a_section_that_hangs_ends_the_program_with_what_was_found(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(gpu.os, "_exit", ended.append)
    report = gpu.Report(tmp_path / "gpu.json", {"device": "cpu"})
    report.add("agreement", {"wrong": []})
    with gpu.Watch(report, 0.0) as watch:
        while not ended:
            pass
    assert (ended, watch) == ([1], None)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["agreement"] == {"wrong": []}
    assert "did not end" in found["watch"]["error"]


def test_outcomes_of_tests_are_counted_and_missing_packages_are_no_failures(tmp_path):
    results = tmp_path / "results.xml"
    results.write_text(
        """<testsuites><testsuite>
        <testcase classname="a" name="fine"/>
        <testcase classname="a" name="bad"><failure message="assert 1 == 2">long</failure></testcase>
        <testcase classname="a" name="left"><skipped message="no CUDA"/></testcase>
        <testcase classname="" name="b"><error message="collection failure">
        E   ModuleNotFoundError: No module named 'hypothesis'</error></testcase>
        <testcase classname="" name="c"><error message="broken">SyntaxError</error></testcase>
        </testsuite></testsuites>"""
    )
    found = gpu_outside.outcomes(results)
    counts = {name: found[name] for name in ("passed", "failed", "skipped", "not_collected")}
    assert counts == {"passed": 1, "failed": 2, "skipped": 1, "not_collected": 1}
    assert found["wrong"] == ["a::bad: assert 1 == 2", "::c: broken"]
    assert found["skipped_because"] == ["::b: hypothesis is not installed", "no CUDA"]


@pytest.mark.slow
def test_tests_and_jobs_run_in_processes_of_their_own(pytestconfig, monkeypatch):
    monkeypatch.chdir(pytestconfig.rootpath)
    subject = gpu.Subject(gpu.torch.device("cpu"), "tests/golden/checkpoint", 64, 2, 100)
    found = gpu_outside.tests(subject, 300)
    assert found["wrong"] == []
    assert found["passed"] + found["skipped"] > 8
    assert set(gpu_outside.jobs(subject, 300)) == {"large", "small"}
