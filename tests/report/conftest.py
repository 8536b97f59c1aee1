"""Reports are tested with few resamples: the bootstrap has its own tests in tests/statistics."""

import pytest

from ganinv_cli.statistics import bootstrap, compare_errors, fit_slope


@pytest.fixture(autouse=True, scope="session")
def use_few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        for function in (bootstrap, compare_errors, fit_slope):
            patch.setitem(function.__kwdefaults__, "resamples", 200)
        yield
