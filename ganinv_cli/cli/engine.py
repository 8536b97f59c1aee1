"""The engine that a config asks for."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ganinv_cli.errors import printable
from ganinv_cli.settings.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganinv_cli.engine.engine import Engine, Recipe


@contextmanager
def engine(config: Config, recipe: "Recipe") -> "Iterator[Engine]":
    """Ready to run; what it holds is given back at the end. TensorFlow has started."""
    from ganinv_cli.engine import devices
    from ganinv_cli.engine.local import Here, Several

    if config.engine == "ray":
        from ganinv_cli.engine.ray.cluster import cluster

        with devices.Device("cpu", 0).scope(), cluster(config, recipe, _say) as workers:
            yield workers
        return
    used = devices.devices(config.device)
    if config.batch_norm == "batch":  # its trials are one batch
        used = used[:1]
    machine = devices.machine(used, config.precision, config.solver)
    with used[0].scope():
        yield Here(recipe.made(), machine) if len(used) == 1 else Several(recipe, used, machine)


def _say(sentence: str) -> None:
    click.echo(printable(sentence), err=True)
