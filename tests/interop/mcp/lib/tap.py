"""Stands between a client and the server on stdio and writes down every line, so that what was said can be judged.

Called as `tap.py LOG COMMAND…`. The log has one JSON object a line: `from` (client or server), `at` (seconds), and
the `line`; at the end one with the server's exit `code`.
"""

import json
import subprocess
import sys
import threading
import time


def main(log_path, command):
    log = open(log_path, "w", buffering=1)
    lock = threading.Lock()
    began = time.monotonic()
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def note(**what):
        with lock:
            log.write(json.dumps({"at": round(time.monotonic() - began, 3), **what}) + "\n")

    def to_server():
        for line in sys.stdin.buffer:
            note(**{"from": "client", "line": line.decode("utf-8", "replace")})
            server.stdin.write(line)
            server.stdin.flush()
        note(**{"from": "client", "end": True})
        server.stdin.close()

    threading.Thread(target=to_server, daemon=True).start()
    for line in server.stdout:
        note(**{"from": "server", "line": line.decode("utf-8", "replace")})
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    note(code=server.wait())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
