"""The official conformance suite against our HTTP server, once for each protocol version that it knows.

`conformance.json` lists the scenarios that cannot pass here, and why. A failure that is not listed fails the run; so
does a listed scenario that passes, and one that is listed and no longer exists.
"""

import json
import re
import shutil
import subprocess

from lib import environments
from lib.home import Home
from lib.proxy import Proxy
from lib.settings import HERE

SUITE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
LISTED = re.compile(r"^  - (\S+) \[(.*)\]$", re.MULTILINE)


def run(report, settings):
    node, folder = environments.node(settings)
    suite = [node, str(folder / SUITE)]
    scenarios = server_scenarios(suite)
    versions = sorted({version for versions in scenarios.values() for version in versions})
    report.equal("the suite's versions", versions, ["2025-06-18", "2025-11-25"])
    excluded = {entry["scenario"]: entry for entry in json.loads((HERE / "conformance.json").read_text())["excluded"]}
    report.equal("each exclusion is a scenario of the suite", sorted(set(excluded) - set(scenarios)), [])
    no_reason = [name for name, entry in excluded.items() if not entry.get("reason")]
    report.equal("each exclusion has a reason", no_reason, [])
    for version in versions:
        one_version(report, settings, suite, version, scenarios, excluded)


def server_scenarios(suite):
    """Scenario to the versions it is for, as the suite itself lists them."""
    text = subprocess.run(suite + ["list", "--server"], capture_output=True, text=True, check=True, timeout=60).stdout
    return {name: versions.split(",") for name, versions in LISTED.findall(text)}


def one_version(report, settings, suite, version, scenarios, excluded):
    results = settings.work / "conformance-results" / version
    shutil.rmtree(results, ignore_errors=True)
    with Home(settings.binary) as home, Proxy(home.http(address="127.0.0.2"), version) as proxy:
        command = suite + ["server", "--url", proxy.url, "--suite", "all", "--spec-version", version, "-o", str(results)]
        subprocess.run(command, capture_output=True, text=True, timeout=300)
    for name, versions in scenarios.items():
        if version in versions:
            who = f"conformance {version}: {name}"
            checks = read_checks(results, name)
            judge(report, who, checks, excluded.get(name))


def read_checks(results, scenario):
    """The suite's verdicts on one scenario; None if it did not run."""
    folders = [path for path in results.glob(f"server-{scenario}-2*") if path.is_dir()]
    if len(folders) != 1:
        return None
    return json.loads((folders[0] / "checks.json").read_text())


def judge(report, who, checks, exclusion):
    if not report.check(f"{who}: ran", checks is not None, "the suite left no result"):
        return
    told = [(check["id"], check["status"], check.get("errorMessage")) for check in checks]
    by_status = lambda status: [entry for entry in told if entry[1] == status]
    failed, passed = by_status("FAILURE"), by_status("SUCCESS")
    if exclusion is None:
        report.check(f"{who}: passes", passed and not failed, told)
    elif exclusion["outcome"] == "fails":
        report.check(f"{who}: still fails, as listed", failed, "stale: it passes; take it off conformance.json")
    else:
        report.check(f"{who}: still checks nothing, as listed", not failed and not passed, told)
