"""Orders of each kind through pybit, and what they do to positions and money."""

from decimal import Decimal

from pybit_client import http
from world import eventually

LINEAR = dict(category="linear", symbol="BTCUSDT")


def order_row(client, category, symbol, order_id):
    rows = client.get_open_orders(category=category, symbol=symbol, orderId=order_id)["result"]["list"]
    return rows[0] if rows else None


def positions(client, **which):
    rows = client.get_positions(**which)["result"]["list"]
    return {row["positionIdx"]: row for row in rows}


def coin(client, name):
    row = client.get_wallet_balance(accountType="UNIFIED", coin=name)["result"]["list"][0]["coin"][0]
    return Decimal(row["walletBalance"])


def market_and_limit(sim, tally):
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    placed = client.place_order(**LINEAR, side="Buy", orderType="Market", qty="0.3", orderLinkId="first")["result"]
    tally.same("the client id comes back", placed["orderLinkId"], "first")
    row = order_row(client, "linear", "BTCUSDT", placed["orderId"])
    tally.same("a market order fills", (row["orderStatus"], row["avgPrice"]), ("Filled", "60000.1"))
    fills = client.get_executions(category="linear", orderId=placed["orderId"])["result"]["list"]
    tally.same("its fee is 0.055 percent", sum(Decimal(fill["execFee"]) for fill in fills), Decimal("9.9000165"))
    held = positions(client, **LINEAR)[0]
    tally.same("the position", (held["side"], held["size"], held["avgPrice"]), ("Buy", "0.3", "60000.1"))
    tally.refused("the client id again", 110072, lambda: client.place_order(**LINEAR, side="Buy", orderType="Market", qty="0.3", orderLinkId="first"))

    resting = client.place_order(**LINEAR, side="Sell", orderType="Limit", qty="0.3", price="61000", reduceOnly=True)["result"]
    row = order_row(client, "linear", "BTCUSDT", resting["orderId"])
    tally.same("a limit rests", (row["orderStatus"], row["leavesQty"], row["reduceOnly"]), ("New", "0.3", True))
    client.amend_order(**LINEAR, orderId=resting["orderId"], price="61500")
    row = order_row(client, "linear", "BTCUSDT", resting["orderId"])
    tally.same("an amended price", row["price"], "61500")
    sim.price("linear", "BTCUSDT", 61_500)
    row = order_row(client, "linear", "BTCUSDT", resting["orderId"])
    tally.same("it fills when the price comes", (row["orderStatus"], row["avgPrice"]), ("Filled", "61500"))
    gain = (Decimal("61500") - Decimal("60000.1")) * Decimal("0.3")
    fees = Decimal("9.9000165") + Decimal("61500") * Decimal("0.3") * Decimal("0.0002")
    tally.same("the money of the round trip", coin(client, "USDT"), Decimal(10_000) + gain - fees)
    tally.same("the position is gone", (positions(client, **LINEAR)[0]["size"], positions(client, **LINEAR)[0]["side"]), ("0", ""))


def size_moves_the_price(sim, tally):
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    sim.deposit("USDT", 1_000_000)
    book = client.get_orderbook(**LINEAR, limit=50)["result"]["a"]
    want, value = Decimal("3"), Decimal(0)
    left = want
    for price, size in book:
        taken = min(left, Decimal(size))
        value, left = value + taken * Decimal(price), left - taken
    placed = client.place_order(**LINEAR, side="Buy", orderType="Market", qty=str(want))["result"]
    row = order_row(client, "linear", "BTCUSDT", placed["orderId"])
    tally.same("it walks up the displayed book", row["cumExecValue"], value)
    tally.true("and pays more than the best ask", Decimal(row["avgPrice"]) > Decimal(book[0][0]), row["avgPrice"])


def time_in_force(sim, tally):
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    for force, price, status in (
        ("PostOnly", "60100", "Cancelled"),
        ("PostOnly", "59000", "New"),
        ("IOC", "59000", "Cancelled"),
        ("FOK", "59000", "Cancelled"),
        ("IOC", "60100", "Filled"),
        ("FOK", "60100", "Filled"),
    ):
        placed = client.place_order(**LINEAR, side="Buy", orderType="Limit", qty="0.01", price=price, timeInForce=force)["result"]
        row = order_row(client, "linear", "BTCUSDT", placed["orderId"])
        tally.same(f"{force} at {price}", row["orderStatus"], status)
    tally.refused("off the tick", 10001, lambda: client.place_order(**LINEAR, side="Buy", orderType="Limit", qty="0.01", price="59000.05"))
    tally.refused("below the step", 10001, lambda: client.place_order(**LINEAR, side="Buy", orderType="Limit", qty="0.0005", price="59000"))
    tally.refused("more than the account holds", 110007, lambda: client.place_order(**LINEAR, side="Buy", orderType="Limit", qty="9", price="59000"))
    tally.refused("an order that is not there", 110001, lambda: client.cancel_order(**LINEAR, orderId="00000000-0000-4000-8000-000000000000"))


