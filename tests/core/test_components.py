"""Components are those of a search from node to node, whatever the graph."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.components import components


def searched(nodes: int, edges: list[tuple[int, int]]) -> list[int]:
    least = [*range(nodes)]
    for _ in range(nodes):
        for one, other in edges:
            least[one] = least[other] = min(least[one], least[other])
    return least


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=20)
        )
    )
)
def test_each_node_has_the_least_that_it_hangs_together_with(graph):
    nodes, edges = graph
    ends = np.array(edges, np.int64).reshape(-1, 2)
    assert components(nodes, ends[:, 0], ends[:, 1]).tolist() == searched(nodes, edges)


def test_a_long_chain_in_a_bad_order_is_one_component():
    order = np.random.default_rng(1).permutation(50_000)
    assert not components(len(order), order[:-1], order[1:]).any()
