"""Ten at once: ten clients of one HTTP server, ten servers over stdio in one runtime root."""

import threading

from lib import web
from lib.home import Home, memory_mb
from lib.wire import Wire, is_message

TEN = 10


def order(name, qty="0.1"):
    return {
        "category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market",
        "qty": qty, "order_link_id": name,
    }


def run(report, settings):
    rounds = settings.size(40, 10)
    with Home(settings.binary) as home:
        http_clients(report, home, rounds)
    with Home(settings.binary) as home:
        stdio_processes(report, home, rounds)
    with Home(settings.binary, max_trades_per_day=1) as home:
        server = home.http()
        last_trade(report, "http", home, lambda number: web.call(server, "bybit_place_order", order(f"h{number}")))
    with Home(settings.binary, max_trades_per_day=1) as home:
        last_trade(report, "stdio", home, lambda number: one_process(home, order(f"p{number}")))


def at_once(work):
    """Runs `work(0)` to `work(9)` at once and returns what each gave; what one raised is given as it is."""
    given = [None] * TEN

    def one(number):
        try:
            given[number] = work(number)
        except Exception as error:
            given[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(TEN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=180)
    return given


def talk(call, number, rounds):
    """One client's day: reads, errors, refusals and one order; returns what was not as it should be."""
    wrong = []
    symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    for turn in range(rounds):
        symbol = symbols[(number + turn) % len(symbols)]
        reply = call("bybit_get_tickers", {"symbol": symbol})
        if reply["result"]["structuredContent"]["tickers"][0]["symbol"] != symbol:
            wrong.append(reply)
        limit = number * 10 + turn % 10 + 1
        reply = call("bybit_get_kline", {"symbol": symbol, "limit": limit})
        if len(reply["result"]["structuredContent"]["klines"]) != limit:
            wrong.append(reply)
        reply = call(f"bybit_none_{number}", {})
        if f"`bybit_none_{number}`" not in reply["error"]["message"]:
            wrong.append(reply)
    reply = call("bybit_place_order", order(f"crowd-{number}"))["result"]["structuredContent"]
    # One writes at a time; who waits longer than 5 seconds for the lock is refused and may ask again.
    if (reply["status"], reply.get("limit")) not in [("filled", None), ("blocked", "daily_order_lock")]:
        wrong.append(reply)
    return wrong


def judge_orders(report, who, home):
    outcomes = [home.outcomes(f"crowd-{number}") for number in range(TEN)]
    fits = all(outcome in (["pending", "filled"], ["blocked"]) for outcome in outcomes)
    report.check(f"{who}: each order is filled once or refused", fits, outcomes)
    report.check(f"{who}: most are filled", outcomes.count(["pending", "filled"]) >= 5, outcomes)
    report.check(f"{who}: the chain is whole", home.verify())


def http_clients(report, home, rounds):
    server = home.http()

    def one(number):
        return talk(lambda tool, arguments: web.call(server, tool, arguments), number, rounds)

    at_once(lambda number: warm_up(server))
    before = memory_mb(server.process.pid)
    report.equal("http, ten clients: each has its own answers", at_once(one), [[]] * TEN)
    after = memory_mb(server.process.pid)
    report.tell(f"ten clients, {rounds} rounds: memory before {before:.0f} MB, after {after:.0f}")
    report.check("http, ten clients: at most 16 MB more", after < before + 16, (before, after))
    judge_orders(report, "http, ten clients", home)
    report.equal("http, ten clients: the server ends with 0", server.stop(), 0)


def warm_up(server):
    """Fills caches and starts threads, so that what grows later is not those."""
    for _ in range(20):
        web.call(server, "bybit_get_kline", {"symbol": "BTCUSDT", "limit": 100})


def stdio_processes(report, home, rounds):
    def one(number):
        with Wire(home) as wire:
            wire.open()
            wrong = talk(wire.call, number, rounds)
            code = wire.end(60)
            bad = [line[:200] for line in wire.lines if not is_message(line)]
            return wrong + bad + ([f"exit code {code}"] if code else [])

    report.equal("stdio, ten processes: each has its own answers, and MCP alone", at_once(one), [[]] * TEN)
    judge_orders(report, "stdio, ten processes", home)


def one_process(home, arguments):
    with Wire(home) as wire:
        wire.open()
        return wire.call("bybit_place_order", arguments, timeout=60)


def last_trade(report, who, home, place):
    """One trade is left in the day, and ten want it."""
    replies = at_once(place)
    seen = [
        reply["result"]["structuredContent"] if isinstance(reply, dict) else {"status": repr(reply)} for reply in replies
    ]
    told = sorted((reply["status"], str(reply.get("limit"))) for reply in seen)
    limits = {reply.get("limit") for reply in seen if reply["status"] == "blocked"}
    report.equal(f"{who}: of ten, one has the last trade", [status for status, _ in told].count("filled"), 1)
    report.equal(f"{who}: nine are refused", [status for status, _ in told].count("blocked"), 9)
    report.check(f"{who}: and told why", limits <= {"max_trades_per_day", "daily_order_lock"}, told)
    report.check(f"{who}: the chain is whole", home.verify())
