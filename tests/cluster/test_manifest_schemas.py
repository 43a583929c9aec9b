"""The manifests hold the fields that Kubernetes and KubeRay know, and no others."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from tests.cluster import manifests

SCHEMA = yaml.safe_load(manifests.SCHEMA.read_text())
DOCUMENTS = {f"{doc['kind']}-{doc['metadata']['name']}": doc for doc in manifests.documents()}
FREE = {
    "labels", "annotations", "matchLabels", "data", "rayStartParams", "nodeSelector",
}  # fmt: skip
"""Mappings whose keys are their writer's."""


def validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{kind}"})


def field_paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every field whose name the API decides."""
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from field_paths(item, (*path, index))
    elif isinstance(tree, dict) and not (path and path[-1] in FREE):
        for key, value in tree.items():
            yield (*path, key)
            yield from field_paths(value, (*path, key))


def changed(tree: Any, path: tuple[Any, ...], change: str) -> Any:
    """A copy in which the field at a path is misspelt ("name") or has a value of no type ("value")."""
    tree = copy.deepcopy(tree)
    inside = tree
    for key in path[:-1]:
        inside = inside[key]
    if change == "name":
        inside[f"{path[-1]}x"] = inside.pop(path[-1])
    else:
        inside[path[-1]] = None
    return tree


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_kind_that_is_promised_is_there() -> None:
    kinds = {doc["kind"] for doc in DOCUMENTS.values()}
    assert kinds == {"RayCluster", "RayJob", "RayCronJob", "ServiceAccount", "ConfigMap", "NetworkPolicy"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_manifest_fits_its_schema(name: str) -> None:
    found = validator(DOCUMENTS[name]["kind"]).iter_errors(DOCUMENTS[name])
    assert [f"{list(error.absolute_path)}: {error.message}" for error in found] == []


@pytest.mark.parametrize("change", ["name", "value"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_misspelt_field_or_an_empty_value_is_found_wherever_it_is(name: str, change: str) -> None:
    document = yaml.safe_load(yaml.dump(DOCUMENTS[name]))
    paths = list(field_paths(document))
    if document["kind"] in ("RayJob", "RayCronJob"):
        # Its cluster is the one of the RayCluster, which is asked about by itself.
        paths = [path for path in paths if "rayClusterSpec" not in path[:-1]]
    assert len(paths) > 3
    check = validator(document["kind"])
    assert [path for path in paths if check.is_valid(changed(document, path, change))] == []
