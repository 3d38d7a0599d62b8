"""The judge of the random cases before verdicts made by hand: a wrong figure or an order let through is noticed."""

from dataclasses import replace

from cases import Case
from gates import Verdict
from judging import judged, listed_differences
from world import equal

SPREAD = Case(exact=True, tags={"spread"})
PLAIN = Case(exact=True)
FITS = Verdict("allow", notional=100.0, exposure=300.0)
TOO_MUCH = Verdict("pause_for_reauth", "max_total_exposure_usd", limit_value=250.0, attempted=300.0)


def every_planted_difference_is_noticed() -> str:
    """Verdicts that are alike pass, larger figures pass where the list says so, and everything else is a failure."""
    return f"{planted_figures()} verdicts"


def planted_figures() -> int:
    """A figure of ours may be above theirs under a tag that says so, never below, and the limit is always the same."""
    verdicts = [
        (PLAIN, FITS, FITS, ""),
        (PLAIN, replace(FITS, notional=101.0), FITS, None),
        (SPREAD, replace(FITS, notional=101.0), FITS, "spread"),
        (SPREAD, replace(FITS, notional=101.0, exposure=301.0), FITS, "spread"),
        (SPREAD, replace(FITS, notional=99.99), FITS, None),
        (SPREAD, replace(FITS, notional=99.99, exposure=301.0), FITS, None),
        (SPREAD, replace(FITS, exposure=299.99), FITS, None),
        (SPREAD, replace(TOO_MUCH, attempted=301.0), TOO_MUCH, "spread"),
        (SPREAD, replace(TOO_MUCH, attempted=299.99), TOO_MUCH, None),
        (SPREAD, replace(TOO_MUCH, attempted=301.0, limit_value=250.01), TOO_MUCH, None),
        (SPREAD, replace(TOO_MUCH, attempted=301.0, limit_value=249.99), TOO_MUCH, None),
    ]
    return all_judged(verdicts)


def all_judged(verdicts) -> int:
    listed = listed_differences()
    for number, (case, our, their, wanted) in enumerate(verdicts):
        equal(judged(case, our, their, listed), wanted, f"verdict {number}, ours {our}, theirs {their}, tags {sorted(case.tags)}")
    return len(verdicts)


CHECKS = [every_planted_difference_is_noticed]
