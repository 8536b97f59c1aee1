"""The functions of the experiments, as these declare them."""

import textwrap
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ganinv_cli.api.results import Inversion, RunResults, make_inversion, read_run
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments.experiment import Experiment, Request
from ganinv_cli.experiments.run_requests import run_requests
from ganinv_cli.experiments.summary import find_writer
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.loaded_generator import load as load_generator
from ganinv_cli.progress import SILENT, Reporter
from ganinv_cli.progress.display import open_display
from ganinv_cli.progress.measurements import show_measurements
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.declare import list_settings, to_toml
from ganinv_cli.settings.load import check_keywords, load_config, name_arguments
from ganinv_cli.settings.shipped import find

GeneratorLike = Any  # a LoadedGenerator, or what `load` takes; None: that of the config

_ARGUMENTS = {"checkpoint": "generator", "image": "images"}  # settings that have another name here


class _Options(NamedTuple):
    """What every call takes beside its settings."""

    config: str | Path | None
    out: str | Path | None
    overwrite: bool
    progress: bool | Reporter


OWN_SETTINGS = "Its own settings are"
_DOCUMENTATION = """{sentence}, as `ganinv {command}` does.

{own}

Args:
    generator: from `load`, or what `load` takes. None: as `config` says, or the default one if
        there are no images.{images}
    config: TOML file with settings, or the name of a shipped one, e.g. "paper-text".
    out: results file, written during the run; the same call continues it, and more trials or
        images extend it. None: in memory.
    overwrite: whether to start again if `out` exists.
    progress: whether to show progress on stderr, or what shows it (`ganinv_cli.progress`).
    settings: any setting of a config file (docs/cli.md), e.g. trials=50, or of a solver, e.g.
        gd={{"rate": "stable"}}. A loaded generator takes another label, but no other conventions.

Returns:
    {returns}

Raises:
    ConfigError: a setting has a wrong name or value.
    ResultsError: `out` holds another run, or another process is writing it.{image_error}

Examples:
    {example}
"""
_IMAGES = """
    images: one or several paths of files (with .npy and .npz) or folders, PIL images, arrays
        ([n,] h, w, c), or PyTorch tensors ([n,] c, h, w). Values are uint8 from 0 to 255, or floats
        from -1 to 1. An image of another size is cropped to its middle square and resized. Floats
        of another shape than the generator's are rounded to 8 bits."""
_IMAGE_ERROR = """
    ImageError: an image cannot be read, or an array is not an image."""


def make_function(experiment: Experiment) -> Callable[..., RunResults | Inversion]:
    """Return the function of an experiment, with its documentation."""

    def run_known(
        generator: GeneratorLike = None,
        *,
        config: str | Path | None = None,
        out: str | Path | None = None,
        overwrite: bool = False,
        progress: bool | Reporter = False,
        **settings: Any,
    ) -> RunResults | Inversion:
        options = _Options(config, out, overwrite, progress)
        return _run(experiment, generator, None, options, settings)

    def run_on_images(
        generator: GeneratorLike,
        images: Any,
        *,
        config: str | Path | None = None,
        out: str | Path | None = None,
        overwrite: bool = False,
        progress: bool | Reporter = False,
        **settings: Any,
    ) -> RunResults | Inversion:
        options = _Options(config, out, overwrite, progress)
        return _run(experiment, generator, images, options, settings)

    function = run_on_images if experiment.has_images else run_known
    function.__module__ = "ganinv_cli.api.functions"  # where it is found again, e.g. by pickle
    function.__name__ = function.__qualname__ = experiment.function
    function.__doc__ = _describe(experiment)
    return name_arguments(experiment.config)(function)


def open_results(path: str | Path, *, threshold: float | None = None) -> RunResults | Inversion:
    """Open a results file, also of a run in progress.

    Args:
        path: a file that ganinv has written, e.g. "recover.h5".
        threshold: z counts as recovered if its mean squared error is below this; None: 1e-4.

    Returns:
        An `Inversion` for results of `invert`, else `RunResults`.

    Raises:
        ResultsError: there are no results, or the file is damaged or from a newer ganinv.

    Examples:
        >>> t = ganinv.recover("faces16", trials=2, clip="none", out="recover.h5")
        >>> ganinv.open("recover.h5").answer == t.answer
        True
    """
    run = read_run(Path(path), threshold)
    return make_inversion(run) if find_writer(run.store, run.name).inverts else run


