"""Images and their certificates, put together from several results files."""

import numpy as np
import pytest
from stored import CONSTANTS, make_provenance, make_row, make_rows, merge

from ganinv_cli.store import open_run, read_results
from ganinv_cli.store.merge.merge_files import MissingError

TRIALS = 4


@pytest.fixture
def out(tmp_path):
    return tmp_path / "all.h5"


def _made_by(images):
    config = {"trials": TRIALS, "images": images}
    return make_provenance(command="invert", identity={"clip": ["stochastic"]}, config=config)


def _image(number, error=b""):
    """Its row, and those of `stored` under another name."""
    row = make_rows([0], ("image=0003",))["image=0003"]
    row["error"] = np.array([error], "S255")
    return {f"image={number:04d}": row}


def _recoveries(number, trials):
    return {f"image={number:04d}/stochastic": make_rows(trials, ("none",))["none"]}


def _certificate(number, place, recoveries):
    row = make_rows([place], ("image=0003/certificate",))["image=0003/certificate"]
    row["recoveries"] = np.array([recoveries])
    return {f"image={number:04d}/stochastic/certificate": row}


def _file(path, *batches, images=1):
    with open_run(path, _made_by(images)) as run:
        for batch in batches:
            run.commit(batch, CONSTANTS)
        run.finish()
    return path


def test_whole_images_from_two_files_keep_their_certificates(out, tmp_path):
    paths = [
        _file(
            tmp_path / f"{number}.h5",
            _image(number) | _recoveries(number, range(TRIALS)),
            _certificate(number, 0, TRIALS),
            images=2,
        )
        for number in range(2)
    ]
    with pytest.raises(MissingError, match=r"4 trials of image=0001/stochastic \(0-3\)"):
        merge(out, paths[:1])
    combined = merge(out, paths)
    assert combined.contents == "4 trials of 1 rule for 2 images from 2 files"
    groups = read_results(out).groups
    for number in range(2):
        image = f"image={number:04d}"
        assert groups[f"{image}/stochastic"]["trial"].tolist() == list(range(TRIALS))
        assert groups[image]["target"].tobytes() == _image(number)[image]["target"].tobytes()
        certificate = groups[f"{image}/stochastic/certificate"]
        assert certificate["trial"].tolist() == [0]
        assert certificate["recoveries"].tolist() == [TRIALS]


def test_images_without_a_certificate_are_counted_and_it_is_said_how_to_make_them(out, tmp_path):
    shards = [
        _file(
            tmp_path / f"{number}.h5",
            *(_image(image) | _recoveries(image, [number, number + 2]) for image in range(2)),
            _image(2, b"no image"),
            images=3,
        )
        for number in range(2)
    ]
    (note,) = merge(out, shards).notes
    assert note == (
        f"{out}: 2 images have no certificate yet (reconstructions, singular values); the same "
        f"command without --shard, with --out {out}, makes them"
    )
    (note,) = merge(out, shards[:1], partial=True, overwrite=True).notes
    assert note.startswith("missing are")
    with open_run(out, _made_by(3)) as run:
        run.commit(
            _recoveries(0, [1, 3]) | _recoveries(1, [1, 3]) | _certificate(0, 0, TRIALS), CONSTANTS
        )
        run.finish()
    (note,) = merge(tmp_path / "again.h5", [out]).notes
    assert "1 image has no certificate yet" in note


def test_an_image_that_cannot_be_read_lacks_nothing(out, tmp_path):
    path = _file(
        tmp_path / "a.h5",
        _image(0, b"no image") | _image(1) | _recoveries(1, range(TRIALS)),
        _certificate(1, 0, TRIALS),
        images=2,
    )
    assert merge(out, [path]).notes == []
    assert read_results(out).groups["image=0000"]["error"].tolist() == [b"no image"]


CERTIFIED = "image=0000/stochastic/certificate"


def test_a_certificate_of_some_of_the_trials_is_left_out(out, tmp_path):
    paths = [
        _file(
            tmp_path / f"{number}.h5",
            _image(0) | _recoveries(0, [2 * number, 2 * number + 1]),
            _certificate(0, 0, 2),
        )
        for number in range(2)
    ]
    merge(out, paths)
    assert CERTIFIED not in read_results(out).groups
    with open_run(out, _made_by(1)) as run:
        assert run.list_committed(CERTIFIED).size == 0
        run.commit(_certificate(0, 0, TRIALS), CONSTANTS)
        run.finish()
    assert read_results(out).groups[CERTIFIED]["recoveries"].tolist() == [TRIALS]


def test_a_certificate_of_other_rows_is_left_out(out, tmp_path):
    """The second file's certificate is of all the trials, but its row of one of them lost."""
    paths = [
        _file(tmp_path / "a.h5", _image(0) | _recoveries(0, [1])),
        _file(
            tmp_path / "b.h5",
            _image(0) | _recoveries(0, range(TRIALS)),
            _certificate(0, 0, TRIALS),
        ),
    ]
    merge(out, paths)
    assert CERTIFIED not in read_results(out).groups
    merge(out, paths[::-1], overwrite=True)
    assert CERTIFIED in read_results(out).groups


def test_the_last_certificate_counts(out, tmp_path):
    path = _file(
        tmp_path / "a.h5",
        _image(0) | _recoveries(0, [0, 1]),
        _certificate(0, 0, 2),
        _recoveries(0, [2, 3]),
        _certificate(0, 1, TRIALS),
    )
    merge(out, [path])
    found = read_results(out).groups[CERTIFIED]
    assert found["trial"].tolist() == [0, 1]
    assert found["recoveries"].tolist() == [2, TRIALS]
    last = make_row("image=0003/certificate", 1)
    assert found["reconstruction"][-1].tobytes() == last["reconstruction"].tobytes()
