"""A log of `invert` with any one block damaged: the same command makes the file of a whole run."""

import itertools

import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image

from ganinv_cli.experiments import committer, run_experiment
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.log import MARK


def _read(folder):
    """The columns that no time and no J that is computed again changes, by group."""
    return {
        (group, column): values.tobytes()
        for group, rows in read_results(folder / "invert.h5").groups.items()
        for column, values in rows.items()
        if not column.endswith("seconds") and column != "polished/gradients"
    }


@pytest.fixture(scope="module")
def run(easy, tmp_path_factory):
    """A folder, and the command for an own picture and a stranger, one start at a time."""
    folder = tmp_path_factory.mktemp("blocks")
    names = ["own.png", "stranger.png"]
    save_image(folder / names[0], make_image(easy.generator, 0))
    save_image(folder / names[1], make_random_pixels(easy.generator))
    given = ("--checkpoint", easy.folder, "--starts", 3, "--batch-size", 1, "--align", "none")
    return folder, ("invert", *names, *given)


@pytest.fixture(scope="module")
def log(run):
    """The log of that command with all its blocks, before the file is finished."""
    folder, command = run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(committer, "COMMIT_SECONDS", 0.0)
        patch.setattr(run_experiment.Run, "finish", lambda *_: None)
        run_ganinv(folder, *command)
    return (folder / "invert.h5.log").read_bytes()


@pytest.mark.slow
def test_any_damaged_block_is_made_again(run, log):
    folder, command = run
    run_ganinv(folder, *command)
    whole, differing = _read(folder), []
    starts = [at for at in range(len(log)) if log.startswith(MARK, at)]
    assert len(starts) > 5
    for number, (start, end) in enumerate(itertools.pairwise([*starts, len(log)])):
        (folder / "invert.h5").unlink()
        middle = (start + end) // 2
        damaged = log[:middle] + bytes([log[middle] ^ 1]) + log[middle + 1 :]
        (folder / "invert.h5.log").write_bytes(damaged)
        said = run_ganinv(folder, *command).stderr
        assert "invert.h5.log is damaged" in said
        if (found := _read(folder)) != whole:
            changed = sorted(key for key in whole if found.get(key) != whole[key])
            differing.append((number, changed[:3]))
    assert not differing
