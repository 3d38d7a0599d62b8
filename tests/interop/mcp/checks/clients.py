"""The clients that people use, each over stdio and over HTTP, all through the same steps and judged alike."""

import json
import subprocess
import sys
import time

from lib import environments, judge
from lib.home import Home
from lib.settings import HERE
from lib.wire import is_message

# The read that is given up would take 8 seconds; every order is answered 900 ms late.
FAULTS = [
    {"path": "/v5/market/recent-trade", "kind": "delay_before", "ms": 8000, "times": 1},
    {"path": "/v5/order/create", "kind": "delay", "ms": 900},
]
STEPS = json.loads((HERE / "clients/script.json").read_text())["steps"]


def run(report, settings):
    for name, command, mode in clients(settings):
        for transport in ("stdio", "http"):
            one_client(report, settings, f"{name}, {transport}", command, mode, transport)


def clients(settings):
    """Name, command and mode of each."""
    node, folder = environments.node(settings)
    script = lambda name: str(HERE / f"clients/{name}")
    one = [environments.python(settings, "python-sdk-1"), script("python_sdk_1.py")]
    two = [environments.python(settings, "python-sdk-2"), script("python_sdk_2.py")]
    fast = [environments.python(settings, "fastmcp"), script("fastmcp_client.py")]
    return [
        ("python sdk 1", one, None),
        ("python sdk 2 with initialize", two, "legacy"),
        ("python sdk 2 with discover", two, "auto"),
        ("fastmcp", fast, None),
        ("typescript sdk", [node, str(folder / "typescript_sdk.mjs")], None),
    ]


def one_client(report, settings, who, command, mode, transport):
    with Home(settings.binary) as home:
        tap = home.folder / "tap.jsonl"
        if transport == "http":
            server = home.http(FAULTS)
            to = {"url": server.url, "token": server.token}
        else:
            through = [sys.executable, str(HERE / "lib/tap.py"), str(tap)]
            to = {"command": through + home.stdio(), "env": home.env(FAULTS)}
        spec = json.dumps({"to": {**to, "mode": mode}, "steps": STEPS})
        done = subprocess.run(command + [spec], capture_output=True, text=True, timeout=90)
        if not report.check(f"{who}: ran to its end", done.returncode == 0, done.stderr[-1500:]):
            return
        seen = json.loads(done.stdout)
        report.tell(f"{who}: protocol {seen['protocol']}")
        judge.judge(report, who, seen)
        judge_cancels(report, who, home, seen)
        if transport == "stdio":
            judge_tap(report, who, tap)
        else:
            report.check(f"{who}: the server is still there", server.alive())
            report.equal(f"{who}: nothing on its stdout", server.out.read_bytes(), b"")
        judge_ledger(report, who, home)


def judge_cancels(report, who, home, seen):
    for name in ("cancelled_read", "cancelled_write"):
        report.check(f"{who}: {name} was given up", seen[name]["cancelled_after"] < 3, seen[name])
    report.check(f"{who}: the next call is answered at once", seen["after"]["seconds"] < 3, seen["after"]["seconds"])
    instruments = seen["after"]["structured"]["instruments"]
    report.equal(f"{who}: and rightly", [row["symbol"] for row in instruments], ["BTCUSDT"])
    until = time.monotonic() + 10
    while home.outcomes("interop-cancelled") != ["pending", "filled"] and time.monotonic() < until:
        time.sleep(0.05)
    outcomes = home.outcomes("interop-cancelled")
    report.equal(f"{who}: a write whose caller went away is settled", outcomes, ["pending", "filled"])


def judge_tap(report, who, tap):
    """What passed over stdio: MCP alone, no answer to what was cancelled, and an end without waiting for it."""
    lines = wait_for_end(tap)
    replies = [entry["line"] for entry in lines if entry.get("from") == "server"]
    report.equal(f"{who}: every line of stdout is MCP", [line for line in replies if not is_message(line)], [])
    sent = [json.loads(entry["line"]) for entry in lines if entry.get("from") == "client" and "line" in entry]
    cancelled = {note["params"]["requestId"] for note in sent if note.get("method") == "notifications/cancelled"}
    report.equal(f"{who}: two calls were cancelled on the wire", len(cancelled), 2)
    answered = {json.loads(line).get("id") for line in replies}
    report.equal(f"{who}: a cancelled call is not answered", cancelled & answered, set())
    closed = next(entry["at"] for entry in lines if entry.get("end"))
    code, ended = lines[-1].get("code"), lines[-1]["at"]
    report.equal(f"{who}: the server ends with 0", code, 0)
    # The cancelled read had 8 seconds to run; the cancelled write less than one.
    report.check(f"{who}: it waits for no cancelled read", ended - closed < 4, (closed, ended))


def wait_for_end(tap):
    until = time.monotonic() + 15
    while True:
        lines = [json.loads(line) for line in tap.read_text().splitlines()]
        if "code" in lines[-1] or time.monotonic() > until:
            return lines
        time.sleep(0.05)


def judge_ledger(report, who, home):
    kinds = sorted(record["outcome"] for record in home.ledger())
    report.equal(f"{who}: the ledger has each write", kinds, ["blocked"] * 3 + ["filled"] * 3 + ["pending"] * 3)
    report.check(f"{who}: the chain is whole", home.verify())
