"""One Ray cluster for all tests that need a healthy one."""

from collections.abc import Iterator

import clusters
import pytest


@pytest.fixture(scope="session")
def cluster() -> Iterator[clusters.LocalCluster]:
    """A cluster of one node with two CPUs; a test may add nodes, and must remove them."""
    with clusters.start_cluster(2) as started:
        yield started
