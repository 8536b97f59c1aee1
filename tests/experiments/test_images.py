"""`ganinv invert` and `consistency`, from image files to the results file and the tables."""

import json
import re
import shutil

import numpy as np
import pytest
from called import make_image, make_random_pixels, make_z, run_ganinv, save_image

from ganinv_cli.experiments import run, worker
from ganinv_cli.outcome import Outcome
from ganinv_cli.store import NamedImage, read_results, select_images

RULES = ("standard", "stochastic")


@pytest.fixture(scope="module")
def faces(easy, tmp_path_factory):
    """A folder with three images of the easy generator, one of noise, and one that is none."""
    folder = tmp_path_factory.mktemp("faces")
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        save_image(folder / name, make_image(easy.generator, number))
    save_image(folder / "noise.png", make_random_pixels(easy.generator))
    (folder / "text.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def invert(easy, faces):
    """Return a function that inverts images of the folder, or others, in another folder."""

    def invert(folder, *given, command="invert", trials=4, **keywords):
        named = [faces / text if (faces / str(text)).is_file() else text for text in given]
        if command == "consistency":
            named = [word for name in named for word in _name_image(name)]
        more = ("--checkpoint", easy.folder, "--trials", trials, "--batch-size", 8)
        return run_ganinv(folder, command, *named, *more, "--format", "json", **keywords)

    return invert


def _name_image(name):
    return ("--image", name) if str(name).endswith(".png") else (name,)


def _list_shown(result, table="invert"):
    return [row["image"] for row in json.loads(result.stdout)["tables"][table]]


def _list_stored(path):
    groups = read_results(path).groups
    named = (name for name in sorted(groups) if "/" not in name)
    return [groups[name]["name"][0].decode() for name in named]


def _assert_equal(one, other):
    """Check that two groups of trials are equal bit for bit, all but the time they took."""
    assert set(one) == set(other)
    for column in one:
        if not column.endswith("seconds"):
            np.testing.assert_array_equal(one[column], other[column], column)


@pytest.fixture(scope="module")
def inverted(invert, faces, tmp_path_factory):
    """A folder, what was printed, and the results of a file and of a folder of files."""
    folder = tmp_path_factory.mktemp("inverted")
    (folder / "more").mkdir()
    for name in ("a.png", "b.png", "text.png"):
        shutil.copy(faces / name, folder / "more")
    given = ("noise.png", "more", "--npz", "z.npz")
    result = invert(folder, *given, code=1, publishing=True)
    return folder, result, read_results(folder / "invert.h5")


def test_a_file_that_is_no_image_is_reported_each_time_and_the_rest_is_done(invert, inverted):
    folder, result, results = inverted
    (error,) = (line for line in result.stderr.splitlines() if line.startswith("Error:"))
    assert "text.png is no image of a known format" in error
    assert _list_stored(folder / "invert.h5") == ["noise.png", "a.png", "b.png", "text.png"]
    assert "is no image" in results.groups["image=0003"]["error"][0].decode()
    assert "image=0003/stochastic" not in results.groups and results.complete
    before = (folder / "invert.h5").stat().st_mtime_ns
    again = invert(folder, "noise.png", "more", code=1)
    assert again.stdout == result.stdout and error in again.stderr
    assert (folder / "invert.h5").stat().st_mtime_ns == before
    (unread,) = json.loads(again.stdout)["tables"]["unread"]
    assert (unread["image"], unread["number"]) == ("text.png", 3)
    fewer = json.loads(invert(folder, "a.png").stdout)
    assert fewer["tables"]["unread"] == []
    assert "no image of a known format" in invert(folder, "text.png", code=2).stderr


def test_all_starts_agree_on_a_generated_image_and_its_z_is_saved(easy, inverted):
    folder, result, results = inverted
    rows = {row["image"]: row for row in json.loads(result.stdout)["tables"]["invert"]}
    for trial, name in enumerate(("a.png", "b.png")):
        row, group = rows[name], results.groups[f"image={trial + 1:04d}/stochastic"]
        assert (row["starts"], row["agreement"]["reached"], row["agreement"]["same"]) == (4, 4, 4)
        assert (row["verdict"], row["rank"], row["latent"]) == ("made", 6, 6)
        assert len(np.unique(group["z_start"], axis=0)) == 4
        true = make_z(easy.generator, trial).repeat(4, 0)
        np.testing.assert_allclose(group["polished/z_found"], true, atol=0.02)
    assert rows["noise.png"]["verdict"] in {"near", "outside"}
    with np.load(folder / "z.npz", allow_pickle=False) as file:
        assert file["names"].tolist() == ["noise.png", "a.png", "b.png"]
        assert file["verdict"].tolist() == [rows[name]["verdict"] for name in file["names"]]
        for number, z in enumerate(file["z"]):
            group = results.groups[f"image={number:04d}/stochastic"]
            best = np.argmin(group["polished/image_loss"])
            assert (z == group["polished/z_found"][best]).all()
    written = {path.name for path in (folder / "invert").rglob("*")}
    assert {"invert.txt", "report.html"} < written
    assert re.search(r"12/12 trials .*, 12 converged", result.stderr)


def test_pixels_that_a_mask_leaves_out_do_not_count(easy, invert, tmp_path):
    true, pixels = make_z(easy.generator, 0), make_image(easy.generator, 0)
    white = np.full(pixels.shape[:2], 255, np.uint8)
    white[2:9, 4:12] = 0
    painted = np.where(white[..., None] == 0, 255 - pixels, pixels)
    save_image(tmp_path / "painted.png", painted)
    save_image(tmp_path / "mask.png", white)
    far = {}
    for name, more in (("whole", ()), ("masked", ("--mask", "mask.png"))):
        invert(tmp_path, "painted.png", *more, "--out", f"{name}.h5")
        results = read_results(tmp_path / f"{name}.h5")
        group = results.groups["image=0000/stochastic"]
        far[name] = abs(group["polished/z_found"] - true).max()
        if more:
            assert results.constants["pixels_counted"] == (white > 0).sum() * 3
            assert (group["image_loss"] < 0.02).all()
    assert far["masked"] < 0.02 < 0.1 < far["whole"]


def test_the_figures_of_a_run_are_not_its_images(invert, faces, tmp_path):
    shutil.copy(faces / "a.png", tmp_path)
    first = invert(tmp_path, ".", publishing=True)
    assert list((tmp_path / "invert").rglob("*.png"))
    assert invert(tmp_path, ".").stdout == first.stdout
    assert _list_stored(tmp_path / "invert.h5") == ["a.png"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("",), 'the empty name ""'),
        (("more", "--out", "more.h5"), "more holds the images"),
        (("a.png", "--npz", "more/b.png"), "b.png"),
        (("a.png", "--npz", "invert.h5"), "invert.h5"),
        (("a.png", "--npz", "no/z.npz"), "no/z.npz"),
        (("a.png", "--npz", "x.npz"), "name another file"),
        (("x.npz", "--npz", "x.npz"), "name another file"),
        (("a.png", "--mask", "x.npz", "--npz", "x.npz"), "name another file"),
        (("a.png", "--out", "./x.npz", "--npz", "x.npz"), "name another file"),
        (("a.png", "--seed", 1), "--seed is 0 in the file, and 1 here"),
        (("a.png", "b.png", "--shard", "2/2", "--out", "shard.h5"), "other images"),
    ],
)
def test_what_would_harm_a_file_is_refused_before_any_work(
    invert, faces, inverted, tmp_path, monkeypatch, given, words
):
    shutil.copy(inverted[0] / "invert.h5", tmp_path)
    (tmp_path / "more").mkdir()
    shutil.copy(faces / "b.png", tmp_path / "more")
    np.savez(tmp_path / "x.npz", x=np.zeros((16, 16, 3), np.uint8))
    if "--shard" in given:
        invert(tmp_path, "b.png", "a.png", *given[2:], trials=1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("[!.]*.*")}
    monkeypatch.setattr(worker, "solve", None)
    assert words in invert(tmp_path, *given, trials=1, code=2).stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("[!.]*.*")} == before


