"""One runtime root in a temporary folder that both programs use, and the ways to reach ours: commands and sessions.

Their code runs in this process (or in workers that it starts) and finds the folder by `VIBE_TRADING_HOME`; our
binary finds it by `VIBE_RUNTIME_ROOT`. Nothing of the developer's own settings reaches either.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

BROKER = "bybit"
OURS_AND_THEIRS = ("BYBIT_", "MANDATED_", "VIBE_")


class Failed(Exception):
    """The two sides do not agree, or one of them is not what it should be."""


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Failed(what)


def equal(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Failed(f"{what}: {found!r} is not {wanted!r}")


def binary() -> str:
    return os.environ["INTEROP_BINARY"]


def project() -> Path:
    return Path(os.environ["INTEROP_PROJECT"])


def cases() -> int:
    return int(os.environ["INTEROP_CASES"])


def seed() -> int:
    return int(os.environ["INTEROP_SEED"])


def is_full_run() -> bool:
    """A run of the usual size; a smaller one does less of everything that takes time."""
    return cases() >= 20_000


def refusal(reply: dict) -> str | None:
    """Which limit refused this write; None when it was accepted or filled."""
    return None if reply["status"] in ("accepted", "filled") else reply["live_action"]["gate_decision"]["limit"]


def keep_clear_of_midnight(seconds: int = 120) -> None:
    """Waits for the next UTC day when this one is about to end: the count would start anew in the middle of a check."""
    left = 86_400 - time.time() % 86_400
    if left < seconds:
        time.sleep(left + 1)


class World:
    """A home folder and a runtime root for both, gone when the check is over."""

    def __enter__(self) -> "World":
        self.home = Path(tempfile.mkdtemp(prefix="interop-"))
        self.root = self.home / "root"
        self.live = self.root / "live"
        self.folder = self.live / BROKER
        for path in (self.root, self.live, self.folder):
            path.mkdir(mode=0o700)
        self.before = dict(os.environ)
        for name in [name for name in os.environ if name.startswith(OURS_AND_THEIRS)]:
            del os.environ[name]
        os.environ.update(HOME=str(self.home), VIBE_TRADING_HOME=str(self.root), VIBE_RUNTIME_ROOT=str(self.root))
        return self

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self.before)
        shutil.rmtree(self.home)

    def put_mandate(self, **caps: object) -> dict:
        """The mandate of examples/mandate.json with other caps, without an end in sight."""
        mandate = json.loads((project() / "examples/mandate.json").read_text())
        mandate["hard_caps"].update(caps)
        mandate["consent"]["expires_at"] = "2099-01-01T00:00:00Z"
        path = self.folder / "mandate.json"
        path.write_text(json.dumps(mandate))
        path.chmod(0o600)
        return mandate

    def environment(self, root: Path | None = None) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "VIBE_RUNTIME_ROOT": str(root or self.root),
                "MANDATED_PAPER_ROOT": str(root or self.root), "MANDATED_VENUE": "paper"}

    def run(self, *args: str, root: Path | None = None) -> subprocess.CompletedProcess:
        """One command of ours, to its end."""
        return subprocess.run([binary(), *args], env=self.environment(root), capture_output=True, text=True, timeout=120)

    def session(self, **variables: str) -> "Session":
        return Session(self.environment() | variables)

    def ledger(self, name: str = "audit.jsonl") -> list[dict]:
        """Every record of a ledger; a line that is not JSON is an error."""
        text = (self.live / name).read_text(encoding="utf-8")
        expect(text.endswith("\n"), f"{name} does not end with a newline")
        return [json.loads(line) for line in text.splitlines()]


class Session:
    """`mandated serve` on paper, over its standard streams, one call after the other."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen([binary(), "serve"], env=environment, stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.next_id = 0
        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "interop", "version": "1"}}
        equal(self.ask("initialize", client)["serverInfo"]["name"], "mandated", "the server's name")
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()

    def send(self, message: dict) -> None:
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict) -> dict:
        self.next_id += 1
        self.send({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params})
        reply = json.loads(self.process.stdout.readline())
        equal(reply.get("id"), self.next_id, f"the id of the reply {reply}")
        return reply["result"]

    def call(self, tool: str, **args: object) -> dict:
        return self.ask("tools/call", {"name": tool, "arguments": args})["structuredContent"]
