"""One output of one scene on this machine, and its server: for tests that change neither."""

from __future__ import annotations

import pytest

from tests.viewer.site_examples import add_scene, page_in, served, write_scene


@pytest.fixture(scope="package")
def shown(tmp_path_factory):
    """The folder of an output, a scene beside it, and a page."""
    folder = tmp_path_factory.mktemp("shown")
    add_scene(str(folder / "out"), "a.tif", write_scene(folder / "scenes", "a.tif"))
    page_in(folder)
    return folder


@pytest.fixture(scope="package")
def asker(shown):
    with served(str(shown / "out"), shown / "page", explain=lambda *pixel: {"pixel": pixel}) as one:
        yield one


@pytest.fixture
def page(tmp_path):
    return page_in(tmp_path)