@pytest.fixture(scope="module", params=["invert", "consistency"])
def added(request, invert, tmp_path_factory):
    """A command, a folder with a.png and then noise.png, what was printed, and a.png's rows."""
    folder, command = tmp_path_factory.mktemp("added"), request.param
    first = invert(folder, "a.png", command=command)
    before = read_results(folder / f"{command}.h5").groups
    before = {name: {key: rows[key] for key in rows} for name, rows in before.items()}
    second = invert(folder, "noise.png", command=command)
    return command, folder, [first, second], before


def test_an_added_image_gets_the_z_of_a_run_of_its_own_and_the_others_stay(invert, added, tmp_path):
    command, folder, _, before = added
    results = read_results(folder / f"{command}.h5")
    assert results.complete
    assert _list_stored(folder / f"{command}.h5") == ["a.png", "noise.png"]
    invert(tmp_path, "noise.png", command=command)
    alone = read_results(tmp_path / f"{command}.h5").groups
    assert len(results.groups) == len(before) + len(alone)
    for name, rows in before.items():
        _assert_equal(results.groups[name], rows)
    for name, rows in alone.items():
        _assert_equal(results.groups[name.replace("image=0000", "image=0001")], rows)


def test_images_in_the_file_are_shown_as_the_command_names_them_and_not_done_again(
    invert, faces, added, tmp_path, monkeypatch
):
    command, folder, printed, _ = added
    file, table = folder / f"{command}.h5", "invert" if command == "invert" else "table2"
    assert set(_list_shown(printed[0], table)) == {"a.png"}
    assert set(_list_shown(printed[1], table)) == {"noise.png"}
    reported = run_ganinv(folder, "report", file, "--format", "json")
    assert [*dict.fromkeys(_list_shown(reported, table))] == ["a.png", "noise.png"]
    before = file.read_bytes()
    monkeypatch.setattr(worker, "solve", None)
    shutil.copy(faces / "noise.png", tmp_path / "copy.png")
    again = invert(folder, tmp_path / "copy.png", "noise.png", "a.png", command=command)
    assert "copy.png is the same image as noise.png in " in again.stderr
    assert [*dict.fromkeys(_list_shown(again, table))] == ["copy.png", "noise.png", "a.png"]
    assert file.read_bytes() == before


