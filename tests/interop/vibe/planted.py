"""The judge of the random cases before verdicts made by hand: a wrong figure or an order let through is noticed."""

from dataclasses import replace
from decimal import Decimal

from cases import Case
from gates import Verdict
from judging import judged, listed_differences
from world import equal

SPREAD = Case(kind="exact", tags={"spread"})
PLAIN = Case(kind="exact")
FITS = Verdict("allow", notional=100.0, exposure=300.0)
TOO_MUCH = Verdict("pause_for_reauth", "max_total_exposure_usd", limit_value=250.0, attempted=300.0)


def every_planted_difference_is_noticed() -> str:
    """Verdicts that are alike pass, larger figures pass where the list says so, and everything else is a failure."""
    return (f"{planted_figures()} verdicts with figures, {planted_roundings()} on caps that are met, "
            f"{planted_entries()} before a list that would excuse them")


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


def at_caps(kind: str = "decimal", **caps: str) -> Case:
    """0.07 at $300, which is $21, where nothing else is held; as binary floats 21.000000000000004."""
    wide = {"account_funding_usd": "1000", "max_order_notional_usd": "1000", "max_total_exposure_usd": "1000", "max_leverage": "4"}
    return Case(kind=kind, symbol="ETHUSDT", price=Decimal(300), qty=Decimal("0.07"), tags={kind},
                caps={name: Decimal(value) for name, value in (wide | caps).items()})


def planted_roundings() -> int:
    """We may allow what they refuse at a cap that is kept exactly, by the figures of exact arithmetic, and nowhere else."""
    order, exposure = "max_order_notional_usd", "max_total_exposure_usd"
    met, allowed = at_caps(max_order_notional_usd="21"), Verdict("allow", notional=21.0, exposure=21.0)
    pause = lambda limit, value, attempted: Verdict("pause_for_reauth", limit, value, attempted)
    refused = pause(order, 21.0, 21.000000000000004)
    kept = "cap met in decimals"
    verdicts = [
        (met, allowed, refused, kept),
        (at_caps(max_leverage="0.8", account_funding_usd="26.25"), allowed, pause("max_leverage", 0.8, 0.8000000000000002), kept),
        (at_caps(account_funding_usd="21"), allowed, pause("account_funding_usd", 21.0, 21.000000000000004), kept),
        # Both refuse, we by a cap that is passed in truth.
        (at_caps(max_order_notional_usd="21", max_total_exposure_usd="20.99"), pause(exposure, 20.99, 21.0), refused, kept),
        (met, pause(exposure, 1000.0, 21.0), refused, None),
        # Not drawn as a decimal case.
        (at_caps("exact", max_order_notional_usd="21"), allowed, refused, None),
        # The cap is passed in truth: by a hundredth, and by less than their rounding.
        (at_caps(max_order_notional_usd="20.99"), allowed, pause(order, 20.99, 21.000000000000004), None),
        (at_caps(max_order_notional_usd="20.9999999999999999"), allowed, refused, None),
        # They refuse by more than a hair, or by figures that are not those of this order and this mandate.
        (met, allowed, pause(order, 21.0, 21.0000001), None),
        (at_caps(max_order_notional_usd="22"), allowed, pause(order, 22.0, 22.000000000000004), None),
        (at_caps(max_order_notional_usd="22"), allowed, refused, None),
        # We allow by figures that are not those of this order.
        (met, replace(allowed, notional=20.9), refused, None),
        (met, replace(allowed, exposure=20.9), refused, None),
        # What they refuse is no cap on what the order reaches, or another one than is met.
        (met, allowed, pause("max_trades_per_day", 50.0, 50.000000000000004), None),
        (met, allowed, pause(exposure, 1000.0, 21.000000000000004), None),
        (met, allowed, Verdict("deny", "exclude_symbols", 0.0, 0.0), None),
        (met, allowed, Verdict("deny", order, 21.0, 21.000000000000004), None),
        # They allow what we refuse: no rounding does that here.
        (met, pause(order, 21.0, 21.0), allowed, None),
    ]
    return all_judged(verdicts)


def planted_entries() -> int:
    """No entry of the list can excuse that we allow what they refuse, however wide it is."""
    anything = [{"name": "anything", "when": "spread", "theirs": "*", "ours": "*", "figures": "larger"}]
    verdicts = [
        (SPREAD, TOO_MUCH, FITS, "anything"),
        (SPREAD, FITS, TOO_MUCH, None),
        (SPREAD, FITS, Verdict("deny", "halt_flag"), None),
    ]
    return all_judged(verdicts, anything)


def all_judged(verdicts, listed=None) -> int:
    listed = listed or listed_differences()
    for number, (case, our, their, wanted) in enumerate(verdicts):
        equal(judged(case, our, their, listed), wanted, f"verdict {number}, ours {our}, theirs {their}, tags {sorted(case.tags)}")
    return len(verdicts)


CHECKS = [every_planted_difference_is_noticed]
