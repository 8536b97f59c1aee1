"""The study of the verdict's errors counts correctly."""

import builders
import pytest

from benchmarks import verdicts

SHAPES = {"colour": {}, "other": {"widths": (4,), "seed": 1}}


@pytest.mark.nightly
def test_small_generators_are_told_apart_and_a_second_run_inverts_nothing(tmp_path):
    for name, shape in SHAPES.items():
        builders.make_checkpoint(tmp_path / name, **shape)
    generators = {name: tmp_path / name for name in SHAPES}
    (tmp_path / "study").mkdir()
    others = verdicts.make_flat(tmp_path / "study")[:2]
    study = verdicts.run_study(generators, others, 3, 3, tmp_path / "study")
    for name in SHAPES:
        sources = [each["source"] for each in study["verdicts"] if each["generator"] == name]
        assert sources.count(name) == 9 and sources.count(None) == 2 and len(sources) == 14
    png = [each for each in study["answers"] if each["kind"] == "PNG"]
    assert [each["answer"] for each in png] == ["right", "right"]
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*.h5"))]
    assert verdicts.run_study(generators, others, 3, 3, tmp_path / "study") == study
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*.h5"))] == times


@pytest.mark.parametrize(
    ("source", "made_by", "answer", "judged"),
    [
        ("a", ["a"], "a", "right"),
        ("a", ["b"], "b", "other"),
        ("a", ["a", "b"], "a or b", "several"),
        ("a", [], "none of them", "none"),
        ("a", [], "perhaps a", "perhaps"),
        (None, [], "none of them", "right"),
    ],
)
def test_an_answer_is_right_if_it_names_the_source_alone(source, made_by, answer, judged):
    assert verdicts.judge_answer(source, made_by, answer) == judged
