"""Whether two verdicts on one case are alike, differ as tests/divergences.toml lists, or differ in a way that nobody listed.

That we allow what they refuse is taken for a cap that is kept by exact arithmetic (rounding.py), and for nothing else.
"""

import math
import tomllib
from fnmatch import fnmatchcase

from rounding import CLOSE, near, rounding_alone
from world import project

FIGURES = ("limit_value", "attempted", "notional", "exposure")


def listed_differences() -> list[dict]:
    return tomllib.loads((project() / "tests/divergences.toml").read_text())["divergence"]


def judged(case, our, their, listed) -> str | None:
    """Empty when both say the same, the name of the listed difference, None for one that is not listed."""
    if our.words() == their.words() and all(near(*pair) for pair in figures(our, their).values()):
        return ""
    return next((entry["name"] for entry in listed if entry["when"] in case.tags and covers(entry, case, our, their)), None)


def covers(entry: dict, case, our, their) -> bool:
    """Whether an entry with the case's tag is about this difference."""
    if our.words() == their.words():
        return entry.get("figures") == "larger" and never_below(our, their)
    fits = fnmatchcase(their.words(), entry["theirs"]) and fnmatchcase(our.words(), entry["ours"])
    if entry.get("cap") == "kept":
        return fits and rounding_alone(case, our, their)
    return fits and not lets_through(our, their)


def lets_through(our, their) -> bool:
    """We allow what they refuse."""
    return our.decision == "allow" and their.decision != "allow"


def figures(our, their) -> dict[str, tuple[float, float]]:
    """By name, the figures that both give where they decide alike, ours first."""
    if our.words() != their.words():
        return {}
    both = {name: (getattr(our, name), getattr(their, name)) for name in FIGURES}
    return {name: pair for name, pair in both.items() if None not in pair and math.isfinite(pair[1])}


def never_below(our, their) -> bool:
    """The limit is the same, and what we say that the order reaches is at least what they say."""
    return all(near(left, right) if name == "limit_value" else left >= right * (1 - CLOSE)
               for name, (left, right) in figures(our, their).items())
