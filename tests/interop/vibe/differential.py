"""The same random cases before both gates. We never allow what they refuse; any other difference has its reason on a list."""

import dataclasses
import math
import time
import tomllib
from collections import Counter
from fnmatch import fnmatchcase

import gates
from cases import every_case
from world import Failed, World, cases, is_full_run, project, seed

CLOSE = 1e-9


def both_gates_decide_alike() -> str:
    """Decision, limit and figures of every case, but for what tests/divergences.toml lists."""
    listed = tomllib.loads((project() / "tests/divergences.toml").read_text())["divergence"]
    found, words, compared = Counter(), Counter(), 0
    with World() as world:
        drawn = list(every_case(cases(), seed()))
        started = time.monotonic()
        ours = gates.ours(drawn, world)
        our_seconds = time.monotonic() - started
        for index, (case, our) in enumerate(zip(drawn, ours)):
            their = gates.theirs(case, world)
            words[their.words()] += 1
            compared += figures(our, their)
            name = judged(case, our, their, listed)
            if name is None:
                raise Failed(difference(index, case, our, their))
            found[name] += 1
    stale = [entry["name"] for entry in listed if not found[entry["name"]]]
    if stale and is_full_run():
        raise Failed(f"listed in tests/divergences.toml and not seen in {cases()} cases, seed {seed()}: {', '.join(stale)}")
    same = found.pop("")
    differ = ", ".join(f"{count} {name}" for name, count in sorted(found.items()))
    unseen = f"; not seen in so few cases: {', '.join(stale)}" if stale else ""
    print_words(words)
    return (f"{cases()} cases, seed {seed()}: {same} alike, {sum(found.values())} as listed ({differ}), 0 that we allow and they do not; "
            f"{compared} figures compared; explain took {our_seconds:.1f} s{unseen}")


def judged(case, our, their, listed) -> str | None:
    """Empty when both say the same, the name of the listed difference, None for one that is not listed."""
    if our.decision == "allow" and their.decision != "allow":
        return None
    alike = our.words() == their.words()
    if alike and all(near(*pair) for pair in pairs(our, their)):
        return ""
    for entry in listed:
        if entry["when"] not in case.tags:
            continue
        if alike and entry.get("figures") == "larger" and all(left >= right * (1 - CLOSE) for left, right in pairs(our, their)[1:]):
            return entry["name"]
        if not alike and fnmatchcase(their.words(), entry["theirs"]) and fnmatchcase(our.words(), entry["ours"]):
            return entry["name"]
    return None


def pairs(our, their) -> list[tuple[float, float]]:
    """Figures that both give, ours first: the limit, then what the order would reach."""
    both = [(our.limit_value, their.limit_value), (our.attempted, their.attempted), (our.notional, their.notional), (our.exposure, their.exposure)]
    numbers = [(left, right) for left, right in both if left is not None and right is not None and math.isfinite(right)]
    return numbers


def figures(our, their) -> int:
    return len(pairs(our, their)) if our.words() == their.words() else 0


def near(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=CLOSE, abs_tol=1e-9)


def difference(index: int, case, our, their) -> str:
    what = "we allow what they refuse" if our.decision == "allow" and their.decision != "allow" else "a difference that is not listed"
    return (f"{what}, case {index} of seed {seed()}\n  theirs {their}\n  ours   {our}\n  tags {sorted(case.tags)}, exact {case.exact}\n"
            f"  explain: {gates.our_line(case)}\n  their intent: {dataclasses.asdict(gates.their_intent(case))}\n"
            f"  their price {gates.their_price(case)}, positions {gates.their_positions(case)}, count {case.daily_count}")


def print_words(words: Counter) -> None:
    print("    theirs: " + ", ".join(f"{count} {word}" for word, count in words.most_common()))


CHECKS = [both_gates_decide_alike]
