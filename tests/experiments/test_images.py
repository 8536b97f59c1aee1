"""`ganinv invert` and `consistency`, from image files to the results file and the tables."""

import json
import shutil

import numpy as np
import pytest
from called import make_image, make_random_pixels, make_z, run_ganinv, save_image, take_image

from ganinv_cli.experiments import progress_counter, worker
from ganinv_cli.experiments.progress_counter import ProgressCounter
from ganinv_cli.outcome import Outcome
from ganinv_cli.results.store import Image, read_results, select_images

RULES = ("standard", "stochastic")


@pytest.fixture(scope="module")
def faces(easy, tmp_path_factory):
    """A folder with three images of the easy generator, one of noise, and one that is none."""
    folder = tmp_path_factory.mktemp("faces")
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        save_image(folder / name, make_image(easy.generator, number))
    save_image(folder / "noise.png", make_random_pixels(easy.generator))
    (folder / "text.png").write_text("no image", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def invert(easy, faces):
    """Return a function that inverts images of that folder, or others, in another folder."""

    def invert(folder, *given, command="invert", trials=4, **keywords):
        named = [faces / text if (faces / str(text)).is_file() else text for text in given]
        if command == "consistency":
            named = [w for n in named for w in (("--image", n) if ".png" in str(n) else (n,))]
        more = ("--checkpoint", easy.folder, "--trials", trials, "--batch-size", 8)
        return run_ganinv(folder, command, *named, *more, "--format", "json", **keywords)

    return invert


def _list_shown(result):
    tables = json.loads(result.stdout)["tables"]
    return [*dict.fromkeys(row["image"] for row in tables.get("invert") or tables["table2"])]


def _list_stored(path):
    return [name.decode() for name in read_results(path).groups["images"]["name"]]


def _assert_equal(one, other):
    """Check that rows are those of another group, bit for bit, all but the time they took."""
    for column in other:
        if not column.endswith("seconds"):
            np.testing.assert_array_equal(one[column], other[column], column)


@pytest.fixture(scope="module")
def inverted(invert, faces, tmp_path_factory):
    """A folder, what was printed, and the results of a file and of a folder of files."""
    folder = tmp_path_factory.mktemp("inverted")
    (folder / "more").mkdir()
    for name in ("a.png", "b.png", "text.png"):
        shutil.copy(faces / name, folder / "more")
    result = invert(folder, "noise.png", "more", "--npz", "z.npz", code=1, publishing=True)
    return folder, result, read_results(folder / "invert.h5")


def test_a_file_that_is_no_image_is_reported_each_time_and_the_rest_is_done(invert, inverted):
    folder, result, results = inverted
    (error,) = (line for line in result.stderr.splitlines() if line.startswith("Error:"))
    assert "text.png is not an image of a known format" in error
    stored = ["more/a.png", "more/b.png", "more/text.png"]
    assert _list_stored(folder / "invert.h5") == ["faces0/noise.png", *stored]
    assert 3 not in results.groups["stochastic/starts"]["image"] and results.complete
    before = (folder / "invert.h5").stat().st_mtime_ns
    again = invert(folder, "noise.png", "more", code=1)
    assert again.stdout == result.stdout and error in again.stderr
    assert (folder / "invert.h5").stat().st_mtime_ns == before
    (unread,) = json.loads(again.stdout)["tables"]["unread"]
    assert (unread["image"], unread["number"]) == ("text.png", 3)
    merged = run_ganinv(folder, "merge", "all.h5", "invert.h5")
    assert "8 starts of 4 images under 1 rule from 1 file" in merged.stderr
    assert "lacks" not in merged.stderr
    assert json.loads(invert(folder, "a.png").stdout)["tables"]["unread"] == []
    assert "not an image of a known format" in invert(folder, "text.png", code=2).stderr


def test_all_starts_agree_on_a_generated_image_and_its_z_is_saved(easy, inverted):
    folder, result, results = inverted
    rows = {row["image"]: row for row in json.loads(result.stdout)["tables"]["invert"]}
    for trial, name in enumerate(("a.png", "b.png")):
        row, group = rows[name], take_image(results, "stochastic/starts", trial + 1)
        assert (row["starts"], row["agreement"]["reached"], row["agreement"]["same"]) == (2, 2, 2)
        assert (row["verdict"], row["rank"]) == ("made", 6)
        assert len(np.unique(group["z_start"], axis=0)) == 2
        true = make_z(easy.generator, trial).repeat(2, 0)
        np.testing.assert_allclose(group["polished/z_found"], true, atol=0.02)
    assert rows["noise.png"]["verdict"] == "outside"
    with np.load(folder / "z.npz", allow_pickle=False) as file:
        assert file["names"].tolist() == ["noise.png", "a.png", "b.png"]
        assert file["verdict"].tolist() == [rows[name]["verdict"] for name in file["names"]]
        for number, z in enumerate(file["z"][1:], start=1):  # of noise.png it is the best one
            certificate = take_image(results, "stochastic/certificates", number)
            assert (z == certificate["z_explained"]).all()
    written = {path.name for path in (folder / "invert").rglob("*")}
    assert {"invert.txt", "report.html"} < written


def test_pixels_that_a_mask_leaves_out_do_not_count(easy, invert, tmp_path):
    true, pixels = make_z(easy.generator, 0), make_image(easy.generator, 0)
    white = np.full(pixels.shape[:2], 255, np.uint8)
    white[2:9, 4:12] = 0
    save_image(tmp_path / "painted.png", np.where(white[..., None] == 0, 255 - pixels, pixels))
    save_image(tmp_path / "mask.png", white.repeat(2, 0).repeat(2, 1))
    pixels = np.where(white[..., None] == 0, 255 - pixels, pixels)
    pixels[:2] = 0
    save_image(tmp_path / "framed.png", pixels)
    shown = invert(tmp_path, "painted.png", "framed.png", "--mask", "mask.png")
    assert "mask.png: resized from 32×32 to 16×16" in shown.stderr
    results = read_results(tmp_path / "invert.h5")
    rows = take_image(results, "stochastic/starts", 0)
    assert abs(rows["polished/z_found"] - true).max() < 0.02
    assert (rows["image_loss"] < 0.02).all()
    for row, border in zip(json.loads(shown.stdout)["tables"]["invert"], (0, 2), strict=True):
        number = (white[border:] > 0).sum() * 3  # without the border, which has no painted pixel
        assert row["rmse"] == pytest.approx(127.5 * np.sqrt(row["image_loss"] / number))


@pytest.mark.slow
def test_the_figures_of_a_run_are_not_its_images(invert, faces, tmp_path):
    shutil.copy(faces / "a.png", tmp_path)
    first = invert(tmp_path, ".", trials=1, publishing=True)
    assert list((tmp_path / "invert").rglob("*.png"))
    assert invert(tmp_path, ".", trials=1).stdout == first.stdout
    assert _list_stored(tmp_path / "invert.h5") == ["a.png"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("",), "the name of an image is empty"),
        (("more", "--out", "more.h5"), "figures of the results; choose another --out"),
        (("a.png", "more/b.png", "--out", "more.h5"), "more/b.png lies in more/, the folder"),
        (("a.png", "--npz", "more/b.png"), "b.png"),
        (("a.png", "--npz", "invert.h5"), "invert.h5: the name must end in .npz"),
        (("a.png", "--npz", "x.npz"), "exists, and `ganinv invert` did not write it"),
        (("a.png", "--mask", "x.npz", "--npz", "x.npz"), "name another file"),
        (("a.png", "--out", "./x.npz", "--npz", "x.npz"), "name another file"),
        (("a.png", "--seed", 1), "--seed is 0 in the file, and 1 here"),
        (("a.png", "--shard", "1/2", "--out", "invert.h5"), "other images"),
    ],
)
def test_what_would_harm_a_file_is_refused_before_any_work(
    invert, faces, inverted, tmp_path, monkeypatch, given, words
):
    shutil.copy(inverted[0] / "invert.h5", tmp_path)
    (tmp_path / "more").mkdir()
    shutil.copy(faces / "b.png", tmp_path / "more")
    np.savez(tmp_path / "x.npz", x=np.zeros((16, 16, 3), np.uint8))
    before = {path: path.read_bytes() for path in tmp_path.rglob("[!.]*.*")}
    monkeypatch.setattr(worker, "solve", None)
    assert words in invert(tmp_path, *given, trials=1, code=2).stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("[!.]*.*")} == before


