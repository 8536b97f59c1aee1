"""Numbers of the tables as text."""

import math

import pytest

from ganinv_cli.number_format import format_number, format_scientific


@pytest.mark.parametrize(
    ("number", "text", "scientific"),
    [
        (None, "-", "-"),
        (0.0, "0", "0"),
        (0.0123456, "0.012", "0.0123"),
        (12345.6, "12,346", "12,346"),
        (-1e-5, "-0.000", "-1.00e-5"),
        (1e300, "1e+300", "1.00e300"),
        (math.nan, "nan", "nan"),
        (math.inf, "inf", "inf"),
        (-math.inf, "-inf", "-inf"),
    ],
)
def test_any_number_has_a_text(number, text, scientific):
    assert (format_number(number), format_scientific(number)) == (text, scientific)
