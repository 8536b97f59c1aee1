"""What the certificate of `ganinv invert` says of the way from G(z) to the image."""

import numpy as np
import pytest
from called import make_image, make_random_pixels, make_z, run_ganinv, save_image, take_image
from PIL import Image

from ganinv_cli.results.store import read_results


@pytest.mark.slow
def test_the_certificate_has_the_chain_that_explains_each_image(easy, tmp_path):
    pixels = make_image(easy.generator, 0)
    padded = pixels.copy()
    padded[:2], padded[:, -3:] = 0, 0
    for name, image in (
        ("own.png", pixels),
        ("padded.png", padded),
        ("shifted.png", np.roll(pixels, 1, 1)),
        ("noise.png", make_random_pixels(easy.generator)),
    ):
        save_image(tmp_path / name, image)
    Image.fromarray(pixels).save(tmp_path / "own.jpg", quality=90)
    for align in ("auto", "none"):
        given = ("--checkpoint", easy.folder, "--starts", 3, "--batch-size", 8, "--align", align)
        run_ganinv(tmp_path, "invert", ".", *given, "--out", f"{align}.h5")
        results = read_results(tmp_path / f"{align}.h5")
        certificates = {
            name.decode(): take_image(results, "stochastic/certificates", number)
            for number, name in enumerate(results.groups["images"]["name"])
        }
        chains = {
            name: each["chain"][0].decode()
            for name, each in certificates.items()
            if each["explained"][0]
        }
        expected = {"own.png": "", "padded.png": "", "own.jpg": "saved as JPEG 90"}
        shifted = {"shifted.png": "shifted by (1, 0) pixels"} if align == "auto" else {}
        assert chains == expected | shifted
        left_out = certificates["padded.png"]["region"][0] > 0
        assert left_out[:2].all() and left_out[:, -3:].all() and not left_out[2:, :-3].any()
        assert not certificates["own.png"]["region"].any()
        for name, each in certificates.items():
            explained, strangers = name in chains, each["stranger_rmse"][0]
            assert np.isnan(strangers).all() if explained else (np.diff(strangers) >= 0).all()
            assert (each["excess"] <= each["excess_limit"])[0] == explained
            if explained:
                error = each["z_explained"][0] - make_z(easy.generator, 0)[0]
                assert np.sqrt(np.mean((error / each["z_deviation"][0]) ** 2)) < 4
                assert each["known_directions"][0] == easy.generator.latent
        own = certificates["own.png"]["reenacted"][0].astype(int)
        assert np.abs(own - pixels).max() <= 1
