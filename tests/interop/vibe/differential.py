"""The same random cases before both gates: they decide alike, or the difference has its reason on a list."""

import dataclasses
import time
from collections import Counter

import gates
from cases import every_case
from judging import figures, judged, lets_through, listed_differences
from world import Failed, World, cases, is_full_run, seed


def both_gates_decide_alike() -> str:
    """Decision, limit and figures of every case, but for what tests/divergences.toml lists."""
    listed = listed_differences()
    found, words, compared, through = Counter(), Counter(), 0, 0
    with World() as world:
        drawn = list(every_case(cases(), seed()))
        started = time.monotonic()
        ours = gates.ours(drawn, world)
        our_seconds = time.monotonic() - started
        for index, (case, our) in enumerate(zip(drawn, ours)):
            their = gates.theirs(case, world)
            words[their.words()] += 1
            compared += len(figures(our, their))
            name = judged(case, our, their, listed)
            if name is None:
                raise Failed(difference(index, case, our, their))
            found[name] += 1
            through += lets_through(our, their)
    stale = [entry["name"] for entry in listed if not found[entry["name"]]]
    if stale and is_full_run():
        raise Failed(f"listed in tests/divergences.toml and not seen in {cases()} cases, seed {seed()}: {', '.join(stale)}")
    same = found.pop("")
    differ = ", ".join(f"{count} {name}" for name, count in sorted(found.items()))
    unseen = f"; not seen in so few cases: {', '.join(stale)}" if stale else ""
    print_words(words)
    return (f"{cases()} cases, seed {seed()}: {same} alike, {sum(found.values())} as listed ({differ}); "
            f"we allow {through} that they refuse, all at a cap that exact arithmetic finds kept; {compared} figures compared; explain took {our_seconds:.1f} s{unseen}")


def difference(index: int, case, our, their) -> str:
    what = "we allow what they refuse" if lets_through(our, their) else "a difference that is not listed"
    return (f"{what}, case {index} of seed {seed()}\n  theirs {their}\n  ours   {our}\n  tags {sorted(case.tags)}, kind {case.kind}, caps {case.caps}\n"
            f"  explain: {gates.our_line(case)}\n  their intent: {dataclasses.asdict(gates.their_intent(case))}\n"
            f"  their price {gates.their_price(case)}, positions {gates.their_positions(case)}, count {case.daily_count}")


def print_words(words: Counter) -> None:
    print("    theirs: " + ", ".join(f"{count} {word}" for word, count in words.most_common()))


CHECKS = [both_gates_decide_alike]
