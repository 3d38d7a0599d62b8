//! What the benchmarks are made of: a mandate, an account, answers of the exchange and a record, built in code.
//!
//! The account is a busy one: 20 linear positions, 50 resting orders over the same instruments, two coins.

pub(crate) mod account;
pub(crate) mod chain;
pub(crate) mod rows;

use mandated::gate::{Halt, Standing};
use serde_json::{Value, json};

use mandated::domain::mandate::{Mandate, parse_instant};

pub(crate) const NOW: &str = "2026-06-15T12:00:00Z";

/// What an agent sends to buy a little more of what the account holds.
pub(crate) const PLACE: &str = r#"{"category":"linear","symbol":"C07USDT","side":"Buy","order_type":"Limit","qty":"0.5","price":"99.5","time_in_force":"GTC"}"#;

/// Caps that let [`PLACE`] through beside the busy account; `notional` is the cap of one order.
pub(crate) fn mandate(notional: u64) -> Value {
    json!({
        "schema_version": 1,
        "hard_caps": {"account_funding_usd": 1_000_000.0, "max_order_notional_usd": notional,
                      "max_total_exposure_usd": 3_000_000.0, "max_leverage": 3.0,
                      "allowed_instruments": ["crypto"], "max_trades_per_day": 100_000},
        "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                     "exclude_symbols": ["DOGE-USDT", "SHIB-USDT", "PEPE-USDT"]},
        "consent": {"created_at": "2026-01-01T00:00:00+00:00", "consent_token_sha256": "ab".repeat(32),
                    "broker": "bybit", "account_ref": "bench", "expires_at": "2099-01-01T00:00:00+00:00"},
        "flatten_on_halt": false
    })
}

pub(crate) fn standing() -> Standing {
    Standing {
        now: Ok(parse_instant(NOW).unwrap()),
        broker: "bybit".to_owned(),
        mandate: Ok(Mandate::parse(&mandate(1_000).to_string()).unwrap()),
        halt: Halt::Clear,
        policy: None,
    }
}

/// One record of an accepted order, as the ledger holds it.
pub(crate) fn record(number: u64) -> Value {
    let id = format!("md-{number:032x}");
    json!({
        "audit_id": format!("la_{number:032x}"),
        "ts": "2026-06-15T12:00:00.000+00:00",
        "session_id": "mcp",
        "kind": "order_placed",
        "intent_normalized": "buy 0.5 C07USDT at 99.5 (linear, crypto)",
        "mandate_snapshot_ref": "ab".repeat(32),
        "consent_record_ref": "bench",
        "broker_request": {"category": "linear", "symbol": "C07USDT", "side": "Buy", "orderType": "Limit", "qty": "0.5",
                           "price": "99.5", "timeInForce": "GTC", "orderLinkId": id},
        "broker_response": {"orderId": format!("{number:08x}-0000-4000-8000-000000000000"), "orderLinkId": id},
        "outcome": "accepted",
        "gate_decision": {"decision": "allow", "reason": "within the mandate", "checked_limits":
                          ["mandate", "expiry", "halt_flag", "intent", "quote", "exclude_symbols", "allowed_instruments",
                           "options_unsupported", "asset_classes", "max_order_notional_usd", "max_total_exposure_usd",
                           "max_leverage", "max_trades_per_day", "account_funding_usd"]},
        "server": "bybit",
        "remote_tool": "bybit_place_order",
        "error": null
    })
}
