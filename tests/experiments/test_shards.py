"""The shards of a run, each in its own file, together equal the whole run."""

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import read_results

RULES = ("none", "stochastic")
SETTINGS = ("--clip", ",".join(RULES), "--trials", 26, "--device", "cpu")


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    return folder, builders.make_generator(builders.make_hard_checkpoint(folder))


@pytest.fixture(scope="module")
def whole(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run_ganinv(folder, "recover", "--checkpoint", generator[0], *SETTINGS)
    return read_results(folder / "recover.h5")


@pytest.mark.slow
def test_four_shards_merged_are_the_run(generator, whole, tmp_path):
    given = ("recover", "--checkpoint", generator[0], *SETTINGS)
    for number in (3, 1, 4, 2):
        run_ganinv(tmp_path, *given, "--shard", f"{number}/4")
    parts = [f"recover-{number}-of-4.h5" for number in (2, 4, 1, 3)]
    said = run_ganinv(tmp_path, "merge", "all.h5", *parts)
    assert "26 trials of 2 rules from 4 files" in said.stderr
    merged = read_results(tmp_path / "all.h5")
    assert merged.complete
    for rule in RULES:
        one, other = whole.groups[rule], merged.groups[rule]
        assert other["trial"].tolist() == list(range(26))
        assert (one["z_start"] == other["z_start"]).all()
        assert (one["outcome"] == other["outcome"]).all()
        converged = one["outcome"] == Outcome.converged
        assert np.abs(one["z_found"] - other["z_found"])[converged].max() < 1e-3
    for name, figure in whole.figures.items():
        assert merged.figures[name].trials == figure.trials
    before = (tmp_path / "all.h5").stat().st_mtime_ns
    assert run_ganinv(tmp_path, *given, "--out", "all.h5").stdout == said.stdout
    assert (tmp_path / "all.h5").stat().st_mtime_ns == before


@pytest.mark.parametrize("command", ["recover", "noise-sweep"])
def test_a_shard_that_has_no_trial_is_nothing_to_do(generator, tmp_path, command):
    given = (command, "--checkpoint", generator[0], "--trials", 8)
    result = run_ganinv(tmp_path, *given, "--shard", "2/2")
    assert result.stderr.splitlines()[-1] == (
        "nothing to do: shard 2/2 has none of the 8 trials, which are dealt 8 at a time"
    )
    assert result.stdout == ""
    assert not list(tmp_path.glob("*.h5"))


def test_images_are_dealt_whole(generator, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for number in range(2):
        save_image(images / f"{number}.png", make_image(generator[1], number))
    save_image(images / "2.png", make_random_pixels(generator[1]))
    given = ("invert", images, "--checkpoint", generator[0], "--trials", 3)
    for number in range(1, 4):
        run_ganinv(tmp_path, *given, "--shard", f"{number}/3")
        groups = read_results(tmp_path / f"invert-{number}-of-3.h5").groups
        assert [name for name in groups if "/" not in name] == [f"image={number - 1:04d}"]
        assert f"image={number - 1:04d}/stochastic/certificate" in groups
    none = run_ganinv(tmp_path, *given, "--shard", "4/4", "--out", "none.h5")
    assert none.stderr.splitlines()[-1] == "nothing to do: shard 4/4 has none of the 3 images"
    run_ganinv(tmp_path, "merge", "all.h5", *(f"invert-{number}-of-3.h5" for number in (1, 2, 3)))
    merged = read_results(tmp_path / "all.h5").groups
    assert len([name for name in merged if name.endswith("/certificate")]) == 3
