"""How numbers and values are written."""

from typing import Any

from review.markup import as_text

ABSENT = "—"


def p_value(p: float) -> str:
    """Write a p-value with its relation sign, to three decimals or two figures."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.4f}" if p < 0.01 else f"= {p:.3f}"


def percent(share: float) -> str:
    """Write a confidence, 0.95 say, in percent."""
    return f"{100 * share:g}%"


def points(share: float) -> str:
    """Write a difference of proportions in percentage points, signed."""
    return f"{100 * share:+.2f}"


def value(found: Any) -> str:
    """Write a value of params or environment; an absent one, or an empty list, as a dash."""
    if isinstance(found, list):
        return ", ".join(map(as_text, found)) or ABSENT
    return ABSENT if found is None else as_text(found)


def number(found: float, sign: str = "") -> str:
    """Write a whole number in full, another to four decimals, or figures where those say little."""
    if isinstance(found, int):
        return f"{found:{sign},}"
    return f"{found:{sign}.4f}" if not found or 0.001 <= abs(found) < 1e6 else f"{found:{sign}.4g}"
