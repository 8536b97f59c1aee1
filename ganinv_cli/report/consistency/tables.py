"""Table 2 and its companions in words."""

from itertools import groupby, islice

from ganinv_cli.prior import Prior
from ganinv_cli.report.consistency import labels
from ganinv_cli.report.consistency.minima import TOLERANCES
from ganinv_cli.report.output.number_format import concise, number, scientific
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared.image_names import by_image, sentence, unread
from ganinv_cli.report.shared.prior import box

STRAYS = 20  # listed for an image and rule; JSON has them all
PLACE = "image,\ntechnique"


def sections(
    table2: list[Row], strays: list[Row], errors: list[Row], labelled: list[Row], prior: Prior
) -> list[Section]:
    """Is z unique; the distances; what converged, to what; strays; files that were not read."""
    if not table2:
        return unread(errors)
    return [
        _distances(table2),
        by_image(
            "Is z unique?",
            ("image, technique: verdict",),
            table2,
            lambda row, name: sentence(f"{name}, {row['technique']}: {row['verdict']}"),
            longest=40,
        ),
        _minima(table2),
        *labels.sections(labelled),
        _tolerances(table2),
        _losses(table2),
        _reached(table2),
        _places(table2, prior),
        *_strays(strays),
        *unread(errors),
    ]


def _table(table2: list[Row], title: str, columns: dict[str, list[str]]) -> Section:
    cells = {_key(row): each for row, *each in zip(table2, *columns.values(), strict=True)}
    return by_image(
        title,
        (PLACE, *columns),
        table2,
        lambda row, name: (f"{name},\n{row['technique']}", *cells[_key(row)]),
        longest=16,
    )


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


def _tolerances(table2: list[Row]) -> Section:
    return _table(
        table2,
        "Distinct minima, by the distance below which two recoveries are one z",
        {
            concise(at): [f"{row['minima']['distinct_at'][name]:,}" for row in table2]
            for name, at in TOLERANCES.items()
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
        "The recoveries that reached the least image loss alone",
        {
            "trials": [f"{each['recoveries']:,}" for each in reached],
            "mean\ndistance": [scientific(each["distance"]["mean"]) for each in reached],
            "median\ndistance": [scientific(each["distance"]["median"]) for each in reached],
            "squared": [scientific(each["distance"]["mean_squared"]) for each in reached],
            "converged": [f"{each['converged']:,}" for each in reached],
            "distinct\nminima": [f"{each['distinct']:,}" for each in reached],
        },
    )


def _places(table2: list[Row], prior: Prior) -> Section:
    outside, at_bound = ([row[key] for row in table2] for key in ("outside", "at_bound"))
    return _table(
        table2,
        f"How many components of z lie outside the box {box(prior)} that z is drawn from",
        {
            "of": [f"{row['latent']:,}" for row in table2],
            "outside,\nmedian": [_count(each["median"]) for each in outside],
            "outside,\nmost": [_count(each["most"]) for each in outside],
            "or at its edge,\nmedian": [_count(each["median"]) for each in at_bound],
            "or at its edge,\nmost": [_count(each["most"]) for each in at_bound],
        },
    )


def _count(components: float | None) -> str:
    return "-" if components is None else f"{components:g}"


def _strays(strays: list[Row]) -> list[Section]:
    """The first of each image and rule."""
    shown = [
        row
        for _, of in groupby(strays, _key)  # the rows of an image and rule stand together
        for row in islice(of, STRAYS)
    ]
    if not shown:
        return []
    more, labelled = len(strays) - len(shown), "label" in shown[0]
    title = "Recoveries away from the minimum that most are" + (
        f"; {more:,} more are in the JSON" if more else ""
    )
    return [
        by_image(
            title,
            (
                *("image, technique", "trial", "image loss", "distance", "converged", "restarts"),
                *(["label"] if labelled else []),
            ),
            shown,
            lambda row, name: (
                f"{name}, {row['technique']}",
                f"{row['trial']:,}",
                scientific(row["image_loss"]),
                scientific(row["distance"]),
                "yes" if row["converged"] else "no",
                f"{row['restarts']:,}",
                *([f"{row['label']}"] if labelled else []),
            ),
            longest=10 if labelled else 17,
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
