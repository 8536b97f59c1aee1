"""The engine that a config asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ganinv_cli.engine.engine import Engine
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.progress import Reporter
from ganinv_cli.settings.config import Config


@contextmanager
def open_engine(config: Config, generator: LoadedGenerator, reporter: Reporter) -> Iterator[Engine]:
    """Open the engine that a config asks for, and free its workers at the end.

    TensorFlow must have been started.
    """
    from ganinv_cli.engine.devices import Device, describe_machine, find_devices
    from ganinv_cli.engine.local import LocalEngine

    if config.engine == "ray":
        from ganinv_cli.engine.ray_cluster import open_cluster

        build = generator.make_builder(config.batch_norm)
        with Device("cpu", 0).scope(), open_cluster(config, build, reporter.say) as cluster:
            yield cluster
        return
    devices = find_devices(config.device)
    if config.batch_norm == "batch":  # all trials are one batch, on one device
        devices = devices[:1]
    with devices[0].scope():
        machine = describe_machine(devices, config.precision)
        yield LocalEngine(partial(generator.build, config.batch_norm), devices, machine)
