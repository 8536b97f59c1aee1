"""Table 2 and its companions in words."""

from collections.abc import Iterator
from itertools import groupby, islice

from ganinv_cli.report.consistency_minima import REACHED, SAME
from ganinv_cli.report.many import handling, listed, sentences, short, unread
from ganinv_cli.report.powers import concise, scientific
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.runs import run_notes
from ganinv_cli.report.wording import number
from ganinv_cli.statistics.certificate import POOR, WORDS

STRAYS = 20  # listed for an image and rule; JSON has them all
PLACE = "image,\ntechnique"


def sections(table2: list[Row], strays: list[Row], errors: list[Row]) -> list[Section]:
    """Is z unique; the distances; what converged, to what; strays; files that were not read."""
    if not table2:
        return unread(errors)
    return [
        _distances(table2),
        sentences(
            "Is z unique?",
            "image, technique: verdict",
            (f"{short(row['image'], 40)}, {row['technique']}: {row['verdict']}" for row in table2),
        ),
        _minima(table2),
        _losses(table2),
        _reached(table2),
        _places(table2),
        *_strays(table2, strays),
        *unread(errors),
    ]


def notes(run: Row, table2: list[Row], said: list[tuple[str, str]]) -> list[str]:
    """What is missing, what was run, what was done to the files, and how to read the tables."""
    lines = [*run_notes(run), *handling(said)]
    poor = [row for row in table2 if row["psnr"] is not None and row["psnr"] < min(WORDS)]
    if poor:
        lines.append(f"{listed(row['image'] for row in poor)}: {POOR}.")
    lines += [_outside(technique, list(of)) for technique, of in _beyond(table2)]
    lines.append(
        "Trials: recoveries. Distance: ‖zᵢ − zⱼ‖₂ / latent over pairs of recoveries, not squared, "
        "as the paper's; "
        "squared: E‖zᵢ − zⱼ‖₂² / latent. Paper: its value, for its own image and generator. "
        "Random: E‖u − v‖₂ / latent of independent u, v, uniform in [-1, 1]."
    )
    lines.append(
        f"A distinct minimum: recoveries that converged{_polish(table2)}, each nearer than "
        f"{concise(SAME)} to another of them (what has converged moves by less than half of that "
        "when it is solved on); one that did not converge is no minimum and is "
        "counted apart. Most frequent: recoveries at the minimum that was found most often. "
        f"Least loss: an image loss within {100 * REACHED:g} % of the least of all, or no more "
        "than rounding the image to 8 bits leaves."
    )
    if any(row["polished"] for row in table2):
        lines.append(
            "Converged, after polishing: the loss has creases, where ReLUs switch, in which its "
            "gradient does not vanish at a minimum. So the shortest convex combination of the "
            "gradients within .01 of z is taken (Goldstein 1977; Burke, Lewis & Overton 2005): "
            "descent along it could remove no more than 1e-5 of the loss within that ball, or the "
            "loss is as good as 0."
        )
    return lines


def _polish(table2: list[Row]) -> str:
    polished = {row["polished"] > 0 for row in table2}
    if polished == {True}:
        return " after polishing in float64"
    if polished == {False}:
        return ", by the solver's own word, for none was polished in float64"
    return " after polishing in float64, or by the solver's own word where none was polished"


def _table(table2: list[Row], title: str, columns: dict[str, list[str]]) -> Section:
    places = [f"{short(row['image'], 16)},\n{row['technique']}" for row in table2]
    rows = list(zip(places, *columns.values(), strict=True))
    return Section(title, (PLACE, *columns), rows)


def _distances(table2: list[Row]) -> Section:
    distance = [row["distance"] for row in table2]
    return _table(
        table2,
        "The paper's Table 2: distance between recoveries of one image",
        {
            "trials": [f"{row['recoveries']:,}" for row in table2],
            "mean": [scientific(each["mean"]) for each in distance],
            "paper": [scientific(row["paper"]) for row in table2],
            "median": [scientific(each["median"]) for each in distance],
            "largest": [scientific(each["largest"]) for each in distance],
            "squared": [scientific(each["mean_squared"]) for each in distance],
            "random": [scientific(row["baseline"]) for row in table2],
        },
    )