def spot(sim, tally):
    client = http(sim)
    sim.price("spot", "BTCUSDT", 60_000)
    pair = dict(category="spot", symbol="BTCUSDT")
    placed = client.place_order(**pair, side="Buy", orderType="Market", qty="600", marketUnit="quoteCoin")["result"]
    fills = client.get_executions(category="spot", orderId=placed["orderId"])["result"]["list"]
    bought = sum(Decimal(fill["execQty"]) for fill in fills)
    fee = sum(Decimal(fill["execFee"]) for fill in fills)
    tally.true("a buy is for money", Decimal("0.0099") < bought <= Decimal("0.01"), bought)
    tally.same("its fee is in coin", (fills[0]["feeCurrency"], fee), ("BTC", bought * Decimal("0.001")))
    tally.same("what arrives is less the fee", coin(client, "BTC"), bought - fee)
    limit = client.place_order(**pair, side="Sell", orderType="Limit", qty="0.005", price="62000")["result"]
    row = client.get_wallet_balance(accountType="UNIFIED", coin="BTC")["result"]["list"][0]["coin"][0]
    tally.same("a resting sell locks the coin", row["locked"], "0.005")
    sim.price("spot", "BTCUSDT", 62_000)
    row = order_row(client, "spot", "BTCUSDT", limit["orderId"])
    tally.same("it fills", (row["orderStatus"], row["cumExecValue"]), ("Filled", "310"))
    tally.refused("selling what is not there", 170131, lambda: client.place_order(**pair, side="Sell", orderType="Market", qty="5", marketUnit="baseCoin"))
    tally.refused("an amount below the least", 1701, lambda: client.place_order(**pair, side="Buy", orderType="Market", qty="0.1", marketUnit="quoteCoin"))


def inverse(sim, tally):
    client = http(sim)
    sim.deposit("BTC", 1)
    sim.price("inverse", "BTCUSD", 60_000)
    pair = dict(category="inverse", symbol="BTCUSD")
    client.place_order(**pair, side="Sell", orderType="Market", qty="6000")
    held = positions(client, **pair)[0]
    tally.same("a size in dollars", (held["side"], held["size"]), ("Sell", "6000"))
    tally.same("its value in coin", held["positionValue"], round(Decimal(6000) / Decimal("59999.9"), 8))
    before = coin(client, "BTC")
    sim.price("inverse", "BTCUSD", 54_000)
    held = positions(client, **pair)[0]
    gain = Decimal(6000) / Decimal(54_000) - Decimal(6000) / Decimal("59999.9")
    tally.same("a short gains as the price falls", Decimal(held["unrealisedPnl"]), round(gain, 8))
    tally.same("the wallet has not moved", coin(client, "BTC"), before)


def hedge_mode(sim, tally):
    client = http(sim)
    sim.price("linear", "ETHUSDT", 3_000)
    pair = dict(category="linear", symbol="ETHUSDT")
    client.switch_position_mode(**pair, mode=3)
    tally.refused("the same mode again", 110025, lambda: client.switch_position_mode(**pair, mode=3))
    client.place_order(**pair, side="Buy", orderType="Market", qty="2", positionIdx=1)
    client.place_order(**pair, side="Sell", orderType="Market", qty="1", positionIdx=2)
    legs = positions(client, **pair)
    tally.same("both legs", [(i, legs[i]["side"], legs[i]["size"]) for i in (1, 2)], [(1, "Buy", "2"), (2, "Sell", "1")])
    tally.refused("no leg named", 10001, lambda: client.place_order(**pair, side="Buy", orderType="Market", qty="1"))
    client.place_order(**pair, side="Sell", orderType="Market", qty="2", positionIdx=1)
    legs = positions(client, **pair)
    tally.same("one leg closed, the other stays", (legs[1]["size"], legs[2]["size"]), ("0", "1"))
    tally.refused("the mode with a position open", 110024, lambda: client.switch_position_mode(**pair, mode=0))