@pytest.fixture(scope="module")
def added(invert, tmp_path_factory):
    """The results of a.png, to which noise.png was added."""
    folder = tmp_path_factory.mktemp("added")
    file = folder / "invert.h5"
    assert _list_shown(invert(folder, "a.png")) == ["a.png"]
    before = {name: {**rows} for name, rows in read_results(file).groups.items()}
    assert _list_shown(invert(folder, "noise.png", publishing=True)) == ["noise.png"]
    for name, rows in before.items():
        _assert_equal(take_image(read_results(file), name, 0), rows)
    return file


def test_an_added_image_gets_the_z_of_a_run_without_the_others(added, inverted):
    results = read_results(added)
    drawn = (added.parent / "invert" / "images").glob("*-original.png")
    assert sorted(path.name[:7] for path in drawn) == ["0000-a-", "0001-no"]
    assert results.complete and _list_stored(added) == ["faces0/a.png", "faces0/noise.png"]
    for name in inverted[2].groups:
        rows, added_rows = take_image(inverted[2], name, 0), take_image(results, name, 1)
        for column in {"z_start", "image_loss", "polished/image_loss", "target"} & set(rows):
            np.testing.assert_allclose(added_rows[column], rows[column], rtol=1e-3, atol=1e-6)
    selected = select_images(results, [Image(1, "noise.png"), Image(1, "copy.png")])
    assert all((rows["image"] == 1).all() for rows in selected.groups.values())


