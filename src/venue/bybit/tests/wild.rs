//! Any bytes as an answer: unknown, or what the table of codes says; and never a secret shown again.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::venue::bybit::wild::{CLIENT_ID, SECRET, answer, rows};

/// Bodies that say something, right or a little wrong.
fn body() -> impl Strategy<Value = String> {
    let code = prop_oneof![
        4 => Just(json!(0)),
        2 => select(vec![10000, 10001, 10004, 110043, 110072, 110001, 34040, 170141, 429, 7]).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => select(vec![json!("0"), json!(0.0), json!(-0.0), json!(null), json!(false), json!([0])]),
    ];
    let id = select(vec![
        json!("1321003749386327552"),
        json!(""),
        json!(null),
        json!(7),
        json!(SECRET),
    ]);
    let link = select(vec![
        json!(CLIENT_ID),
        json!("another-1"),
        json!(""),
        json!(null),
        json!(1),
    ]);
    let result = prop_oneof![
        4 => (id, link, any::<bool>()).prop_map(|(id, link, both)| {
            let mut result = json!({"orderId": id});
            if both {
                result["orderLinkId"] = link;
            }
            result
        }),
        1 => select(vec![json!({}), json!(null), json!([]), json!("ok"), json!({"success": "0"}), json!({"list": [], "success": "1"})]),
    ];
    (
        code,
        result,
        select(vec![
            "OK",
            "",
            SECRET,
            "error sign! origin_string[1wild-secret-00015000]",
        ]),
    )
        .prop_map(|(code, result, message)| {
            json!({"retCode": code, "retMsg": message, "result": result}).to_string()
        })
}

fn broken(body: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let cut = any::<Option<Index>>();
    let swap = prop::collection::vec((any::<Index>(), any::<u8>()), 0..3);
    (body, cut, prop::bool::weighted(0.4), swap).prop_map(|(body, cut, whole, swaps)| {
        let mut bytes = body.into_bytes();
        if whole {
            return bytes;
        }
        for (at, byte) in swaps {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes
    })
}

/// One row with what any list looks for.
fn row() -> Value {
    let lots = json!({"qtyStep": "0.001", "basePrecision": "0.1", "minOrderQty": "1", "maxOrderQty": "9"});
    json!({"symbol": "BTCUSDT", "orderId": "o-1", "orderLinkId": CLIENT_ID, "side": "Buy", "orderType": "Limit",
        "orderStatus": "New", "qty": "10", "leavesQty": "7", "cumExecQty": "3", "leavesValue": "5", "cumExecValue": "2",
        "price": "100.5", "triggerPrice": "", "reduceOnly": false, "closeOnTrigger": null, "stopOrderType": "",
        "positionIdx": 0, "size": "1", "markPrice": "100", "lastPrice": "100", "bid1Price": "99", "ask1Price": "",
        "usdIndexPrice": "1.1", "coin": "BTC", "equity": "-1", "usdValue": "", "execQty": "1", "orderQty": "10",
        "orderPrice": "100", "baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "status": "Trading",
        "priceFilter": {"tickSize": "0.1"}, "lotSizeFilter": lots, "leverageFilter": {"maxLeverage": "100"}})
}

/// A day, right or a little wrong.
fn candle() -> impl Strategy<Value = Value> {
    let start = select(vec![
        json!("1700000000000"),
        json!(1_799_913_600_000_i64),
        json!("1799913600001"),
        json!("1800000000000"),
        json!("1e12"),
        json!(null),
    ]);
    let amount = || {
        select(vec![
            json!("9"),
            json!("0.5"),
            json!(12),
            json!("0"),
            json!("-1"),
            json!("1e28"),
        ])
    };
    (start, amount(), amount())
        .prop_map(|(start, volume, turnover)| json!([start, "1", "1", "1", "1", volume, turnover]))
}

fn candles() -> impl Strategy<Value = String> {
    let plain = Just(json!(["1700000000000", "1", "1", "1", "1", "2", "3"]));
    prop::collection::vec(prop_oneof![4 => plain, 1 => candle()], 0..60)
        .prop_map(|list| json!({"retCode": 0, "result": {"list": list}}).to_string())
}

fn list() -> impl Strategy<Value = String> {
    let odd = select(vec![
        json!(null),
        json!(""),
        json!("0"),
        json!("-1"),
        json!("1e28"),
        json!("79228162514264337593543950335"),
        json!("1e-28"),
        json!(true),
        json!({}),
        json!(7),
        json!("Market"),
        json!("quoteCoin"),
        json!("Sell"),
        json!("2"),
        json!("Filled"),
        json!(SECRET),
        json!("Trading"),
    ]);
    let names: Vec<String> = row()
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .chain(["marketUnit", "avgPrice", "rejectReason", "isPreListing"].map(str::to_owned))
        .collect();
    let odd = (select(names), odd);
    // What an exchange does say.
    let usual = [
        ("orderStatus", json!("Filled")),
        ("orderStatus", json!("Untriggered")),
        ("orderType", json!("Market")),
        ("stopOrderType", json!("StopLoss")),
        ("reduceOnly", json!(true)),
        ("side", json!("Sell")),
        ("size", json!("0")),
        ("positionIdx", json!(2)),
        ("equity", json!("12.5")),
        ("usdValue", json!("-90")),
        ("isPreListing", json!(true)),
        ("symbol", json!("ETHUSDT")),
    ];
    let usual = select(usual.map(|(name, value)| (name.to_owned(), value)).to_vec());
    let changes = prop::collection::vec(prop_oneof![odd, usual], 0..4);
    prop::collection::vec(changes, 0..3).prop_map(|rows| {
        let list: Vec<Value> = rows
            .into_iter()
            .map(|changes| {
                let mut row = row();
                changes
                    .into_iter()
                    .for_each(|(name, value)| row[name.as_str()] = value);
                row
            })
            .collect();
        json!({"retCode": 0, "retMsg": "OK", "result": {"list": list}}).to_string()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 8, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_what_its_code_says_or_unknown(kind in 0_u8..3, status in 0_u8..12, likely in any::<bool>(), body in broken(body())) {
        let status = if likely { 0 } else { status };
        let found = answer(&[vec![kind, status], body].concat());
        prop_assert_eq!(found, Ok(()));
    }

    #[test]
    fn any_bytes_are_no_acceptance(kind in 0_u8..3, body in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(answer(&[vec![kind, 0], body].concat()), Ok(()));
    }

    #[test]
    fn rows_are_read_as_they_are_written_or_not_at_all(which in any::<u8>(), body in broken(list())) {
        prop_assert_eq!(rows(&[vec![which], body].concat()), Ok(()));
    }

    #[test]
    fn days_are_read_as_they_are_written_or_not_at_all(which in 0_u8..4, body in broken(candles())) {
        prop_assert_eq!(rows(&[vec![4 + 8 * which], body].concat()), Ok(()));
    }
}

/// The inputs of the fuzz targets of the same names; `tests/fuzz_corpus.rs` replays the others.
#[test]
fn every_input_of_the_corpus_is_read_as_it_should_be() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    type Entry = fn(&[u8]) -> Result<(), String>;
    for (name, entry) in [("answer", answer as Entry), ("rows", rows)] {
        let files: Vec<_> = fs::read_dir(corpus.join(name))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        assert!(files.len() >= 3, "{name} has {} inputs", files.len());
        for path in files {
            assert_eq!(entry(&fs::read(&path).unwrap()), Ok(()), "{}", path.display());
        }
    }
}
