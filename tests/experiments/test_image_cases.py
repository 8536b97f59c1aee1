"""An image is decoded when its turn comes, and one that cannot be used keeps its number."""

import json

import numpy as np
import pytest
from called import make_image, make_z, run_ganinv, save_image, take_image

from ganinv_cli.errors import ImageError
from ganinv_cli.experiments import image_cases, run_experiment
from ganinv_cli.experiments.image_plan import ImagesPlan
from ganinv_cli.results.store import read_results


@pytest.fixture
def invert(easy, tmp_path):
    """Return a function that inverts five pictures of the easy generator."""
    for number in range(5):
        save_image(tmp_path / f"{number}.png", make_image(easy.generator, number))

    def invert(*given, **keywords):
        more = ("--checkpoint", easy.folder, "--starts", 2, "--align", "none")
        return run_ganinv(tmp_path, "invert", ".", *more, "--format", "json", *given, **keywords)

    return invert


def test_pictures_are_decoded_one_after_the_other(invert, monkeypatch):
    events, load = [], image_cases.load_picture
    commit = run_experiment.Run.commit

    def note_load(path, *given):
        events.append(path.name)
        return load(path, *given)

    def note_commit(run, rows, *given):
        events.extend(f"row {number}" for number in rows.get("images", {}).get("image", ()))
        commit(run, rows, *given)

    monkeypatch.setattr(image_cases, "load_picture", note_load)
    monkeypatch.setattr(run_experiment.Run, "commit", note_commit)
    monkeypatch.setattr(run_experiment, "COMMIT_SECONDS", 0.0)
    invert("--batch-size", 2)
    assert [each for each in events if ".png" in each] == [f"{n}.png" for n in range(5)]
    assert events.index("row 0") < events.index("4.png")


def test_an_image_that_cannot_be_used_keeps_its_number_and_gets_its_error(
    invert, tmp_path, monkeypatch
):
    whole = invert()
    (tmp_path / "invert.h5").unlink()
    content = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(content[: len(content) // 2])

    def refuse_second(plan, picture):
        if picture.name.endswith("3.png"):
            raise ImageError(f"{picture.name} is refused")

    monkeypatch.setattr(ImagesPlan, "check_picture", refuse_second)
    for _ in range(2):
        result = invert(code=1)
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
        assert len(errors) == 2 and "1.png" in errors[0] and "3.png is refused" in errors[1]
        assert "6/6 trials" in result.stderr or "resuming" not in result.stderr
    results = read_results(tmp_path / "invert.h5")
    images = results.groups["images"]
    assert images["image"].tolist() == [0, 1, 2, 3, 4]
    assert [bool(error) for error in images["error"]] == [False, True, False, True, False]
    assert set(results.groups["stochastic/starts"]["image"]) == {0, 2, 4}
    assert results.groups["stochastic/certificates"]["image"].tolist() == [0, 2, 4]
    shown = {row["image"] for row in json.loads(whole.stdout)["tables"]["invert"]}
    assert len(shown) == 5


@pytest.mark.slow
def test_a_file_that_changes_during_a_run_is_not_inverted_as_another(
    easy, invert, tmp_path, monkeypatch
):
    load = image_cases.load_picture

    def change_and_load(path, *given):
        if path.name == "2.png":
            save_image(path, make_image(easy.generator, 9))
        return load(path, *given)

    monkeypatch.setattr(image_cases, "load_picture", change_and_load)
    assert "2.png has changed during the run; run the same command again" in invert(code=1).stderr
    monkeypatch.undo()
    invert()
    results = read_results(tmp_path / "invert.h5")
    target = take_image(results, "images", 5)["target"][0]  # other content is another image
    np.testing.assert_array_equal(target, make_image(easy.generator, 9))


@pytest.mark.slow
def test_an_interrupted_run_of_images_goes_on_bit_for_bit(invert, tmp_path, monkeypatch):
    alone = ("--batch-size", 1, "--starts", 1)
    invert(*alone)
    whole = read_results(tmp_path / "invert.h5")
    groups = {name: dict(rows) for name, rows in whole.groups.items()}
    (tmp_path / "invert.h5").unlink()
    make_certificate = image_cases.make_certificate

    def stop(due, *given, **options):
        if due.image == 2:
            raise KeyboardInterrupt
        return make_certificate(due, *given, **options)

    monkeypatch.setattr(run_experiment, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(image_cases, "make_certificate", stop)
    invert(*alone, code=130)
    monkeypatch.undo()
    assert "resuming: " in invert(*alone).stderr
    again = read_results(tmp_path / "invert.h5")
    assert again.groups.keys() == groups.keys()
    for name, rows in groups.items():
        for column, values in rows.items():
            if not column.endswith("seconds"):
                assert again.groups[name][column].tobytes() == values.tobytes(), (name, column)


def test_floats_of_a_file_are_stored_beside_images_and_kept_when_a_run_goes_on(
    easy, tmp_path, monkeypatch
):
    picture = easy.generator.render(make_z(easy.generator, 0), 1)[0]
    np.save(tmp_path / "floats.npy", picture)
    save_image(tmp_path / "image.png", make_image(easy.generator, 1))
    given = ("invert", "--checkpoint", easy.folder, "--starts", 2, "--format", "json")
    run_ganinv(tmp_path, *given, "image.png")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(image_cases, "make_certificate", stop)
    run_ganinv(tmp_path, *given, "floats.npy", code=130)
    monkeypatch.undo()
    result = run_ganinv(tmp_path, *given, "floats.npy")
    (row,) = json.loads(result.stdout)["tables"]["invert"]
    assert (row["number"], row["verdict"], row["chain"]) == (1, "made", "stored as float32")
    stored = read_results(tmp_path / "invert.h5").groups["images"]["target_float"]
    assert stored.dtype == np.float32 and np.isnan(stored[0]).all()
    np.testing.assert_array_equal(stored[1], picture)


def test_results_that_do_not_fit_into_memory_are_refused_with_the_number_of_shards(easy, tmp_path):
    given = ("--checkpoint", easy.folder, "--trials", 2_000_000_000)
    said = run_ganinv(tmp_path, "recover", *given, code=2).stderr
    assert "of memory, and this machine has" in said and "--shard 1/" in said
    assert not list(tmp_path.glob("recover*"))


@pytest.mark.slow
def test_the_row_of_an_image_that_damage_has_lost_is_made_again(
    easy, invert, tmp_path, monkeypatch
):
    """Its starts, which are behind it in the log, run again."""
    monkeypatch.setattr(run_experiment.Run, "finish", lambda *_: None)
    monkeypatch.setattr(run_experiment, "COMMIT_SECONDS", 0.0)  # the row before the starts
    invert("--batch-size", 1, publishing=True)
    monkeypatch.undo()
    log = tmp_path / "invert.h5.log"
    content = bytearray(log.read_bytes())
    content[content.index(make_image(easy.generator, 0).tobytes()) + 5] ^= 1
    log.write_bytes(content)
    assert "invert.h5.log is damaged" in invert().stderr
    images = read_results(tmp_path / "invert.h5").groups["images"]
    np.testing.assert_array_equal(images["target"][0], make_image(easy.generator, 0))
