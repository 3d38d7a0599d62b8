"""Whether two verdicts on one case are alike, differ as tests/divergences.toml lists, or differ in a way that nobody listed."""

import math
import tomllib
from fnmatch import fnmatchcase

from world import project

CLOSE = 1e-9
FIGURES = ("limit_value", "attempted", "notional", "exposure")


def listed_differences() -> list[dict]:
    return tomllib.loads((project() / "tests/divergences.toml").read_text())["divergence"]


def judged(case, our, their, listed) -> str | None:
    """Empty when both say the same, the name of the listed difference, None for one that is not listed."""
    if our.decision == "allow" and their.decision != "allow":
        return None
    alike = our.words() == their.words()
    if alike and all(near(*pair) for pair in figures(our, their).values()):
        return ""
    for entry in listed:
        if entry["when"] not in case.tags:
            continue
        if alike and entry.get("figures") == "larger" and never_below(our, their):
            return entry["name"]
        if not alike and fnmatchcase(their.words(), entry["theirs"]) and fnmatchcase(our.words(), entry["ours"]):
            return entry["name"]
    return None


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


def near(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=CLOSE, abs_tol=1e-9)
