"""Compares what a client saw with what the contract says. Every client is judged by these same lines."""

import json

from .settings import expected_tools

# The paper exchange's prices are a function of its seed and of time, so candles of the past never change.
KLINES = [
    ["1760001000000", "65660", "65679.9", "65660", "65671.4", "662.04", "43476453.684"],
    ["1760000700000", "65690", "65690", "65660", "65660", "551.64", "36226198.8"],
    ["1760000400000", "65680.6", "65692.9", "65680.6", "65690", "608.28", "39956595.26"],
]

TOOL_ERRORS = {"missing_for_read": "`symbol` is missing", "unknown_argument": "unknown argument `colour`"}


def judge(report, who, seen):
    report.equal(f"{who}: the server says who it is", seen["server"], "mandated")
    judge_tools(report, who, seen["tools"])
    judge_read(report, who, seen["read"])
    judge_writes(report, who, seen)
    judge_refusals(report, who, seen)
    judge_errors(report, who, seen)


def judge_tools(report, who, tools):
    wanted = expected_tools()
    report.equal(f"{who}: 17 tools by name", sorted(tool["name"] for tool in tools), sorted(wanted))
    report.equal(f"{who}: there are 17", (len(tools), len(wanted)), (17, 17))
    schemas = {tool["name"]: (tool["inputSchema"], tool["outputSchema"]) for tool in tools}
    differ = [name for name in wanted if schemas.get(name) != wanted[name]]
    report.equal(f"{who}: each schema is the one of schemas/tools", differ, [])
    reading = {tool["name"] for tool in tools if tool["annotations"]["readOnlyHint"]}
    destructive = {tool["name"] for tool in tools if tool["annotations"]["destructiveHint"]}
    gets = {name for name in wanted if name.startswith("bybit_get_")}
    report.equal(f"{who}: reading and destructive hints", (reading, destructive), (gets, set(wanted) - gets))


def is_one_text(step):
    """The text is the structured content once more, for clients that read only text: same values, same order."""
    return len(step["text"]) == 1 and json.dumps(json.loads(step["text"][0])) == json.dumps(step["structured"])


def judge_read(report, who, step):
    reply = step["structured"]
    wanted = {"venue": "paper", "paper": True, "category": "linear", "symbol": "BTCUSDT", "interval": "5"}
    report.equal(f"{who}: a read's values", reply, {**wanted, "klines": KLINES})
    report.check(f"{who}: a read's text is its structured content", is_one_text(step), step["text"])
    report.equal(f"{who}: a read is no error", step["is_error"], False)


def judge_writes(report, who, seen):
    for name, wanted_qty in (("write", "0.10"), ("number", "0.2")):
        step = seen[name]
        reply = step["structured"]
        report.equal(f"{who}: {name}: live_action comes first", next(iter(reply)), "live_action")
        report.equal(f"{who}: {name}: no error", step["is_error"], False)
        report.equal(f"{who}: {name}: status", (reply["status"], reply["ok"], reply["paper"]), ("filled", True, True))
        record = reply["live_action"]
        sent = {key: record["broker_request"][key] for key in ("symbol", "side", "orderType", "qty", "orderLinkId")}
        wanted = {"symbol": "SOLUSDT", "side": "Buy", "orderType": "Market", "orderLinkId": f"interop-{name}"}
        sent_qty = sent.pop("qty")
        report.equal(f"{who}: {name}: what was sent", sent, wanted)
        report.check(f"{who}: {name}: the quantity", is_same_amount(sent_qty, wanted_qty), sent_qty)
        report.equal(f"{who}: {name}: the record", (record["kind"], record["outcome"]), ("order_placed", "filled"))
        report.check(f"{who}: {name}: text is its structured content", is_one_text(step), step["text"])


def is_same_amount(sent, wanted):
    """The same decimal, whatever zeros end it; as text, for an amount is never a float."""
    return isinstance(sent, str) and sent.rstrip("0") == wanted.rstrip("0")


def judge_refusals(report, who, seen):
    """A refusal is a normal reply: no MCP error, no `isError`, the ledger's record first."""
    wanted = {
        "refusal": ("max_order_notional_usd", "breach"),
        "excluded": ("exclude_symbols", "breach"),
        "missing_for_write": ("intent", "order_rejected"),
    }
    for name, (limit, kind) in wanted.items():
        step = seen[name]
        reply = step.get("structured") or {}
        report.equal(f"{who}: {name} is no MCP error", (step.get("error"), step.get("is_error")), (None, False))
        report.equal(f"{who}: {name}: live_action comes first", next(iter(reply), None), "live_action")
        found = (reply.get("status"), reply.get("ok"), reply.get("limit"), reply.get("live_action", {}).get("kind"))
        report.equal(f"{who}: {name}: status, limit and record", found, ("blocked", False, limit, kind))
    breach = (seen["refusal"].get("structured") or {}).get("breach") or {}
    figures = (breach.get("limit_value"), bool(breach.get("largest_qty")))
    report.equal(f"{who}: a refusal says what would pass", figures, ("1000", True))


def judge_errors(report, who, seen):
    error = seen["unknown_tool"].get("error") or {}
    report.equal(f"{who}: an unknown tool is error -32602", error.get("code"), -32602)
    report.check(f"{who}: the error names the tool", "bybit_withdraw" in str(error.get("message")), error)
    for name in TOOL_ERRORS:
        judge_tool_error(report, who, name, seen[name])


def judge_tool_error(report, who, name, step):
    """A read that cannot be run is a result with `isError`, as MCP asks, for a model is to read why."""
    reply = step.get("structured") or {}
    found = (step.get("is_error"), reply.get("status"), reply.get("code"))
    report.equal(f"{who}: {name} is an error of the tool", found, (True, "error", "bad_arguments"))
    report.check(f"{who}: {name} says what is wrong", TOOL_ERRORS[name] in reply.get("reason", ""), reply)
