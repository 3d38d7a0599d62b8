"""Memory that a call does not give back: every kind of call in a loop of its own, over stdio and over HTTP.

A kilobyte lost at each call of one kind makes twice what the kind may grow. Each loop has a server of its own, warmed up
by the same calls: memory that others used once and left free would take in a leak without growing.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lib import web
from lib.exchange import Exchange, HomeAt
from lib.home import memory_mb
from lib.wire import Wire

# What one call may lose at most: half of the smallest leak that has to be found.
KB_A_CALL = 0.5
TIMES = 3
WARM = 100
AT_ONCE = 16
EXCHANGE_READS = 3_000
TICKERS = "/v5/market/tickers?category=linear&symbol=BTCUSDT"


def call(name, **arguments):
    return {"name": name, "arguments": arguments}


ORDER = call("bybit_place_order", category="linear", symbol="BTCUSDT", side="Buy", order_type="Market", qty="1")


@dataclass(frozen=True)
class Kind:
    """A request without a method is a line or a body that is no JSON."""

    name: str
    method: str
    params: dict | None
    answer: object
    rounds: int = 600
    halted: bool = False

    @property
    def most(self):
        """What it may grow, in kB; in a quick run as well."""
        return self.rounds * KB_A_CALL


KINDS = [
    Kind("ping", "ping", None, "answered"),
    Kind("read", "tools/call", call("bybit_get_tickers", symbol="BTCUSDT"), "answered", rounds=800),
    Kind("unknown tool", "tools/call", call("bybit_withdraw"), -32602),
    Kind("bad arguments", "tools/call", call("bybit_get_kline"), "bad_arguments"),
    Kind("nonsense", "", None, "no answer"),
    Kind("leverage above the cap", "tools/call", call("bybit_set_leverage", category="linear", symbol="BTCUSDT", leverage="10"),
         "max_leverage", rounds=400),
    # It reads the account, and Bybit's budgets allow ten of these a second.
    Kind("order above a cap", "tools/call", ORDER, "max_order_notional_usd", rounds=200),
    Kind("order under HALT", "tools/call", ORDER, "halt_flag", rounds=400, halted=True),
]


def run(report, settings):
    with Exchange(settings.binary) as exchange, ThreadPoolExecutor() as pool:
        both = [pool.submit(over, transport, settings, exchange) for transport in (OverStdio, OverHttp)]
        for transport in both:
            tell(report, *transport.result())
        exchange_reads(report, settings, exchange)


def over(transport, settings, exchange):
    """The transport's name, and a row for each kind."""
    return transport.name, [alone(kind, transport, settings, exchange) for kind in KINDS]


def alone(kind, transport, settings, exchange):
    """(kind, growth in kB, answers) of the kind in a server that has seen no other."""
    with HomeAt(settings.binary, exchange) as home, transport(home) as server:
        if kind.halted:
            (home.live / "HALT").touch()
        server.loop(kind, settings.size(max(kind.rounds // 4, WARM), 20))
        return least_growth(server, kind, settings.size(kind.rounds, kind.rounds // 4))


def tell(report, name, rows):
    for kind, growth, answers in rows:
        report.equal(f"{name}: {kind.name}: every answer", answers, {kind.answer})
        report.check(f"{name}: {kind.name}: no leak: at most {kind.most:.0f} kB more", growth <= kind.most, f"{growth:.0f} kB")
    grown = ", ".join(f"{kind.name} {growth:.0f}" for kind, growth, _ in rows)
    report.tell(f"{name}: growth in kB: {grown}")


class OverStdio:
    """Sixteen on their way at once."""

    name = "stdio"

    def __init__(self, home):
        self.wire = Wire(home)
        self.pid = self.wire.process.pid
        self.wire.open()

    def __enter__(self):
        return self

    def __exit__(self, *more):
        self.wire.__exit__(*more)

    def loop(self, kind, rounds):
        """The different answers that came."""
        answers = set()
        for start in range(0, rounds, AT_ONCE):
            count = min(AT_ONCE, rounds - start)
            if kind.method:
                sent = [self.wire.begin(kind.method, kind.params) for _ in range(count)]
                answers |= {said(self.wire.receive(30)) for _ in sent}
            else:
                self.wire.send(b"nonsense\n" * count)
                # All of it has been read when this is answered; an answer to it would come first.
                asked = self.wire.begin("ping")
                answers.add("no answer" if self.wire.receive(30).get("id") == asked else "an answer")
        return answers


class OverHttp:
    """A connection for each call."""

    name = "http"

    def __init__(self, home):
        self.server = home.http()
        self.pid = self.server.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def loop(self, kind, rounds):
        """The different answers that came."""
        return {self._one(kind) for _ in range(rounds)}

    def _one(self, kind):
        if kind.method:
            return said(web.ask(self.server, kind.method, kind.params))
        status, _ = web.post(self.server, b"nonsense")
        return "no answer" if 400 <= status < 500 else status


def said(message):
    """An error's code, the limit that refused, what is wrong with the arguments, or that it was answered."""
    if "result" not in message:
        return message.get("error", message).get("code", "neither result nor error")
    content = message["result"].get("structuredContent", {})
    return content.get("limit") or content.get("code") or "answered"


def least_growth(server, kind, rounds):
    """(kind, growth in kB, answers). A leak is in every loop and the allocator's slack in one: it may try again."""
    least, answers = float("inf"), set()
    for _ in range(TIMES):
        before = memory_mb(server.pid)
        answers |= server.loop(kind, rounds)
        least = min(least, (memory_mb(server.pid) - before) * 1024)
        if least <= kind.most:
            break
    return kind, least, answers


def exchange_reads(report, settings, exchange):
    """The paper exchange keeps its last 10,000 requests, which is what it grows by before they are so many."""
    reads, most = settings.size(EXCHANGE_READS, EXCHANGE_READS // 4), EXCHANGE_READS * KB_A_CALL
    before, began = memory_mb(exchange.process.pid), time.monotonic()
    statuses = exchange.read(TICKERS, reads)
    growth = (memory_mb(exchange.process.pid) - before) * 1024
    report.tell(f"exchange: growth in kB: {growth:.0f} at {reads} reads, {time.monotonic() - began:.0f} s")
    report.equal(f"exchange: each of {reads} answers", statuses, {200})
    report.check(f"exchange: no leak: at most {most:.0f} kB more", growth <= most, f"{growth:.0f} kB")
