//! The check of what was read can fail: by every field that it looks at, by a row too many and by one too few.

use serde_json::{Value, json};

use super::*;

/// A reading of `rows`, held against the rows that `put` says were there.
fn held(which: u8, category: &str, rows: &Value, put: &Value) -> Result<(), String> {
    let body =
        |list: &Value| json!({"retCode": 0, "result": {"category": category, "list": list}}).to_string();
    let id: InstrumentId = format!("{category}:BTCUSDT").parse().unwrap();
    let envelope = reply(200, body(rows).as_bytes()).envelope().unwrap();
    let found = read(&envelope, which, &id).unwrap();
    let put = body(put);
    let put = text::members(&put).unwrap();
    found::check(
        &found,
        &text::inner(&put, "result").unwrap(),
        &id,
        NOW_MS - DAY_MS,
    )
}

/// Every field that `row` has: the reading is right, and wrong as soon as another value was put in.
#[track_caller]
fn each_field_counts(which: u8, category: &str, row: &Value, but: &[&str]) {
    let put = json!([row]);
    assert_eq!(held(which, category, &put, &put), Ok(()));
    assert!(held(which, category, &put, &json!([])).is_err(), "invented");
    if !matches!(which, 2 | 6) {
        assert!(
            held(which, category, &put, &json!([row, row])).is_err(),
            "dropped"
        );
    }
    for name in row
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !but.contains(&name.as_str()))
    {
        let mut other = row.clone();
        other[name.as_str()] = match &row[name.as_str()] {
            Value::Bool(was) => json!(!was),
            Value::Object(was) => was.keys().map(|name| (name.clone(), json!("7.5"))).collect(),
            _ => json!("7.5"),
        };
        assert!(
            held(which, category, &put, &json!([other])).is_err(),
            "{name} of {which}"
        );
    }
}

fn order() -> Value {
    json!({"symbol": "BTCUSDT", "orderId": "o-1", "orderLinkId": CLIENT_ID, "side": "Sell", "orderType": "Limit",
        "orderStatus": "New", "qty": "10", "leavesQty": "7", "cumExecQty": "3", "price": "100.5", "triggerPrice": "90",
        "reduceOnly": true, "positionIdx": 1})
}

#[test]
fn each_field_of_an_order_counts() {
    // What is left of the quantity is as much as is said to be left.
    each_field_counts(0, "linear", &order(), &["leavesQty", "orderStatus"]);
    each_field_counts(1, "linear", &order(), &["leavesQty", "orderStatus"]);
    let done = |status: &str| {
        let mut row = order();
        row["orderStatus"] = json!(status);
        row
    };
    assert!(held(1, "linear", &json!([order()]), &json!([done("Filled")])).is_err());
    assert!(held(0, "linear", &json!([order()]), &json!([done("Cancelled")])).is_err());
    let bought = json!({"symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "orderStatus": "New", "qty": "10",
        "leavesValue": "8", "cumExecValue": "3", "marketUnit": "quoteCoin"});
    each_field_counts(0, "spot", &bought, &["orderStatus"]);
}

#[test]
fn each_field_of_an_execution_counts() {
    let row = json!({"symbol": "BTCUSDT", "side": "Sell", "orderId": "o-1", "execQty": "1", "leavesQty": "3",
        "orderQty": "4", "orderPrice": "5"});
    each_field_counts(3, "inverse", &row, &[]);
}

#[test]
fn each_field_of_the_account_counts() {
    each_field_counts(
        5,
        "linear",
        &json!({"coin": "BTC", "equity": "-1.5", "usdValue": "-90"}),
        &[],
    );
    let row = json!({"symbol": "BTCUSDT", "side": "Sell", "size": "1", "markPrice": "100", "positionIdx": 2});
    each_field_counts(7, "linear", &row, &[]);
    let mut flat = row.clone();
    flat["size"] = json!("0");
    assert_eq!(
        held(7, "linear", &json!([flat, row]), &json!([row, flat])),
        Ok(())
    );
}

#[test]
fn each_field_of_the_market_counts() {
    let row = json!({"symbol": "BTCUSDT", "lastPrice": "100", "bid1Price": "99", "ask1Price": "101", "markPrice": "100.5",
        "usdIndexPrice": "98"});
    each_field_counts(2, "spot", &row, &[]);
    let row = json!({"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "status": "Trading",
        "isPreListing": false, "priceFilter": {"tickSize": "0.1"}, "lotSizeFilter": {"qtyStep": "0.001"},
        "leverageFilter": {"maxLeverage": "100"}});
    each_field_counts(6, "linear", &row, &[]);
    for name in [
        "minOrderQty",
        "maxOrderQty",
        "maxMktOrderQty",
        "minNotionalValue",
        "quotePrecision",
    ] {
        let mut row = row.clone();
        row["lotSizeFilter"] = json!({name: "3"});
        each_field_counts(6, "linear", &row, &[]);
    }
    let candles = json!([
        ["1700000000000", "1", "1", "1", "1", "5", "9"],
        ["1600000000000", "1", "1", "1", "1", "5", "8"]
    ]);
    assert_eq!(held(4, "linear", &candles, &candles), Ok(()));
    for (row, cell, other) in [(0, 6, "10"), (1, 6, "-8"), (1, 0, "1900000000000")] {
        let mut put = candles.clone();
        put[row][cell] = json!(other);
        assert!(held(4, "linear", &candles, &put).is_err(), "{put}");
    }
    assert!(held(4, "inverse", &candles, &candles).is_ok());
}