def test_selected_images_keep_their_share_of_what_the_run_spent_once(added):
    results = read_results(added[1] / f"{added[0]}.h5")
    spent = float(results.constants["shared_gradients"])
    selected = select_images(results, [NamedImage(1, "noise.png"), NamedImage(1, "copy.png")])
    assert {name.partition("/")[0] for name in selected.groups} == {"image=0001"}
    assert float(selected.constants["shared_gradients"]) == spent / 2


def test_images_may_have_different_numbers_of_starts_and_lack_some(
    invert, faces, tmp_path, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    shutil.copy(faces / "a.png", tmp_path / "copy.png")
    invert(tmp_path, "a.png", "copy.png", trials=2)
    more = invert(tmp_path, "b.png", trials=3)
    with monkeypatch.context() as patch:
        patch.setattr(run, "_run_jobs", interrupt)
        invert(tmp_path, "c.png", code=130)
    reported = run_ganinv(tmp_path, "report", "invert.h5", "--format", "json")
    rows = json.loads(reported.stdout)["tables"]["invert"]
    assert [(row["image"], row["starts"]) for row in rows] == [("a.png", 2), ("b.png", 3)]
    assert "missing" not in " ".join(json.loads(more.stdout)["notes"])
    (note,) = (each for each in json.loads(reported.stdout)["notes"] if "missing" in each)
    assert "image=0002/stochastic 0" in note
    assert _list_shown(invert(tmp_path, "c.png", "a.png", trials=2)) == ["c.png", "a.png"]


@pytest.mark.parametrize("command", ["invert", "consistency"])
def test_merged_shards_are_extended_and_completed_without_shard(invert, tmp_path, command):
    """Shards of consistency have some trials of each image, and no certificates."""
    names, trials = ["a.png", "b.png", "noise.png"], 4 if command == "invert" else 17
    for number in (1, 2, 3):
        given = (*names, "--shard", f"{number}/3", "--clip", "stochastic")
        invert(tmp_path, *given, command=command, trials=trials)
    parts = [f"{command}-{number}-of-3.h5" for number in (1, 2, 3)]
    run_ganinv(tmp_path, "merge", "part.h5", parts[0], parts[2], "--partial")
    run_ganinv(tmp_path, "merge", "all.h5", *parts)
    before = read_results(tmp_path / "all.h5").groups
    assert _list_stored(tmp_path / "all.h5") == names
    more = ("--clip", "stochastic", "--out")
    invert(tmp_path, "c.png", "b.png", *more, "all.h5", command=command, trials=trials)
    assert _list_stored(tmp_path / "all.h5") == [*names, "c.png"]
    invert(tmp_path, *names, *more, "part.h5", command=command, trials=trials)
    assert _list_stored(tmp_path / "part.h5") == names
    after, completed = (read_results(tmp_path / f"{name}.h5").groups for name in ("all", "part"))
    for name in before:
        _assert_equal(after[name], before[name])
        np.testing.assert_allclose(
            completed[name].get("z_found", 0), before[name].get("z_found", 0), atol=5e-2
        )
    certified = [f"image={number:04d}/stochastic/certificate" in after for number in range(4)]
    assert certified == ([True] * 4 if command == "invert" else [False, True, False, True])


def test_shards_of_other_images_are_not_merged(invert, tmp_path):
    invert(tmp_path, "a.png", "b.png", "--shard", "1/2", trials=1)
    invert(tmp_path, "a.png", "c.png", "--shard", "2/2", trials=1)
    parts = ("invert-1-of-2.h5", "invert-2-of-2.h5")
    assert "--image is" in run_ganinv(tmp_path, "merge", "all.h5", *parts, code=2).stderr


def _consistency(folder, hard, *more, **keywords):
    given = ("--checkpoint", hard.folder, "--image", "own.png", "--image", "noise.png", *more)
    save_image(folder / "own.png", make_image(hard.generator, 0))
    save_image(folder / "noise.png", make_random_pixels(hard.generator))
    result = run_ganinv(folder, "consistency", *given, "--format", "json", **keywords)
    return result, read_results(folder / "consistency.h5")


@pytest.fixture(scope="module")
def recovered(hard, tmp_path_factory):
    """What was printed, and the results of many recoveries of two images."""
    more = ("--clip", ",".join(RULES), "--restarts", 6, "--batch-size", 16, "--trials", 8)
    return _consistency(tmp_path_factory.mktemp("recovered"), hard, *more)


def test_the_recoveries_of_a_generated_image_are_one_minimum_and_of_noise_none_is_near(
    hard, recovered
):
    result, results = recovered
    rows = {
        row["image"]: row
        for row in json.loads(result.stdout)["tables"]["table2"]
        if row["technique"] == "stochastic"
    }
    own, noise = rows["own.png"], rows["noise.png"]
    assert (own["minima"]["distinct"], own["minima"]["largest"], own["strays"]) == (1, 8, 0)
    assert own["distance"]["median"] < 1e-5
    assert own["verdict"] == "undecided: only 8 recoveries"  # too few to call it unique
    assert own["psnr"] > 40 and noise["psnr"] < 15
    assert own["nearest_copy"] == "8 bits" != noise["nearest_copy"]
    group = results.groups["image=0000/stochastic"]
    assert (group["restarts"] > 0).any()  # single starts alone would not agree
    assert len(np.unique(group["z_start"], axis=0)) == 8
    true = make_z(hard.generator, 0).repeat(8, 0)
    np.testing.assert_allclose(group["polished/z_found"], true, atol=0.05)
    assert (results.groups["image=0001/stochastic"]["restarts"] == 6).all()
    assert "z_true" not in results.groups.get("", {}) and "z_error" not in group
    assert re.search(r"32/32 trials .*, 32 converged", result.stderr)


def test_stored_losses_and_certificates_are_those_of_the_stored_z(hard, recovered):
    groups = recovered[1].groups
    for number in (0, 1):
        target = groups[f"image={number:04d}"]["target"][0] / 127.5 - 1
        for rule in RULES:
            group = groups[f"image={number:04d}/{rule}"]
            assert (group["z_start"] == groups["image=0000/standard"]["z_start"]).all()
            for start in ("", "first/", "polished/"):
                images = hard.generator.render(group[f"{start}z_found"], 8)
                loss = ((images - target) ** 2).sum((1, 2, 3))
                np.testing.assert_allclose(group[f"{start}image_loss"], loss, rtol=1e-4)
            certificate = groups[f"image={number:04d}/{rule}/certificate"]
            assert certificate["recoveries"].tolist() == [8]
            assert certificate["best"][0] == np.argmin(group["polished/image_loss"])
            z = group["polished/z_found"][certificate["best"]]
            image = np.rint((hard.generator.render(z, 1)[0] + 1) * 127.5)
            assert abs(certificate["reconstruction"][0] - image).max() <= 1
            assert (np.diff(certificate["singular_values"][0]) <= 0).all()


@pytest.mark.slow
def test_a_recovery_does_not_depend_on_the_batch_size(hard, recovered, tmp_path):
    more = ("--clip", ",".join(RULES), "--restarts", 6, "--batch-size", 4, "--trials", 3)
    small = _consistency(tmp_path, hard, *more)[1]
    for name in ("image=0000/standard", "image=0000/stochastic", "image=0001/stochastic"):
        one, other = recovered[1].groups[name], small.groups[name]
        assert (one["z_start"][:3] == other["z_start"]).all()
        loss = one["polished/image_loss"][:3]
        np.testing.assert_allclose(loss, other["polished/image_loss"], rtol=1e-3)
        z = one["polished/z_found"][:3]
        np.testing.assert_allclose(z, other["polished/z_found"], atol=5e-2)


def test_coupled_recoveries_are_one_batch_per_image_and_rule(hard, tmp_path):
    coupled = ("--batch-norm", "batch", "--solver", "gd", "--tolerance", 0, "--budget", 40)
    given = (*coupled, "--restarts", 0, "--trials", 4)
    both = _consistency(tmp_path, hard, *given, "--clip", "none,standard")[1].groups
    alone = _consistency(tmp_path, hard, *given, "--clip", "standard", "--overwrite")[1].groups
    group = both["image=0001/standard"]
    assert group["trial"].tolist() == [0, 1, 2, 3]
    assert (group["outcome"] == Outcome.budget).all()
    assert "polished/z_found" not in group
    assert (group["z_found"] == alone["image=0001/standard"]["z_found"]).all()
    assert np.isnan(both["image=0001/none/certificate"]["singular_values"]).all()
    refused = (*given, "--batch-size", 2, "--overwrite")
    said = _consistency(tmp_path, hard, *refused, code=2)[0].stderr
    assert "batch_size is 2, and must be the number of trials, 4" in said
