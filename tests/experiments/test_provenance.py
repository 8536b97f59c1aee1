"""The revision in results shows whether the code had uncommitted changes."""

import shutil
import subprocess

import pytest

from ganinv_cli.experiments.provenance import read_git_revision


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_the_revision_says_whether_code_has_changed(tmp_path, monkeypatch):
    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True)

    assert read_git_revision(tmp_path) == ""  # as of an installed package
    for name in ("code.py", "docs/table.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\n", encoding="utf-8")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "Begin")
    (tmp_path / "docs/table.md").write_text("2\n", encoding="utf-8")
    (tmp_path / "new.h5").write_text("2\n", encoding="utf-8")
    assert len(read_git_revision(tmp_path)) == 12
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))  # as in a hook of another repository
    assert len(read_git_revision(tmp_path)) == 12
    (tmp_path / "code.py").write_text("2\n", encoding="utf-8")
    assert read_git_revision(tmp_path).endswith("-dirty")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_git_revision(tmp_path) == "unknown"
