"""Times Vibe-Trading's own append to its hash chain: `append.py RUNS`, the runtime root in VIBE_TRADING_HOME."""

import sys
import time

from src.live.audit import LiveActionEvent, write_live_action

LIMITS = [
    "mandate", "expiry", "halt_flag", "intent", "exclude_symbols", "allowed_instruments", "asset_classes",
    "max_order_notional_usd", "max_total_exposure_usd", "max_leverage", "max_trades_per_day", "account_funding_usd",
]
ORDER = {
    "category": "linear", "symbol": "C07USDT", "side": "Buy", "orderType": "Limit", "qty": "0.5", "price": "99.5",
    "timeInForce": "GTC", "orderLinkId": "md-" + "0" * 32,
}


def main(runs: int) -> None:
    for _ in range(runs):
        event = LiveActionEvent(
            kind="order_placed", session_id="bench", outcome="accepted", server="bybit",
            remote_tool="bybit_place_order", intent_normalized="buy 0.5 C07USDT at 99.5 (linear, crypto)",
            mandate_snapshot_ref="ab" * 32, consent_record_ref="bench", broker_request=ORDER,
            broker_response={"orderId": "0" * 36}, gate_decision={"allowed": True, "checked_limits": LIMITS},
        )
        begun = time.perf_counter_ns()
        write_live_action(event)
        print(time.perf_counter_ns() - begun, flush=True)


main(int(sys.argv[1]))
