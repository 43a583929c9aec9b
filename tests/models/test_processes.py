"""What a process does before it computes: one thread, and maps in pages that the kernel clears quickly."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.processes import LARGE_PAGES, prepare_process

PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
MAP_BYTES = 256 * 2**20


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.delenv(LARGE_PAGES, raising=False)
    yield
    torch.set_num_threads(before)


def test_a_process_has_one_thread_and_large_pages():
    prepare_process()
    assert torch.get_num_threads() == 1
    assert os.environ[LARGE_PAGES] == "1"


def test_threads_may_be_more_and_who_wants_no_large_pages_gets_none(monkeypatch):
    monkeypatch.setenv(LARGE_PAGES, "0")
    prepare_process(2)
    assert torch.get_num_threads() == 2
    assert os.environ[LARGE_PAGES] == "0"


FAULTS = """
import resource, torch
from models.predictor import load_predictor
from models.processes import prepare_process
prepare_process()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones({size} // 4)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    not PAGES.exists() or "[never]" in PAGES.read_text(), reason="this kernel has no large pages to give"
)
def test_nothing_that_is_imported_makes_a_tensor_before_large_pages_are_asked_for():
    ended = subprocess.run(
        [sys.executable, "-c", FAULTS.format(size=MAP_BYTES)], check=True, capture_output=True, text=True
    )
    assert int(ended.stdout) < MAP_BYTES / resource.getpagesize() / 4
