"""A small file system in memory, which is soon full."""

import subprocess
from pathlib import Path


class SmallDisk:
    """A tmpfs mounted on a folder, until it is closed."""

    def __init__(self, folder: Path, size: int) -> None:
        """Mount `size` bytes. Raises OSError if that is refused."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))

    def resize(self, size: int) -> None:
        """Change the size to so many bytes."""
        _run("mount", "-o", f"remount,size={size}", str(self.folder))

    def close(self) -> None:
        """Unmount it."""
        _run("umount", "--lazy", str(self.folder))


def can_mount(folder: Path) -> bool:
    """Return whether this user may mount file systems."""
    try:
        SmallDisk(folder, 1 << 20).close()
    except OSError:
        return False
    return True


def _run(*command: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise OSError(run.returncode, run.stderr.strip())
