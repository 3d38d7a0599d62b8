"""Rough handling over stdio: whatever comes in, the session goes on, and stdout carries MCP alone."""

import threading
import time

from lib.home import Home, memory_mb
from lib.wire import INITIALIZE, Wire, is_message

MIB = 1024 * 1024


def call_line(params):
    return b'{"jsonrpc":"2.0","id":70,"method":"tools/call","params":' + params + b"}"


def tickers(arguments):
    return call_line(b'{"name":"bybit_get_tickers","arguments":' + arguments + b"}")


# No JSON, so nobody can say whom an answer would be for. Like the official SDKs, the server passes over it.
UNREADABLE = {
    "no JSON": b"not json",
    "half an object": b'{"jsonrpc":"2.0","id":1,',
    "two objects on a line": b'{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}',
    "zero bytes": b"\x00\x00\x00",
    "invalid UTF-8": b"\xff\xfe\x80",
    "invalid UTF-8 in a message": b'{"jsonrpc":"2.0","id":1,"method":"p\xc3\x28ng"}',
    "a million brackets": b"[" * MIB,
    "objects 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "an answer to nothing": b'{"jsonrpc":"2.0","id":1,"result":{}}',
    "an unknown notification": b'{"jsonrpc":"2.0","method":"notifications/nonsense"}',
    "a cancel of nothing": b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}',
    "a cancel whose params are a list": b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":[7]}',
    "empty lines": b"\n\r\n  \t\n",
}

