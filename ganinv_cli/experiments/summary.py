"""The report of results, by the experiment that wrote them; TensorFlow is not needed."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.errors import ConfigError, ResultsError
from ganinv_cli.experiments import find_experiment
from ganinv_cli.experiments.recover import EXPERIMENT as RECOVER
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.settings.declare import check_value, list_settings

if TYPE_CHECKING:
    from ganinv_cli.experiments.experiment import Experiment
    from ganinv_cli.results.report import Report
    from ganinv_cli.results.store import Results


def find_writer(results: "Results", name: str) -> "Experiment":
    """Return the experiment that wrote results; `name` is shown to the reader.

    Raises ResultsError if no command of this ganinv writes such.
    """
    command = str(results.attributes.get("command", ""))
    try:
        return find_experiment(command)
    except KeyError:
        raise ResultsError(
            f"{name}: results of the command {command!r}, which this ganinv does not report; "
            "use the ganinv that wrote them, or a newer one"
        ) from None


def show_by(results: "Results", threshold: float | None) -> "Results":
    """Return results as they are shown by another threshold of the error of z; None: the usual.

    Raises ConfigError if it is not in the range of the setting, or has no effect.
    """
    if threshold is None:
        return results
    command = results.attributes.get("command")
    if command != RECOVER.command:
        raise ConfigError(f"threshold is of results of recover, not of {command}; leave it out")
    check_value("threshold", threshold, list_settings(RecoverConfig)["threshold"])
    return replace(results, threshold=threshold)


def summarize(results: "Results", name: str) -> "Report":
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is no trial to count, or no command of this ganinv writes such.
    """
    kind = find_writer(results, name).import_report()
    with np.errstate(all="ignore"):  # a trial can end with any number
        return kind.summarize(results, name)
