"""Few resamples and no image files: these have tests of their own, and take most of the time."""

import pytest

from ganinv_cli.results.statistics import bootstrap, fit_slope, wilcoxon


@pytest.fixture(autouse=True, scope="module")
def use_few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        for function in (bootstrap, wilcoxon, fit_slope):
            patch.setitem(function.__kwdefaults__, "resamples", 200)
        yield


@pytest.fixture
def without_encoding(monkeypatch):
    """The files of figures have no content."""
    monkeypatch.setattr("ganinv_cli.results.report.plots.encode_figure", lambda figure, form: b"")
