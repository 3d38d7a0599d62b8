"""Counts what passed and what failed, and says so as it goes."""

import json
import sys
import time


class Report:
    """A check has a name, an outcome and, when it failed, what was seen in place of what was wanted."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.began = time.monotonic()

    def check(self, name, holds, seen=""):
        if holds:
            self.passed += 1
            print(f"ok    {name}", flush=True)
        else:
            self.failed.append(name)
            print(f"FAIL  {name}: {shorten(seen)}", flush=True)
        return bool(holds)

    def equal(self, name, seen, wanted):
        return self.check(name, seen == wanted, f"saw {shorten(seen, 600)}, wanted {shorten(wanted, 600)}")

    def tell(self, text):
        """A figure that was measured; it decides nothing."""
        print(f"      {text}", flush=True)

    def part(self, name):
        print(f"\n== {name} ({time.monotonic() - self.began:.0f} s)", flush=True)

    def end(self):
        """Prints the closing line and returns the exit code."""
        sys.stdout.flush()
        for name in self.failed:
            print(f"failed: {name}")
        print(f"took {time.monotonic() - self.began:.0f} s")
        print(f"{self.passed} passed, {len(self.failed)} failed")
        return 1 if self.failed or not self.passed else 0


def shorten(value, limit=1500):
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
