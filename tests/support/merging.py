"""Results files that are parts of one run."""

from stored import commit_batches, make_provenance

from ganinv_cli.report.report import list_trial_groups
from ganinv_cli.store import open_run
from ganinv_cli.store.merge.merge_files import merge_files

SHARDS = ([0, 1, 4, 5], [2, 3, 6, 7], [8, 9])  # of range(10)


def write_results_file(path, trials, finished=True, figures=None, **changes):
    """Its path; `changes` are of its provenance."""
    with open_run(path, make_provenance(**changes)) as run:
        commit_batches(run, trials)
        if finished:
            run.finish(figures)
    return path


def write_shards(folder):
    """A whole run in three files, the second of them interrupted."""
    return [
        write_results_file(folder / f"{number}.h5", trials, finished=number != 1)
        for number, trials in enumerate(SHARDS)
    ]


def merge(out, paths, **options):
    """Merge them as `ganinv merge` does."""
    return merge_files(out, paths, list_trial_groups, **options)
