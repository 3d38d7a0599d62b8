"""What an order reaches of a cap, by exact arithmetic and without either gate, and whether a refusal comes of rounding alone."""

import math
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60
CLOSE = 1e-9


def reached(case) -> tuple[Decimal, Decimal]:
    """The order's notional and the gross exposure after it, by the rule that both share, without rounding."""
    per_unit = Decimal(1) if case.category == "inverse" or case.in_quote else case.price or Decimal(1)
    if case.limit is not None and case.side == "Buy" and case.category != "inverse":
        per_unit = max(per_unit, case.limit)
    notional = max(abs(case.qty) * per_unit, case.stated or Decimal(0))
    books: dict[str, Decimal] = {case.symbol: notional if case.side == "Buy" else -notional}
    for category, symbol, size, mark, _ in case.positions or []:
        books[symbol] = books.get(symbol, Decimal(0)) + size * (1 if category == "inverse" else mark)
    return notional, sum(abs(value) for value in books.values())


def against_cap(case, limit: str | None) -> tuple[Fraction, Fraction] | None:
    """What the order reaches and the cap on it, without rounding and without either gate; None where no such cap is."""
    cap = Fraction(case.caps.get(limit, 0))
    notional, exposure = map(Fraction, reached(case))
    if limit == "max_order_notional_usd":
        return notional, cap
    if limit in ("max_total_exposure_usd", "account_funding_usd"):
        return exposure, cap
    if limit == "max_leverage" and case.caps["account_funding_usd"] > 0:
        return exposure / Fraction(case.caps["account_funding_usd"]), cap
    return None


def rounding_alone(case, our, their) -> bool:
    """Whether they refuse an order that keeps the cap only because binary floats put it a hair above.

    Exact arithmetic has to find that the cap is kept. Their two figures have to be the exact ones, and a hair apart.
    Ours, where we allow, have to be the exact ones as well; where we refuse, it is not by a cap that is kept.
    """
    exact = against_cap(case, their.limit)
    if exact is None or None in (their.attempted, their.limit_value):
        return False
    attempted, cap = exact
    if attempted > cap or not math.isclose(their.attempted, their.limit_value, rel_tol=CLOSE, abs_tol=0):
        return False
    if not near(their.attempted, float(attempted)) or not near(their.limit_value, float(cap)):
        return False
    if our.decision == "allow":
        return all(near(said, float(value)) for said, value in zip((our.notional, our.exposure), reached(case)))
    ours = against_cap(case, our.limit)
    return ours is None or ours[0] > ours[1]


def near(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=CLOSE, abs_tol=1e-9)
