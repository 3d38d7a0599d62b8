"""The client of fastmcp: runs the script's steps and prints what it saw as JSON."""

import asyncio
import contextlib
import json
import sys
import time

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from mcp import MCPError


def transport(to):
    if "command" in to:
        return StdioTransport(command=to["command"][0], args=to["command"][1:], env=to["env"], keep_alive=False)
    return StreamableHttpTransport(to["url"], headers={"Authorization": f"Bearer {to['token']}"})


async def call(client, tool, arguments):
    try:
        result = await client.call_tool_mcp(tool, arguments)
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {
        "structured": result.structured_content,
        "text": [part.text for part in result.content],
        "is_error": bool(result.is_error),
    }


async def cancelled(client, tool, arguments):
    began = time.monotonic()
    running = asyncio.create_task(client.call_tool_mcp(tool, arguments))
    await asyncio.sleep(0.4)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return {"cancelled_after": time.monotonic() - began}


async def main(spec):
    seen = {}
    async with Client(transport(spec["to"])) as client:
        seen["server"] = client.session.server_info.name
        seen["protocol"] = client.session.protocol_version
        listed = await client.list_tools()
        seen["tools"] = [tool.model_dump(by_alias=True, exclude_none=True) for tool in listed]
        for name, tool, arguments in spec["steps"]:
            do = cancelled if name.startswith("cancelled_") else call
            began = time.monotonic()
            seen[name] = await do(client, tool, arguments)
            seen[name]["seconds"] = time.monotonic() - began
    print(json.dumps(seen))


asyncio.run(main(json.loads(sys.argv[1])))
