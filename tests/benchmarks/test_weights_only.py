"""The study of weights-only files compares with the truth, and goes on where it stopped."""

from click.testing import CliRunner
from random_generators import write_random_generator

from benchmarks import weights_only
from benchmarks.weights_only import Line, compare

GREY = 3  # a seed whose generator is small


def test_a_decided_value_that_is_not_true_is_wrong(tmp_path):
    generator = write_random_generator(GREY, tmp_path)
    truth = generator.truth | {("prior", ""): generator.prior, ("labels", ""): "0"}
    decided, wrong, claimed_wrong = compare(generator.path, truth)
    assert decided and not wrong and not claimed_wrong
    _, wrong, claimed_wrong = compare(generator.path, truth | {("prior", ""): "normal:7"})
    assert wrong == claimed_wrong == f"prior  {generator.prior}"


def test_lines_of_another_revision_are_not_mixed(tmp_path, monkeypatch):
    monkeypatch.setattr(weights_only, "KEPT", tmp_path / "weights-only.csv")
    monkeypatch.setattr(weights_only, "read_revision", lambda: "new")
    lines = [Line("0", "0", "3", "", "", "", "new"), Line("1", "0", "", "", "", "refused", "new")]
    weights_only.write_lines(lines)
    run = CliRunner().invoke(weights_only.main, ["--files", "2"])
    assert run.exit_code == 0 and "1 were read, 1 refused" in run.output
    weights_only.write_lines([lines[0]._replace(revision="old")])
    run = CliRunner().invoke(weights_only.main, ["--files", "2"])
    assert run.exit_code == 1 and "is of another state, old; move it away" in run.output
