"""docs/features.md: every feature that is there names the test that shows it, and that test exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEATURES = re.findall(r"^\* (.*?)(?=^\* |^#|\Z)", (ROOT / "docs" / "features.md").read_text(), re.M | re.S)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.partition(":")[0])
def test_what_is_there_names_a_test_that_exists(feature):
    named = re.search(r"`(\S+\.py)`,\s+`(test_\w+)`", feature)
    if "**no**" in feature:
        assert named is None
        return
    assert named is not None, "no test is named"
    tree = ast.parse((ROOT / "tests" / named[1]).read_text())
    assert named[2] in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