# What is answered with an error, and its code.
ERRORS = {
    "an empty batch": (b"[]", -32600),
    "a batch": (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
    "an empty object": (b"{}", -32600),
    "a number": (b"5", -32600),
    "a text": (b'"x"', -32600),
    "null": (b"null", -32600),
    "JSON-RPC 1.0": (b'{"jsonrpc":"1.0","id":3,"method":"ping"}', -32600),
    "an id that is null": (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
    "an id that is a fraction": (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
    "an id that is an object": (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600),
    "two ids": (b'{"jsonrpc":"2.0","id":1,"method":"ping","id":2}', -32600),
    "a method that is a number": (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
    "params that are a list": (call_line(b"[]"), -32602),
    "meta that is a list": (call_line(b'{"name":"bybit_get_tickers","arguments":{},"_meta":[]}'), -32602),
    "params with half a surrogate": (call_line(b'{"a":"\\ud800"}'), -32602),
    "params with 1e999": (call_line(b'{"a":1e999}'), -32602),
    "an unknown method": (b'{"jsonrpc":"2.0","id":70,"method":"tools/destroy"}', -32601),
    "a method of a megabyte": (b'{"jsonrpc":"2.0","id":70,"method":"' + b"x" * MIB + b'"}', -32601),
    "a call without params": (b'{"jsonrpc":"2.0","id":70,"method":"tools/call"}', -32602),
    "a tool that is a number": (call_line(b'{"name":5}'), -32602),
    "an unknown tool": (call_line(b'{"name":"bybit_withdraw"}'), -32602),
    "a tool of a megabyte": (call_line(b'{"name":"' + b"x" * MIB + b'"}'), -32602),
    "arguments 100,000 deep": (tickers(b"[" * 100_000 + b"]" * 100_000), -32602),
    "a symbol of a megabyte": (tickers(b'{"symbol":"' + b"B" * MIB + b'"}'), -32602),
    "an order of 3 MB": (
        call_line(b'{"name":"bybit_place_order","arguments":{"symbol":[' + b"[]," * MIB + b"[]]}}"), -32602
    ),
    "a line of 5 MiB": (b'{"x":"' + b"y" * (5 * MIB) + b'"}', -32600),
}

# What is a call, and is answered with `isError` and a reason.
BAD_ARGUMENTS = {
    "arguments that are a list": tickers(b"[1]"),
    "arguments that are a number": tickers(b"5"),
    "arguments 10,000 deep": tickers(b"[" * 10_000 + b"]" * 10_000),
    "half a surrogate": tickers(b'{"symbol":"\\ud800"}'),
    "a symbol that is an object": tickers(b'{"symbol":{}}'),
    "a symbol of 60 kB": tickers(b'{"symbol":"' + b"B" * 60_000 + b'"}'),
    "a repeated key": tickers(b'{"symbol":"BTCUSDT","symbol":"ETHUSDT"}'),
    "a limit of 1e999": tickers(b'{"limit":1e999}'),
    "a thousand unknown arguments": tickers(b"{" + b",".join(b'"a%d":1' % number for number in range(1_000)) + b"}"),
}


def run(report, settings):
    with Home(settings.binary) as home:
        with Wire(home) as wire:
            wire.open()
            hostile_lines(report, wire)
            endless_lines(report, wire, settings)
            report.equal("stdio: the session ends with 0", wire.end(60), 0)
            report.equal("stdio: nothing of all that is on the ledger", home.ledger(), [])
            only_messages(report, "stdio, all of it", wire)
        before_the_handshake(report, home)
        never_reads(report, home, settings)
        goes_away(report, home)


def only_messages(report, who, wire):
    bad = [line[:200] for line in wire.lines if not is_message(line)]
    report.equal(f"{who}: each of {len(wire.lines)} lines of stdout is MCP", bad, [])
    log = wire.log.read_text(errors="replace")
    report.check(f"{who}: nothing panicked", "panicked" not in log, log[-800:])
    # A hostile line is not copied into the log.
    longest = max((len(line) for line in log.splitlines()), default=0)
    report.check(f"{who}: no endless line in the log", longest < 2_000, longest)


def hostile_lines(report, wire):
    for name, line in UNREADABLE.items():
        wire.send(line + b"\n")
        reply = wire.received_within(0.05)
        report.check(f"stdio: {name}: passed over", reply is None, reply)
    for name, (line, code) in ERRORS.items():
        wire.send(line + b"\n")
        reply = wire.received_within(10) or {}
        report.equal(f"stdio: {name}: error", reply.get("error", {}).get("code"), code)
        report.check(f"stdio: {name}: a short answer", len(str(reply)) < 500, len(str(reply)))
    for name, line in BAD_ARGUMENTS.items():
        wire.send(line + b"\n")
        result = (wire.received_within(10) or {}).get("result", {})
        found = (result.get("isError"), result.get("structuredContent", {}).get("code"))
        report.equal(f"stdio: {name}: bad_arguments", found, (True, "bad_arguments"))
        report.check(f"stdio: {name}: a short answer", len(str(result)) < 4_000, len(str(result)))
    report.equal("stdio: after all that, ping", wire.ask("ping").get("result"), {})


def endless_lines(report, wire, settings):
    """A line is held up to 4 MiB and its wrapped copy up to twice that; both are given back."""
    pid, megabytes = wire.process.pid, settings.size(100, 10)
    before = memory_mb(pid)
    began = time.monotonic()
    for line_end in (b"\n", b"", b"\n"):
        wire.send(b'{"jsonrpc":"2.0","id":1,"method":"ping","x":"')
        for _ in range(megabytes):
            wire.send(b"y" * MIB)
        wire.send(line_end or b'"}\n')
        reply = wire.received_within(60) or {}
        report.equal(f"stdio: a line of {megabytes} MB: error", reply.get("error", {}).get("code"), -32600)
    took = time.monotonic() - began
    after, peak = memory_mb(pid), memory_mb(pid, "VmHWM")
    report.tell(f"memory before {before:.0f} MB, highest {peak:.0f}, after {after:.0f}; {took:.1f} s for three lines")
    report.check("stdio: endless lines: at most 32 MB more at the highest", peak < before + 32, (before, peak))
    report.check("stdio: endless lines: at most 8 MB more after", after < before + 8, (before, after))
    report.equal("stdio: after endless lines, ping", wire.ask("ping").get("result"), {})


def before_the_handshake(report, home):
    """A client that does not open the session is told so or let go; nothing but MCP comes out."""
    for name, line in {
        "nonsense": b"nonsense\n",
        "a batch": b"[]\n",
        "a call": tickers(b"{}") + b"\n",
        "a notification": b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n',
    }.items():
        with Wire(home) as wire:
            wire.send(line)
            code = wire.end()
            report.check(f"stdio: {name} before the handshake: ends by itself", code in (0, 1), code)
            only_messages(report, f"stdio: {name} before the handshake", wire)


def never_reads(report, home, settings):
    """A client that asks and never reads is not read from any more, and loses nothing when it reads at last."""
    asks = settings.size(20_000, 4_000)
    with Wire(home, reads=False) as wire:
        sent = threading.Thread(target=flood, args=(wire, asks), daemon=True)
        time.sleep(0.3)
        before = memory_mb(wire.process.pid)
        sent.start()
        sent.join(timeout=5)
        report.check("stdio: never reads: it is held back", sent.is_alive(), "all was taken in")
        peak = memory_mb(wire.process.pid, "VmHWM")
        report.tell(f"never reads: memory before {before:.0f} MB, highest {peak:.0f}")
        # 64 replies of up to 128 kB wait to be read; each sits in two buffers at worst.
        report.check("stdio: never reads: at most 24 MB more", peak < before + 24, (before, peak))
        wire.start_reading()
        sent.join(timeout=120)
        report.equal("stdio: never reads, then does: ends with 0", wire.end(120), 0)
        wait_for(lambda: len(wire.lines) == asks + 1)
        report.equal("stdio: never reads, then does: every answer", len(wire.lines), asks + 1)
        only_messages(report, "stdio: never reads", wire)


def wait_for(holds, seconds=20):
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)


def flood(wire, asks):
    wire.send({"jsonrpc": "2.0", "id": "open", "method": "initialize", "params": INITIALIZE})
    wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    for number in range(asks):
        wire.send({"jsonrpc": "2.0", "id": number, "method": "tools/list"})


def goes_away(report, home):
    """A client that dies leaves both pipes closed: the server ends, and does not write to nobody."""
    with Wire(home, reads=False) as wire:
        flood(wire, 3)
        wire.process.stdout.close()
        flood(wire, 3)
        code = wire.end(90)
        report.check("stdio: the client dies: the server ends", code in (0, 1), code)
        log = wire.log.read_text()
        report.check("stdio: the client dies: nothing panicked", "panicked" not in log, log[-800:])
