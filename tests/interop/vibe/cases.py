"""Random cases for both gates: a mandate, an order, an account, from one seed.

Half of the cases are `exact`: every number is a whole multiple of 2^-10, which binary floats hold without rounding, and
one cap stands exactly at what the order would reach, or one unit to either side. A difference there is a difference
of rules. One in ten is `decimal`: lots and prices as a market writes them, which binary floats do not hold, and a cap
exactly at what the order would reach, or one hundredth to either side. A difference there may be one of rounding, and
rounding.py says by exact arithmetic whether it is. The others, `digits`, have many random digits, so that no cap
is met exactly by chance.

A case that touches something which the two gates are known to see differently carries a tag; tests/divergences.toml
has the tag's reason.
"""

import random
from dataclasses import dataclass, field
from decimal import Decimal

import malformed
from rounding import reached

NOW = "2026-06-15T12:00:00Z"
UNIT = Decimal(1) / 1024
CENT = Decimal("0.01")
ROOM = Decimal(2) ** 40
#: How often each kind is drawn, in percent.
KINDS = {"exact": 50, "decimal": 10, "digits": 40}
LOTS = [Decimal("0.001"), Decimal("0.01"), Decimal("0.1")]
LEVERAGES = {"decimal": ["0.8", "1", "1.25", "2.5"], "exact": ["0.5", "1", "2", "4"], "digits": ["0.5", "1", "2", "4"]}

LINEAR = {"BTCUSDT": "65000", "ETHUSDT": "3200", "SOLUSDT": "150", "XRPUSDT": "0.5", "DOGEUSDT": "0.25"}
SPOT = {"AVAXUSDT": "24", "LINKUSDT": "16", "ADAUSDT": "0.75"}
INVERSE = {"BTCUSD": "65000", "ETHUSD": "3200"}
PRICES = {"linear": LINEAR, "spot": SPOT, "inverse": INVERSE}

EXPIRES = [(NOW, 1), ("2026-06-15T12:00:00.001+00:00", 1), ("2026-06-15T11:59:59Z", 1), ("2026-06-15T14:00:01+02:00", 1),
           ("2026-06-15T14:00:00+02:00", 1), ("2026-06-16", 1), ("2026-06-15", 1), ("2026-06-15 12:00:01", 1), ("never", 1),
           ("", 1), ("2026-13-01T00:00:00Z", 1), ("2026-07-01T00:00:00+00:00", 400)]


@dataclass
class Case:
    """One order under one mandate in one account, as plain values that each side is given in its own form."""

    kind: str
    category: str = "linear"
    symbol: str = ""
    side: str = "Buy"
    price: Decimal | None = None
    limit: Decimal | None = None
    qty: Decimal = Decimal(1)
    in_quote: bool = False
    stated: Decimal | None = None
    position_idx: int = 0
    #: (category, symbol, signed size, mark, hedge leg)
    positions: list[tuple] | None = field(default_factory=list)
    resting: list[dict] = field(default_factory=list)
    #: bid and ask to either side of the last price; theirs knows one price
    spread: Decimal = Decimal(0)
    halted: bool = False
    daily_count: int = 0
    volume: Decimal | None = None
    #: What the mandate says, before its text is damaged
    caps: dict[str, Decimal] = field(default_factory=dict)
    mandate_text: str = ""
    tags: set[str] = field(default_factory=set)


def every_case(count: int, seed: int):
    rng = random.Random(seed)
    return (one_case(rng) for _ in range(count))


def one_case(rng: random.Random) -> Case:
    case = Case(kind=rng.choices(list(KINDS), list(KINDS.values()))[0])
    case.category = rng.choices(["linear", "spot", "inverse"], [60, 25, 15])[0]
    case.symbol = rng.choice(list(PRICES[case.category]))
    case.price = near(rng, case, PRICES[case.category][case.symbol])
    fill_account(rng, case)
    choose_order(rng, case)
    if case.kind == "decimal":
        only_decimals(case)
    else:
        special(rng, case)
    mandate = choose_mandate(rng, case)
    case.halted = rng.random() < 0.01
    case.mandate_text = malformed.text_of(rng, mandate, case.tags)
    return case


def chance(rng: random.Random, percent: float) -> bool:
    return rng.random() * 100 < percent


def near(rng: random.Random, case: Case, price: str) -> Decimal:
    """The usual price, or one around it: with two decimals at most, or with random digits."""
    if case.kind == "exact":
        return Decimal(price)
    about = Decimal(price) * Decimal(rng.randrange(80_000, 120_000)) / 100_000
    if case.kind == "decimal":
        return about.quantize(CENT if about < 10 else rng.choice([Decimal(1), Decimal("0.1"), CENT]))
    return about.quantize(Decimal("0.000001"))


