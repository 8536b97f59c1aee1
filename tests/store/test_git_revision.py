"""The revision in results shows whether the code had uncommitted changes."""

import subprocess

import pytest

from ganinv_cli.experiments.provenance import read_git_revision


@pytest.fixture
def checkout(tmp_path):
    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True)

    for name in ("code.py", "docs/table.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "Begin")
    return tmp_path


def test_a_clean_checkout_has_its_revision(checkout):
    assert len(read_git_revision(checkout)) == 12


def test_changed_code_is_dirty(checkout):
    (checkout / "code.py").write_text("2\n")
    assert read_git_revision(checkout).endswith("-dirty")


def test_changed_results_and_new_files_are_not(checkout):
    (checkout / "docs/table.md").write_text("2\n")
    (checkout / "new.h5").write_text("2\n")
    assert len(read_git_revision(checkout)) == 12


def test_an_installed_package_has_none(tmp_path):
    assert read_git_revision(tmp_path) == ""
