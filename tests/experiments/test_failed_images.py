"""What is raised while an image is judged is in the row of that image, and the others go on."""

import errno
import json

import pytest
from called import make_image, run_ganinv, save_image

from ganinv_cli.experiments import image_judge
from ganinv_cli.experiments.polished_starts import StartPolisher
from ganinv_cli.results.store import read_results


@pytest.fixture
def invert(easy, tmp_path):
    """Return a function that inverts three pictures of the easy generator."""
    for number in range(3):
        save_image(tmp_path / f"{number}.png", make_image(easy.generator, number))

    def invert(**keywords):
        given = ("--checkpoint", easy.folder, "--starts", 3, "--align", "none")
        return run_ganinv(tmp_path, "invert", ".", *given, "--format", "json", **keywords)

    return invert


def _fail_for_second(call, error):
    """Return a function that raises an error in place of the call for image 1."""

    def fail(first, *given, **options):
        image = first.image if hasattr(first, "image") else given[0][1]
        if image == 1:
            raise error
        return call(first, *given, **options)

    return fail


def _read_verdicts(result):
    return [row["verdict"] for row in json.loads(result.stdout)["tables"]["invert"]]


@pytest.mark.parametrize("holder", [image_judge, StartPolisher])
def test_an_image_that_cannot_be_judged_gets_a_sentence_and_the_others_their_verdict(
    holder, invert, monkeypatch
):
    name = "make_certificate" if holder is image_judge else "polish"
    monkeypatch.setattr(holder, name, _fail_for_second(getattr(holder, name), ValueError("odd J")))
    result = invert(code=1)
    assert _read_verdicts(result) == ["made", "failed", "made"]
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert error.startswith("Error: 1.png could not be judged (ValueError in image_judge.py")
    assert "odd J); that is a bug of ganinv: report it with the picture" in error
    explanation = json.loads(result.stdout)["tables"]["invert"][1]["explanation"]
    assert explanation.startswith("this picture could not be judged (ValueError")
    monkeypatch.undo()  # it is judged again
    assert _read_verdicts(invert()) == ["made"] * 3


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), MemoryError(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_what_the_system_does_is_no_failure_of_an_image(error, invert, tmp_path, monkeypatch):
    monkeypatch.setattr(
        image_judge, "make_certificate", _fail_for_second(image_judge.make_certificate, error)
    )
    with pytest.raises(AssertionError):
        invert()
    monkeypatch.undo()
    assert _read_verdicts(invert()) == ["made"] * 3
    errors = read_results(tmp_path / "invert.h5").groups["stochastic/certificates"]
    assert "error" not in errors
