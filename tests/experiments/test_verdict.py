"""The verdict of `ganinv invert`: did this generator make the image, or which of several did?"""

import json

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image
from PIL import Image

import ganinv_cli as ganinv
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import to_pixels
from ganinv_cli.results.analysis.trial_sets import read_trial_sets
from ganinv_cli.results.analysis.verdict import judge
from ganinv_cli.results.store import read_results

MIRRORED = """
import tensorflow as tf

LATENT = 4
WEIGHTS = tf.random.stateless_normal((4, 64), (3, 1)) / 3

def generate(z):
    mirrored = tf.concat([z[:, :3], tf.abs(z[:, 3:])], 1)
    return tf.tanh(tf.reshape(mirrored @ WEIGHTS, (-1, 8, 8, 1)))
"""

FRAMED = """
import tensorflow as tf

LATENT = 4
WEIGHTS = tf.random.stateless_normal((4, 400), (3, 1)) / 3

def generate(z):
    middle = tf.tanh(tf.reshape(z @ WEIGHTS, (-1, 20, 20, 1)))
    return tf.pad(middle, ((0, 0), (EDGE, EDGE), (EDGE, EDGE), (0, 0)), constant_values=-1)
"""


@pytest.fixture(scope="module")
def generators(tmp_path_factory):
    """Generators of 16 pixels in grey, and of 8 in colour, by their folders."""
    folder = tmp_path_factory.mktemp("generators")
    shapes = {"grey": {"channels": 1}, "colour": {"widths": (4,), "seed": 1}}
    return {
        folder / name: make_generator(builders.make_definition(folder / name, **shape))
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def grey(generators):
    """The folder of the first generator, and itself."""
    return next(iter(generators.items()))


def _judge(folder, *arguments):
    """Return the rows of `ganinv invert`, by the names of the images."""
    result = run_ganinv(folder, "invert", *arguments, "--format", "json")
    return {row["image"]: row for row in json.loads(result.stdout)["tables"]["invert"]}


def test_generated_pictures_are_made_as_png_and_as_jpeg_and_nothing_else_is(grey, tmp_path):
    for trial in range(2):
        pixels = make_image(grey[1], trial).squeeze()
        save_image(tmp_path / f"{trial}.png", pixels)
        for quality in (95, 75):
            Image.fromarray(pixels).save(tmp_path / f"{trial}-{quality}.jpg", quality=quality)
    for name, value in {"black.png": 0, "grey.png": 128, "white.png": 255}.items():
        save_image(tmp_path / name, np.full((16, 16), value, np.uint8))
    save_image(tmp_path / "noise.png", make_random_pixels(grey[1]).squeeze())
    rows = _judge(tmp_path, ".", "--checkpoint", grey[0], "--batch-size", 16)
    made = {name for name, row in rows.items() if row["verdict"] == "made"}
    assert made == {f"{n}{end}" for n in range(2) for end in (".png", "-95.jpg", "-75.jpg")}
    assert rows["noise.png"]["verdict"] == "outside"
    assert rows["0.png"]["chain"] == ""
    assert len(rows["0.png"]["z_deviation"]) == len(rows["0.png"]["z_explained"]) == 6
    assert_verdicts_follow_from_the_file(tmp_path / "invert.h5")


@pytest.mark.parametrize(
    ("edge", "white"), [(4, ("outside", "")), (2, ("made", "but for 31 % of the pixels"))]
)
def test_edges_of_one_colour_count_if_they_are_the_generators_own(tmp_path, edge, white):
    """They may be left out if they are less than a third of the picture, like a region."""
    (tmp_path / "framed.py").write_text(FRAMED.replace("EDGE", str(edge)), encoding="utf-8")
    generator = ganinv.load(tmp_path / "framed.py", trust=True)
    own = to_pixels(generator(generator.draw_z(1)))[0]
    framed = np.full_like(own, 255)
    framed[edge:-edge, edge:-edge] = own[edge:-edge, edge:-edge]
    save_image(tmp_path / "own.png", own.squeeze())
    save_image(tmp_path / "white.png", framed.squeeze())
    rows = _judge(tmp_path, ".", "--checkpoint", "framed.py", "--trust", "--starts", 4)
    found = {name: (row["verdict"], row["chain"] or "") for name, row in rows.items()}
    assert found == {"own.png": ("made", ""), "white.png": white}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("z", "options", "verdict"),
    [
        ((2.5, 2.5, 2.5, 0.1, -0.4, 0.3), ("--clip", "none"), "outside"),
        # a component that few draws reach is not a reason against a normal prior
        ((0.3, 0.8, 3.2, -1.3, 0.9, 0.4), ("--prior", "normal:1,0.9999"), "made"),
    ],
)
def test_a_picture_of_a_z_that_is_never_drawn_is_outside(grey, tmp_path, z, options, verdict):
    picture = to_pixels(grey[1].render(np.array([z], np.float32), 1))[0]
    save_image(tmp_path / "a.png", picture.squeeze())
    (row,) = _judge(tmp_path, "a.png", "--checkpoint", grey[0], *options).values()
    assert row["verdict"] == verdict
    assert row["outside"] == (3 if verdict == "outside" else row["outside"])
    assert ("may be drawn" in row["explanation"]) == (verdict == "outside")


def test_two_z_of_one_picture_are_ambiguous(tmp_path):
    """If the first two starts find both; else the picture is answered before another z is found."""
    (tmp_path / "generator.py").write_text(MIRRORED, encoding="utf-8")
    run_ganinv(tmp_path, "sample", "generator.py", "--trust", "--count", 1, "--out", "a.png")
    arguments = ("a.png", "--checkpoint", "generator.py", "--trust", "--trials", 8, "--seed", 1)
    (row,) = _judge(tmp_path, *arguments).values()
    assert row["verdict"] == "ambiguous"
    assert "from 2 different z" in row["explanation"]


@pytest.mark.slow
def test_each_picture_is_attributed_to_the_generator_that_made_it(generators, tmp_path):
    for path, generator in generators.items():
        save_image(tmp_path / f"{path.name}.png", make_image(generator, 0).squeeze())
    save_image(tmp_path / "noise.png", make_random_pixels([*generators.values()][1]))
    several = (word for path in generators for word in ("--checkpoint", path))
    given = (".", "--trials", 4, "--batch-size", 8, "--npz", "z.npz", "--format", "json")
    result = run_ganinv(tmp_path, "invert", *given, *several)
    rows = json.loads(result.stdout)["tables"]["attribution"]
    answers = {"colour.png": "colour", "grey.png": "grey", "noise.png": "not explained"}
    assert {row["image"]: row["answer"] for row in rows} == answers
    for name, shape in {"colour": (8, 8, 3), "grey": (16, 16, 1)}.items():
        results = read_results(tmp_path / f"invert-{name}.h5")
        assert results.complete
        assert results.groups["images"]["target"][0].shape == shape
        assert (tmp_path / f"z-{name}.npz").exists()
    assert not (tmp_path / "invert.h5").exists()


def assert_verdicts_follow_from_the_file(path):
    """The stored verdicts are those of the stored numbers."""
    for trial_set in read_trial_sets(read_results(path)):
        assert judge(trial_set.evidence, trial_set.prior) == trial_set.judgement
