"""MCP over HTTP without a library: one POST, its status, its reply."""

import http.client
import json


def post(server, body, version="2025-11-25", token=None, headers=(), timeout=30):
    """Sends bytes, or an object as JSON; returns (status, text). Status 0: the connection broke."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    all_headers = {
        "Authorization": f"Bearer {token or server.token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": version,
        **dict(headers),
    }
    connection = http.client.HTTPConnection(server.address, server.port, timeout=timeout)
    try:
        connection.request("POST", "/mcp", body=data, headers=all_headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode("utf-8", "replace")
    except (ConnectionError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def ask(server, method, params=None, **more):
    """One request; returns its JSON-RPC message."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method}
    status, text = post(server, body if params is None else {**body, "params": params}, **more)
    return json.loads(text) if status == 200 else {"status": status, "text": text}


def call(server, tool, arguments, **more):
    return ask(server, "tools/call", {"name": tool, "arguments": arguments}, **more)
