"""The measurement on a GPU, here on a CPU: each section finds something, and none loses what others found."""

from __future__ import annotations

import json

import pytest

from tests.bench import gpu, gpu_outside

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
