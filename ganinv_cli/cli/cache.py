"""`ganinv cache`."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganinv_cli.cli import options
from ganinv_cli.errors import UsageError

if TYPE_CHECKING:
    from ganinv_cli.cache import Entry

_EMPTY = "%s: nothing is kept"
_EXPLANATIONS = {  # kind of measurements -> what they are
    "conventions": "conventions inferred for files that have only weights",
    "copies": "image loss of JPEG and 8-bit copies of a generator's own images (invert)",
    "norms": "statistics of a generator's batch norms, compared with those of its training",
    "preconditioner": "weights of the loss, and the first estimate of the Hessian, for lbfgs",
    "spectrum": "singular values of dG/dz, for the step size and the theory of gd",
}


@click.group()
def cache() -> None:
    """Show or remove the measurements that commands keep.

    What was measured about a generator is kept in the user's cache folder, so that the next command
    on that generator starts sooner. The folder is ~/.cache/ganinv on Linux, or ganinv in
    XDG_CACHE_HOME if that is set. It takes at most 1 GiB and may be removed at any time: what is
    missing is measured again, with the same result. With GANINV_NO_CACHE=1 in the environment
    nothing is kept or read.

    \b
    Examples:
        ganinv cache show
        ganinv cache clear
    """


@cache.command()
@options.style(type=options.TEXT_OR_JSON, help="Format.")
def show(style: str) -> None:
    """Show what is kept: number, size and last use of each kind.

    \b
    Example:
        ganinv cache show --format json
    """
    from ganinv_cli import cache as kept

    facts = _describe_cache(kept.list_entries())
    click.echo(json.dumps(facts, indent=2) if style == "json" else "\n".join(_format_cache(facts)))


@cache.command()
def clear() -> None:
    """Remove everything that is kept, and print how much it was.

    \b
    Example:
        ganinv cache clear
    """
    from ganinv_cli import cache as kept
    from ganinv_cli.files.write import explain_write_errors

    folder = _require_folder()
    with explain_write_errors(folder):
        removed = kept.clear()
    size = _format_bytes(sum(entry.bytes for entry in removed))
    click.echo(f"{folder}: removed {_count(len(removed))}, {size}" if removed else _EMPTY % folder)


def _require_folder() -> Path:
    """Return the cache folder. Raises UsageError if there is none."""
    from ganinv_cli.cache import SWITCH, find_cache_folder

    folder = find_cache_folder()
    if folder is None:
        raise UsageError(
            f"there is no cache: {SWITCH} is set, or the user has no home; unset it, or set "
            "XDG_CACHE_HOME to a folder"
        )
    return folder


def _describe_cache(entries: "Sequence[Entry]") -> dict[str, Any]:
    """Return the facts of `show`, as JSON has them."""
    from ganinv_cli import cache as kept

    kinds = {
        entry.kind: [other for other in entries if other.kind == entry.kind] for entry in entries
    }
    return {
        "folder": str(_require_folder()),
        "bytes": sum(entry.bytes for entry in entries),
        "max_bytes": kept.MAX_BYTES,
        "kinds": [
            {
                "kind": kind,
                "explanation": _EXPLANATIONS.get(kind, "measurements of another version of ganinv"),
                "measurements": len(of_kind),
                "bytes": sum(entry.bytes for entry in of_kind),
                "last_used": _to_local_time(max(entry.last_used for entry in of_kind)).isoformat(),
            }
            for kind, of_kind in sorted(kinds.items())
        ],
    }


def _format_cache(facts: dict[str, Any]) -> Iterator[str]:
    if not facts["kinds"]:
        yield _EMPTY % facts["folder"]
        return
    size, most = _format_bytes(facts["bytes"]), _format_bytes(facts["max_bytes"])
    yield f"{facts['folder']}: {size} of at most {most}"
    for each in facts["kinds"]:
        moment = f"{datetime.fromisoformat(each['last_used']):%Y-%m-%d %H:%M}"
        count, size = _count(each["measurements"]), _format_bytes(each["bytes"])
        yield f"{each['kind']:<15} {count:>17}  {size:>10}  last used {moment}"
        yield f"  {each['explanation']}"


def _count(measurements: int) -> str:
    return f"{measurements:,} measurement{'s' * (measurements != 1)}"


def _format_bytes(count: int) -> str:
    """Return a size in MB, with three digits where it is small."""
    return f"{count / 1e6:,.{1 if count >= 1e6 else 3}f} MB"


def _to_local_time(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds)).astimezone()
