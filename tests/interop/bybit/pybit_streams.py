"""The WebSocket streams as pybit hears them: its own book keeping is the judge."""

import time
from decimal import Decimal

from pybit_client import http, stream, trading
from world import eventually


def book(sim, tally):
    """pybit applies the deltas to the snapshot; the result must be what REST shows at the same price."""
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    heard = []
    public = stream(sim, "linear")
    public.orderbook_stream(50, "BTCUSDT", lambda message: heard.append(message["data"]))
    eventually(lambda: heard, bool)
    for price in (60_000.1, 60_004, 59_990):
        sim.price("linear", "BTCUSDT", price)
        time.sleep(0.3)
    rest = client.get_orderbook(category="linear", symbol="BTCUSDT", limit=50)["result"]
    sides = lambda data: tuple({(Decimal(p), Decimal(q)) for p, q in data[side]} for side in ("b", "a"))
    final = eventually(lambda: heard[-1], lambda data: sides(data) == sides(rest))
    tally.true("snapshot and deltas make the book of REST", sides(final) == sides(rest), final)
    tally.true("several frames were heard", len(heard) >= 3, len(heard))
    public.exit()


def tickers_trades_candles(sim, tally):
    heard = {"ticker": [], "trade": [], "kline": []}
    public = stream(sim, "linear")
    public.ticker_stream("ETHUSDT", lambda message: heard["ticker"].append(dict(message["data"])))
    public.trade_stream("ETHUSDT", lambda message: heard["trade"].extend(message["data"]))
    public.kline_stream(1, "ETHUSDT", lambda message: heard["kline"].extend(message["data"]))
    eventually(lambda: heard, lambda seen: all(seen.values()) and len(seen["trade"]) > 5, 8)
    ticker = heard["ticker"][-1]
    tally.true("the ticker is whole", Decimal(ticker["bid1Price"]) < Decimal(ticker["ask1Price"]), ticker)
    times = [row["T"] for row in heard["trade"]]
    tally.true("trades come by themselves, in order", len(times) > 3 and times == sorted(times), times)
    candle = heard["kline"][-1]
    tally.true("a candle", Decimal(candle["low"]) <= Decimal(candle["close"]) <= Decimal(candle["high"]), candle)
    public.exit()


def private(sim, tally):
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    heard = {"order": [], "execution": [], "position": [], "wallet": [], "fast": []}
    own = stream(sim, "private")
    eventually(lambda: own.auth, bool)
    own.order_stream(lambda message: heard["order"].extend(message["data"]))
    own.execution_stream(lambda message: heard["execution"].extend(message["data"]))
    own.position_stream(lambda message: heard["position"].extend(message["data"]))
    own.wallet_stream(lambda message: heard["wallet"].extend(message["data"]))
    time.sleep(0.5)
    placed = client.place_order(
        category="linear", symbol="BTCUSDT", side="Buy", orderType="Market", qty="0.1", orderLinkId="heard"
    )["result"]
    eventually(lambda: heard, lambda seen: all(seen[topic] for topic in ("order", "execution", "position", "wallet")))
    states = [row["orderStatus"] for row in heard["order"] if row["orderId"] == placed["orderId"]]
    tally.same("the order was new, then filled", (states[:1], states[-1:]), (["New"], ["Filled"]))
    fill = heard["execution"][0]
    tally.same("its fill", (fill["orderLinkId"], fill["execQty"], fill["execPrice"]), ("heard", "0.1", "60000.1"))
    tally.same("the position", (heard["position"][-1]["size"], heard["position"][-1]["entryPrice"]), ("0.1", "60000.1"))
    usdt = [coin for row in heard["wallet"] for coin in row["coin"] if coin["coin"] == "USDT"][-1]
    tally.same("the wallet paid the fee", usdt["walletBalance"], Decimal(10_000) - Decimal("3.3000055"))
    own.exit()


def order_entry(sim, tally):
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    heard, errors = [], []
    entry = trading(sim)
    eventually(lambda: entry.auth, bool)
    order = dict(category="linear", symbol="BTCUSDT", side="Buy", orderType="Limit", qty="0.01", price="59000")
    entry.place_order(heard.append, **order, orderLinkId="ws1")
    eventually(lambda: heard, bool)
    tally.same("an order over the stream", (heard[-1]["retCode"], heard[-1]["data"]["orderLinkId"]), (0, "ws1"))
    entry.amend_order(heard.append, category="linear", symbol="BTCUSDT", orderLinkId="ws1", price="58000")
    eventually(lambda: heard, lambda seen: len(seen) == 2)
    row = client.get_open_orders(category="linear", symbol="BTCUSDT", orderLinkId="ws1")["result"]["list"][0]
    tally.same("amended over the stream", row["price"], "58000")
    rows = [{**order, "orderLinkId": "ws2"}, {**order, "qty": "0", "orderLinkId": "ws3"}]
    for row in rows:
        row.pop("category")
    entry.place_batch_order(heard.append, category="linear", request=rows)
    eventually(lambda: heard, lambda seen: len(seen) == 3)
    codes = [row["code"] for row in heard[-1]["retExtInfo"]["list"]]
    tally.true("a batch over the stream, row by row", codes[0] == 0 and codes[1] != 0, codes)
    entry.cancel_order(heard.append, category="linear", symbol="BTCUSDT", orderLinkId="ws1")
    eventually(lambda: heard, lambda seen: len(seen) == 4)
    row = client.get_open_orders(category="linear", symbol="BTCUSDT", orderLinkId="ws1")["result"]["list"][0]
    tally.same("cancelled over the stream", row["orderStatus"], "Cancelled")
    entry.exit()


def in_trouble(sim, tally):
    """A stream that is cut is opened again, and goes on."""
    heard = []
    public = stream(sim, "linear")
    public.ticker_stream("BTCUSDT", heard.append)
    eventually(lambda: heard, bool)
    sim.admin("/paper/faults", [{"path": "/v5/public/linear", "kind": "drop_before", "times": 1}])
    sim.price("linear", "BTCUSDT", 60_000)
    time.sleep(1.5)
    before = len(heard)
    sim.price("linear", "BTCUSDT", 60_001)
    eventually(lambda: heard, lambda seen: len(seen) > before)
    tally.true("pybit came back and heard on", len(heard) > before, (before, len(heard)))
    public.exit()


GROUPS = [book, tickers_trades_candles, private, order_entry, in_trouble]