def amount(rng: random.Random, case: Case, price: Decimal, usd: float) -> Decimal:
    """A quantity worth about so much."""
    about = Decimal(usd) / price
    if case.kind == "digits":
        return about.quantize(Decimal("0.00000001")) + Decimal("0.00000001")
    step = UNIT if case.kind == "exact" else rng.choice(LOTS)
    return max(step, round(about / step) * step)


def money(rng: random.Random) -> float:
    return 10 ** rng.uniform(0.5, 4.5)


def fill_account(rng: random.Random, case: Case) -> None:
    """Long and short positions and coins held; often one in what is ordered."""
    held = [(category, symbol) for category, prices in PRICES.items() for symbol in prices if symbol != case.symbol]
    chosen = rng.sample(held, rng.randrange(4))
    if chance(rng, 60):
        chosen.append((case.category, case.symbol))
    for category, symbol in chosen:
        mark = case.price if symbol == case.symbol else near(rng, case, PRICES[category][symbol])
        sign = -1 if category != "spot" and chance(rng, 45) else 1
        # An inverse position is counted in dollars already, a coin in coins.
        size = amount(rng, case, Decimal(1) if category == "inverse" else mark, money(rng))
        case.positions.append((category, symbol, sign * size, mark, 0))


def held(case: Case) -> Decimal:
    """What is held of the ordered instrument, in units of the order's size."""
    return sum((size for category, symbol, size, _, _ in case.positions or [] if (category, symbol) == (case.category, case.symbol)), Decimal(0))


def choose_order(rng: random.Random, case: Case) -> None:
    """Adds, reduces, closes exactly, or turns over; at the market or at a limit on either side of it."""
    case.side = rng.choice(["Buy", "Sell"])
    unit_price = Decimal(1) if case.category == "inverse" else case.price
    case.qty = amount(rng, case, unit_price, money(rng))
    size = abs(held(case))
    if size and chance(rng, 50):
        if case.kind == "digits":
            case.qty = (size * Decimal(rng.uniform(0.1, 3))).quantize(Decimal("0.00000001")) + Decimal("0.00000001")
        else:
            case.qty = size * rng.choice([1, 2, 1, 3])
    if chance(rng, 50):
        case.limit = case.price * rng.choice([Decimal("0.5"), Decimal(1), Decimal("1.25")])
        if case.kind == "decimal":
            case.limit = case.limit.quantize(CENT)
        if case.side == "Sell" and case.limit > case.price and case.category == "linear":
            case.tags.add("sell_limit_above")
    elif case.category == "spot" and case.side == "Buy" and chance(rng, 30):
        case.in_quote, case.qty = True, amount(rng, case, Decimal(1), money(rng))
    if chance(rng, 30):
        case.stated = amount(rng, case, Decimal(1), money(rng))
    closes = held(case) and (held(case) > 0) == (case.side == "Sell")
    if closes and (case.stated is not None or (case.limit is not None and case.limit > case.price)):
        case.tags.add("worth_on_close")


def only_decimals(case: Case) -> None:
    """Nothing but decimals may tell the gates apart: what else would goes, and a tag of its own stands for the case."""
    if case.tags:
        case.limit = case.stated = None
    case.tags = {"decimal"}


def special(rng: random.Random, case: Case) -> None:
    """At most one thing that the gates are known to see differently, or that is missing."""
    kind = rng.choices(["", "spread", "resting", "hedge", "two_categories", "no_quote", "no_positions", "bad_qty"],
                       [84, 3, 3, 3, 3, 1.5, 1, 1.5])[0]
    usd = Decimal(1) if case.category == "inverse" else case.price
    if kind == "spread" and case.side == "Buy":
        case.spread = case.price / 128 if case.kind == "exact" else (case.price / 100).quantize(Decimal("0.000001"))
    elif kind == "resting":
        row = {"category": case.category, "symbol": case.symbol, "side": rng.choice(["Buy", "Sell"]), "price": text(case.price),
               "leavesQty": text(amount(rng, case, usd, money(rng))), "reduceOnly": case.category == "linear" and chance(rng, 30)}
        case.resting = [row]
    elif kind == "hedge" and case.category == "linear":
        hedge(rng, case)
    elif kind == "two_categories" and case.category == "spot":
        case.positions.append(("linear", case.symbol, amount(rng, case, case.price, money(rng)) * rng.choice([-1, 1]), case.price, 0))
    elif kind == "no_quote":
        case.price = None
    elif kind == "no_positions":
        case.positions = None
    elif kind == "bad_qty":
        case.qty = rng.choice([Decimal(0), -case.qty])
    else:
        return
    case.tags.add(kind)


