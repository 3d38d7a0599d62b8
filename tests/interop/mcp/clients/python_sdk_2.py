"""The official Python SDK, 2.x: runs the script's steps and prints what it saw as JSON.

`mode` is the SDK's own: `legacy` opens with the initialize handshake, `auto` asks `server/discover` first.
"""

import asyncio
import contextlib
import json
import sys
import time

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


@contextlib.asynccontextmanager
async def connect(to):
    async with contextlib.AsyncExitStack() as stack:
        if "command" in to:
            server = StdioServerParameters(command=to["command"][0], args=to["command"][1:], env=to["env"])
        else:
            headers = {"Authorization": f"Bearer {to['token']}"}
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
            server = streamable_http_client(to["url"], http_client=http)
        yield await stack.enter_async_context(Client(server, mode=to["mode"]))


async def call(client, tool, arguments):
    try:
        result = await client.call_tool(tool, arguments)
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {
        "structured": result.structured_content,
        "text": [part.text for part in result.content],
        "is_error": bool(result.is_error),
    }


async def cancelled(client, tool, arguments):
    """A caller that goes away is all it takes: the SDK tells the server."""
    began = time.monotonic()
    running = asyncio.create_task(client.call_tool(tool, arguments))
    await asyncio.sleep(0.4)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return {"cancelled_after": time.monotonic() - began}


async def main(spec):
    seen = {}
    async with connect(spec["to"]) as client:
        seen["server"] = client.server_info.name
        seen["protocol"] = client.protocol_version
        listed = await client.list_tools()
        seen["tools"] = [tool.model_dump(by_alias=True, exclude_none=True) for tool in listed.tools]
        for name, tool, arguments in spec["steps"]:
            do = cancelled if name.startswith("cancelled_") else call
            began = time.monotonic()
            seen[name] = await do(client, tool, arguments)
            seen[name]["seconds"] = time.monotonic() - began
    print(json.dumps(seen))


asyncio.run(main(json.loads(sys.argv[1])))
