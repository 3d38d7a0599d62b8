//! The gate against what Vibe-Trading 0.1.18 decides, replayed from fixed vectors (see tests/contract).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use mandated::cli::explain::explain;
use mandated::domain::mandate::{Mandate, parse_instant};
use serde_json::{Value, json};

fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/contract/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rows(name: &str) -> Vec<Value> {
    let vectors = vectors(name);
    vectors
        .get("rows")
        .unwrap_or(&vectors)
        .as_array()
        .unwrap()
        .clone()
}

fn case(row: &Value) -> String {
    let price = &row["price"];
    let id = format!("linear:{}", row["args"]["symbol"].as_str().unwrap());
    json!({"tool": "bybit_place_order", "args": row["args"], "facts": {
        "now": "2026-06-15T12:00:00Z", "mandate": row["mandate"], "halted": false, "daily_count": row["daily_count"],
        "quotes": {id: {"bid": price, "ask": price, "last": price, "mark": price}},
        "positions": row["positions"], "open_orders": [], "wallet": []}})
    .to_string()
}

#[test]
fn every_decision_is_upstreams_or_stricter_where_that_is_listed() {
    let rows = rows("decisions");
    assert_eq!(rows.len(), 400);
    for row in &rows {
        let ours = explain(&case(row));
        let theirs = &row["upstream"];
        let same = theirs["decision"] == ours.decision && theirs["limit"].as_str() == ours.limit;
        let stricter = row["ours_may_be_stricter"] == true && ours.decision != "allow";
        assert!(
            same || stricter,
            "case {}: upstream {theirs}, ours {ours:?}",
            row["id"]
        );
        if same && theirs["decision"] == "allow" {
            assert!(
                ours.post_trade_exposure_usd.is_some() && ours.checked_limits.len() == 15,
                "{ours:?}"
            );
        }
    }
}

#[test]
fn a_mandate_is_accepted_exactly_where_the_contract_says() {
    let rows = rows("mandate_files");
    assert_eq!(rows.len(), 51);
    for row in &rows {
        let text = row["text"].as_str().unwrap_or_else(|| panic!("{row}"));
        let accepted = Mandate::parse(text).is_ok();
        assert_eq!(
            Some(accepted),
            row["ours_accepts"].as_bool(),
            "{}: {:?}",
            row["name"],
            Mandate::parse(text)
        );
    }
}

#[test]
fn what_upstream_calls_expired_is_expired_here() {
    let rows = rows("expiry");
    assert_eq!(rows.len(), 20);
    for row in &rows {
        let now = parse_instant(row["now"].as_str().unwrap()).unwrap();
        let expired = parse_instant(row["expires_at"].as_str().unwrap()).is_none_or(|expires| now >= expires);
        assert!(expired || row["upstream_expired"] == false, "{row} is live here");
        let exotic = row["expires_at"] == "20260701T000000Z";
        assert!(
            exotic || !expired || row["upstream_expired"] == true,
            "{row} is expired here alone"
        );
    }
}