def test_images_in_the_file_are_shown_as_the_command_names_them_and_not_done_again(
    invert, faces, added, tmp_path, monkeypatch
):
    reported = run_ganinv(added.parent, "report", added, "--format", "json")
    assert _list_shown(reported) == ["a.png", "noise.png"]
    before = added.read_bytes()
    monkeypatch.setattr(worker, "solve", None)
    shutil.copy(faces / "noise.png", tmp_path / "copy.png")
    given = (tmp_path / "copy.png", "noise.png", "a.png")
    again = invert(added.parent, *given, "--npz", tmp_path / "z.npz")
    assert "/copy.png is the same image as faces0/noise.png in " in again.stderr
    assert _list_shown(again) == ["copy.png", "noise.png", "a.png"]
    with np.load(tmp_path / "z.npz") as file:
        assert file["names"].tolist() == ["copy.png", "noise.png", "a.png"]
    assert added.read_bytes() == before


@pytest.mark.slow
def test_the_time_left_counts_what_each_generator_has_still_to_run(
    easy, hard, faces, tmp_path, monkeypatch
):
    counters = []

    class Recorded(ProgressCounter):
        def __post_init__(self):
            super().__post_init__()
            counters.append(self)

    monkeypatch.setattr(progress_counter, "ProgressCounter", Recorded)
    generators = ("--checkpoint", easy.folder, "--checkpoint", hard.folder)
    run_ganinv(tmp_path, "invert", faces / "a.png", *generators, "--starts", 2, "--batch-size", 2)
    first, second = counters
    assert first.later > 0 and second.later == 0
    for counter in counters:
        counts = counter.counts
        assert (counts.finished, counts.running, len(counter.judged)) == (2, 0, 1)
        assert counts.running_gradients == pytest.approx(0)
        assert counts.ended_gradients == pytest.approx(counts.gradients)
    assert (first.counts.solved, second.counts.solved) == (2, 0)


def _consistency(folder, hard, *more, **keywords):
    save_image(folder / "own.png", make_image(hard.generator, 0))
    save_image(folder / "noise.png", make_random_pixels(hard.generator))
    given = ("--checkpoint", hard.folder, "--image", "own.png", "--image", "noise.png", *more)
    result = run_ganinv(folder, "consistency", *given, "--format", "json", **keywords)
    return result, read_results(folder / "consistency.h5")


