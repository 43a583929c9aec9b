"""Whether documents are valid STAC: by the schemas that pystac has, and those of tests/; no network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "io" / "catalogue" / "schemas"
_EXTENSIONS = "https://stac-extensions.github.io"
_REFERENCE = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-F]{2})+")
"""What a URI reference is written with (RFC 3986)."""


def check(document: dict[str, Any]) -> None:
    """Raise unless a document is valid by the core schema, by all extensions that it names, and by its hrefs.

    Raises:
        AssertionError: naming what is not.
    """
    pystac = pytest.importorskip("pystac")
    kind, version = pystac.STACObjectType(document["type"]), document["stac_version"]
    core = _schemas().schema_uri_map.get_object_schema_uri(kind, version)
    for schema in (core, *document.get("stac_extensions", ())):
        wrong = jsonschema.exceptions.best_match(_validator(schema).iter_errors(document))
        assert wrong is None, f"{document['id']} is not valid by {schema}: {wrong}"
    no_references = [href for href in hrefs(document) if not _REFERENCE.fullmatch(href)]
    assert not no_references, f"no URI references: {no_references}"


def hrefs(document: dict[str, Any]) -> Iterator[str]:
    """Yield where the links and assets of a document lead."""
    for each in (*document["links"], *document.get("assets", {}).values()):
        yield each["href"]


@cache
def _validator(uri: str) -> Any:
    known = _schemas()
    assert uri in known.schema_cache, f"there is no schema of {uri} in pystac, nor below {FOLDER}"
    schema = known.schema_cache[uri]
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, registry=known.registry)


@cache
def _schemas() -> Any:
    """Return pystac's validator with the schemas of extensions among its own; made once: it takes long."""
    from pystac.validation.stac_validator import JsonSchemaSTACValidator

    known = JsonSchemaSTACValidator()
    for path in FOLDER.glob("*.json"):
        name, _, version = path.stem.partition("-")
        known.schema_cache[f"{_EXTENSIONS}/{name}/v{version}/schema.json"] = json.loads(path.read_text())
    text = (FOLDER / "processing-1.1.0.json").read_text().replace("v1.1.0", "v1.2.0")
    known.schema_cache[f"{_EXTENSIONS}/processing/v1.2.0/schema.json"] = json.loads(text)
    return known
