"""Which protocol versions are spoken, over stdio and over HTTP, by hand and without a library."""

from lib import web
from lib.home import Home
from lib.settings import expected_tools
from lib.wire import INITIALIZE, Wire

HANDSHAKE = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
WITHOUT_HANDSHAKE = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": WITHOUT_HANDSHAKE,
    "io.modelcontextprotocol/clientInfo": {"name": "interop", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def run(report, settings):
    names = list(expected_tools())
    with Home(settings.binary) as home:
        over_stdio(report, home, names)
        over_http(report, home.http(), names)


def over_stdio(report, home, names):
    for version in HANDSHAKE:
        with Wire(home) as wire:
            report.equal(f"stdio {version}: negotiated", wire.open(version)["result"]["protocolVersion"], version)
            listed = wire.ask("tools/list")["result"]["tools"]
            report.equal(f"stdio {version}: 17 tools", sorted(tool["name"] for tool in listed), names)
            report.equal(f"stdio {version}: ends with 0", wire.end(), 0)
    with Wire(home) as wire:
        answered = wire.open("1999-01-01")["result"]["protocolVersion"]
        report.equal("stdio: a version nobody knows is answered with the newest that has a handshake",
                     answered, HANDSHAKE[-1])
    with Wire(home) as wire:
        found = wire.ask("server/discover", {"_meta": META})["result"]
        report.equal("stdio: discover names each version", found["supportedVersions"], HANDSHAKE + [WITHOUT_HANDSHAKE])
        listed = wire.ask("tools/list", {"_meta": META})["result"]["tools"]
        report.equal(f"stdio {WITHOUT_HANDSHAKE}: 17 tools", sorted(tool["name"] for tool in listed), names)


def over_http(report, server, names):
    for version in HANDSHAKE:
        opened = web.ask(server, "initialize", {**INITIALIZE, "protocolVersion": version}, version=version)
        report.equal(f"http {version}: negotiated", opened["result"]["protocolVersion"], version)
        listed = web.ask(server, "tools/list", version=version)["result"]["tools"]
        report.equal(f"http {version}: 17 tools", sorted(tool["name"] for tool in listed), names)
    headers = {"Mcp-Method": "tools/list"}
    listed = web.ask(server, "tools/list", {"_meta": META}, version=WITHOUT_HANDSHAKE, headers=headers)
    listed = listed.get("result", {}).get("tools", [])
    report.equal(f"http {WITHOUT_HANDSHAKE}: 17 tools", sorted(tool["name"] for tool in listed), names)
    status, _ = web.post(server, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, version="1999-01-01")
    report.equal("http: a version nobody knows is refused", status, 400)
