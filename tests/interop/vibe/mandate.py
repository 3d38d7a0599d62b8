"""A mandate that a person commits in Vibe-Trading rules our gate, and both read the same numbers from it."""

import json
import uuid

from src.live.mandate.commit import commit_mandate, save_proposal
from src.live.mandate.store import load_mandate
from src.tools.propose_mandate_tool import ProposeMandateProfilesTool

from world import BROKER, World, equal, expect, keep_clear_of_midnight, refusal

ORDER = {"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "1"}
PROFILE = {"ordinal": 1, "label": "small", "max_order_usd": 500.0, "account_funding_usd": 20000.0,
           "max_total_exposure_usd": 20000.0, "daily_trade_cap": 2, "leverage": 2, "instruments": ["crypto"],
           "asset_classes": ["crypto"], "exclude_symbols": ["DOGEUSDT"], "flatten_on_halt": True}


def committed(profile: dict, adjustments: dict | None = None) -> dict:
    """Proposes one profile and commits it, as the person's click does."""
    proposal_id = f"mp_{uuid.uuid4().hex}"
    save_proposal({"proposal_id": proposal_id, "account": {"broker": BROKER}, "ceilings_ref": "caps_1",
                   "ceilings": {"max_order_usd": 1000.0}, "profiles": [profile]})
    return commit_mandate(proposal_id, 1, adjustments, True, broker=BROKER, account_ref="interop")


def a_committed_mandate_rules_our_gate() -> str:
    """Commit, trade, commit narrower: an order passes, the new cap refuses it, the day's count of two ends it."""
    keep_clear_of_midnight()
    with World() as world, world.session() as session:
        equal(refusal(session.call("bybit_place_order", **ORDER)), "mandate", "before any commit")
        done = committed(PROFILE)
        placed = session.call("bybit_place_order", **ORDER)
        equal(placed["status"], "filled", f"after the commit: {placed}")
        equal(placed["live_action"]["gate_decision"]["decision"], "allow", "the decision")
        committed(PROFILE, {"max_order_usd": 1.0})
        blocked = session.call("bybit_place_order", **ORDER)["breach"]
        equal((blocked["limit"], float(blocked["limit_value"])), ("max_order_notional_usd", 1.0), "after a narrower commit")
        committed(PROFILE)
        equal(session.call("bybit_place_order", **ORDER)["status"], "filled", "the second order")
        third = session.call("bybit_place_order", **ORDER)["breach"]
        equal((third["limit"], float(third["attempted_value"])), ("max_trades_per_day", 3.0), "the third order")
        equal(refusal(session.call("bybit_place_order", **ORDER | {"symbol": "DOGEUSDT"})), "exclude_symbols", "an excluded symbol")
        (world.folder / "mandate.json").unlink()
        equal(refusal(session.call("bybit_place_order", **ORDER)), "mandate", "after it was withdrawn")
    return f"3 commits, 7 orders decided by them, e.g. {done['mandate_id'][:12]}…"


def both_read_the_same_mandate() -> str:
    """Our `mandate show --json` has every number and word that its loader reads from the committed file."""
    with World() as world:
        committed(PROFILE)
        shown = world.run("mandate", "show", "--json")
        equal(shown.returncode, 0, f"mandate show: {shown.stdout}{shown.stderr}")
        ours, theirs = json.loads(shown.stdout)["mandate"], load_mandate(BROKER)
    pairs = [(name, float(ours[name]), float(getattr(theirs.hard_caps, name))) for name in (
        "account_funding_usd", "max_order_notional_usd", "max_total_exposure_usd", "max_leverage", "max_trades_per_day")]
    pairs += [
        ("allowed_instruments", ours["allowed_instruments"], [one.value for one in theirs.hard_caps.allowed_instruments]),
        ("asset_classes", ours["asset_classes"], [one.value for one in theirs.universe.asset_classes]),
        ("exclude_symbols", ours["exclude_symbols"], list(theirs.universe.exclude_symbols)),
        ("broker", ours["broker"], theirs.consent.broker),
        ("account_ref", ours["account_ref"], theirs.consent.account_ref),
        ("expires_at", ours["expires_at"], theirs.consent.expires_at),
        ("flatten_on_halt", ours["flatten_on_halt"], theirs.flatten_on_halt),
    ]
    for name, our_value, their_value in pairs:
        equal(our_value, their_value, f"{name} as we and as they read it")
    return f"{len(pairs)} fields equal"


def its_own_proposal_trades_no_crypto() -> str:
    """What its propose tool makes, committed unchanged, permits US equities alone; our gate refuses crypto under it."""
    ceilings = {"account_funding_usd": 20000.0, "instruments": ["crypto"]}
    with World() as world, world.session() as session:
        proposal = json.loads(ProposeMandateProfilesTool().execute(broker=BROKER, ceilings=ceilings))
        commit_mandate(proposal["proposal_id"], 3, None, True, broker=BROKER)
        classes = [one.value for one in load_mandate(BROKER).universe.asset_classes]
        equal(classes, ["us_equity"], "the asset classes of its own proposal")
        equal(refusal(session.call("bybit_place_order", **ORDER)), "asset_classes", "our gate")
        expect((world.folder / "mandate.json").stat().st_mode & 0o077 == 0, "its mandate is readable by others")
    return "1 proposal, 1 refusal for asset_classes"


CHECKS = [a_committed_mandate_rules_our_gate, both_read_the_same_mandate, its_own_proposal_trades_no_crypto]