@pytest.fixture(scope="module")
def recovered(hard, tmp_path_factory):
    """What was printed, and the results of many recoveries of two images."""
    more = ("--clip", ",".join(RULES), "--restarts", 5, "--batch-size", 16, "--trials", 5)
    return _consistency(tmp_path_factory.mktemp("recovered"), hard, *more)


def test_the_recoveries_of_a_generated_image_are_one_minimum(hard, recovered):
    result, results = recovered
    own, noise = (
        row
        for row in json.loads(result.stdout)["tables"]["table2"]
        if row["technique"] == "stochastic"
    )
    assert (own["minima"]["distinct"], own["minima"]["largest"]) == (1, 5)
    assert own["distance"]["median"] < 1e-5
    assert own["verdict"].startswith("5 of 5 recoveries agree; 10 are needed for an interval")
    assert own["psnr"] > 40 and noise["psnr"] < 15
    group = take_image(results, "stochastic/starts", 0)
    assert (take_image(results, "stochastic/starts", 1)["restarts"] == 5).all()
    assert (group["restarts"] < 5).all()  # a start that leaves only rounding is enough
    true = make_z(hard.generator, 0).repeat(5, 0)
    np.testing.assert_allclose(group["polished/z_found"], true, atol=0.05)
    assert "" not in results.groups and "z_error" not in group
    assert "20/20 trials" in result.stderr and "20 converged" in result.stderr


def test_recoveries_of_a_generated_image_go_on_to_the_least_loss(recovered):
    """Not only to what rounding to 8 bits leaves, where the starts of `invert` end."""
    group = take_image(recovered[1], "standard/starts", 0)
    np.testing.assert_allclose(group["image_loss"], group["polished/image_loss"], rtol=1e-3)


def test_stored_losses_and_certificates_are_those_of_the_stored_z(hard, recovered):
    results = recovered[1]
    z_start = take_image(results, "standard/starts", 0)["z_start"]
    for number in (0, 1):
        target = results.groups["images"]["target"][number] / 127.5 - 1
        for rule in RULES:
            group = take_image(results, f"{rule}/starts", number)
            assert (group["z_start"] == z_start).all()
            for start in ("", "first/", "polished/"):
                images = hard.generator.render(group[f"{start}z_found"], 5)
                loss = ((images - target) ** 2).sum((1, 2, 3))
                np.testing.assert_allclose(group[f"{start}image_loss"], loss, rtol=1e-4)
            certificate = take_image(results, f"{rule}/certificates", number)
            assert certificate["recoveries"].tolist() == [5]
            assert certificate["best"][0] == np.argmin(group["polished/image_loss"])
            z = group["polished/z_found"][certificate["best"]]
            image = np.rint((hard.generator.render(z, 1)[0] + 1) * 127.5)
            assert abs(certificate["reconstruction"][0] - image).max() <= 1
            assert (np.diff(certificate["singular_values"][0]) <= 0).all()


def test_consistency_re_enacts_no_image(recovered):
    result, results = recovered
    assert "re-enact" not in result.stderr
    for rule in RULES:
        stored = {"explained", "excess", "verdict", "explanation"} & {
            *results.groups[f"{rule}/certificates"]
        }
        assert not stored


@pytest.mark.slow
def test_coupled_recoveries_are_one_batch_per_image_and_rule(hard, tmp_path):
    coupled = ("--batch-norm", "batch", "--solver", "gd", "--set", "gd.metric=0")
    given = (*coupled, "--tolerance", 0, "--budget", 40, "--restarts", 0)
    given = (*given, "--trials", 4, "--clip", "none,standard")
    results = _consistency(tmp_path, hard, *given)[1]
    group = take_image(results, "standard/starts", 1)
    assert group["trial"].tolist() == [0, 1, 2, 3]
    assert (group["outcome"] == Outcome.budget).all()
    assert "polished/z_found" not in group
    assert np.isnan(results.groups["none/certificates"]["singular_values"]).all()
    refused = _consistency(tmp_path, hard, *given, "--batch-size", 2, code=2)[0].stderr
    assert "it needs batch_size = 4" in refused
