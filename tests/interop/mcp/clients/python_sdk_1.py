"""The official Python SDK, 1.x: runs the script's steps and prints what it saw as JSON."""

import asyncio
import contextlib
import json
import sys
import time

import httpx
from mcp import ClientSession, McpError, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


@contextlib.asynccontextmanager
async def connect(to):
    if "command" in to:
        server = StdioServerParameters(command=to["command"][0], args=to["command"][1:], env=to["env"])
        async with stdio_client(server) as (read, write):
            yield read, write
    else:
        headers = {"Authorization": f"Bearer {to['token']}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as http:
            async with streamable_http_client(to["url"], http_client=http) as (read, write, *_):
                yield read, write


async def call(session, tool, arguments):
    try:
        result = await session.call_tool(tool, arguments)
    except McpError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {
        "structured": result.structuredContent,
        "text": [part.text for part in result.content],
        "is_error": bool(result.isError),
    }


async def cancelled(session, tool, arguments):
    """This SDK has no call for it: the notification is sent by hand, then the caller goes away."""
    began = time.monotonic()
    request_id = session._request_id
    running = asyncio.create_task(session.call_tool(tool, arguments))
    await asyncio.sleep(0.4)
    note = types.CancelledNotification(
        method="notifications/cancelled",
        params=types.CancelledNotificationParams(requestId=request_id, reason="interop"),
    )
    await session.send_notification(types.ClientNotification(note))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return {"cancelled_after": time.monotonic() - began}


async def main(spec):
    seen = {}
    async with connect(spec["to"]) as (read, write), ClientSession(read, write) as session:
        opened = await session.initialize()
        seen["server"] = opened.serverInfo.name
        seen["protocol"] = opened.protocolVersion
        listed = await session.list_tools()
        seen["tools"] = [tool.model_dump(by_alias=True, exclude_none=True) for tool in listed.tools]
        for name, tool, arguments in spec["steps"]:
            do = cancelled if name.startswith("cancelled_") else call
            began = time.monotonic()
            seen[name] = await do(session, tool, arguments)
            seen[name]["seconds"] = time.monotonic() - began
    print(json.dumps(seen))


asyncio.run(main(json.loads(sys.argv[1])))
