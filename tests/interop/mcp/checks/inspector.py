"""The Inspector's command line, one process for each call, over stdio and over HTTP."""

import json
import signal
import subprocess
import time

from lib import environments, judge
from lib.home import Home
from lib.settings import HERE

LAUNCHER = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
SCRIPT = json.loads((HERE / "clients/script.json").read_text())
STEPS = {name: (tool, arguments) for name, tool, arguments in SCRIPT["steps"]}
FAULTS = [{"path": "/v5/order/create", "kind": "delay", "ms": 3000}]


def run(report, settings):
    node, folder = environments.node(settings)
    for transport in ("stdio", "http"):
        with Home(settings.binary) as home:
            inspector = Inspector(node, folder, home, transport)
            judge_calls(report, f"inspector, {transport}", inspector)
            report.check(f"inspector, {transport}: the chain is whole", home.verify())
    with Home(settings.binary) as home:
        judge_killed(report, "inspector, stdio, killed", Inspector(node, folder, home, "stdio", FAULTS), home)


class Inspector:
    def __init__(self, node, folder, home, transport, faults=()):
        self.env = {**home.env(faults), "MCP_CATALOG_PATH": str(home.folder / "catalog.json")}
        self.start = [node, str(folder / LAUNCHER), "--cli"]
        if transport == "http":
            server = home.http(faults)
            self.to = [server.url, "--transport", "http", "--header", f"Authorization: Bearer {server.token}"]
        else:
            # Of its own environment it hands on next to nothing.
            given = [["-e", f"{name}={value}"] for name, value in home.env(faults).items() if name != "PATH"]
            self.to = [part for pair in given for part in pair] + home.stdio()

    def command(self, method, *more):
        return [*self.start, *self.to, "--method", method, *more]

    def call_command(self, step):
        tool, arguments = STEPS[step]
        pairs = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in arguments.items()]
        return self.command("tools/call", "--tool-name", tool, *(["--tool-arg", *pairs] if pairs else []))

    def call(self, step):
        """What the other clients report of a step, from what this one prints."""
        done = run_command(self.call_command(step), self.env)
        try:
            result = json.loads(done.stdout)
        except ValueError:
            return {"said": done.stdout + done.stderr, "code": done.returncode}
        return {
            "structured": result["structuredContent"],
            "text": [part["text"] for part in result["content"]],
            "is_error": bool(result.get("isError")),
        }


def run_command(command, env):
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def judge_calls(report, who, inspector):
    listed = run_command(inspector.command("tools/list"), inspector.env)
    judge.judge_tools(report, who, json.loads(listed.stdout)["tools"])
    judge.judge_read(report, who, inspector.call("read"))
    names = ["write", "number", "refusal", "excluded", "missing_for_write", "missing_for_read", "unknown_argument"]
    seen = {name: inspector.call(name) for name in names}
    judge.judge_writes(report, who, seen)
    judge.judge_refusals(report, who, seen)
    for name in ("missing_for_read", "unknown_argument"):
        judge.judge_tool_error(report, who, name, seen[name])
    unknown = inspector.call("unknown_tool")
    named = "bybit_withdraw" in unknown.get("said", "") and unknown.get("code") != 0
    report.check(f"{who}: an unknown tool is an error that names it", named, unknown)


def judge_killed(report, who, inspector, home):
    """It cannot cancel; a person presses Ctrl-C. The server settles what was sent all the same."""
    running = subprocess.Popen(
        inspector.call_command("cancelled_write"), env=inspector.env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )
    wait_until(lambda: home.outcomes("interop-cancelled") == ["pending"], 20)
    report.equal(f"{who}: the order is under way", home.outcomes("interop-cancelled"), ["pending"])
    running.send_signal(signal.SIGINT)
    running.wait(timeout=20)
    wait_until(lambda: len(home.outcomes("interop-cancelled")) == 2, 20)
    if home.outcomes("interop-cancelled") == ["pending"]:
        # The server was ended as well: the next one finds out.
        run_command(inspector.command("tools/list"), inspector.env)
    report.equal(f"{who}: the write is settled", home.outcomes("interop-cancelled"), ["pending", "filled"])
    report.check(f"{who}: the chain is whole", home.verify())


def wait_until(holds, seconds):
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
