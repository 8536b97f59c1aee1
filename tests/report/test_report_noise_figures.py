"""What Figures 2a and 2b show."""

import numpy as np
import pytest
from known_sweep import INFORMATION, VARIANCES, make_noise_sweep

from ganinv_cli.report import noise_sweep as report


def drawn(**given):
    return report.REPORT.draw(make_noise_sweep(**given))


def lines(figure):
    """Label -> (x, y)."""
    found = figure.axes[0].lines
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in found}


def test_figure_2a_shows_medians_means_bound_and_a_guide():
    shown = lines(drawn()["figure2a"].figure)
    for name, factor in {"none, median": 2, "none, mean": 2, "stochastic, median": 1}.items():
        x, y = shown[name]
        assert list(x) == list(VARIANCES)
        assert y == pytest.approx(factor * INFORMATION * np.array(VARIANCES))
    assert shown["Cramér-Rao bound"][1] == pytest.approx(INFORMATION * np.array(VARIANCES))
    x, y = shown["slope 1"]
    assert y[1] / y[0] == pytest.approx(x[1] / x[0])


def test_the_ratio_to_the_bound_is_drawn_where_the_bound_is_known():
    _, lower = drawn()["figure2a"].figure.axes
    y = [line.get_ydata() for line in lower.lines if len(line.get_xdata()) == len(VARIANCES)]
    assert [each.tolist() for each in y] == [pytest.approx([2] * 3), pytest.approx([1] * 3)]
    results = make_noise_sweep()
    del results.groups[""]["cramer_rao"]
    assert len(report.REPORT.draw(results)["figure2a"].figure.axes) == 1


def test_both_ways_of_counting_are_drawn_on_the_same_scale():
    results = make_noise_sweep()
    results.groups["variance=0.1/none"]["first/z_error"] *= 3
    figures = report.REPORT.draw(results)
    first, best = figures["figure2a-first-start"].figure, figures["figure2a"].figure
    assert first.axes[0].get_ylim() == best.axes[0].get_ylim()
    assert "First start" in first.axes[0].get_title(loc="left")
    assert "With restarts" in best.axes[0].get_title(loc="left")


def test_the_first_start_is_drawn_where_it_differs():
    assert "figure2a-first-start" not in drawn()


def test_the_title_says_whether_pixels_were_clipped():
    for clipped in (True, False):
        title = drawn(clip_pixels=clipped)["figure2a"].figure.axes[0].get_title(loc="left")
        assert ("not clipped" in title) != clipped


def test_variance_0_has_no_place_on_a_logarithmic_axis():
    assert list(lines(drawn(variances=[0, *VARIANCES])["figure2a"].figure)["none, median"][0]) == [
        *VARIANCES
    ]
    assert not any(name.startswith("figure2a") for name in drawn(variances=[0, 0.1]))


def test_figure_2b_is_drawn_for_each_variance_with_pictures():
    figures = drawn()
    assert {"figure2b-variance=0.01", "figure2b-variance=0.1"} <= figures.keys()
    assert "40.3" in figures["figure2b-variance=0.1"].caption  # 127.5 · √.1
    assert not any("2b" in name for name in drawn(figures=False))


def test_figure_2b_says_its_rule_its_pixels_and_how_near_z_was():
    both = drawn()["figure2b-variance=0.1"]
    assert both.figure.texts[0].get_text() == (
        "Figure 2b. Variance 0.1, stochastic, pixels not clipped"
    )
    assert "noisy pixels not clipped; recovered with the rule stochastic." in both.caption
    assert "with stochastic, z is found to a median error of 2.00e-4 over 40 trials" in both.alt
    one = drawn(factors={"none": 2.0, "standard": 1.0}, clip_pixels=True)["figure2b-variance=0.1"]
    assert "noisy pixels clipped to [−1, 1]; recovered with the rule none." in one.caption
    assert "with none, z is found to a median error of 4.00e-4" in one.alt


def test_alt_texts_say_what_was_found():
    results = make_noise_sweep()
    results.groups["variance=0.1/none"]["z_error"] *= 50  # not small noise
    alt = report.REPORT.draw(results)["figure2a"].alt
    assert "with none 4.00e-6 at variance 0.001" in alt
    assert (
        "Up to variance 0.01 the mean error of the converged trials is 1.00 (stochastic) to "
        "2.00 (none) times their mean Cramér-Rao bound."
    ) in alt