def hedge(rng: random.Random, case: Case) -> None:
    """Both legs held; the order adds to one, or closes at the market at most what it holds: more the exchange does not do."""
    legs = [amount(rng, case, case.price, money(rng)) for _ in range(2)]
    case.positions = [row for row in case.positions if row[1] != case.symbol]
    case.positions += [("linear", case.symbol, legs[0], case.price, 1), ("linear", case.symbol, -legs[1], case.price, 2)]
    case.position_idx = rng.choice([1, 2])
    closes = (case.side == "Sell") == (case.position_idx == 1)
    if closes:
        case.qty, case.stated, case.limit = min(case.qty, legs[case.position_idx - 1]), None, None


def choose_mandate(rng: random.Random, case: Case) -> dict:
    """Wide caps but for one, which stands near or at what the order reaches; now and then a structural no."""
    notional, exposure = reached(case)
    caps = {"account_funding_usd": ROOM, "max_order_notional_usd": ROOM, "max_total_exposure_usd": ROOM,
            "max_leverage": Decimal(4), "allowed_instruments": ["crypto"], "max_trades_per_day": 50}
    tight = rng.choices(["", "notional", "exposure", "leverage", "funding", "all"], [15, 25, 20, 20, 10, 10])[0]
    if tight in ("notional", "all"):
        caps["max_order_notional_usd"] = around(rng, case, notional)
    if tight in ("exposure", "all"):
        caps["max_total_exposure_usd"] = around(rng, case, exposure)
    if tight in ("leverage", "all"):
        caps["max_leverage"] = Decimal(rng.choice(LEVERAGES[case.kind]))
        caps["account_funding_usd"] = around(rng, case, exposure / caps["max_leverage"])
    if tight == "funding":
        caps["account_funding_usd"] = around(rng, case, exposure)
    if chance(rng, 1):
        caps[rng.choice(["account_funding_usd", "max_leverage", "max_order_notional_usd", "max_total_exposure_usd"])] = Decimal(0)
    case.caps = {name: value for name, value in caps.items() if isinstance(value, Decimal)}
    if chance(rng, 8):
        caps["max_trades_per_day"] = rng.choice([0, 1, 2, 50])
        case.daily_count = max(0, caps["max_trades_per_day"] + rng.choice([-1, 0, 1, 1000]))
    if chance(rng, 4):
        caps["allowed_instruments"] = rng.choice([[], ["equity"], ["option"], ["equity", "crypto", "option"]])
    expires_at = rng.choices([when for when, _ in EXPIRES], [weight for _, weight in EXPIRES])[0]
    if expires_at != EXPIRES[-1][0]:
        case.tags.add("expires")
    return {
        "schema_version": 1,
        "hard_caps": {name: malformed.exactly(text(value)) if isinstance(value, Decimal) else value for name, value in caps.items()},
        "universe": choose_universe(rng, case),
        "consent": {"created_at": "2026-06-01T00:00:00+00:00", "consent_token_sha256": "ab" * 32, "broker": "bybit",
                    "account_ref": "interop", "expires_at": expires_at},
        "flatten_on_halt": chance(rng, 50),
    }


def around(rng: random.Random, case: Case, value: Decimal) -> Decimal:
    """A cap exactly at a value, one unit to either side, or anywhere about it."""
    unit = {"exact": UNIT, "decimal": CENT, "digits": Decimal("0.0000001")}[case.kind]
    if case.kind != "digits" and chance(rng, 75):
        return max(Decimal(0), value + unit * rng.choice([-1, 0, 0, 1]))
    return (value * Decimal(rng.uniform(0.3, 2))).quantize(unit)


def choose_universe(rng: random.Random, case: Case) -> dict:
    universe = {"asset_classes": ["crypto"], "min_market_cap_usd": None, "min_avg_daily_volume_usd": None, "exclude_symbols": []}
    if chance(rng, 3):
        universe["asset_classes"] = rng.choice([[], ["us_equity"], ["us_equity", "crypto"], ["forex"]])
    if chance(rng, 6):
        universe["exclude_symbols"] = rng.choice([[case.symbol], [f" {case.symbol.lower()} "], ["PEPEUSDT"], ["PEPEUSDT", case.symbol]])
    elif chance(rng, 1):
        quote = "USD" if case.category == "inverse" else "USDT"
        coin = case.symbol.removesuffix(quote)
        universe["exclude_symbols"] = [rng.choice([f"{coin}-{quote}", coin, f"{coin}/{quote}"])]
        case.tags.add("exclude_spelling")
    if chance(rng, 1):
        universe["min_market_cap_usd"] = 1_000_000.0
    if chance(rng, 3):
        universe["min_avg_daily_volume_usd"] = 1_048_576.0
        case.volume = rng.choice([None, Decimal(1_048_576), Decimal(1_048_575), Decimal(2_000_000)])
    return universe


def text(value: Decimal) -> str:
    return format(value.normalize(), "f")
