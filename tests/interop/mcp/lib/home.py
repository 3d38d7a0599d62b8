"""A runtime root of its own for each check: a mandate, no keys, none of the caller's environment."""

import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

# Orders of up to $1,000, and room for many of them; DOGEUSDT never.
MANDATE = {
    "schema_version": 1,
    "hard_caps": {
        "account_funding_usd": 50000.0,
        "max_order_notional_usd": 1000.0,
        "max_total_exposure_usd": 20000.0,
        "max_leverage": 3.0,
        "allowed_instruments": ["crypto"],
        "max_trades_per_day": 200,
    },
    "universe": {
        "asset_classes": ["crypto"],
        "min_market_cap_usd": None,
        "min_avg_daily_volume_usd": None,
        "exclude_symbols": ["DOGEUSDT"],
    },
    "consent": {
        "created_at": "2026-06-01T00:00:00+00:00",
        "consent_token_sha256": "ab",
        "broker": "bybit",
        "account_ref": "a-1",
        "expires_at": "2099-01-01T00:00:00+00:00",
    },
}


class Home:
    """Use as `with Home(binary) as home:`; the folder goes at the end, and every HTTP server with it."""

    def __init__(self, binary, **caps):
        self.binary = str(binary)
        self._folder = tempfile.TemporaryDirectory(prefix="mandated-mcp-")
        self.folder = Path(self._folder.name)
        self.live = self.folder / "root/live"
        (self.live / "bybit").mkdir(parents=True)
        for folder in (self.folder / "root", self.live, self.live / "bybit"):
            folder.chmod(0o700)
        mandate = {**MANDATE, "hard_caps": {**MANDATE["hard_caps"], **caps}}
        path = self.live / "bybit/mandate.json"
        path.write_text(json.dumps(mandate))
        path.chmod(0o600)
        self._servers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self._servers:
            server.stop()
        self._folder.cleanup()

    def env(self, faults=()):
        """The whole environment of the binary. `faults` are the paper exchange's, see the project's README."""
        env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "VIBE_RUNTIME_ROOT": str(self.folder / "root"),
            "MANDATED_PAPER_ROOT": str(self.folder / "root"),
        }
        if faults:
            env["MANDATED_PAPER_FAULTS"] = json.dumps(faults)
        return env

    def stdio(self):
        """The command line of a server over stdio."""
        return [self.binary, "serve", "--venue", "paper"]

    def http(self, faults=(), address="127.0.0.1"):
        server = HttpServer(self, faults, address)
        self._servers.append(server)
        return server

    def ledger(self):
        """Every record, oldest first."""
        path = self.live / "audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def outcomes(self, order_link_id):
        """What the ledger says of one order: its outcomes in order."""
        return [
            record["outcome"]
            for record in self.ledger()
            if (record.get("broker_request") or {}).get("orderLinkId") == order_link_id
        ]

    def verify(self):
        """Whether `mandated audit verify` finds the chain whole."""
        command = [self.binary, "audit", "verify"]
        return subprocess.run(command, env=self.env(), capture_output=True, timeout=60).returncode == 0


class HttpServer:
    """`mandated serve --transport http`, ready when `/health` answers."""

    def __init__(self, home, faults, address):
        self.address = address
        self.token = secrets.token_hex(16)
        # A port that is free now may be another program's a moment later.
        for _ in range(5):
            self._start(home, faults)
            if self._answers():
                return
            if "Address already in use" not in self.log.read_text():
                break
        raise RuntimeError(f"the http server did not start: {self.log.read_text()}")

    def _start(self, home, faults):
        self.port = free_port(self.address)
        env = {**home.env(faults), "MANDATED_HTTP_TOKEN": self.token}
        self.log = home.folder / f"http-{self.port}.log"
        self.out = home.folder / f"http-{self.port}.out"
        where = ["--transport", "http", "--host", self.address, "--port", str(self.port)]
        with self.log.open("wb") as log, self.out.open("wb") as out:
            self.process = subprocess.Popen(home.stdio() + where, env=env, stdout=out, stderr=log)
        self.url = f"http://{self.address}:{self.port}/mcp"

    def _answers(self):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(self.url.replace("/mcp", "/health"), timeout=2):
                    return True
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        return False

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Ends it as a person does, and returns its exit code."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def memory_mb(pid, what="VmRSS"):
    """Memory of a process in MiB: `VmRSS` now, `VmHWM` at its highest."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    return 0.0
