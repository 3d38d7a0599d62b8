"""Rough handling over HTTP: every request is answered or let go, and the server stands."""

import json
import socket

from lib import web
from lib.home import Home, memory_mb
from checks.rough_stdio import BAD_ARGUMENTS, ERRORS, MIB, UNREADABLE

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
LIST = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'


def run(report, settings):
    with Home(settings.binary) as home:
        server = home.http()
        before = memory_mb(server.process.pid)
        bodies(report, server)
        strangers(report, server)
        broken_requests(report, server)
        endless_bodies(report, server, settings)
        never_reads(report, server, settings)
        half_requests(report, server, settings)
        report.tell(f"memory at the start {before:.0f} MB, at the end {memory_mb(server.process.pid):.0f}")
        report.check("http: the server stands", server.alive())
        report.equal("http: SIGTERM ends it with 0", server.stop(), 0)
        report.equal("http: nothing on stdout", server.out.read_bytes(), b"")
        log = server.log.read_text(errors="replace")
        report.check("http: nothing panicked", "panicked" not in log, log[-800:])


def bodies(report, server):
    """The same hostile bytes as over stdio."""
    notes = ("an unknown notification", "a cancel of nothing")
    for name, body in UNREADABLE.items():
        status, text = web.post(server, body)
        wanted = 202 if name in notes else range(400, 500)
        fits = status == wanted if isinstance(wanted, int) else status in wanted
        report.check(f"http: {name}: {'taken' if wanted == 202 else 'refused'}", fits, (status, text))
    for name, (body, code) in ERRORS.items():
        status, text = web.post(server, body)
        if status == 200:
            report.equal(f"http: {name}: error", json.loads(text).get("error", {}).get("code"), code)
        else:
            report.check(f"http: {name}: refused", 400 <= status < 500, (status, text))
        report.check(f"http: {name}: a short answer", len(text) < 500, len(text))
    for name, body in BAD_ARGUMENTS.items():
        status, text = web.post(server, body)
        result = json.loads(text).get("result", {}) if status == 200 else {}
        found = (status, result.get("isError"), result.get("structuredContent", {}).get("code"))
        report.equal(f"http: {name}: bad_arguments", found, (200, True, "bad_arguments"))


def strangers(report, server):
    """Without the token, from another page, under another name: nothing is answered."""
    for name, status, headers in [
        ("no token", 401, {"Authorization": ""}),
        ("a wrong token", 401, {"Authorization": "Bearer 0000"}),
        ("the token of another scheme", 401, {"Authorization": f"Basic {server.token}"}),
        ("another host", 403, {"Host": "evil.example"}),
        ("a page elsewhere", 403, {"Origin": "http://evil.example"}),
        ("a page without origin", 403, {"Origin": "null"}),
        ("text", 415, {"Content-Type": "text/plain"}),
        ("a client that takes no JSON", 406, {"Accept": "text/html"}),
    ]:
        found, text = web.post(server, LIST, headers=headers)
        report.equal(f"http: {name}: {status}", (found, "bybit_" in text), (status, False))


def raw(server, data, timeout=5, read=True):
    """Sends bytes and returns what came back until the server was silent or closed."""
    with socket.create_connection((server.address, server.port), timeout=timeout) as line:
        received = b""
        try:
            line.sendall(data)
            while read and (chunk := line.recv(65536)):
                received += chunk
        except OSError:
            pass
        return received


def head(server, method="POST", path="/mcp", *more):
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {server.address}:{server.port}",
        f"Authorization: Bearer {server.token}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        "MCP-Protocol-Version: 2025-11-25",
        *more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status_of(reply):
    return int(reply.split(b" ")[1]) if reply.startswith(b"HTTP/") else 0


def broken_requests(report, server):
    for name, data in {
        "no HTTP": b"hello\r\n\r\n",
        "another HTTP": b"GET / HTTP/9.9\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        "a head of a megabyte": b"GET /mcp HTTP/1.1\r\nX: " + b"y" * MIB + b"\r\n\r\n",
        "a length that is no number": head(server, "POST", "/mcp", "Content-Length: x", "Connection: close") + PING,
        "two lengths": head(server, "POST", "/mcp", "Content-Length: 1", "Content-Length: 40", "Connection: close") + PING,
    }.items():
        status = status_of(raw(server, data))
        report.check(f"http: {name}: refused", status == 0 or 400 <= status < 500, status)
    for method, path, wanted in [
        ("GET", "/mcp", 405), ("DELETE", "/mcp", 405), ("PUT", "/mcp", 405), ("GET", "/", 404), ("GET", "/../mcp", 404),
    ]:
        status = status_of(raw(server, head(server, method, path, "Connection: close")))
        report.equal(f"http: {method} {path}", status, wanted)


def endless_bodies(report, server, settings):
    """A body is read up to 4 MiB, whether it says its length or not."""
    pid, megabytes = server.process.pid, settings.size(100, 10)
    before = memory_mb(pid)
    whole = head(server, "POST", "/mcp", f"Content-Length: {megabytes * MIB}") + b"x" * (megabytes * MIB)
    chunk = b"100000\r\n" + b"x" * MIB + b"\r\n"
    chunked = head(server, "POST", "/mcp", "Transfer-Encoding: chunked") + chunk * megabytes + b"0\r\n\r\n"
    for name, data in (("with its length", whole), ("in chunks", chunked)):
        status = status_of(raw(server, data, timeout=30))
        # A server that closes on a sender may lose its answer on the way.
        report.check(f"http: a body of {megabytes} MB {name}: 413 or closed", status in (0, 413), status)
    after, peak = memory_mb(pid), memory_mb(pid, "VmHWM")
    report.tell(f"memory before {before:.0f} MB, highest {peak:.0f}, after {after:.0f}")
    report.check("http: endless bodies: at most 32 MB more at the highest", peak < before + 32, (before, peak))
    report.equal("http: after endless bodies, ping", web.ask(server, "ping").get("result"), {})


def never_reads(report, server, settings):
    """Requests in a row on one connection, and nobody reads: the server stops reading, other clients go on."""
    request = head(server, "POST", "/mcp", f"Content-Length: {len(LIST)}") + LIST
    before = memory_mb(server.process.pid)
    lines = []
    for _ in range(settings.size(20, 5)):
        line = socket.create_connection((server.address, server.port))
        line.settimeout(0.3)
        lines.append(line)
        try:
            line.sendall(request * 20_000)
            report.check("http: never reads: it is held back", False, "all was taken in")
        except TimeoutError:
            pass
    peak = memory_mb(server.process.pid, "VmHWM")
    report.tell(f"{len(lines)} that never read: memory before {before:.0f} MB, highest {peak:.0f}")
    report.check("http: never reads: at most 1 MB a connection", peak < before + 24 + len(lines), (before, peak))
    report.equal("http: others go on", web.ask(server, "ping").get("result"), {})
    for line in lines:
        line.close()


def half_requests(report, server, settings):
    """Clients that begin and go away, or begin and wait."""
    began = head(server, "POST", "/mcp", "Content-Length: 1000") + b'{"jsonrpc":'
    count = settings.size(200, 50)
    for _ in range(count):
        raw(server, began, read=False)
    waiting = [socket.create_connection((server.address, server.port)) for _ in range(count)]
    for line in waiting:
        line.sendall(began[:100])
    report.equal(f"http: after {count} halves, ping", web.ask(server, "ping").get("result"), {})
    for line in waiting:
        line.close()
