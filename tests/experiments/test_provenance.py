"""The revision in results shows whether the code had uncommitted changes."""

import subprocess

from ganinv_cli.experiments.provenance import read_git_revision


def test_the_revision_says_whether_code_has_changed(tmp_path):
    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True)

    assert read_git_revision(tmp_path) == ""  # as of an installed package
    for name in ("code.py", "docs/table.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "Begin")
    (tmp_path / "docs/table.md").write_text("2\n")
    (tmp_path / "new.h5").write_text("2\n")
    assert len(read_git_revision(tmp_path)) == 12
    (tmp_path / "code.py").write_text("2\n")
    assert read_git_revision(tmp_path).endswith("-dirty")
