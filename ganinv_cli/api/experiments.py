"""The experiments of the paper, and the inversion of images, as functions."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ganinv_cli.api.results import Inversion, RunResults, make_inversion, read_run
from ganinv_cli.engine.loaded_generator import LoadedGenerator, read_generator
from ganinv_cli.errors import ConfigError
from ganinv_cli.progress import SILENT, Reporter
from ganinv_cli.progress.display import open_display
from ganinv_cli.settings.config import CONFIGS
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.declare import to_toml
from ganinv_cli.settings.load import check_keywords, load
from ganinv_cli.settings.shipped import find

GeneratorLike = LoadedGenerator | str | Path | None


def recover(
    generator: GeneratorLike = None,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Any,
) -> RunResults:
    """Recover known latent vectors: Table 1 of the paper, as `ganinv recover` does.

    Draws latent vectors from the prior, makes their images, and recovers each under every clipping
    rule from the same start.

    Args:
        generator: from `load`, or what `load` takes; None: the config's, or the default one.
        config: TOML file with settings, or the name of a shipped one, e.g. "paper-text".
        out: results file. Finished trials are saved there during the run, the same call goes on
            after an interruption, and more trials extend it. None: results are kept in memory.
        overwrite: whether to start again if `out` exists.
        progress: whether to show progress on stderr, or what shows it (`ganinv_cli.progress`).
        settings: any setting of a config file (docs/cli.md); one that would have no effect is
            refused. A loaded generator takes another label, but no other conventions. Among them
            trials: latent vectors to recover, 1 to 2³¹; default 1000.
            rule: clipping rules: "none", "standard", "stochastic", "zero", "reflect" or "wall", or
                several of them; default the first three.
            solver: "lbfgs" (the default) or "gd", the paper's gradient descent; a table of its
                settings, e.g. gd={"rate": "stable"}.
            seed: seed for all random numbers, 0 to 2³² - 1; default 0.
            device: "auto", "cpu", "gpu", or some GPUs, e.g. "gpu:0,1".
            engine: "local" or "ray".

    Returns:
        The results. Trials that failed are results, not errors.

    Raises:
        ConfigError: a setting has a wrong name or value.
        ResultsError: `out` holds another run, or another process is writing it.

    Examples:
        >>> t = ganinv.recover("faces16", trials=4, rule="stochastic", seed=1)
        >>> row = t.tables["table1"][0]
        >>> row["technique"], row["trials"], row["recovered"]["1e-4"]
        ('stochastic', 4, 4)
        >>> t.columns("stochastic")["z_found"].shape
        (4, 100)
    """
    return _run("recover", generator, None, config, out, overwrite, progress, settings)


def noise_sweep(
    generator: GeneratorLike = None,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Any,
) -> RunResults:
    """Recover latent vectors from noisy images: Figure 2, as `ganinv noise-sweep` does.

    Args:
        settings: as for `recover`; trials: latent vectors to recover at each variance, default 100;
            variances: of the Gaussian noise, for pixels in [-1, 1], each 0 or more.

    The other arguments, the result and the errors are those of `recover`.

    Examples:
        >>> t = ganinv.noise_sweep("faces16", trials=2, variances=[0.001, 0.1], rule="none")
        >>> t.groups
        ['variance=0.001/none', 'variance=0.1/none']
    """
    return _run("noise-sweep", generator, None, config, out, overwrite, progress, settings)


def consistency(
    generator: GeneratorLike,
    images: Any,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Any,
) -> RunResults:
    """Recover each image many times: Table 2 of the paper, as `ganinv consistency` does.

    Args:
        images: as for `invert`.
        settings: as for `recover`; trials: recoveries of each image under each rule, default 100.

    The other arguments, the result and the errors are those of `recover`.

    Examples:
        >>> G = ganinv.load("faces16")
        >>> t = ganinv.consistency(G, G(G.draw_z(1, seed=3)), trials=4, rule="none")
        >>> t.tables["table2"][0]["recoveries"]
        4
    """
    return _run("consistency", generator, images, config, out, overwrite, progress, settings)


def invert(
    generator: GeneratorLike,
    images: Any,
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Any,
) -> Inversion:
    """Find the latent vectors of images, each with a verdict, as `ganinv invert` does.

    Args:
        generator: from `load`, or what `load` takes; None: the config's, or the default one.
        images: one image or several: paths of files (with .npy and .npz) or folders, PIL images,
            or arrays: (h, w, c) or (n, h, w, c), uint8 from 0 to 255, or floats from -1 to 1, which
            are rounded to 8 bits. An image of another size is cropped to its middle square and
            resized.
        settings: as for `recover`, and those of `invert`, e.g. crop="none", mask="glasses.png";
            rule: one clipping rule, default "stochastic"; starts: starts for each image, of which
            the best is kept, default 8, or one per label if these are more.

    The other arguments are those of `recover`. With `out`, images that the file holds already are
    not done again.

    Returns:
        One row per image, in the order given.

    Raises:
        ImageError: an image cannot be read, or an array is no image.
        ConfigError: a setting has a wrong name or value.
        ResultsError: `out` holds another run, or another process is writing it.

    Source:
        The optimisation and the clipping rules are those of Lipton & Tripathi 2017, section 2.

    Examples:
        >>> G = ganinv.load("faces16")
        >>> z = G.draw_z(2, seed=3)
        >>> r = ganinv.invert(G, G(z), starts=2, seed=0)
        >>> r.z.shape, r.verdict
        ((2, 100), ['made', 'made'])
        >>> bool(abs(r.z - z).max() < 0.05), r.agreement.tolist(), r.inside.tolist()
        (True, [1.0, 1.0], [True, True])
    """
    run = _run("invert", generator, images, config, out, overwrite, progress, settings)
    return make_inversion(run)


def open_results(path: str | Path) -> RunResults | Inversion:
    """Open a results file, also of a run in progress.

    Args:
        path: a file that a command or a function of ganinv has written, e.g. "recover.h5".

    Returns:
        An `Inversion` for results of `invert`, else `RunResults`.

    Raises:
        ResultsError: there are no results, or the file is damaged or from a newer ganinv.

    Examples:
        >>> t = ganinv.recover("faces16", trials=2, rule="none", out="recover.h5")
        >>> ganinv.open("recover.h5").answer == t.answer
        True
    """
    run = read_run(Path(path))
    return make_inversion(run) if run.command == "invert" else run


def _run(
    command: str,
    generator: GeneratorLike,
    images: Any,
    config_file: str | Path | None,
    out: str | Path | None,
    overwrite: bool,
    progress: bool | Reporter,
    settings: dict[str, Any],
) -> RunResults:
    """Run an experiment; return its results, read into memory if no file is named."""
    kind, path = CONFIGS[command], find("config", config_file) if config_file else None
    given = check_keywords(kind, command, settings)
    for name, other, value in (("checkpoint", "generator", generator), ("image", "images", images)):
        if name in given and value is not None:
            raise ConfigError(f"{command} has {other} and {name}, which are one; give one of them")
    config = load(kind, path, given)
    if command == "invert" and len(config.clip) > 1:
        raise ConfigError("invert takes one clipping rule; to compare rules, call it for each")
    with ExitStack() as stack:
        if progress is True:
            progress = stack.enter_context(open_display(quiet=False))
        file = Path(f"{command}.h5" if out is None else out)
        if out is None:
            file = stack.enter_context(TemporaryDirectory(prefix="ganinv-")) / file
        reporter = progress or SILENT
        if isinstance(generator, LoadedGenerator):
            _refuse_other_conventions(generator, config.conventions)
            if "label" in given or config.label >= 0:
                generator = replace(generator, label=config.label)
        else:
            name = config.checkpoint if generator is None else str(generator)
            generator = read_generator(replace(config, checkpoint=name), reporter)
        from ganinv_cli.experiments.plan import ImageInputs  # after TensorFlow has started
        from ganinv_cli.experiments.run import run_experiment

        found = run_experiment(
            generator.configure(config),
            generator,
            file,
            reporter,
            overwrite=overwrite,
            inputs=ImageInputs(images),
        )
        results = read_run(file, in_memory=out is None)
        return results.select_images(found.images) if found else results


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
            or parse_prior(value, generator.latent_size) != generator.checkpoint.prior
        ):
            raise ConfigError(
                f"{name} = {to_toml(value)}: {generator.name} is loaded already, without that; "
                f"load it so, as in ganinv.load(…, {name}={value!r})"
            )
