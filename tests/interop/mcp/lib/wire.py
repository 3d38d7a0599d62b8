"""JSON-RPC over the standard streams of a process, byte by byte: no library stands between us and the server."""

import json
import queue
import subprocess
import threading
import time

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "interop", "version": "0"},
}


class Wire:
    """One server process. Every line of its stdout is kept in `lines`."""

    def __init__(self, home, faults=(), reads=True):
        env = home.env(faults)
        self.log = home.folder / f"stdio-{id(self)}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                home.stdio(), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self.lines = []
        self._inbox = queue.Queue()
        self._next_id = 0
        if reads:
            self.start_reading()

    def start_reading(self):
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            self._inbox.put(line)
        self._inbox.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def send(self, data):
        """Sends bytes, or an object as one line."""
        if not isinstance(data, bytes):
            data = json.dumps(data).encode() + b"\n"
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def receive(self, timeout=20):
        """The next line as an object; None when stdout ended. A line that is no JSON raises."""
        line = self._inbox.get(timeout=timeout)
        return None if line is None else json.loads(line)

    def received_within(self, timeout):
        """The next message, or None if there is none in that time."""
        try:
            return self.receive(timeout)
        except queue.Empty:
            return None

    def begin(self, method, params=None):
        """Sends a request and returns its id."""
        self._next_id += 1
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method}
        self.send(request if params is None else {**request, "params": params})
        return self._next_id

    def ask(self, method, params=None, timeout=20):
        """Sends a request and returns the message that answers it; what answers others is dropped."""
        wanted = self.begin(method, params)
        until = time.monotonic() + timeout
        while True:
            message = self.receive(max(0.01, until - time.monotonic()))
            if message is None or message.get("id") == wanted:
                return message

    def open(self, version=INITIALIZE["protocolVersion"]):
        """The handshake; returns what the server said of itself."""
        reply = self.ask("initialize", {**INITIALIZE, "protocolVersion": version})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return reply

    def call(self, tool, arguments, timeout=20):
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, timeout)

    def end(self, timeout=20):
        """Closes stdin and returns the exit code."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self.process.wait(timeout=timeout)


def is_message(line):
    """Whether a line of stdout is one JSON-RPC message and nothing else."""
    try:
        message = json.loads(line)
    except ValueError:
        return False
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return False
    return ("result" in message) != ("error" in message) or "method" in message
