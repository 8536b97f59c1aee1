"""What the figure of an image's recoveries shows."""

import numpy as np
import pytest
from known_sweep import (
    add_earlier_certificate,
    make_image_groups,
    make_image_results,
    make_picture,
    make_recoveries,
)

from ganinv_cli.report import consistency, summarize
from ganinv_cli.report.plots import encode_drawn_figure


def drawn(**given):
    return consistency.REPORT.draw(make_image_results(**given))


def test_each_image_has_its_picture_its_best_and_its_most_distant_recovery():
    figures = drawn(
        portrait=make_image_groups() | make_image_groups(technique="none"),
        other=make_image_groups(),
    )
    assert list(figures) == ["image=0000", "image=0001"]
    shown = [
        axes.images[0].get_array() for axes in figures["image=0001"].figure.axes if axes.images
    ]
    for found, expected in zip(
        shown, (make_picture(16), make_picture(16, 8), make_picture(16, 40)), strict=True
    ):
        assert np.array_equal(found, expected)
    assert sum(bool(axes.images) for axes in figures["image=0000"].figure.axes) == 6


def test_a_pixel_is_a_square_of_whole_pixels(tmp_path):
    from matplotlib.image import imread

    file = tmp_path / "figure.png"
    file.write_bytes(
        encode_drawn_figure(drawn(portrait=make_image_groups())["image=0000"]).files["png"]
    )
    shown = (imread(file)[:, :, :3] * 255).round()
    large = make_picture(16).repeat(8, axis=0).repeat(8, axis=1)
    assert any(
        np.array_equal(shown[y : y + 128, x : x + 128], large)
        for y, x in np.argwhere((shown == large[0, 0]).all(axis=2))
    )


def histogram(**given):
    return drawn(portrait=make_image_groups(**given))["image=0000"].figure.axes[-1]


def test_distances_that_span_decades_are_on_a_logarithmic_axis():
    assert histogram(minima=(9, 1)).get_xscale() == "log"
    apart = histogram(minima=(1,) * 9, losses=(1.0,) * 9)
    assert apart.get_xscale() == "linear"


def test_the_histogram_counts_every_pair_and_marks_the_baseline():
    axes = histogram(minima=(5, 5))
    (steps,) = axes.patches
    assert steps.get_data().values.sum() == pytest.approx(100)
    assert steps.get_data().values[-5:].sum() == pytest.approx(100 * 25 / 45)  # pairs of both
    baseline = {line.get_label(): line.get_xdata()[0] for line in axes.lines}
    assert baseline["random z: 0.0815"] == pytest.approx(0.0815, abs=1e-4)


def test_the_pictures_are_those_of_the_last_certificate():
    axes = drawn(portrait=add_earlier_certificate(make_image_groups()))["image=0000"].figure.axes
    assert np.array_equal(axes[1].images[0].get_array(), make_picture(16, 8))


def test_recoveries_that_the_pictures_do_not_cover_are_said():
    given = make_image_groups(minima=(10,))
    given["stochastic/certificate"]["recoveries"][0] = 6
    assert "among the first 6 recoveries" in drawn(portrait=given)["image=0000"].caption
    assert "among" not in drawn(portrait=make_image_groups())["image=0000"].caption


def test_identical_recoveries_are_all_in_the_first_bin():
    (steps,) = histogram(minima=(3,), wobble=0).patches
    assert steps.get_data().values[0] == pytest.approx(100)


def test_recoveries_without_a_number_are_in_no_pair():
    given = make_image_groups(minima=(5,))
    given["stochastic"]["polished/z_found"][3:] = np.nan
    (steps,) = drawn(portrait=given)["image=0000"].figure.axes[-1].patches
    assert steps.get_data().values.sum() == pytest.approx(100)


def test_of_many_images_the_first_are_drawn_and_it_is_said(monkeypatch):
    for module in ("figures", "notes"):
        monkeypatch.setattr(f"ganinv_cli.report.consistency.{module}.MAX_FIGURES", 2)
    given = {name: make_image_groups(minima=(2,)) for name in "abc"}
    assert list(drawn(**given)) == ["image=0000", "image=0001"]
    assert "Figures show the first 2 images." in summarize(make_image_results(**given), "x").notes


def test_a_run_in_progress_is_drawn_as_far_as_it_is():
    figures = drawn(portrait={"none": make_recoveries(minima=(3,))}, later={}, bad="no image")
    assert list(figures) == ["image=0000"]
    assert len(figures["image=0000"].figure.axes) == 2  # the image and the histogram


def test_the_alt_text_is_the_verdict():
    assert (
        "stochastic: unique: all 10 recoveries"
        in drawn(portrait=make_image_groups())["image=0000"].alt
    )


def test_what_is_said_of_a_figure_is_in_it():
    made = drawn(portrait=make_image_groups())["image=0000"]
    assert "its best reconstruction" in made.alt and "least image loss" in made.caption
    lacking = drawn(portrait={"none": make_recoveries(minima=(3,))})["image=0000"]
    assert lacking.alt.endswith(
        ". Above, the image; below, a histogram of the distances between recoveries."
    )
    assert lacking.caption == (
        "portrait: the image at the generator's size (its reconstructions are not made yet), "
        "and the distances between all pairs of recoveries, by rule."
    )
    alone = drawn(portrait={"none": make_recoveries(minima=(1,))})["image=0000"]
    assert alone.alt.endswith(". Above, the image.")
    assert "distances" not in alone.caption


def test_a_name_is_no_mathematics():
    name = "a $very$ strange_{name}$.png"
    figure = drawn(**{name: make_image_groups()})["image=0000"]
    encode_drawn_figure(figure)  # raises where it is taken for a formula
    assert name in [text.get_text() for text in figure.figure.texts]
