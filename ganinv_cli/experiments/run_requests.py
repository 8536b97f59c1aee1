"""Run what a command or a call asks for."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from ganinv_cli.experiments.experiment import Request
from ganinv_cli.progress import Reporter

if TYPE_CHECKING:
    from ganinv_cli.experiments.run_experiment import RunImages


def run_requests(
    requests: Sequence[Request], open_reporter: Callable[[], AbstractContextManager[Reporter]]
) -> "list[RunImages]":
    """Run experiments one after the other; return what was done with the images of each.

    All generators are read before any work, as one may be refused. Raises GaninvError.
    """
    from ganinv_cli.loaded_generator import read_generator

    with open_reporter() as reporter:
        generators = [
            each.generator or read_generator(each.config, reporter, verbose=each.verbose)
            for each in requests
        ]
    from ganinv_cli.experiments.run_experiment import run_experiment  # after TensorFlow has started

    files = [request.file for request in requests]
    done = []
    for number, (request, generator) in enumerate(zip(requests, generators, strict=True), start=1):
        with open_reporter() as reporter:
            if request.name:
                reporter.say(f"generator {number} of {len(requests)}: {request.name}")
            if not request.file.parent.exists():
                reporter.say(f"makes the new folder {request.file.parent}/")
            configured = replace(request, config=generator.configure(request.config))
            later = list(zip(generators, files, strict=True))[number:]
            done.append(run_experiment(configured, generator, reporter, later))
    return done
