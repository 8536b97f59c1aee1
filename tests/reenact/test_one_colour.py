"""A blur makes every picture one colour, so it explains no picture of one colour."""

from unittest import mock

import builders
import numpy as np

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import Picture
from ganinv_cli.reenact.chain import Chain
from ganinv_cli.reenact.explain import explain_image
from ganinv_cli.reenact.fit import Renderer
from ganinv_cli.reenact.known_pictures import OwnDraws
from ganinv_cli.reenact.pixels import round_to_pixels
from ganinv_cli.reenact.stages.eight_bits import EightBits
from ganinv_cli.reenact.stages.resampling import Filter

LATENT = 8
Z = np.random.default_rng(3).uniform(-0.8, 0.8, (2, LATENT))


def test_a_blur_explains_no_picture_of_one_colour(tmp_path):
    arrays = builders.make_weights(widths=(12, 8, 4), latent=LATENT)
    arrays["g_h3/w"] *= 0.15  # pale pictures
    path = builders.save_checkpoint(tmp_path, builders.rename_arrays(arrays, "C"))
    generator = make_generator(builders.read(path))
    renderer = Renderer(generator, -1, -1.0, 1.0)
    blur = Filter(generator.image_shape, True)

    def explain(radius):
        parameters = np.array([1.0, radius])
        pixels = round_to_pixels(blur.apply(renderer.render(Z[0]), parameters))
        chain = Chain((blur,), EightBits(pixels))

        def yield_blurred(search, *_):
            yield search._fit(chain, Z[0], 0, parameters)

        with mock.patch("ganinv_cli.reenact.search.Search.iterate_changed", yield_blurred):
            return pixels.std((0, 1)).max(), explain_image(
                renderer,
                Picture("a.png", "", pixels),
                Z[1:],
                renderer.differentiate(Z[1]),
                OwnDraws(renderer),
                aligns=False,
            ).explained

    spread, explained = explain(1.0)
    assert spread > 1 and explained
    spread, explained = explain(20.0)
    assert spread < 1 and not explained
