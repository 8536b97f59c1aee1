"""Numbers that span decades, in words."""


def scientific(value: float | None) -> str:
    """1.23e-5; 0.120, 12.3 and 12,345 where that is as short; a dash where there is no number."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if 0.01 <= abs(value) < 999.5:
        return f"{value:#.3g}".removesuffix(".")
    if 999.5 <= abs(value) < 1e5:
        return f"{value:,.0f}"
    digits, power = f"{value:.2e}".split("e")
    return f"{digits}e{int(power)}"


def concise(value: float) -> str:
    """1e-4: a number that was chosen, not measured."""
    digits, power = f"{value:e}".split("e")
    return f"{float(digits):g}e{int(power)}"


def interval(ends: list[float | None]) -> str:
    """[1.20e-5, 1.30e-5]; nothing where there is none."""
    return f"[{', '.join(map(scientific, ends))}]" if None not in ends else ""
