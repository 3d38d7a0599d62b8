"""Markets, balances and orders through ccxt: its unified numbers are the judge."""

from decimal import Decimal

import ccxt
from ccxt_client import http


def markets(sim, tally):
    exchange = http(sim)
    markets = exchange.load_markets()
    for symbol, kind in (
        ("BTC/USDT:USDT", "linear"),
        ("BTC/USDC:USDC", "linear"),
        ("BTC/USD:BTC", "inverse"),
        ("BTC/USDT", "spot"),
        ("ETH/BTC", "spot"),
    ):
        tally.true(f"{symbol} is {kind}", symbol in markets and markets[symbol][kind], symbol)
    bitcoin = markets["BTC/USDT:USDT"]
    tally.same("its tick and step", (bitcoin["precision"]["price"], bitcoin["precision"]["amount"]), (0.1, 0.001))
    tally.same("one contract is one coin", bitcoin["contractSize"], 1)
    tally.same("inverse contracts are dollars", markets["BTC/USD:BTC"]["contractSize"], 1)
    ticker = exchange.fetch_ticker("BTC/USDT:USDT")
    tally.true("a ticker", 0 < ticker["bid"] < ticker["ask"], (ticker["bid"], ticker["ask"]))
    book = exchange.fetch_order_book("BTC/USDT", 20)
    tally.true("a book", len(book["bids"]) == 20 and book["bids"][0][0] < book["asks"][0][0], book["bids"][:1])
    candles = exchange.fetch_ohlcv("ETH/USDT:USDT", "5m", limit=12)
    tally.same("twelve candles, oldest first", [row[0] for row in candles], sorted(row[0] for row in candles))
    tally.same("so many", len(candles), 12)
    rate = exchange.fetch_funding_rate("BTC/USDT:USDT")
    tally.true("a funding rate", abs(rate["fundingRate"]) < 0.01, rate["fundingRate"])
    history = exchange.fetch_funding_rate_history("BTC/USDT:USDT", limit=3)
    tally.same("three past rates", len(history), 3)
    tiers = exchange.fetch_market_leverage_tiers("BTC/USDT:USDT")
    tally.true("leverage tiers", len(tiers) >= 3 and tiers[0]["maxLeverage"] == 100, tiers[:1])
    trades = exchange.fetch_trades("BTC/USDT:USDT", limit=20)
    tally.same("twenty trades", len(trades), 20)


def balances(sim, tally):
    exchange = http(sim)
    balance = exchange.fetch_balance()
    tally.same("the first money", (balance["USDT"]["total"], balance["USDC"]["total"]), (10_000, 1_000))
    fees = exchange.fetch_trading_fee("BTC/USDT:USDT")
    tally.same("fees", (fees["taker"], fees["maker"]), (0.00055, 0.0002))
    exchange.transfer("USDT", 100, "unified", "funding")
    tally.same("a transfer leaves", exchange.fetch_balance()["USDT"]["total"], 9_900)
    funding = exchange.fetch_balance({"type": "funding"})
    tally.same("and arrives", funding["USDT"]["total"], 100)
    ledger = exchange.fetch_ledger("USDT")
    tally.true("the ledger has it", any(abs(row["amount"]) == 100 for row in ledger), ledger[:2])


def orders(sim, tally):
    exchange = http(sim)
    exchange.load_markets()
    sim.price("linear", "BTCUSDT", 60_000)
    symbol = "BTC/USDT:USDT"
    placed = exchange.create_order(symbol, "limit", "buy", 0.1, 59_000, {"clientOrderId": "c1"})
    order = exchange.fetch_open_order(placed["id"], symbol)
    tally.same("a resting limit", (order["status"], order["price"], order["amount"], order["clientOrderId"]), ("open", 59_000, 0.1, "c1"))
    exchange.edit_order(placed["id"], symbol, "limit", "buy", 0.2, 58_000)
    order = exchange.fetch_open_order(placed["id"], symbol)
    tally.same("edited", (order["price"], order["amount"]), (58_000, 0.2))
    tally.same("it is the only open one", [row["id"] for row in exchange.fetch_open_orders(symbol)], [placed["id"]])
    exchange.cancel_order(placed["id"], symbol)
    # fetch_closed_order of ccxt asks for filled orders alone.
    order = exchange.fetch_canceled_orders(symbol)[-1]
    tally.same("cancelled", (order["id"], order["status"]), (placed["id"], "canceled"))
    try:
        exchange.cancel_order(placed["id"], symbol)
        tally.fail("cancelled twice")
    except ccxt.OrderNotFound:
        tally.passed += 1

    bought = exchange.create_order(symbol, "market", "buy", 0.3)
    order = exchange.fetch_closed_orders(symbol)[-1]
    tally.same("a market order", (order["id"], order["status"], order["filled"], order["average"]), (bought["id"], "closed", 0.3, 60_000.1))
    trades = exchange.fetch_my_trades(symbol)
    tally.same("its fee", (trades[-1]["fee"]["currency"], trades[-1]["fee"]["cost"], trades[-1]["takerOrMaker"]), ("USDT", 9.9000165, "taker"))
    position = exchange.fetch_position(symbol)
    tally.same("the position", (position["side"], position["contracts"], position["entryPrice"]), ("long", 0.3, 60_000.1))
    exchange.create_order(symbol, "market", "sell", 0.3, None, {"reduceOnly": True})
    tally.same("closed", [row for row in exchange.fetch_positions([symbol]) if row["contracts"]], [])
    try:
        exchange.create_order(symbol, "limit", "buy", 50, 59_000)
        tally.fail("more than the account holds was accepted")
    except ccxt.InsufficientFunds:
        tally.passed += 1


