"""One output with a mosaic on each kind of grid, behind its server: for tests that change nothing."""

from __future__ import annotations

import pytest

from tests.kit.browser import visits
from tests.viewer.page.examples import GRIDS, PAGE, codes_in_squares, settle, show
from tests.viewer.site_examples import served


@pytest.fixture(scope="package")
def grids(tmp_path_factory):
    """The folder of the output, and the store of each grid's mosaic by the grid's name."""
    output = tmp_path_factory.mktemp("grids") / "out"
    return output, show(output, {name: (grid, codes_in_squares(grid)) for name, grid in GRIDS.items()})


@pytest.fixture(scope="package")
def address(grids):
    """The address of the page of that output."""
    with served(str(grids[0]), PAGE) as asker:
        yield asker.server.url


@pytest.fixture(scope="module")
def page(browser, address):
    """The page of that output in a small window, which tests lead from state to state by links."""
    with visits(browser) as visit:
        one = visit(address, window=(760, 560))
        settle(one)
        yield one
