//! Replays every input of `fuzz/corpus` through the functions that the fuzz targets call, and plays lines of `explain`
//! around their own caps. `make fuzz` looks for more.

#![expect(
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, and `serde_json` gives null for what is not there"
)]

#[path = "../fuzz/entries/mod.rs"]
mod entries;

use std::fs;
use std::path::Path;

use mandated::cli::explain::{Verdict, explain};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rust_decimal::Decimal;
use serde_json::{Value, json};

#[test]
fn every_input_of_the_corpus_is_read_as_it_should_be() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut wrong = Vec::new();
    for (name, entry) in entries::ENTRIES {
        let files: Vec<_> = fs::read_dir(corpus.join(name))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        assert!(files.len() >= 3, "{name} has {} inputs", files.len());
        for path in files {
            if let Err(why) = entry(&fs::read(&path).unwrap()) {
                wrong.push(format!("{}: {why}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The exchange's answers have their entries in the program itself.
#[test]
fn every_entry_has_its_target_and_every_target_its_entry() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let mut targets: Vec<String> = fs::read_dir(fuzz.join("fuzz_targets"))
        .unwrap()
        .map(|file| {
            file.unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .replace(".rs", "")
        })
        .collect();
    let names = entries::ENTRIES.iter().map(|(name, _)| *name);
    let mut entries: Vec<&str> = names.chain(["answer", "rows"]).collect();
    targets.sort();
    entries.sort();
    assert_eq!(targets, entries);
    for name in entries {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        let target = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("`{name}`")), "{target}");
        assert!(
            target.contains(&format!("== \"{name}\"")) || target.contains(&format!("wild::{name}(")),
            "{target}"
        );
    }
}

/// What stands in a line in the place of a cap.
const CAPS: [&str; 5] = ["@order", "@exposure", "@funding", "@leverage", "@trades"];
const WIDE: [&str; 5] = ["1000000", "1000000.00", "1e6", "100", "9"];

fn with_caps(line: &str, caps: [&str; 5]) -> String {
    let quoted = CAPS.map(|name| format!("\"{name}\""));
    let named = quoted.iter().zip(caps);
    named.fold(line.to_owned(), |line, (name, cap)| line.replace(name, cap))
}

fn cents(range: std::ops::Range<i64>) -> impl Strategy<Value = String> {
    range.prop_map(|cents| Decimal::new(cents, 2).to_string())
}

/// One-way or on one leg of a hedge: the fields that a position and an order share.
fn place(hedged: bool) -> impl Strategy<Value = Value> {
    let market = select(vec![
        ("linear", "BTCUSDT"),
        ("linear", "ETHPERP"),
        ("inverse", "BTCUSD"),
        ("spot", "SOLUSDT"),
    ]);
    (market, any::<bool>(), any::<bool>()).prop_map(move |((category, symbol), buys, long)| {
        let idx = match (hedged && category == "linear", long) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        };
        json!({"category": category, "symbol": symbol, "side": if buys { "Buy" } else { "Sell" }, "positionIdx": idx})
    })
}

fn position(hedged: bool) -> impl Strategy<Value = Value> {
    (
        place(hedged),
        cents(0..2_000),
        prop::option::of(cents(8_000..12_000)),
    )
        .prop_map(|(mut row, size, mark)| {
            if row["category"] == "spot" {
                row["category"] = json!("linear");
                row["positionIdx"] = json!(0);
            }
            // The exchange has a leg's side by its number.
            match row["positionIdx"].as_u64() {
                Some(1) => row["side"] = json!("Buy"),
                Some(2) => row["side"] = json!("Sell"),
                _ => {}
            }
            row["size"] = json!(size);
            row["markPrice"] = json!(mark);
            row
        })
}

fn order(hedged: bool) -> impl Strategy<Value = Value> {
    let price = || prop::option::of(cents(5_000..15_000));
    (
        place(hedged),
        cents(100..900),
        cents(0..90),
        price(),
        price(),
        prop::bool::weighted(0.2),
        0..5_u8,
    )
        .prop_map(|(mut row, qty, filled, price, trigger, reduces, id)| {
            row["qty"] = json!(qty);
            row["cumExecQty"] = json!(filled);
            row["price"] = json!(price);
            row["triggerPrice"] = json!(trigger);
            row["marketUnit"] = json!("baseCoin");
            row["reduceOnly"] = json!(reduces && row["category"] != "spot");
            row["orderId"] = json!(format!("o-{id}"));
            row
        })
}

fn call(order: &Value, amends: bool) -> (&'static str, Value) {
    let mut args = json!({"category": order["category"], "symbol": order["symbol"]});
    if amends {
        args["order_id"] = json!("o-1");
        args["new_qty"] = order["qty"].clone();
        args["price"] = order["price"].clone();
        return ("bybit_amend_order", args);
    }
    let derivative = order["category"] != "spot";
    for (name, from) in [
        ("side", "side"),
        ("qty", "qty"),
        ("price", "price"),
        ("trigger_price", "triggerPrice"),
    ] {
        args[name] = order[from].clone();
    }
    args["order_type"] = json!(if order["price"].is_null() {
        "Market"
    } else {
        "Limit"
    });
    if derivative {
        args["position_idx"] = order["positionIdx"].clone();
    }
    if derivative && !order["triggerPrice"].is_null() {
        args["trigger_direction"] = json!(1);
    }
    if !derivative && order["price"].is_null() {
        args["market_unit"] = json!("baseCoin");
    }
    ("bybit_place_order", args)
}

fn quotes() -> impl Strategy<Value = Value> {
    let prices = || prop::collection::vec(cents(9_000..11_000), 4);
    (prices(), prices(), prices(), prices()).prop_map(|(btc, eth, inverse, sol)| {
        let quote = |prices: &[String]| json!({"bid": prices[0], "ask": prices[1], "last": prices[2], "mark": prices[3]});
        json!({"linear:BTCUSDT": quote(&btc), "linear:ETHPERP": quote(&eth), "inverse:BTCUSD": quote(&inverse),
            "spot:SOLUSDT": quote(&sol)})
    })
}

/// A line with names where its caps are.
fn line() -> impl Strategy<Value = String> {
    any::<bool>().prop_flat_map(|hedged| {
        let orders = |most| prop::collection::vec(order(hedged), 0..most);
        (
            (order(hedged), order(hedged), prop::bool::weighted(0.3)),
            (prop::collection::vec(position(hedged), 0..4), orders(4), orders(3)),
            quotes(),
            prop::option::weighted(0.2, cents(1..300_000)),
        )
            .prop_map(|((asked, mut amended, amends), (positions, mut open, inflight), quotes, stated)| {
                amended["orderId"] = json!("o-1");
                let mut asked = asked;
                if amends {
                    asked["category"] = amended["category"].clone();
                    asked["symbol"] = amended["symbol"].clone();
                    open.retain(|order| order["orderId"] != "o-1");
                    open.push(amended.clone());
                }
                let (tool, mut args) = call(&asked, amends);
                if let (Some(stated), false) = (stated, amends) {
                    args["notional_usd"] = json!(stated);
                }
                let mandate = json!({"schema_version": 1, "hard_caps": {"account_funding_usd": "@funding",
                        "max_order_notional_usd": "@order", "max_total_exposure_usd": "@exposure", "max_leverage": "@leverage",
                        "allowed_instruments": ["crypto"], "max_trades_per_day": "@trades"},
                    "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                        "exclude_symbols": []},
                    "consent": {"created_at": "2026-06-01", "consent_token_sha256": "ab", "broker": "bybit",
                        "account_ref": "a-1", "expires_at": "2026-07-01"}});
                json!({"tool": tool, "args": args, "facts": {"now": "2026-06-15T12:00:00Z", "halted": false, "daily_count": 3,
                    "mandate": mandate, "quotes": quotes, "positions": positions, "open_orders": open, "inflight": inflight,
                    "wallet": [], "order": amended}})
                .to_string()
            })
    })
}

/// The caps that this order needs, to the last digit: one of them by so many of the smallest steps too wide.
fn tight(verdict: &Verdict, at: usize, steps: i64) -> Option<[String; 5]> {
    let figure = |text: &Option<String>| text.as_ref()?.parse::<Decimal>().ok();
    let exposure = figure(&verdict.post_trade_exposure_usd)?;
    let off = |index: usize| Decimal::new(if index == at { steps } else { 0 }, 12);
    let mut caps = WIDE.map(str::to_owned);
    caps[0] = (figure(&verdict.notional_usd)? + off(0))
        .max(Decimal::ZERO)
        .to_string();
    caps[1] = (exposure + off(1)).max(Decimal::ZERO).to_string();
    match at {
        // Half the exposure at twice of it.
        3 => {
            caps[2] = "0.5".to_owned();
            caps[3] = ((exposure + off(3)) * Decimal::TWO)
                .max(Decimal::ZERO)
                .to_string();
        }
        _ => caps[2] = (exposure + off(2)).max(Decimal::new(1, 2)).to_string(),
    }
    caps[4] = if at == 4 && steps < 0 { "3" } else { "4" }.to_owned();
    Some(caps)
}

fn entry(line: &str) -> Result<(), String> {
    let found = entries::ENTRIES.iter().find(|(name, _)| *name == "explain");
    found.map_or(Err("no such entry".to_owned()), |(_, entry)| {
        entry(line.as_bytes())
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(ProptestConfig::default().cases * 2)
    })]

    #[test]
    fn an_order_is_allowed_up_to_the_last_digit_of_each_cap(line in line(), at in 0..5_usize, steps in -1..=1_i64) {
        let wide = with_caps(&line, WIDE);
        prop_assert_eq!(entry(&wide), Ok(()));
        if let Some(caps) = tight(&explain(&wide), at, steps) {
            let line = with_caps(&line, caps.each_ref().map(String::as_str));
            prop_assert_eq!(entry(&line), Ok(()), "{}", line);
            let allowed = explain(&line).decision == "allow";
            // A buy needs its whole exposure in funding, and half of it is there; the last two caps are not about all.
            let expected = match (at, steps) {
                (0 | 1, -1) if caps[at] != "0" => Some(false),
                (3, _) | (_, -1) => None,
                _ => Some(true),
            };
            prop_assert!(expected.is_none_or(|expected| allowed == expected), "{}", line);
        }
    }
}

