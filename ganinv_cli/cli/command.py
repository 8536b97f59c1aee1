"""The class of commands: help in two steps, and errors that say what to type."""

import inspect
import shlex
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product, takewhile
from typing import Any

import click

from ganinv_cli.cli.options import CommaList, WholeNumber
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.settings.declare import GROUPS

FIRST_GROUP, HELP = "Options most people need", "Help"
FIRST_COLUMN = 22  # widest name of an option beside its description, in the short help
END_OF_SHORT_HELP = "\f\n"  # in a description, as click has it
SUBSTITUTES = dict.fromkeys(  # options of other programs, and of earlier versions
    ("--lr", "--rate", "--learning-rate"),
    "--solver gd --set gd.rate=0.5 (a rate is a setting of a solver)",
) | {
    "--json": "--format json",
    "--partial": "the command without it (rows may be missing)",
    "merge --out": "ganinv merge OUT.h5 PART.h5... (the first name is the file to write)",
}
ENDINGS = {"config": (".toml",), "out": (".h5", ".png"), "z_file": (".npy", ".npz")}  # of options


class GroupedCommand(click.Command):
    """A command whose help has two steps.

    --help has the description up to a form feed, the options named in `first`, and a line about
    each group of the others. --help-all has everything. Without `first` --help has everything too.
    """

    allow_extra_args = True  # `parse_args` says where they belong

    def __init__(self, *args: Any, first: tuple[str, ...] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.first = first  # names of parameters, in the order of the help
        self._help_all = click.Option(
            ["--help-all"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            hidden=not first,
            callback=_show_all,
            help="Explain all options and exit.",
        )

    @property
    def description(self) -> str:
        """The whole description."""
        return inspect.cleandoc(self.help or "").replace(END_OF_SHORT_HELP, "")

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), self._help_all]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options most people need, and what the other groups are about."""
        if not self.first:
            super().format_options(ctx, formatter)
            return
        (title, records), *others = self._list_sections(ctx).items()
        with formatter.section(title):
            formatter.write_dl(records, FIRST_COLUMN)
        with formatter.section(f"More options ({ctx.command_path} --help-all explains them)"):
            formatter.write_dl([(title, GROUPS[title]) for title, _ in others if title in GROUPS])

    def get_all_help(self, ctx: click.Context) -> str:
        """Return the whole help."""
        if not self.first:
            return self.get_help(ctx)
        formatter = ctx.make_formatter()
        self.format_usage(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(self.description)
        for title, records in self._list_sections(ctx).items():
            with formatter.section(title):
                formatter.write_dl(records)
        return formatter.getvalue().rstrip("\n")

    def _list_sections(self, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
        """Return the options by group, each as typed and with its description."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        by_name = {option.name: option for option in options}
        groups = {FIRST_GROUP: [by_name.pop(name) for name in self.first]} | {
            title: [each for each in by_name.values() if getattr(each, "group", HELP) == title]
            for title in (*GROUPS, HELP)
        }
        sections = {
            title: [record for each in members if (record := each.get_help_record(ctx))]
            for title, members in groups.items()
        }
        return {title: records for title, records in sections.items() if records}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an error for a likely slip says what to type instead."""
        given = list(args)  # which parsing consumes
        if "-" in args:
            raise UsageError("standard input is not read; save it to a file, and name that for -")
        try:
            extra = super().parse_args(ctx, args)
            if not extra or ctx.resilient_parsing:
                return extra
            said = f"unexpected argument {shlex.join(extra)}"
            meant = self._join_list(given) or self._find_option(extra)
        except click.NoSuchOption as error:
            said = f"no option {error.option_name}"
            names = error.option_name, f"{ctx.info_name} {error.option_name}"
            substitutes = filter(None, map(SUBSTITUTES.get, names))
            meant = next(filter(self._has_option, substitutes), "") or self._join_list(given)
            if not meant:
                raise
        except click.BadParameter as error:
            option = error.param if isinstance(error.param, click.Option) else None
            if self.first and option and option.name not in self.first:
                ctx.help_option_names = ["--help-all"]  # named by the error: it has the option
            raise
        raise click.UsageError(f"{said}; type {meant}" if meant else said, ctx)

    def _has_option(self, advice: str) -> bool:
        """Return whether the command has the option that an advice begins with, if it does."""
        known = {name for each in self.params for name in each.opts}
        return not advice.startswith("--") or advice.split()[0] in known

    def _join_list(self, args: list[str]) -> str:
        """Return a list that is separated by spaces with commas; empty if none is."""
        words = [word for arg in args for word in arg.split("=", 1)]
        for option in self.params:
            for name in set(option.opts).intersection(words):
                takes = partial(_converts, option.type)
                values = list(takewhile(takes, words[words.index(name) + 1 :]))
                if isinstance(option.type, CommaList) and len(values) > 1:
                    joined = ",".join(value.strip(",") for value in values)
                    return f"{name} {joined} (a list has commas)"
        return ""

    def _find_option(self, words: list[str]) -> str:
        """Return the option that one of these words needs, and the word; empty if none fits."""
        options = [each for each in self.params if isinstance(each, click.Option)]
        options.sort(key=lambda each: (each.name != "checkpoint", each.name not in self.first))
        for option, word in product(options, words):
            if _takes(option, word):
                return f"{option.opts[0]} {shlex.quote(word)}"
        return ""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with --verbose, the traceback behind an error is printed."""
        try:
            return super().invoke(ctx)
        except (GaninvError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if ctx.params.get("verbose") and cause:
                traceback.print_exception(cause)
            raise


@contextmanager
def explain_usage_errors() -> Iterator[None]:
    """Turn an error of click into a UsageError: one sentence, which names the help."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # shows the help
    except click.UsageError as error:
        sentence = error.format_message().rstrip(".")
        if error.ctx and "; type " not in sentence and "?" not in sentence:
            sentence += f" (see {error.ctx.command_path} {error.ctx.help_option_names[-1]})"
        raise UsageError(sentence) from None


def _show_all(ctx: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    """Print the whole help and exit, if it is wanted."""
    if is_wanted and not ctx.resilient_parsing:
        assert isinstance(ctx.command, GroupedCommand)
        click.echo(ctx.command.get_all_help(ctx), color=ctx.color)
        ctx.exit()


def _takes(option: click.Option, word: str) -> bool:
    """Return whether a word without its option is likely to be meant for an option."""
    from ganinv_cli.generators.formats import is_generator
    from ganinv_cli.images.files import is_image_name

    if option.name == "checkpoint":
        return is_generator(word)
    if option.name == "image":
        return is_image_name(word)
    if option.name == "assignments":
        return "=" in word
    if isinstance(option.type, click.Choice | WholeNumber | CommaList):
        return _converts(option.type, word)
    return word.endswith(ENDINGS.get(option.name or "", ()))


def _converts(kind: click.ParamType[Any], word: str) -> bool:
    """Return whether a word is a value of a type."""
    try:
        kind.convert(word, None, None)
    except click.BadParameter:
        return False
    return True
