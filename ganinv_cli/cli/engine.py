"""The engine that a config asks for."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ganinv_cli.errors import to_printable
from ganinv_cli.settings.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganinv_cli.engine.engine import Engine, GeneratorSpec


@contextmanager
def open_engine(config: Config, spec: "GeneratorSpec") -> "Iterator[Engine]":
    """Ready to run; what it holds is given back at the end. TensorFlow has started."""
    from ganinv_cli.engine import devices
    from ganinv_cli.engine.local import MultiDevice, SingleDevice

    if config.engine == "ray":
        from ganinv_cli.engine.ray.cluster import open_cluster

        with (
            devices.Device("cpu", 0).scope(),
            open_cluster(config, spec, _print_message) as workers,
        ):
            yield workers
        return
    used_devices = devices.find_devices(config.device)
    if config.batch_norm == "batch":  # its trials are one batch
        used_devices = used_devices[:1]
    machine = devices.describe_machine(used_devices, config.precision, config.solver)
    with used_devices[0].scope():
        yield (
            SingleDevice(spec.build(), machine)
            if len(used_devices) == 1
            else MultiDevice(spec, used_devices, machine)
        )


def _print_message(sentence: str) -> None:
    click.echo(to_printable(sentence), err=True)
