//! Any JSON as a tool's arguments is exactly one write of that tool, or a refusal; an argument that the tool does
//! not know always refuses.

use mandated::domain::money::parse_decimal;
use mandated::domain::order::{OrderKind, Write, WriteTool};
use mandated::gate::{self, Decision, Limit, Refused, known_arguments};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::accounts::wide;
use crate::cases::cases;
use crate::texts::{any_json, texts_like};
use crate::world::{mandate, standing};

fn read(tool: WriteTool, text: &str) -> Result<Write, Box<Refused>> {
    let authority = gate::authority(standing(mandate(&wide()))).unwrap();
    gate::intent(authority, tool, text)
        .map(|intended| intended.write().clone())
        .map_err(Box::new)
}

fn tool() -> impl Strategy<Value = WriteTool> {
    select(WriteTool::ALL.to_vec())
}

/// A value that the argument could have, or one that it could not.
fn value(name: &'static str) -> BoxedStrategy<Value> {
    let words = |words: &[&str]| {
        let words: Vec<Value> = words.iter().map(|word| json!(word)).collect();
        select(words).boxed()
    };
    let good = match name {
        "category" => words(&["linear", "linear", "inverse", "spot", "option"]),
        "symbol" => words(&["BTCUSDT", "btc-usdt", "ETHUSD", "BTC-26DEC26-100-C"]),
        "side" => words(&["Buy", "Sell"]),
        "order_type" => words(&["Market", "Limit"]),
        "market_unit" => words(&["baseCoin", "quoteCoin"]),
        "time_in_force" => words(&["GTC", "IOC", "FOK", "PostOnly"]),
        "tpsl_mode" => words(&["Full", "Partial"]),
        "settle_coin" => words(&["USDT", "USDC"]),
        "order_id" | "order_link_id" => words(&["a-1", "1321003749386327552"]),
        "reduce_only" => any::<bool>().prop_map(Value::from).boxed(),
        "position_idx" | "trigger_direction" => (0..3_i64).prop_map(Value::from).boxed(),
        _ => (1..200_i64)
            .prop_map(|number| json!(format!("{number}.5")))
            .boxed(),
    };
    prop_oneof![24 => good, 1 => Just(Value::Null), 1 => any_json()].boxed()
}

/// Some of the tool's arguments, the first few more often than not.
fn arguments(tool: WriteTool) -> impl Strategy<Value = Map<String, Value>> {
    let known = known_arguments(tool);
    let needed = match tool {
        WriteTool::PlaceOrder => 5,
        WriteTool::SetLeverage => 3,
        WriteTool::AmendOrder | WriteTool::CancelOrder | WriteTool::SetTradingStop => 2,
        WriteTool::CancelAllOrders => 1,
    };
    (0..=known.len() - needed)
        .prop_flat_map(move |more| {
            let head = prop_oneof![9 => Just(known[..needed].to_vec()), 1 => subsequence(known[..needed].to_vec(), 0..=needed)];
            (head, subsequence(known[needed..].to_vec(), more.min(3)))
        })
        .prop_flat_map(|(head, tail)| {
            let names = [head, tail].concat();
            let values: Vec<_> = names.iter().map(|name| value(name)).collect();
            (Just(names), values)
        })
        .prop_map(|(names, values)| {
            let members = names.into_iter().map(str::to_owned).zip(values);
            members.collect()
        })
}

/// What was read says nothing else than what was asked.
fn is_what_was_asked(write: &Write, tool: WriteTool, args: &Map<String, Value>) -> Result<(), TestCaseError> {
    prop_assert_eq!(write.tool(), tool);
    prop_assert_eq!(Some(write.category().as_str()), args["category"].as_str());
    let symbol = |text: &str| text.replace(['-', '/'], "").trim().to_ascii_uppercase();
    if let (Some(id), Some(text)) = (write.instrument(), args.get("symbol").and_then(Value::as_str)) {
        prop_assert_eq!(symbol(id.symbol.as_str()), symbol(text));
    }
    if let Write::Place(order) = write {
        let given = args["qty"]
            .as_str()
            .map_or_else(|| args["qty"].to_string(), str::to_owned);
        prop_assert_eq!(Ok(order.size.qty().value()), parse_decimal(&given));
        prop_assert_eq!(Some(order.side.as_str()), args["side"].as_str());
        let limit = matches!(order.kind, OrderKind::Limit(_));
        prop_assert_eq!(limit, args["order_type"] == json!("Limit"));
        prop_assert_eq!(limit, args.get("price").is_some_and(|price| !price.is_null()));
        prop_assert_eq!(order.reduce_only, args.get("reduce_only") == Some(&json!(true)));
    }
    Ok(())
}

fn is_a_refusal(no: &Refused) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        (no.refusal.limit, no.refusal.decision),
        (Limit::Intent, Decision::Deny)
    );
    Ok(())
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn arguments_are_one_write_or_a_refusal((tool, args) in tool().prop_flat_map(|tool| (Just(tool), arguments(tool)))) {
        match read(tool, &Value::from(args.clone()).to_string()) {
            Ok(write) => is_what_was_asked(&write, tool, &args)?,
            Err(no) => is_a_refusal(&no)?,
        }
    }

    #[test]
    fn an_unknown_argument_refuses_and_is_named(
        (tool, mut args) in tool().prop_flat_map(|tool| (Just(tool), arguments(tool))),
        name in "[a-z_A-Z]{1,14}",
        value in any_json(),
        near in any::<Option<Index>>(),
    ) {
        // A slip of the pen is the likeliest unknown argument.
        let known = known_arguments(tool);
        let name = near.map_or(name, |at| format!("{}s", at.get(known)));
        if !known.contains(&name.as_str()) {
            args.insert(name.clone(), value);
            let no = read(tool, &Value::from(args).to_string()).unwrap_err();
            is_a_refusal(&no)?;
            prop_assert!(no.refusal.reason.contains(&format!("`{name}`")), "{}", no.refusal.reason);
        }
    }

    #[test]
    fn an_argument_given_twice_refuses((tool, args) in tool().prop_flat_map(|tool| (Just(tool), arguments(tool))), which in any::<Index>()) {
        let names: Vec<&String> = args.keys().collect();
        if !names.is_empty() {
            let again = format!("\"{}\":null,", which.get(&names));
            let twice = Value::from(args.clone()).to_string().replacen('{', &format!("{{{again}"), 1);
            is_a_refusal(&read(tool, &twice).unwrap_err())?;
        }
    }

    #[test]
    fn any_text_is_one_write_or_a_refusal(
        tool in tool(),
        text in texts_like(r#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","order_type":"Limit","qty":"0.5","price":100,"order_id":"a-1"}"#.into()),
    ) {
        match read(tool, &text) {
            Ok(write) => prop_assert_eq!(write.tool(), tool),
            Err(no) => is_a_refusal(&no)?,
        }
    }

    #[test]
    fn what_is_no_object_refuses(tool in tool(), value in any_json()) {
        if !value.is_object() {
            is_a_refusal(&read(tool, &value.to_string()).unwrap_err())?;
        }
    }
}

#[test]
fn the_generated_arguments_reach_every_tool() {
    let mut runner = TestRunner::deterministic();
    for tool in WriteTool::ALL {
        let args = arguments(tool);
        let read = (0..300).filter(|_| {
            let args = args.new_tree(&mut runner).unwrap().current();
            read(tool, &Value::from(args).to_string()).is_ok()
        });
        let count = read.count();
        assert!(
            (15..285).contains(&count),
            "{count} of 300 calls of {} are writes",
            tool.name()
        );
    }
}
