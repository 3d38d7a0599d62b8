"""The streams as ccxt.pro follows them."""

import asyncio
from decimal import Decimal

from ccxt_client import http, streaming


async def _within(coroutine, seconds=8):
    return await asyncio.wait_for(coroutine, seconds)


def public(sim, tally):
    async def watch():
        exchange = streaming(sim)
        try:
            await exchange.load_markets()
            sim.price("linear", "BTCUSDT", 60_000)
            book = await _within(exchange.watch_order_book("BTC/USDT:USDT"))
            for price in (60_010, 59_995.5):
                # ccxt answers with the first change after the call.
                change = asyncio.ensure_future(exchange.watch_order_book("BTC/USDT:USDT"))
                await asyncio.to_thread(sim.price, "linear", "BTCUSDT", price)
                book = await _within(change)
            tally.same("the book follows the price", (book["bids"][0][0], book["asks"][0][0]), (59_995.4, 59_995.6))
            ticker = await _within(exchange.watch_ticker("BTC/USDT:USDT"))
            tally.same("the ticker", ticker["last"], 59_995.5)
            trades = await _within(exchange.watch_trades("ETH/USDT:USDT"))
            tally.true("trades come", trades and trades[0]["price"] > 0, trades[:1])
            candles = await _within(exchange.watch_ohlcv("ETH/USDT:USDT", "1m"))
            tally.true("a candle comes", candles[-1][2] >= candles[-1][3], candles[-1:])
        finally:
            await exchange.close()

    asyncio.run(watch())


def private(sim, tally):
    async def watch():
        exchange = streaming(sim)
        try:
            await exchange.load_markets()
            sim.price("linear", "BTCUSDT", 60_000)
            orders = asyncio.ensure_future(exchange.watch_orders("BTC/USDT:USDT"))
            trades = asyncio.ensure_future(exchange.watch_my_trades("BTC/USDT:USDT"))
            # Its first answer is what was held before.
            tally.same("nothing is held yet", await _within(exchange.watch_positions(["BTC/USDT:USDT"])), [])
            positions = asyncio.ensure_future(exchange.watch_positions(["BTC/USDT:USDT"]))
            await asyncio.sleep(1)
            rest = http(sim)
            placed = rest.create_order("BTC/USDT:USDT", "market", "buy", 0.1)
            seen = await _within(orders)
            tally.same("the order is heard", seen[-1]["id"], placed["id"])
            fills = await _within(trades)
            tally.same("and its fill", (fills[-1]["amount"], fills[-1]["price"]), (0.1, 60_000.1))
            held = await _within(positions)
            tally.true("and the position", any(row["contracts"] == 0.1 for row in held), [row["contracts"] for row in held])
            balance = asyncio.ensure_future(exchange.watch_balance())
            await asyncio.sleep(0.5)
            rest.create_order("BTC/USDT:USDT", "market", "sell", 0.1)
            seen = await _within(balance)
            fees = Decimal("0.00055") * (Decimal("6000.01") + Decimal("5999.99"))
            tally.same("and the money", round(seen["USDT"]["total"], 6), round(float(Decimal(10_000) - Decimal("0.02") - fees), 6))
        finally:
            await exchange.close()

    asyncio.run(watch())


def order_entry(sim, tally):
    async def enter():
        exchange = streaming(sim)
        try:
            await exchange.load_markets()
            sim.price("linear", "BTCUSDT", 60_000)
            placed = await _within(exchange.create_order_ws("BTC/USDT:USDT", "limit", "buy", 0.1, 59_000))
            rest = http(sim)
            order = rest.fetch_open_order(placed["id"], "BTC/USDT:USDT")
            tally.same("an order over the stream", (order["price"], order["status"]), (59_000, "open"))
            await _within(exchange.edit_order_ws(placed["id"], "BTC/USDT:USDT", "limit", "buy", 0.1, 58_500))
            tally.same("edited over it", rest.fetch_open_order(placed["id"], "BTC/USDT:USDT")["price"], 58_500)
            await _within(exchange.cancel_order_ws(placed["id"], "BTC/USDT:USDT"))
            tally.same("cancelled over it", rest.fetch_open_orders("BTC/USDT:USDT"), [])
        finally:
            await exchange.close()

    asyncio.run(enter())


GROUPS = [public, private, order_entry]
