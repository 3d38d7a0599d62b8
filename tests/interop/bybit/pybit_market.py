"""Market data as pybit asks for it."""

import time

from pybit_client import http


def instruments(sim, tally):
    client = http(sim)
    pages, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        reply = client.get_instruments_info(category="linear", limit=3, **more)["result"]
        pages.append([row["symbol"] for row in reply["list"]])
        cursor = reply["nextPageCursor"]
        if not cursor:
            break
    symbols = [symbol for page in pages for symbol in page]
    tally.true("linear instruments come in pages of three", len(pages) > 2 and max(map(len, pages)) == 3, pages)
    tally.same("no instrument comes twice", len(symbols), len(set(symbols)))
    whole = client.get_instruments_info(category="linear")["result"]["list"]
    tally.same("the pages are the whole", [row["symbol"] for row in whole], symbols)
    bitcoin = next(row for row in whole if row["symbol"] == "BTCUSDT")
    tally.same("BTCUSDT moves in tenths", bitcoin["priceFilter"]["tickSize"], "0.1")
    tally.same("BTCUSDT trades in thousandths", bitcoin["lotSizeFilter"]["qtyStep"], "0.001")
    tradable = len(symbols)
    for category in ("inverse", "spot"):
        tradable += len(client.get_instruments_info(category=category)["result"]["list"])
    tally.true("at least twenty instruments can be traded", tradable >= 20, tradable)
    options = client.get_instruments_info(category="option", baseCoin="BTC")["result"]["list"]
    kinds = {row["optionsType"] for row in options}
    tally.same("the option chain has calls and puts", sorted(kinds), ["Call", "Put"])
    strikes = {row["symbol"].split("-")[2] for row in options}
    tally.true("the chain has several strikes", len(strikes) >= 3, strikes)


def prices(sim, tally):
    client = http(sim)
    server = client.get_server_time()["result"]
    tally.true("the clock is now", abs(int(server["timeSecond"]) - time.time()) < 5, server)
    for category, symbol in (("linear", "BTCUSDT"), ("inverse", "BTCUSD"), ("spot", "BTCUSDT")):
        ticker = client.get_tickers(category=category, symbol=symbol)["result"]["list"][0]
        book = client.get_orderbook(category=category, symbol=symbol, limit=25)["result"]
        bids = [float(price) for price, _ in book["b"]]
        asks = [float(price) for price, _ in book["a"]]
        what = f"{category} {symbol}"
        tally.same(f"{what}: bids fall", bids, sorted(bids, reverse=True))
        tally.same(f"{what}: asks rise", asks, sorted(asks))
        tally.true(f"{what}: the book is not crossed", bids[0] < asks[0], (bids[0], asks[0]))
        tally.same(f"{what}: so many levels as asked", (len(bids), len(asks)), (25, 25))
        low, high = float(ticker["lowPrice24h"]), float(ticker["highPrice24h"])
        tally.true(f"{what}: last lies in the day", low <= float(ticker["lastPrice"]) <= high, ticker)
        trades = client.get_public_trade_history(category=category, symbol=symbol, limit=30)["result"]["list"]
        times = [int(row["time"]) for row in trades]
        tally.same(f"{what}: trades come newest first", times, sorted(times, reverse=True))
        tally.same(f"{what}: so many trades as asked", len(trades), 30)
        tally.same(f"{what}: trade ids differ", len({row["execId"] for row in trades}), 30)


def candles(sim, tally):
    client = http(sim)
    minutes = client.get_kline(category="linear", symbol="ETHUSDT", interval=1, limit=60)["result"]["list"]
    starts = [int(row[0]) for row in minutes]
    tally.same("candles are a minute apart, newest first", {a - b for a, b in zip(starts, starts[1:])}, {60_000})
    for row in minutes:
        opened, high, low, close = map(float, row[1:5])
        tally.true("a candle holds its open and close", low <= min(opened, close) and max(opened, close) <= high, row)
    hour = starts[0] // 3_600_000 * 3_600_000 - 3_600_000
    whole = client.get_kline(category="linear", symbol="ETHUSDT", interval=60, start=hour, end=hour)["result"]["list"][0]
    parts = client.get_kline(
        category="linear", symbol="ETHUSDT", interval=1, start=hour, end=hour + 3_599_999, limit=60
    )["result"]["list"]
    tally.same("sixty minutes make the hour", len(parts), 60)
    tally.same("the hour's high is the minutes'", whole[2], max(float(row[2]) for row in parts))
    tally.same("the hour's low is the minutes'", whole[3], min(float(row[3]) for row in parts))
    tally.same("the hour opens as its first minute", whole[1], parts[-1][1])
    for ask in (client.get_mark_price_kline, client.get_index_price_kline, client.get_premium_index_price_kline):
        rows = ask(category="linear", symbol="BTCUSDT", interval=5, limit=10)["result"]["list"]
        tally.same(f"{ask.__name__}: ten rows of five", [len(row) for row in rows], [5] * 10)


def slow_figures(sim, tally):
    client = http(sim)
    rates = client.get_funding_rate_history(category="linear", symbol="BTCUSDT", limit=5)["result"]["list"]
    stamps = [int(row["fundingRateTimestamp"]) for row in rates]
    tally.same("funding comes every eight hours", {a - b for a, b in zip(stamps, stamps[1:])}, {28_800_000})
    interest = client.get_open_interest(category="linear", symbol="BTCUSDT", intervalTime="1h", limit=5)["result"]
    tally.same("five hours of open interest", len(interest["list"]), 5)
    tiers = client.get_risk_limit(category="linear", symbol="BTCUSDT")["result"]["list"]
    limits = [float(row["riskLimitValue"]) for row in tiers]
    leverages = [float(row["maxLeverage"]) for row in tiers]
    tally.true("risk tiers allow less leverage as they grow", limits == sorted(limits) and leverages == sorted(leverages, reverse=True), tiers[:3])
    collar = client.get_price_limit(category="linear", symbol="BTCUSDT")["result"]
    tally.true("the collar lies around the price", float(collar["sellLmt"]) < float(collar["buyLmt"]), collar)
    status = client.get_system_status()["result"]["list"] if hasattr(client, "get_system_status") else []
    tally.same("no maintenance is announced", status, [])


def faults(sim, tally):
    """What pybit makes of an exchange in trouble."""
    client = http(sim, max_retries=1)
    for kind, what in (
        ({"kind": "status", "status": 403}, "403"),
        ({"kind": "status", "status": 502}, "502"),
        ({"kind": "ret_code", "code": 10016, "message": "Server error."}, "10016"),
    ):
        sim.admin("/paper/faults", [{"path": "/v5/market/tickers", "times": 1, **kind}])
        tally.refused(f"a fault {kind['kind']}", what, lambda: client.get_tickers(category="linear", symbol="BTCUSDT"))
    sim.admin("/paper/faults", [])
    tally.same("and then it works again", client.get_tickers(category="linear", symbol="BTCUSDT")["retCode"], 0)


GROUPS = [instruments, prices, candles, slow_figures, faults]
