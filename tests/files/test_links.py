"""Symbolic links are followed to where they lead, whether or not a file is there."""

import os

import pytest

from ganinv_cli.files.links import follow_link, resolve_links
from ganinv_cli.files.write import make_folder, replace_file


def test_a_link_leads_to_its_file_or_to_where_one_may_be(tmp_path):
    there, plain = tmp_path / "real", tmp_path / "plain"
    (tmp_path / "second").symlink_to("real")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    assert follow_link(tmp_path / "first") == there
    there.write_bytes(b"old")
    replace_file(tmp_path / "first", b"new")
    assert (there.read_bytes(), follow_link(plain)) == (b"new", plain)


@pytest.mark.parametrize("targets", [["a"], ["b", "c", "b"]])
def test_links_in_a_circle_raise_an_os_error(targets, tmp_path):
    for name, target in zip("abc", targets, strict=False):
        (tmp_path / name).symlink_to(target)
    for call in (follow_link, make_folder, lambda path: replace_file(path, b"")):
        with pytest.raises(OSError, match="symbolic links"):
            call(tmp_path / "a")
    assert os.path.lexists(resolve_links(tmp_path / "a"))


def test_a_link_to_a_folder_that_is_not_there_makes_it(tmp_path):
    (tmp_path / "link").symlink_to("some/folder")
    for _ in range(2):
        assert make_folder(tmp_path / "link") == tmp_path / "link"
    assert (tmp_path / "some" / "folder").is_dir()
