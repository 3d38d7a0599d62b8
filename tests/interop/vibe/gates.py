"""One case before each gate: their functions in the order in which their order guard calls them, and ours by `explain`."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pandas
from src.live import enforcement, order_guard
from src.live.halt import halt_flag_set, halt_path
from src.live.mandate.model import MANDATE_SCHEMA_VERSION, InstrumentType
from src.live.mandate.store import load_mandate

from cases import NOW, Case, text
from world import BROKER, World, binary, equal, expect

FIXED = datetime.fromisoformat(NOW).astimezone(timezone.utc)


@dataclass(frozen=True)
class Verdict:
    """What a gate says, and by which figures."""

    decision: str
    limit: str | None = None
    limit_value: float | None = None
    attempted: float | None = None
    notional: float | None = None
    exposure: float | None = None

    def words(self) -> str:
        return f"{self.decision}/{self.limit}" if self.limit else self.decision


class Clock(datetime):
    """Their guard asks the time itself: it is always the time of the cases."""

    @classmethod
    def now(cls, tz=None):
        return FIXED


class Volumes:
    """A source of daily candles with one volume, in the place of the data vendors that they would ask over the network."""

    name = "interop"

    def __init__(self, figure: Decimal | None) -> None:
        self.figure = figure

    def fetch(self, symbols, *_, **__):
        rows = [] if self.figure is None else [float(self.figure)] * 3
        return {symbols[0]: pandas.DataFrame({"close": [1.0] * len(rows), "volume": rows})}


class Guard(order_guard.LiveOrderGuardTool):
    """Their order guard, given its price instead of asking a broker for it."""

    def __init__(self, price: float | None) -> None:
        self.price = price

    def _quote_price(self, _intent):
        return self.price


def their_intent(case: Case) -> enforcement.OrderIntent:
    """Their gate knows neither contracts counted in dollars nor money to spend; both are a quantity at a price of 1."""
    in_dollars = case.category == "inverse" or case.in_quote
    return enforcement.OrderIntent(
        symbol=case.symbol, side=case.side.lower(), quantity=float(case.qty), instrument_type=InstrumentType.CRYPTO,
        notional_usd=None if case.stated is None else float(case.stated),
        limit_price=None if case.limit is None or in_dollars else float(case.limit))


def their_price(case: Case) -> float | None:
    if case.price is None:
        return None
    return 1.0 if case.category == "inverse" or case.in_quote else float(case.price)


def their_positions(case: Case) -> list[dict] | None:
    if case.positions is None:
        return None
    return [{"symbol": symbol, "quantity": float(size), "price": 1.0 if category == "inverse" else float(mark)}
            for category, symbol, size, mark, _ in case.positions]


def overwrite(path: Path, text: str) -> None:
    """In place: a file emptied first and written again makes some file systems wait for the disk, 20,000 times here."""
    with open(path, "r+b" if path.exists() else "wb") as file:
        file.write(text.encode())
        file.truncate()


def theirs(case: Case, world: World) -> Verdict:
    """LiveOrderGuardTool.execute, step by step, with its own functions."""
    order_guard.datetime = Clock
    enforcement._resolve_loader = lambda _: Volumes(case.volume)
    overwrite(world.folder / "mandate.json", case.mandate_text)
    if case.halted != halt_path().exists():
        halt_path().touch() if case.halted else halt_path().unlink()
    guard = Guard(their_price(case))
    mandate = load_mandate(BROKER)
    if mandate is None or mandate.schema_version != MANDATE_SCHEMA_VERSION:
        return Verdict("deny", "mandate")
    if guard._is_expired(mandate):
        return Verdict("deny", "expiry")
    if halt_flag_set(BROKER):
        return Verdict("deny", "halt_flag")
    intent = guard._normalize_intent_notional(their_intent(case))
    if intent is None:
        return Verdict("deny", "quote")
    positions = their_positions(case)
    breach = enforcement.check_mandate(mandate, intent, positions, {}, broker=BROKER, remote_tool="place_order",
                                       daily_count=case.daily_count)
    if breach is None:
        signed = intent.notional_usd if intent.side == "buy" else -intent.notional_usd
        exposure = enforcement._post_trade_gross_exposure(positions, symbol=intent.symbol, signed_order_notional=signed)
        return Verdict("allow", notional=intent.notional_usd, exposure=exposure)
    pauses = breach.kind not in (enforcement.BREACH_KIND_UNIVERSE, enforcement.BREACH_KIND_INSTRUMENT)
    return Verdict("pause_for_reauth" if pauses else "deny", breach.limit, breach.limit_value, breach.attempted_value)


def our_line(case: Case) -> str:
    """The case as `mandated explain --jsonl` takes it: arguments as an agent sends them, facts as Bybit has them."""
    args = {"category": case.category, "symbol": case.symbol, "side": case.side, "qty": text(case.qty),
            "order_type": "Market" if case.limit is None else "Limit"}
    if case.limit is not None:
        args["price"] = text(case.limit)
    elif case.category == "spot":
        args["market_unit"] = "quoteCoin" if case.in_quote else "baseCoin"
    if case.stated is not None:
        args["notional_usd"] = text(case.stated)
    if case.position_idx:
        args["position_idx"] = case.position_idx
    facts = {"now": NOW, "mandate_text": case.mandate_text, "halted": case.halted, "daily_count": case.daily_count,
             "quotes": our_quotes(case), "open_orders": case.resting, "wallet": []}
    if case.positions is not None:
        held = [row for row in case.positions if row[0] != "spot"]
        facts["positions"] = [{"category": category, "symbol": symbol, "side": "Buy" if size > 0 else "Sell", "size": text(abs(size)),
                               "markPrice": text(mark), "positionIdx": leg} for category, symbol, size, mark, leg in held]
        facts["wallet"] = [{"coin": symbol.removesuffix("USDT"), "equity": text(size), "usdValue": text(size * mark)}
                           for category, symbol, size, mark, _ in case.positions if category == "spot"]
    if case.volume is not None:
        facts["avg_daily_volume_usd"] = text(case.volume)
    return json.dumps({"tool": "bybit_place_order", "args": args, "facts": facts})


def our_quotes(case: Case) -> dict:
    if case.price is None:
        return {}
    last, wide = case.price, case.spread
    quote = {"bid": text(last - wide), "ask": text(last + wide), "last": text(last), "mark": text(last)}
    return {f"{case.category}:{case.symbol}": quote}


def ours(cases: list[Case], world: World) -> list[Verdict]:
    """Every case through one process of `mandated explain --jsonl`."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as lines:
        lines.writelines(our_line(case) + "\n" for case in cases)
        lines.seek(0)
        ran = subprocess.run([binary(), "explain", "--jsonl"], stdin=lines, env=world.environment(), capture_output=True, text=True)
    expect(ran.returncode == 0, f"explain ended with {ran.returncode}: {ran.stderr[-500:]}")
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    equal(len(answers), len(cases), "the number of verdicts")
    return [our_verdict(answer) for answer in answers]


def our_verdict(answer: dict) -> Verdict:
    number = lambda name: None if answer[name] is None else float(answer[name])
    if answer["decision"] == "allow":
        return Verdict("allow", notional=number("notional_usd"), exposure=number("post_trade_exposure_usd"))
    return Verdict(answer["decision"], answer["limit"], number("limit_value"), number("attempted_value"))
