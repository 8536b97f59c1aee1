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
        expected = {
            "own.png": "",
            "padded.png": "but for 29 % of the pixels",
            "own.jpg": "saved as JPEG 90",
        }
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


def test_a_picture_in_a_screenshot_is_explained_by_its_square_of_the_file(easy, tmp_path):
    own = make_image(easy.generator, 0)
    side = len(own)
    page = np.full((side + 13, side + 10, 3), 240, np.uint8)
    page[:4] = 40  # the bar of a window
    page[8 : 8 + side, 5 : 5 + side] = own
    save_image(tmp_path / "page.png", page)
    given = ("page.png", "--checkpoint", easy.folder, "--starts", 2)
    run_ganinv(tmp_path, "invert", *given, publishing=True)
    results = read_results(tmp_path / "invert.h5")
    certificate = take_image(results, "stochastic/certificates", 0)
    assert certificate["chain"][0].decode() == f"in the square 5,8,{side} of the file"
    assert certificate["verdict"][0] == b"made"
    assert np.abs(certificate["z_explained"][0] - make_z(easy.generator, 0)[0]).max() < 0.1
    kinds = ("original", "reconstruction", "difference")  # of the square that was judged
    pictures = (
        np.asarray(Image.open(tmp_path / f"invert/images/0000-page-{kind}.png")).astype(int)
        for kind in kinds
    )
    expected = (own, own, np.full_like(own, 128))
    for shown, right in zip(pictures, expected, strict=True):
        assert np.abs(shown - right.astype(int)).max() <= 16
