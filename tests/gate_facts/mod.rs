//! A case of the gate that is in order: a mandate that holds, nothing traded today, an empty account.

use serde_json::{Value, json};

/// One order up to $1,000 and $2,000 in all, unless `hard_caps` says otherwise; `others` are further facts.
pub(crate) fn facts(hard_caps: &Value, others: &Value) -> Value {
    let caps = json!({"account_funding_usd": 5000.0, "max_order_notional_usd": 1000.0, "max_total_exposure_usd": 2000.0,
                      "max_leverage": 3.0, "allowed_instruments": ["crypto"], "max_trades_per_day": 5});
    let facts = json!({"now": "2026-06-15T12:00:00Z", "halted": false, "daily_count": 0, "mandate": {"schema_version": 1,
        "hard_caps": with(&caps, hard_caps),
        "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                     "exclude_symbols": []},
        "consent": {"created_at": "2026-06-01T00:00:00+00:00", "consent_token_sha256": "ab", "broker": "bybit",
                    "account_ref": "a-1", "expires_at": "2026-07-01T00:00:00+00:00"}},
        "positions": [], "open_orders": [], "wallet": []});
    with(&facts, others)
}

/// `base` with each member of `change` in place of its own.
pub(crate) fn with(base: &Value, change: &Value) -> Value {
    let mut changed = base.clone();
    for (name, value) in change.as_object().unwrap() {
        changed[name] = value.clone();
    }
    changed
}
