"""Where the tests of the store keep their results."""

import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recover.h5"