/// The check above by its other end: an approval that its caps do not cover is named, whichever cap it is.
#[test]
fn an_approval_above_a_cap_is_noticed() {
    let mut runner = TestRunner::deterministic();
    let mut noticed = [0; 5];
    let mut allowed = 0;
    for _ in 0..400 {
        let line = line().new_tree(&mut runner).unwrap().current();
        let wide = with_caps(&line, WIDE);
        let verdict = explain(&wide);
        assert_eq!(entry(&wide), Ok(()), "{wide}");
        let exposure = verdict.post_trade_exposure_usd.as_deref().unwrap_or("0");
        // Nothing is less than nothing.
        if verdict.decision != "allow" || exposure == "0" {
            continue;
        }
        allowed += 1;
        for (at, noticed) in noticed.iter_mut().enumerate() {
            let caps = tight(&verdict, at, -1).unwrap();
            let line = with_caps(&line, caps.each_ref().map(String::as_str));
            *noticed += usize::from(entries::caps::within(&line, &verdict).is_err());
        }
        // What the facts come to is found out without the verdict.
        let poor = Verdict {
            notional_usd: Some("0.01".to_owned()),
            ..verdict
        };
        let is_clear = !(line.contains("amend") && line.contains(r#""symbol":"SOLUSDT","order_id""#));
        assert!(
            entries::caps::within(&wide, &poor).is_err() || !is_clear,
            "{wide}"
        );
    }
    assert!(allowed >= 100, "{allowed}");
    let [order, exposure, funding, leverage, trades] = noticed;
    assert_eq!(
        [order, exposure, leverage],
        [allowed; 3],
        "a notional or an exposure that is a little less"
    );
    assert!(
        funding * 4 > allowed && trades * 4 > allowed,
        "{noticed:?} of {allowed}"
    );
}