def _describe(experiment: Experiment) -> str:
    """Return the documentation of a function, with the settings that its experiment adds."""
    common = list_settings(experiment.config.__mro__[1])
    own = [
        f"`{each.synonym or each.name}`: {each.help}"
        for each in list_settings(experiment.config).values()
        if each.name not in _ARGUMENTS
        and (each.name not in common or each.help != common[each.name].help)
    ]
    sentence = (experiment.help or "").partition(".\n")[0]
    return _DOCUMENTATION.format(
        sentence=sentence,
        command=experiment.command,
        images=_IMAGES if experiment.has_images else "",
        own=textwrap.fill(f"{OWN_SETTINGS} {' '.join(own)}", 100) if own else "",
        returns="One row per image, in the order given."
        if experiment.inverts
        else "The results. Trials that failed are results, not errors.",
        image_error=_IMAGE_ERROR if experiment.has_images else "",
        example=textwrap.indent(textwrap.dedent(experiment.example), 4 * " ").strip(),
    )


def _run(
    experiment: Experiment,
    generator: GeneratorLike,
    images: Any,
    options: _Options,
    settings: dict[str, Any],
) -> RunResults | Inversion:
    """Run an experiment; return its results, read into memory if no file is named."""
    config = _load_config(experiment, generator, images, options, settings)
    if isinstance(config, ImagesConfig) and images is None:
        images = config.image
    with ExitStack() as stack:
        progress = options.progress
        if progress is True:
            progress = stack.enter_context(open_display(quiet=False))
        elif progress:
            stack.enter_context(show_measurements(progress.enter))
        file = Path(options.out or experiment.results_file)
        if options.out is None:
            file = stack.enter_context(TemporaryDirectory(prefix="ganinv-")) / file
        request = Request(
            experiment,
            config,
            file,
            images=images,
            overwrite=options.overwrite,
            is_kept=options.out is not None,
        )
        request.check()
        if isinstance(generator, str | Path):
            request = replace(request, config=replace(config, checkpoint=str(generator)))
        elif generator is not None:
            request = replace(request, generator=_load_generator(generator, config))
        (found,) = run_requests([request], lambda: nullcontext(progress or SILENT))
        results = read_run(file, config.shown_threshold, in_memory=options.out is None)
        if found.images:
            results = results.select_images(found.images)
        return make_inversion(results) if experiment.inverts else results


def _load_config(
    experiment: Experiment,
    generator: GeneratorLike,
    images: Any,
    options: _Options,
    settings: dict[str, Any],
) -> Config:
    """Return the settings of a call. Raises ConfigError."""
    command = experiment.command
    path = find("config", options.config) if options.config else None
    given = check_keywords(experiment.config, command, settings)
    for (name, other), value in zip(_ARGUMENTS.items(), (generator, images), strict=True):
        if name in given and value is not None:
            raise ConfigError(f"{command} has {other} and {name}, which are one; give one of them")
    if experiment.has_images and generator is None and not (path or "checkpoint" in given):
        raise ConfigError(
            f"the generator of {experiment.function} is None; give one, e.g. a path, a module, or "
            '"portraits64"'
        )
    config = load_config(experiment.config, path, given)
    if experiment.inverts and len(config.clip) > 1:
        raise ConfigError(f"{command} takes one clipping rule; to compare rules, call it for each")
    return config


def _load_generator(generator: Any, config: Config) -> LoadedGenerator:
    """Return a loaded generator with the label of a config, or load a model or function."""
    conventions = config.conventions
    if not isinstance(generator, LoadedGenerator):
        named = {k: v for k, v in vars(conventions).items() if conventions.is_given(k)}
        return load_generator(generator, label=config.label, **named)
    _refuse_other_conventions(generator, conventions)
    return generator if config.label is None else replace(generator, label=config.label)


def _refuse_other_conventions(generator: LoadedGenerator, given: Conventions) -> None:
    """Raise ConfigError if a convention is given that the generator was not loaded with.

    Conventions decide what is read, inferred and checked then.
    """
    from ganinv_cli.prior import parse_prior

    for name, value in vars(given).items():
        if not given.is_given(name) or value == getattr(generator.conventions, name):
            continue
        if (
            name != "prior"
            or parse_prior(value, generator.latent_size) != generator.definition.prior
        ):
            raise ConfigError(
                f"{name} = {to_toml(value)}: {generator.name} is loaded already, without that; "
                f"load it so, as in ganinv.load(…, {name}={value!r})"
            )
