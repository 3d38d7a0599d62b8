"""Vibe-Trading's MCP client and our server: it finds our tools, calls each in a process of its own, and traces every write."""

import json
from types import SimpleNamespace

from src.agent.tool_lifecycle import redact_tool_result
from src.api.sessions_routes import _live_action_frame_from_tool_result
from src.config.loader import load_agent_config
from src.tools.mcp import build_mcp_tool_wrappers

from world import World, binary, equal, expect, project

READS = {
    "bybit_get_funding_history": {"symbol": "BTCUSDT"},
    "bybit_get_instruments_info": {"category": "linear", "symbol": "BTCUSDT"},
    "bybit_get_kline": {"symbol": "BTCUSDT", "interval": "60", "limit": 5},
    "bybit_get_open_interest": {"symbol": "BTCUSDT"},
    "bybit_get_open_orders": {"category": "linear"},
    "bybit_get_order_history": {"category": "linear"},
    "bybit_get_orderbook": {"symbol": "BTCUSDT", "limit": 5},
    "bybit_get_positions": {"category": "linear"},
    "bybit_get_recent_trades": {"symbol": "BTCUSDT", "limit": 5},
    "bybit_get_tickers": {"category": "linear", "symbol": "BTCUSDT"},
    "bybit_get_wallet_balance": {},
}
SOL = {"category": "linear", "symbol": "SOLUSDT"}
RESTING = SOL | {"side": "Buy", "order_type": "Limit", "qty": "1", "price": "100"}
FILLED = SOL | {"side": "Buy", "order_type": "Market", "qty": "1"}
# In this order: the second resting order is there for cancel_all, the filled one for the trading stop.
WRITES = [
    ("bybit_place_order", RESTING | {"order_link_id": "interop-1"}, "accepted"),
    ("bybit_amend_order", SOL | {"order_link_id": "interop-1", "price": "101"}, "accepted"),
    ("bybit_cancel_order", SOL | {"order_link_id": "interop-1"}, "accepted"),
    ("bybit_place_order", RESTING | {"order_link_id": "interop-2"}, "accepted"),
    ("bybit_cancel_all_orders", SOL, "accepted"),
    ("bybit_set_leverage", SOL | {"leverage": "2"}, "accepted"),
    ("bybit_place_order", FILLED | {"order_link_id": "interop-3"}, "filled"),
    ("bybit_set_trading_stop", SOL | {"stop_loss": "50"}, "accepted"),
    ("bybit_place_order", FILLED | {"symbol": "DOGEUSDT"}, "blocked"),
    ("bybit_place_order", FILLED | {"qty": "100"}, "blocked"),
]


def registered(world: World) -> dict:
    """Our tools as Vibe-Trading's agent gets them, from an agent.json like the one in examples/."""
    entry = json.loads((project() / "examples/agent.json").read_text())
    entry["mcpServers"]["bybit"]["command"] = binary()
    (world.root / "agent.json").write_text(json.dumps(entry))
    server = load_agent_config().mcp_servers["bybit"]
    equal(server.tool_timeout, 60, "the time limit that it read from agent.json")
    return {wrapper._spec.remote_name: wrapper for wrapper in build_mcp_tool_wrappers("bybit", server)}


def every_tool_is_listed() -> str:
    """It lists our 17 tools, and no argument is lost when it normalises their schemas."""
    with World() as world:
        tools = registered(world)
    arguments = 0
    schemas = {path.name.split(".")[0]: path for path in (project() / "schemas/tools").glob("*.input.json")}
    equal(sorted(tools), sorted(schemas), "the tools that it found")
    for name, tool in tools.items():
        wanted = json.loads(schemas[name].read_text())
        equal(tool.name, f"mcp_bybit_{name}", "the name that the agent sees")
        equal(list(tool.parameters["properties"]), list(wanted["properties"]), f"the arguments of {name}")
        equal(tool.parameters["required"], wanted.get("required", []), f"the required arguments of {name}")
        arguments += len(wanted["properties"])
    equal(len(tools), 17, "the number of tools")
    return f"{len(tools)} tools with {arguments} arguments equal schemas/tools"


def every_read_survives_its_normalisation() -> str:
    """Each read, in a process of its own, comes back whole: as data, as structured content and as text alike."""
    compared = 0
    with World() as world:
        world.put_mandate()
        tools = registered(world)
        for name, args in READS.items():
            compared += len(whole(tools[name], args))
        described = tools["bybit_get_instruments_info"]._adapter.call_tool("bybit_get_instruments_info", READS["bybit_get_instruments_info"])
        with world.session() as session:
            direct = session.call("bybit_get_instruments_info", **READS["bybit_get_instruments_info"])
        equal(described["data"], direct, "what its adapter makes of an instrument, and the same asked directly")
    equal(len(READS) + len({name for name, _, _ in WRITES}), len(tools), "reads and writes that are called here")
    return f"{len(READS)} reads, {compared} top-level values the same in data, structured content and text"


def whole(tool, args: dict) -> dict:
    """Calls a tool as its adapter does, and checks that its three copies of the reply agree."""
    name = tool._spec.remote_name
    payload = tool._adapter.call_tool(name, args)
    equal(payload["status"], "ok", f"{name}: {payload}")
    expect(isinstance(payload["data"], dict) and payload["data"].get("paper") is True, f"{name}: {payload}")
    equal(payload["structured_content"], payload["data"], f"the structured content of {name}")
    equal(json.loads(payload["text"]), payload["data"], f"the text of {name}")
    return payload["data"]


def every_write_is_traced_to_its_record() -> str:
    """From the first 200 characters of a reply it finds the audit id, and reloads our record from the ledger."""
    traced = []
    with World() as world:
        world.put_mandate()
        tools = registered(world)
        for name, args, wanted in WRITES:
            text = tools[name].execute(**args)
            reply = json.loads(text)["data"]
            equal(reply["status"], wanted, f"{name} {args}: {reply}")
            traced.append(record_in_frame(text))
            equal(traced[-1]["audit_id"], reply["live_action"]["audit_id"], f"the record of {name}")
            equal(traced[-1]["remote_tool"], name, "the tool on record")
            equal(traced[-1]["outcome"], wanted, "the outcome on record")
            equal({key: reply["live_action"][key] for key in traced[-1]}, traced[-1], f"the record inside the reply of {name}")
        ledger = {record["audit_id"]: record for record in world.ledger()}
    equal([ledger[record["audit_id"]] for record in traced], traced, "the records on the ledger")
    processes = {record["session_id"] for record in traced}
    equal(len(processes), len(traced), f"processes that the {len(traced)} calls had ({processes})")
    return f"{len(traced)} writes with {len({name for name, _, _ in WRITES})} tools in {len(processes)} processes, each frame equal to its ledger record"


def record_in_frame(text: str) -> dict:
    """What Vibe-Trading's user interface is told after a tool call: `tool_lifecycle` cuts the result at 200 characters."""
    preview = redact_tool_result(text)[:200]
    event = SimpleNamespace(event_type="tool_result", data={"preview": preview}, session_id="interop")
    frame = _live_action_frame_from_tool_result(event)
    expect(frame is not None, f"no live action is found in {preview!r}")
    expect("event: live.action" in frame, frame)
    return json.loads(next(line[5:] for line in frame.splitlines() if line.startswith("data:")))


CHECKS = [every_tool_is_listed, every_read_survives_its_normalisation, every_write_is_traced_to_its_record]