/// An answer that is refused although it is plain is named.
#[test]
fn plain_rows_have_to_be_read() {
    let id: InstrumentId = "linear:BTCUSDT".parse().unwrap();
    let is_plain = |which, row: &Value| {
        let text = json!({"category": "linear", "list": [row]}).to_string();
        plain::is_plain(&text, which, &id, NOW_MS - DAY_MS)
    };
    let mut order = order();
    order["cumExecValue"] = json!("0");
    for which in [0, 1] {
        assert!(is_plain(which, &order));
    }
    for (name, odd) in [
        ("side", json!("buy")),
        ("qty", json!("1e1")),
        ("qty", json!("0")),
        ("price", json!(true)),
        ("positionIdx", json!(3)),
    ] {
        let mut row = order.clone();
        row[name] = odd;
        assert!(!is_plain(0, &row), "{name}");
    }
    assert!(is_plain(3, &json!({"symbol": "BTCUSDT", "side": "Buy"})));
    assert!(is_plain(4, &json!(["1700000000000", 1, 1, 1, 1, 5, 9])));
    assert!(!is_plain(4, &json!(["1900000000000", 1, 1, 1, 1, 5, 9])));
    assert!(is_plain(5, &json!({"coin": "BTC", "equity": "-1"})));
    assert!(is_plain(2, &json!({"symbol": "BTCUSDT", "lastPrice": "1"})));
    assert!(!is_plain(2, &json!({"symbol": "BTCUSDT", "lastPrice": "0"})));
    assert!(is_plain(
        7,
        &json!({"symbol": "BTCUSDT", "side": "Buy", "size": 1, "positionIdx": 0})
    ));
    let listed = json!({"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "priceFilter": {}, "lotSizeFilter": {},
        "leverageFilter": {}});
    assert!(is_plain(6, &listed));
}

/// The last resort of the check of an answer: what it refuses is not only what the program never says.
#[test]
fn an_acceptance_needs_a_result_that_can_be_read() {
    let client_id = ClientOrderId::parse(CLIENT_ID).unwrap();
    let kinds = [Kind::Place(&client_id), Kind::Target, Kind::Setting];
    let accepted = |venue_id: Option<&str>| {
        Outcome::Accepted(crate::venue::Accepted {
            venue_id: venue_id.map(str::to_owned),
            unchanged: false,
            response: Value::Null,
        })
    };
    let is_allowed =
        |kind, body: &str, outcome: &Outcome| allowed(&reply(200, body.as_bytes()), kind, outcome);
    for (body, id) in [
        (r#"{"retCode":0,"result":{"orderId":"1"}}"#, "1"),
        (
            r#"{"retCode":0,"time":1e999,"result":{"orderId":"1","orderLinkId":"wild-0001"}}"#,
            "1",
        ),
    ] {
        assert!(is_allowed(kinds[0], body, &accepted(Some(id))), "{body}");
        assert!(!is_allowed(kinds[0], body, &accepted(Some("2"))), "{body}");
    }
    for body in [
        r#"{"retCode":0,"result":{"orderId":"1","price":1e999}}"#,
        r#"{"retCode":0,"result":{"orderId":"1","success":"0"}}"#,
        r#"{"retCode":10001,"time":1e999,"result":{"orderId":"1"}}"#,
        r#"{"retCode":1e999,"result":{"orderId":"1"}}"#,
        r#"{"retCode":0,"result":{"orderId":"1"}"#,
        "",
    ] {
        for kind in kinds {
            for venue_id in [None, Some("1")] {
                assert!(!is_allowed(kind, body, &accepted(venue_id)), "{kind:?} {body}");
            }
        }
    }
    let strange = r#"{"retCode":0,"time":1e999,"result":{}}"#;
    let rejected = Outcome::Rejected(crate::venue::Rejection {
        code: 0,
        message: String::new(),
        target_final: false,
        passing: false,
    });
    assert!(!is_allowed(Kind::Target, strange, &rejected));
    assert!(!is_allowed(
        Kind::Target,
        strange,
        &Outcome::NotSent(String::new())
    ));
}
