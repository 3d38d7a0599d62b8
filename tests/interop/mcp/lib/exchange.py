"""The paper exchange as a process of its own: what the server under test holds is then the server's alone."""

import http.client
import os
import subprocess
import tempfile

from .home import Home

KEY = "paper"

# The allocator gives back what is free at once and keeps no arena for each thread: what the process holds is what is in use.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0", "MALLOC_MMAP_THRESHOLD_": "16384"}


class Exchange:
    """`mandated sim` on a free port with a new account; use as `with Exchange(binary) as exchange:`."""

    def __init__(self, binary):
        self._folder = tempfile.TemporaryDirectory(prefix="mandated-exchange-")
        env = {"PATH": os.environ.get("PATH", ""), "HOME": self._folder.name, "MANDATED_PAPER_ROOT": self._folder.name}
        command = [str(binary), "sim", "--port", "0", "--no-rate-limits"]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        words = (line.split() for line in self.process.stdout)
        self.url = next((row[1] for row in words if row[:1] == ["address"]), None)
        if self.url is None:
            raise RuntimeError(f"{' '.join(command)} said no address")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stdout.close()
        self._folder.cleanup()

    def read(self, path, times):
        """Asks so often over one connection; the statuses that came back."""
        line = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        statuses = set()
        for _ in range(times):
            line.request("GET", path)
            reply = line.getresponse()
            reply.read()
            statuses.add(reply.status)
        line.close()
        return statuses


class HomeAt(Home):
    """A runtime root whose server trades at this exchange."""

    def __init__(self, binary, exchange, **caps):
        super().__init__(binary, **caps)
        self.exchange = exchange

    def env(self, faults=()):
        env = super().env(faults) | {"BYBIT_BASE_URL": self.exchange.url, "BYBIT_API_KEY": KEY, "BYBIT_API_SECRET": KEY}
        del env["MANDATED_PAPER_ROOT"]
        return env | ALLOCATOR

    def stdio(self):
        return [self.binary, "serve"]