def leverage(sim, tally):
    client = http(sim)
    pair = dict(category="linear", symbol="SOLUSDT")
    client.set_leverage(**pair, buyLeverage="20", sellLeverage="20")
    tally.refused("the same leverage again", 110043, lambda: client.set_leverage(**pair, buyLeverage="20", sellLeverage="20"))
    tally.refused("too much of it", 110013, lambda: client.set_leverage(**pair, buyLeverage="500", sellLeverage="500"))
    sim.price("linear", "SOLUSDT", 150)
    client.place_order(**pair, side="Buy", orderType="Market", qty="10")
    held = positions(client, **pair)[0]
    tally.same("a position at that leverage", held["leverage"], "20")
    # The margin is the value at mark over the leverage, and what closing would cost.
    margin = Decimal(held["positionIM"])
    tally.true("its margin is about a twentieth", Decimal("75") <= margin <= Decimal("77"), margin)


def stops(sim, tally):
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    client.place_order(**LINEAR, side="Buy", orderType="Market", qty="0.1", takeProfit="63000", stopLoss="58000")
    held = positions(client, **LINEAR)[0]
    tally.same("stops of the order become the position's", (Decimal(held["takeProfit"]), Decimal(held["stopLoss"])), (63_000, 58_000))
    waiting = client.get_open_orders(**LINEAR, orderFilter="StopOrder")["result"]["list"]
    kinds = sorted((row["stopOrderType"], row["triggerPrice"], row["orderStatus"]) for row in waiting)
    tally.same("both wait as orders", kinds, [("StopLoss", "58000", "Untriggered"), ("TakeProfit", "63000", "Untriggered")])
    client.set_trading_stop(**LINEAR, tpslMode="Full", positionIdx=0, stopLoss="59000")
    tally.same("a moved stop", Decimal(positions(client, **LINEAR)[0]["stopLoss"]), 59_000)
    tally.refused("the same stop again", 34040, lambda: client.set_trading_stop(**LINEAR, tpslMode="Full", positionIdx=0, stopLoss="59000"))
    sim.price("linear", "BTCUSDT", 59_000)
    tally.same("the stop closes the position", positions(client, **LINEAR)[0]["size"], "0")
    left = client.get_open_orders(**LINEAR, orderFilter="StopOrder")["result"]["list"]
    tally.same("and takes its twin along", left, [])
    history = client.get_order_history(**LINEAR, limit=10)["result"]["list"]
    stop = next(row for row in history if row["stopOrderType"] == "StopLoss" and row["orderStatus"] == "Filled")
    tally.same("it was a closing market order", (stop["side"], stop["reduceOnly"], stop["cumExecQty"]), ("Sell", True, "0.1"))


def trailing(sim, tally):
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    client.place_order(**LINEAR, side="Buy", orderType="Market", qty="0.1")
    client.set_trading_stop(**LINEAR, tpslMode="Full", positionIdx=0, trailingStop="500")
    sim.price("linear", "BTCUSDT", 61_000)
    sim.price("linear", "BTCUSDT", 60_600)
    tally.same("400 below the best: still there", positions(client, **LINEAR)[0]["size"], "0.1")
    sim.price("linear", "BTCUSDT", 60_500)
    tally.same("500 below the best: closed", positions(client, **LINEAR)[0]["size"], "0")


def conditional(sim, tally):
    client = http(sim)
    sim.price("linear", "BTCUSDT", 60_000)
    stop = dict(**LINEAR, side="Buy", orderType="Market", qty="0.1", triggerBy="LastPrice")
    tally.refused("a trigger on the wrong side", 110092, lambda: client.place_order(**stop, triggerPrice="59000", triggerDirection=1))
    placed = client.place_order(**stop, triggerPrice="61000", triggerDirection=1)["result"]
    row = order_row(client, "linear", "BTCUSDT", placed["orderId"])
    tally.same("it waits for its trigger", (row["orderStatus"], row["stopOrderType"]), ("Untriggered", "Stop"))
    client.amend_order(**LINEAR, orderId=placed["orderId"], triggerPrice="62000")
    sim.price("linear", "BTCUSDT", 61_000)
    tally.same("a moved trigger", order_row(client, "linear", "BTCUSDT", placed["orderId"])["orderStatus"], "Untriggered")
    sim.price("linear", "BTCUSDT", 62_000)
    row = order_row(client, "linear", "BTCUSDT", placed["orderId"])
    tally.same("it fires and fills", (row["orderStatus"], row["avgPrice"]), ("Filled", "62000.1"))