def stops(sim, tally):
    exchange = http(sim)
    exchange.load_markets()
    sim.price("linear", "ETHUSDT", 3_000)
    symbol = "ETH/USDT:USDT"
    exchange.create_order(symbol, "market", "buy", 1, None, {"stopLoss": {"triggerPrice": 2_900}, "takeProfit": {"triggerPrice": 3_200}})
    position = exchange.fetch_position(symbol)
    tally.same("both stops", (float(position["stopLossPrice"]), float(position["takeProfitPrice"])), (2_900.0, 3_200.0))
    sim.price("linear", "ETHUSDT", 3_200)
    tally.same("the profit was taken", [row for row in exchange.fetch_positions([symbol]) if row["contracts"]], [])
    conditional = exchange.create_order(symbol, "market", "buy", 1, None, {"triggerPrice": 3_300, "triggerDirection": "ascending"})
    waiting = exchange.fetch_open_orders(symbol, params={"trigger": True})
    tally.same("a conditional order waits", [(row["id"], row["triggerPrice"]) for row in waiting], [(conditional["id"], 3_300)])
    exchange.cancel_order(conditional["id"], symbol, {"trigger": True})
    tally.same("and is cancelled", exchange.fetch_open_orders(symbol, params={"trigger": True}), [])


def spot(sim, tally):
    exchange = http(sim)
    exchange.load_markets()
    sim.price("spot", "ETHUSDT", 3_000)
    exchange.create_market_buy_order_with_cost("ETH/USDT", 300)
    balance = exchange.fetch_balance()
    # 300 / 3000.01 in steps of 1e-5, less a thousandth.
    tally.true("about a tenth of a coin less the fee", 0.0998 < balance["ETH"]["total"] <= 0.0999, balance["ETH"])
    order = exchange.create_order("ETH/USDT", "limit", "sell", 0.05, 3_100)
    tally.same("what rests is in use", exchange.fetch_balance()["ETH"]["used"], 0.05)
    sim.price("spot", "ETHUSDT", 3_100)
    closed = exchange.fetch_closed_orders("ETH/USDT")[-1]
    tally.same("it filled at its limit", (closed["id"], closed["average"], closed["cost"]), (order["id"], 3_100, 155))


def modes(sim, tally):
    exchange = http(sim)
    exchange.load_markets()
    symbol = "SOL/USDT:USDT"
    sim.price("linear", "SOLUSDT", 150)
    exchange.set_leverage(25, symbol)
    tally.same("leverage", exchange.fetch_leverage(symbol)["longLeverage"], 25)
    exchange.set_position_mode(True, symbol)
    exchange.create_order(symbol, "market", "buy", 2, None, {"positionIdx": 1})
    exchange.create_order(symbol, "market", "sell", 1, None, {"positionIdx": 2})
    held = sorted((row["side"], row["contracts"], row["hedged"]) for row in exchange.fetch_positions([symbol]) if row["contracts"])
    tally.same("both legs", held, [("long", 2, True), ("short", 1, True)])


def batches(sim, tally):
    exchange = http(sim)
    exchange.load_markets()
    sim.price("linear", "ETHUSDT", 3_000)
    symbol = "ETH/USDT:USDT"
    rows = [{"symbol": symbol, "type": "limit", "side": "buy", "amount": 0.1, "price": 2_900 - at} for at in range(3)]
    placed = exchange.create_orders(rows)
    tally.same("three at once", len({row["id"] for row in placed}), 3)
    exchange.cancel_orders([row["id"] for row in placed[:2]], symbol)
    left = exchange.fetch_open_orders(symbol)
    tally.same("two cancelled at once", [row["id"] for row in left], [placed[2]["id"]])
    exchange.cancel_all_orders(symbol)
    tally.same("and the rest", exchange.fetch_open_orders(symbol), [])


def money(sim, tally):
    """After many small trades ccxt's own sums must come out at the balance."""
    exchange = http(sim)
    exchange.load_markets()
    symbol = "ETH/USDT:USDT"
    for at in range(12):
        sim.price("linear", "ETHUSDT", 3_000 + at * 3 - at % 4 * 5)
        exchange.create_order(symbol, "market", ("buy", "buy", "sell")[at % 3], 0.3 + 0.1 * (at % 2))
    trades = exchange.fetch_my_trades(symbol, limit=100)
    cash, size = Decimal(10_000), Decimal(0)
    for trade in trades:
        sign = 1 if trade["side"] == "buy" else -1
        raw = trade["info"]
        cash -= sign * Decimal(raw["execValue"]) + Decimal(raw["execFee"])
        size += sign * Decimal(raw["execQty"])
    position = exchange.fetch_position(symbol)["info"]
    tally.same("sizes add up", size, position["size"])
    wallet = exchange.fetch_balance()["info"]["result"]["list"][0]["coin"]
    usdt = next(coin for coin in wallet if coin["coin"] == "USDT")
    tally.same("equity adds up to the last digit", cash + size * Decimal(position["markPrice"]), usdt["equity"])


money.sim_args = ("--no-rate-limits",)
GROUPS = [markets, balances, orders, stops, spot, modes, batches, money]
