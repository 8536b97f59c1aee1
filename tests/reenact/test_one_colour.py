"""A blur makes every picture one colour, so it explains no picture of one colour."""

from unittest import mock

import builders
import numpy as np

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import Picture
from ganinv_cli.reenact.changes import Change
from ganinv_cli.reenact.explain import explain_image
from ganinv_cli.reenact.fit import GREY_LEVELS, Renderer
from ganinv_cli.reenact.resampling import Filter
from ganinv_cli.reenact.storage import round_to_pixels

LATENT = 8
Z = np.random.default_rng(3).uniform(-0.8, 0.8, (2, LATENT))


def test_a_blur_explains_no_picture_of_one_colour(tmp_path):
    arrays = builders.make_weights(widths=(12, 8, 4), latent=LATENT)
    arrays["g_h3/w"] *= 0.15  # pale pictures
    path = builders.save_checkpoint(tmp_path, builders.rename_arrays(arrays, "C"))
    generator = make_generator(builders.read(path))
    renderer, draws = Renderer(generator, -1, -1.0, 1.0), generator.render(Z, 2)
    blur = Change(Filter(generator.image_shape, True))

    def explain(radius):
        parameters = np.array([1.0, radius])
        pixels = round_to_pixels(blur.apply(renderer.render(Z[0]), parameters))

        def yield_blurred(search, first):
            yield search._fit("as it is", blur, search._pixels, Z[0], parameters)

        with mock.patch("ganinv_cli.reenact.search.Search.iterate_fits", yield_blurred):
            return pixels.std((0, 1)).max(), explain_image(
                renderer,
                Picture("a.png", "", pixels),
                Z,
                renderer.differentiate(Z[0]),
                lambda: (draws.astype(np.float64) + 1) * GREY_LEVELS,
            ).explained

    spread, explained = explain(1.0)
    assert spread > 1 and explained
    spread, explained = explain(20.0)
    assert spread < 1 and not explained
