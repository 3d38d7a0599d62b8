"""A paper exchange of its own for each group of checks, and the count of what was compared."""

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("MANDATED", ROOT / "target" / "debug" / "mandated"))
KEY = "paper"


class Tally:
    """How many comparisons held, and which did not."""

    def __init__(self):
        self.passed = 0
        self.failures = []

    def same(self, what, got, want):
        """Compares numbers as numbers and everything else as it is."""
        if _plain(got) == _plain(want):
            self.passed += 1
        else:
            self.fail(f"{what}: got {got!r}, expected {want!r}")

    def true(self, what, holds, seen=None):
        if holds:
            self.passed += 1
        else:
            self.fail(f"{what}: {seen!r}" if seen is not None else what)

    def fail(self, text):
        self.failures.append(text)
        print(f"  FAILED {text}", flush=True)

    def refused(self, what, code, call):
        """The call must be refused with that code, as the client's own error says."""
        try:
            answer = call()
        except Exception as error:  # Each client has errors of its own; their text carries the code.
            self.true(f"{what}: refused with {code}", str(code) in str(error), str(error)[:200])
        else:
            self.fail(f"{what}: accepted, expected {code}: {answer!r}")


def _plain(value):
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, Decimal)):
        return Decimal(str(value)).normalize()
    if isinstance(value, str):
        try:
            return Decimal(value).normalize()
        except ArithmeticError:
            return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


class Sim:
    """`mandated sim` on a free port, with a new account."""

    def __init__(self, *args):
        self.folder = tempfile.TemporaryDirectory(prefix="mandated-interop-")
        home = self.folder.name
        environment = {"HOME": home, "PATH": os.environ.get("PATH", ""), "MANDATED_PAPER_ROOT": home}
        command = [str(BINARY), "sim", "--port", "0", *args]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.address = None
        for line in self.process.stdout:
            words = line.split()
            if words and words[0] == "address":
                self.address = words[1].removeprefix("http://")
                break
        if self.address is None:
            raise RuntimeError(f"{' '.join(command)} said no address")
        # The rest of what it prints must not fill the pipe.
        self.url = f"http://{self.address}"
        self.ws = f"ws://{self.address}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()
        self.folder.cleanup()

    def admin(self, path, body):
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path} {body}: {error.read().decode()}") from error

    def price(self, category, symbol, price):
        self.admin("/paper/price", {"category": category, "symbol": symbol, "price": str(price)})

    def deposit(self, coin, amount):
        self.admin("/paper/deposit", {"coin": coin, "amount": str(amount)})

    def advance(self, seconds):
        self.admin("/paper/clock", {"advance_ms": int(seconds * 1000)})


def eventually(look, holds, seconds=5.0):
    """Looks again and again until it holds or time is up; returns the last thing seen."""
    until = time.monotonic() + seconds
    while True:
        seen = look()
        if holds(seen) or time.monotonic() > until:
            return seen
        time.sleep(0.05)


def run(groups, tally):
    """Runs each group against an exchange of its own; a group that breaks counts as one failure."""
    wanted = {word.removeprefix("--check=") for word in sys.argv[1:]}
    for group in groups:
        name = f"{group.__module__}.{group.__name__}"
        if wanted and not any(word in name for word in wanted):
            continue
        before, failed, begun = tally.passed, len(tally.failures), time.monotonic()
        try:
            with Sim(*getattr(group, "sim_args", ())) as sim:
                group(sim, tally)
        except Exception as error:
            tally.fail(f"{name} broke: {error!r}\n{traceback.format_exc(limit=6)}")
        took = time.monotonic() - begun
        print(
            f"{name}: {tally.passed - before} compared, {len(tally.failures) - failed} failed ({took:.1f} s)",
            flush=True,
        )
