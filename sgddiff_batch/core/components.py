"""Components: which nodes of a graph hang together, for millions of nodes at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def components(nodes: int, first: Ints, second: Ints) -> Ints:
    """Return for each node (n) the least node that it hangs together with by edges; itself, where alone.

    first, second: (m) the ends of the edges, 0 <= node < nodes.

    Each round hangs every root onto the least root beside it and makes all paths short, so that a chain of n
    roots is over in about log(n) rounds.
    """
    parent = np.arange(nodes, dtype=np.int64)
    while len(first):
        one, other = parent[first], parent[second]
        apart = one != other
        first, second = np.maximum(one, other)[apart], np.minimum(one, other)[apart]
        np.minimum.at(parent, first, second)
        parent = _shortened(parent)
    return parent


def _shortened(parent: Ints) -> Ints:
    """Return each node's root: parents have lower numbers, so there is no circle."""
    while True:
        grand = parent[parent]
        if np.array_equal(grand, parent):
            return parent
        parent = grand
