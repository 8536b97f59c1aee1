"""Images, their starts and their certificates are rows of three groups."""

import h5py
import numpy as np
import pytest
from stored import assert_equal, make_provenance, make_rows, make_starts

from ganinv_cli.results.store import Image, load_results, log, open_run, read_results, select_images

STARTS, CERTIFICATES = "none/starts", "none/certificates"


def make_images(numbers, error=""):
    """Return rows of images, all with an error, or none."""
    rows = make_rows(numbers, ("images",))["images"]
    return {"images": rows | {"error": np.array([error.encode()] * len(numbers), "S255")}}


def make_certificates(images, recoveries=2):
    rows = make_rows(images, (CERTIFICATES,))[CERTIFICATES]
    return {CERTIFICATES: rows | {"recoveries": np.full(len(images), recoveries, np.int32)}}


def write(path, *commits, **changes):
    with open_run(path, make_provenance(command="invert", **changes)) as run:
        for rows in commits:
            run.commit(rows)
        run.finish()
    return path


def join(*rows):
    """Return the columns of several rows of a group, in their order."""
    (group,) = rows[0]
    columns = [each[group] for each in rows]
    return {group: {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}}


def test_an_image_is_a_row_at_its_number(path):
    """Also one that cannot be read, has no certificate yet, or was never reached."""
    first, second = make_starts([3], [0, 1]), make_starts([0, 3], [1, 0])
    write(
        path,
        make_images([3, 0]) | first,
        make_images([1], "no image") | second,
        make_certificates([3]),
    )
    groups = read_results(path).groups
    rows = join(make_images([0]), make_images([1], "no image"), make_images([3]))
    assert_equal(groups, rows | make_starts([0, 3], [0, 1]) | make_certificates([3]))
    with h5py.File(path) as file:
        assert file["images/image"][()].tolist() == [0, 1, -1, 3]
        assert file["images/error"][()].tolist() == [b"", b"no image", b"", b""]
        assert file[f"{CERTIFICATES}/image"][()].tolist() == [-1, -1, -1, 3]
        assert np.isnan(file[f"{CERTIFICATES}/z_explained"][2]).all()
        assert file[f"{STARTS}/image"][()].tolist() == [0, 0, 3, 3]
        assert file[f"{STARTS}/trial"][()].tolist() == [0, 1, 0, 1]


def test_the_certificate_of_most_starts_counts(path):
    """Within a block, over blocks, and over a finished file."""
    first, again = make_certificates([0, 2]), make_certificates([2], 7)
    made_by = make_provenance(command="invert")
    write(path, make_images([0, 2]) | make_starts([0, 2], [0, 1]) | join(first, again))
    newest = make_certificates([2], 9)
    with open_run(path, made_by) as run:
        assert run.read_group(CERTIFICATES)["recoveries"].tolist() == [2, 7]
        run.commit(make_certificates([2], 8) | make_starts([2], [2]))
        run.commit(newest)
        assert run.read_group(CERTIFICATES)["recoveries"].tolist() == [2, 9]
    during = load_results(path)
    with open_run(path, made_by) as run:
        run.finish()
    for groups in (during.groups, read_results(path).groups):
        assert_equal({CERTIFICATES: groups[CERTIFICATES]}, join(make_certificates([0]), newest))
    assert not log.name_log(path).exists()


def test_the_file_of_a_shard_has_its_own_images_alone(path):
    rows = make_images([500, 9_000]) | make_starts([500, 9_000], [0, 1])
    write(path, rows, make_certificates([9_000]), config={"images": 10_000, "shard": "1/5000"})
    assert_equal(read_results(path).groups, rows | make_certificates([9_000]))
    with h5py.File(path) as file:
        assert file["images/image"][()].tolist() == [500, 9_000]
        assert file[f"{CERTIFICATES}/image"][()].tolist() == [9_000]


@pytest.mark.parametrize("numbers", [[3], [3, 0], [3, 3]])
def test_images_are_selected_with_their_rows(path, numbers):
    write(path, make_images([0, 3]) | make_starts([0, 3], [0, 1]), make_certificates([0, 3]))
    named = [Image(number, f"{place}.png") for place, number in enumerate(numbers)]
    selected = select_images(read_results(path), named)
    kept = sorted(set(numbers))
    rows = make_images(kept) | make_starts(kept, [0, 1]) | make_certificates(kept)
    assert_equal(selected.groups, rows)
    assert selected.selection == tuple(named)
