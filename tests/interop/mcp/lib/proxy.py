"""Puts the bearer token on requests of a program that cannot send one: the conformance suite has no option for it.

It listens at the port of the server on another loopback address, so `Host` and `Origin` pass as they came and the
server's own checks of them are what is tested. With a `version` it also puts that one into `initialize`, so that the
suite, which speaks one version, speaks each.
"""

import http.client
import http.server
import json
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.with_version(self.rfile.read(length)) if length else None
        server = self.server.behind
        connection = http.client.HTTPConnection(server.address, server.port, timeout=30)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("content-length", "connection"):
                connection.putheader(name, value)
        connection.putheader("Authorization", f"Bearer {server.token}")
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        self.send_response_only(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_OPTIONS = forward

    def with_version(self, body):
        try:
            message = json.loads(body)
        except ValueError:
            return body
        if self.server.version is None or not isinstance(message, dict) or message.get("method") != "initialize":
            return body
        message["params"]["protocolVersion"] = self.server.version
        return json.dumps(message).encode()

    def log_message(self, *_):
        pass


class Listener(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client that closes its connection early is no fault; what it misses, it reports itself."""


class Proxy:
    """In front of `server`, which listens at 127.0.0.2, at 127.0.0.1 and the same port."""

    def __init__(self, server, version=None):
        self.listener = Listener(("127.0.0.1", server.port), Handler)
        self.listener.behind = server
        self.listener.version = version
        self.url = f"http://127.0.0.1:{server.port}/mcp"

    def __enter__(self):
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown()
        self.listener.server_close()
