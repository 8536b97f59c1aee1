"""Results files of one run into one: what tasks of a batch scheduler have written apart."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import catalogue, files, finish, lock
from ganinv_cli.store.committed import Committed
from ganinv_cli.store.files import SaveError
from ganinv_cli.store.merge import ranges
from ganinv_cli.store.merge.agreement import agreement
from ganinv_cli.store.merge.gathered import Gathered
from ganinv_cli.store.merge.missing import missing, uncertified
from ganinv_cli.store.merge.origins import Origins
from ganinv_cli.store.schema import is_rule


class MissingError(ResultsError):
    """Trials of the run are in none of the files."""

    exit_code = 1


class Combined(NamedTuple):
    """What was written, in words."""

    holds: str  # such as: 1,000 trials of 3 techniques from 4 files
    notes: list[str]  # a sentence each that the reader should know


def combine(
    out: Path, paths: Sequence[Path], partial: bool = False, overwrite: bool = False
) -> Combined:
    """Write the trials of results files, finished or not, to `out`, a block at a time.

    Where two have the same trial, the first one's counts. Raises ResultsError where a file cannot
    be read, is being written, or is of another run, or where `out` exists and `overwrite` is not
    set; MissingError where trials are missing and a `partial` file is not asked for; SaveError
    where `out` cannot be written. What was at `out` is replaced as a whole or not at all.
    """
    _check_names(out, paths)
    _check_free(out, overwrite)
    found, origins, notes = _gathered(paths)
    rows = found.rows
    lacking = missing(rows, origins.identity, origins.trials)
    if lacking and not partial:
        raise MissingError(
            f"{out} is not written, for trials are missing: {ranges.text(lacking)}; name the "
            "files that hold them, or write what there is with --partial, and the same command "
            f"without --shard on {out} runs the rest"
        )
    if not any(len(rows.trials(group)) for group in filter(is_rule, rows.groups)):
        raise ResultsError(f"{out} is not written: none of the files holds a trial; name others")
    if lacking:
        notes.append(f"missing are {ranges.text(lacking)}")
    if images := uncertified(rows, origins.identity, lacking):
        notes.append(
            f"{out}: {_many(images, 'image')} {'has' if images == 1 else 'have'} no certificate "
            "yet (reconstructions, singular values); the same command without --shard, with --out "
            f"{out}, makes them"
        )
    with lock.held(out):
        _check_free(out, overwrite)
        files.clear_leftovers(out)
        _write(out, rows, origins)
    return Combined(_holds(rows, len(paths)), [*origins.notes(), *notes])


def _check_names(out: Path, paths: Sequence[Path]) -> None:
    known: dict[Path, Path] = {out.resolve(): out}
    for path in paths:
        same = known.get(path.resolve())
        if same is out:
            raise ResultsError(f"{path} is the file to write as well; name another one first")
        if same is not None:
            raise ResultsError(f"{path} is named twice; name it once")
        known[path.resolve()] = path


def _check_free(out: Path, overwrite: bool) -> None:
    """ResultsError where something is there that is not to be replaced, or is not ours."""
    if overwrite:
        files.check_ours(out)
    elif out.exists() or files.parts(out):
        raise ResultsError(
            f"{out} exists, and the first name is that of the file to write; name another one, or "
            "replace it with --overwrite"
        )


def _gathered(paths: Sequence[Path]) -> tuple[Gathered, Origins, list[str]]:
    """What the files hold, where it comes from, and where two of them hold the same."""
    found, origins, notes = Gathered(), Origins(), []
    for path in paths:
        if not path.exists() and not files.parts(path):
            raise ResultsError(f"{path}: there is no such file; name a file that a run has written")
        if lock.busy(path):
            raise ResultsError(f"{path} is being written by another process; wait for it")
        try:
            part, more = catalogue.scan(path)
            origins.add(path, part, more)
            found.fit(path, part)
            if note := agreement(path, part, found):
                notes.append(note)
            found.add(path, part)
        except FileNotFoundError as error:
            raise _changed(error) from error
    return found, origins, notes


def _changed(error: FileNotFoundError) -> ResultsError:
    return ResultsError(
        f"{error.filename or 'a file'} was removed while it was read; merge again when nothing "
        "writes there"
    )


def _write(out: Path, rows: Committed, origins: Origins) -> None:
    temporary, stale = files.aside(out), files.parts(out)
    try:
        figures = origins.figures()
        attributes = origins.attributes(list(rows.groups), list(figures))
        files.make_parts_folder(out)
        finish.write(temporary, rows, attributes, figures)
        files.publish(temporary, out)
        files.discard(out, stale)
    except FileNotFoundError as error:
        raise _changed(error) from error
    except OSError as error:
        raise SaveError(
            f"{out} could not be written ({error.strerror or error}); free space or allow "
            "writing, and merge again"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
            files.parts_folder(out).rmdir()


def _holds(rows: Committed, count: int) -> str:
    groups = [group for group in rows.groups if is_rule(group)]
    trials = max(len(rows.trials(group)) for group in groups)
    techniques = {group.rpartition("/")[2] for group in groups}
    cases = {group.rpartition("/")[0] for group in groups} - {""}
    said = f"{_many(trials, 'trial')} of {_many(len(techniques), 'technique')}"
    if cases:
        images = min(cases).startswith("image=")
        said += (
            f" for {_many(len(cases), 'image')}"
            if images
            else f" at {_many(len(cases), 'variance')}"
        )
    return f"{said} from {_many(count, 'file')}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