def _minima(table2: list[Row]) -> Section:
    minima = [row["minima"] for row in table2]
    return _table(
        table2,
        "How many converged, and to how many minima",
        {
            "trials": [f"{row['recoveries']:,}" for row in table2],
            "by\nsolver": [f"{row['converged']['solver']:,}" for row in table2],
            "polished": [_polished(row) for row in table2],
            "not\nconverged": [f"{row['not_converged']:,}" for row in table2],
            "distinct\nminima": [f"{each['distinct']:,}" for each in minima],
            "most\nfrequent": [f"{each['largest']:,}" for each in minima],
        },
    )


def _losses(table2: list[Row]) -> Section:
    losses = [row["image_loss"] for row in table2]
    return _table(
        table2,
        "Image loss, squared error summed over pixels in [-1, 1]",
        {
            "least": [scientific(each["least"]) for each in losses],
            "median": [scientific(each["median"]) for each in losses],
            "largest": [scientific(each["largest"]) for each in losses],
            "largest /\nleast − 1": [scientific(each["spread"]) for each in losses],
            "PSNR of\nbest (dB)": [number(row["psnr"]) for row in table2],
            "gradients": [number(row["gradients"]) for row in table2],
        },
    )


def _reached(table2: list[Row]) -> Section:
    reached = [row["reached"] for row in table2]
    return _table(
        table2,
        f"The recoveries within {100 * REACHED:g} % of the least image loss alone",
        {
            "trials": [f"{each['recoveries']:,}" for each in reached],
            "mean\ndistance": [scientific(each["distance"]["mean"]) for each in reached],
            "median\ndistance": [scientific(each["distance"]["median"]) for each in reached],
            "squared": [scientific(each["distance"]["mean_squared"]) for each in reached],
            "converged": [f"{each['converged']:,}" for each in reached],
            "distinct\nminima": [f"{each['distinct']:,}" for each in reached],
        },
    )


def _places(table2: list[Row]) -> Section:
    outside, at_bound = ([row[key] for row in table2] for key in ("outside", "at_bound"))
    return _table(
        table2,
        "How many components of z lie outside the box [-1, 1] that z is drawn from",
        {
            "of": [f"{row['latent']:,}" for row in table2],
            "outside,\nmedian": [f"{each['median']:g}" for each in outside],
            "outside,\nmost": [f"{each['most']:,}" for each in outside],
            "or at its edge,\nmedian": [f"{each['median']:g}" for each in at_bound],
            "or at its edge,\nmost": [f"{each['most']:,}" for each in at_bound],
        },
    )


def _beyond(table2: list[Row]) -> Iterator[tuple[str, Iterator[Row]]]:
    """The rows of each technique whose recoveries mostly leave the box."""
    rows = (row for row in table2 if row["outside"]["median"] > 0)
    return groupby(sorted(rows, key=_technique), _technique)


def _technique(row: Row) -> str:
    return str(row["technique"])


def _outside(technique: str, rows: list[Row]) -> str:
    medians = sorted({row["outside"]["median"] for row in rows})
    ends = f"{medians[0]:g}" + (f" to {medians[-1]:g}" if len(medians) > 1 else "")
    return (
        f"With {technique}, {ends} of {rows[0]['latent']} components of z (median over the "
        "recoveries of an image) end outside the box, where no z is drawn."
    )


def _strays(table2: list[Row], strays: list[Row]) -> list[Section]:
    """Of the images and rules with a minimum that most recoveries are, the first strays."""
    mostly = {_key(row) for row in table2 if row["minima"]["mostly_one"]}
    there = [row for row in strays if _key(row) in mostly]
    shown = [
        row
        for _, of in groupby(there, _key)  # the rows of an image and rule stand together
        for row in islice(of, STRAYS)
    ]
    if not shown:
        return []
    more = len(there) - len(shown)
    title = "Recoveries away from the minimum that most are" + (
        f"; {more:,} more are in the JSON" if more else ""
    )
    return [
        Section(
            title,
            ("image, technique", "trial", "image loss", "distance", "converged", "restarts"),
            [
                (
                    f"{short(row['image'], 17)}, {row['technique']}",
                    f"{row['trial']:,}",
                    scientific(row["image_loss"]),
                    scientific(row["distance"]),
                    "yes" if row["converged"] else "no",
                    f"{row['restarts']:,}",
                )
                for row in shown
            ],
        )
    ]


def _key(row: Row) -> tuple[int, str]:
    return row["number"], row["technique"]


def _polished(row: Row) -> str:
    """How many converged after polishing, and of how many where not all were polished."""
    count, polished = row["converged"]["polished"], row["polished"]
    if count is None:
        return "-"
    return f"{count:,}" + (f" of {polished:,}" if polished < row["recoveries"] else "")