def batches(sim, tally):
    client = http(sim)
    sim.price("linear", "ETHUSDT", 3_000)
    good = dict(symbol="ETHUSDT", side="Buy", orderType="Limit", qty="0.1", price="2900")
    rows = [{**good, "orderLinkId": "b1"}, {**good, "qty": "0.001", "orderLinkId": "b2"}, {**good, "orderLinkId": "b3"}]
    reply = client.place_batch_order(category="linear", request=rows)
    codes = [row["code"] for row in reply["retExtInfo"]["list"]]
    tally.same("the batch was taken, one row was not", (reply["retCode"], codes[0], codes[2]), (0, 0, 0))
    tally.true("the bad row has a code of its own", codes[1] != 0, codes)
    placed = reply["result"]["list"]
    tally.same("the bad row has no id", (placed[1]["orderId"], placed[1]["orderLinkId"]), ("", "b2"))
    tally.same("rows stay in order", [row["orderLinkId"] for row in placed], ["b1", "b2", "b3"])
    amends = [dict(symbol="ETHUSDT", orderId=placed[0]["orderId"], price="2800"), dict(symbol="ETHUSDT", orderId=placed[2]["orderId"], qty="0.2")]
    reply = client.amend_batch_order(category="linear", request=amends)
    tally.same("both amended", [row["code"] for row in reply["retExtInfo"]["list"]], [0, 0])
    open_rows = {row["orderLinkId"]: row for row in client.get_open_orders(category="linear", symbol="ETHUSDT")["result"]["list"]}
    tally.same("as asked", (open_rows["b1"]["price"], open_rows["b3"]["qty"]), ("2800", "0.2"))
    cancels = [dict(symbol="ETHUSDT", orderLinkId="b1"), dict(symbol="ETHUSDT", orderLinkId="none")]
    reply = client.cancel_batch_order(category="linear", request=cancels)
    codes = [row["code"] for row in reply["retExtInfo"]["list"]]
    tally.same("one was there, one was not", codes, [0, 110001])


def lists_and_pages(sim, tally):
    client = http(sim)
    sim.price("linear", "ETHUSDT", 3_000)
    sim.price("linear", "SOLUSDT", 150)
    ids = []
    for at in range(7):
        symbol, price = (("ETHUSDT", 2900 - at), ("SOLUSDT", 140 - at))[at % 2]
        placed = client.place_order(category="linear", symbol=symbol, side="Buy", orderType="Limit", qty="0.1", price=str(price))
        ids.append(placed["result"]["orderId"])
    seen, cursor = [], ""
    while True:
        page = client.get_open_orders(category="linear", settleCoin="USDT", limit=2, cursor=cursor)["result"]
        seen += [row["orderId"] for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    tally.same("pages of two hold every open order once", sorted(seen), sorted(ids))
    done = client.cancel_all_orders(category="linear", symbol="ETHUSDT")["result"]["list"]
    tally.same("cancel all of one symbol", sorted(row["orderId"] for row in done), sorted(ids[::2]))
    done = client.cancel_all_orders(category="linear", settleCoin="USDT")["result"]["list"]
    tally.same("cancel all of the coin", sorted(row["orderId"] for row in done), sorted(ids[1::2]))
    history, cursor = [], ""
    while True:
        page = client.get_order_history(category="linear", limit=3, cursor=cursor)["result"]
        history += [row["orderId"] for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    tally.same("the history has each once, newest first", history, ids[::-1])
    client.place_order(category="linear", symbol="SOLUSDT", side="Buy", orderType="Market", qty="500")
    fills, cursor = [], ""
    while True:
        page = client.get_executions(category="linear", limit=1, cursor=cursor)["result"]
        fills += [row["execId"] for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    tally.true("a large order has several fills, each once", len(fills) > 1 and len(set(fills)) == len(fills), fills)


def in_trouble(sim, tally):
    """A create whose reply is lost has placed the order; the client id finds it."""
    client = http(sim, max_retries=1)
    sim.price("linear", "BTCUSDT", 60_000)
    order = dict(**LINEAR, side="Buy", orderType="Limit", qty="0.01", price="59000")
    for kind in ("drop_after", "reset_after", "truncated_body"):
        sim.admin("/paper/faults", [{"path": "/v5/order/create", "kind": kind, "times": 1}])
        try:
            client.place_order(**order, orderLinkId=kind)
            tally.fail(f"{kind}: no error")
        except Exception:
            pass
        rows = client.get_open_orders(**LINEAR, orderLinkId=kind)["result"]["list"]
        tally.same(f"{kind}: the order is there", len(rows), 1)
    sim.admin("/paper/faults", [{"path": "/v5/order/create", "kind": "invisible", "ms": 700, "times": 1}])
    client.place_order(**order, orderLinkId="late")
    look = lambda: client.get_open_orders(**LINEAR, orderLinkId="late")["result"]["list"]
    tally.same("an order can be invisible", look(), [])
    tally.same("and appears", len(eventually(look, bool)), 1)


GROUPS = [
    market_and_limit, size_moves_the_price, time_in_force, spot, inverse, hedge_mode, leverage, stops, trailing,
    conditional, batches, lists_and_pages, in_trouble,
]
