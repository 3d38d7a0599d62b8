//! Which arguments make one clear write, and which contradict each other; then what the gate says of the write.

#![cfg(test)]

use chrono::{DateTime, Utc};
use mandated::domain::json::Json;
use mandated::domain::mandate::Mandate;
use mandated::domain::order::{Write, WriteTool};
use mandated::domain::policy::Policy;
use mandated::domain::rows::resting;
use mandated::gate::{self, Facts, Halt, Intended, Standing};
use serde_json::{Value, json};

const BEFORE_ITS_END: &str = "2026-06-30T23:59:59Z";

fn standing(now: &str) -> Standing {
    let mandate = json!({"schema_version": 1,
        "hard_caps": {"account_funding_usd": 5000.0, "max_order_notional_usd": 1000.0, "max_total_exposure_usd": 2000.0,
                      "max_leverage": 3.0, "allowed_instruments": ["crypto"], "max_trades_per_day": 5},
        "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                     "exclude_symbols": []},
        "consent": {"created_at": "2026-06-01T00:00:00+00:00", "consent_token_sha256": "ab", "broker": "bybit",
                    "account_ref": "a-1", "expires_at": "2026-07-01T00:00:00+00:00"}});
    Standing {
        now: Ok(now.parse::<DateTime<Utc>>().unwrap()),
        broker: "bybit".to_owned(),
        mandate: Mandate::parse(&mandate.to_string()),
        halt: Halt::Clear,
        policy: None,
    }
}

fn intend(tool: &str, args: &Value) -> Result<Intended, String> {
    let tool = WriteTool::by_name(tool).unwrap();
    gate::authority(standing(BEFORE_ITS_END))
        .and_then(|authority| gate::intent(authority, tool, &args.to_string()))
        .map_err(|refused| refused.refusal.reason)
}

/// `base` with these members put in.
fn with(base: &Value, change: &Value) -> Value {
    let mut args = base.clone();
    for (name, value) in change.as_object().unwrap() {
        args[name] = value.clone();
    }
    args
}

#[track_caller]
fn assert_clear(tool: &str, args: &Value) {
    let intended = intend(tool, args);
    assert!(intended.is_ok(), "{args}: {intended:?}");
}

#[track_caller]
fn assert_unclear(tool: &str, args: &Value, why: &str) {
    let reason = intend(tool, args).expect_err(&args.to_string());
    assert!(reason.contains(why), "{args}: {reason}");
}

const PLACE: &str = "bybit_place_order";
const AMEND: &str = "bybit_amend_order";
const CANCEL: &str = "bybit_cancel_order";
const STOP: &str = "bybit_set_trading_stop";

fn market() -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": "1"})
}

fn limit() -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": "1", "price": "90"})
}

fn spot_market() -> Value {
    json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": "1", "market_unit": "baseCoin"})
}

fn spot_limit() -> Value {
    with(&limit(), &json!({"category": "spot"}))
}

#[test]
fn a_mandate_ends_at_its_end_and_not_a_second_before() {
    assert!(gate::authority(standing(BEFORE_ITS_END)).is_ok());
    for now in ["2026-07-01T00:00:00Z", "2026-07-01T00:00:01Z"] {
        let refused = gate::authority(standing(now)).unwrap_err().refusal;
        let said = (refused.limit.word(), refused.decision.word());
        assert_eq!(said, ("expiry", "pause_for_reauth"), "{now}");
    }
}

/// What the last look before the send says of an order that was approved by [`standing`].
fn last_look(then: Standing) -> Result<(), (String, String)> {
    let way_out = with(&market(), &json!({"reduce_only": true}));
    let intended = intend(PLACE, &way_out).unwrap();
    let approved = gate::judge(intended, &Facts::default()).unwrap();
    let refused = |refused: gate::Refused| (refused.refusal.limit.word().to_owned(), refused.refusal.reason);
    approved.still_stands(then).map_err(refused)
}

#[test]
fn an_approval_falls_with_what_it_was_judged_by() {
    let same = || standing(BEFORE_ITS_END);
    assert_eq!(last_look(same()), Ok(()));

    let mut mandate = same().mandate.unwrap();
    mandate.hard_caps.max_trades_per_day = 6;
    let other_mandate = Standing {
        mandate: Ok(mandate),
        ..same()
    };
    let other_policy = Standing {
        policy: Some(Ok(Policy::default())),
        ..same()
    };
    let halted = Standing {
        halt: Halt::Tripped("by a test".to_owned()),
        ..same()
    };
    for (then, limit, why) in [
        (other_mandate, "mandate", "the mandate changed"),
        (other_policy, "mandate", "policy.toml changed"),
        (halted, "halt_flag", "by a test"),
        (standing("2026-07-01T00:00:00Z"), "expiry", "it ended at"),
    ] {
        let (word, reason) = last_look(then).expect_err(why);
        assert_eq!(word, limit, "{reason}");
        assert!(reason.contains(why), "{reason}");
    }
}

#[test]
fn levels_go_with_orders_that_open_something() {
    let reduce = json!({"reduce_only": true});
    for level in ["take_profit", "stop_loss"] {
        let level = json!({level: "95"});
        assert_clear(PLACE, &with(&market(), &level));
        assert_clear(PLACE, &with(&spot_limit(), &level));
        assert_unclear(
            PLACE,
            &with(&with(&market(), &level), &reduce),
            "a reduce-only order cannot carry",
        );
        assert_unclear(
            PLACE,
            &with(&spot_market(), &level),
            "a spot Market order cannot carry",
        );
    }
    assert_clear(PLACE, &with(&market(), &reduce));
    assert_clear(PLACE, &spot_market());
}

#[test]
fn a_level_mode_goes_with_a_level_on_derivatives() {
    let mode = json!({"tpsl_mode": "Full"});
    let both = json!({"tpsl_mode": "Full", "take_profit": "120"});
    assert_clear(PLACE, &with(&market(), &both));
    assert_unclear(PLACE, &with(&market(), &mode), "`tpsl_mode` goes with");
    assert_unclear(PLACE, &with(&spot_limit(), &both), "`tpsl_mode` goes with");
    assert_unclear(PLACE, &with(&spot_limit(), &mode), "`tpsl_mode` goes with");
}

#[test]
fn a_market_order_is_always_immediate() {
    for word in ["FOK", "PostOnly"] {
        let force = json!({"time_in_force": word});
        assert_clear(PLACE, &with(&limit(), &force));
        assert_unclear(PLACE, &with(&market(), &force), "always immediate-or-cancel");
    }
    assert_clear(PLACE, &with(&market(), &json!({"time_in_force": "IOC"})));
}

#[test]
fn a_hedge_leg_is_reduced_from_its_other_side_alone() {
    for (idx, side, clear) in [
        (1, "Sell", true),
        (1, "Buy", false),
        (2, "Buy", true),
        (2, "Sell", false),
    ] {
        let order = with(
            &market(),
            &json!({"side": side, "position_idx": idx, "reduce_only": true}),
        );
        if clear {
            assert_clear(PLACE, &order);
        } else {
            assert_unclear(PLACE, &order, "adds to that hedge leg");
        }
    }
    for idx in [1, 2] {
        assert_clear(
            PLACE,
            &with(
                &market(),
                &json!({"category": "inverse", "symbol": "BTCUSD", "position_idx": idx}),
            ),
        );
        assert_unclear(
            PLACE,
            &with(&spot_market(), &json!({"position_idx": idx})),
            "hedge positions exist",
        );
    }
}

#[test]
fn an_order_is_named_by_an_id_that_the_exchange_could_have_given_or_by_ours() {
    let named = |key: &str, id: &str| json!({"category": "linear", "symbol": "BTCUSDT", key: id});
    assert_clear(CANCEL, &named("order_link_id", "mine-1"));
    for id in ["a", "c6f0-55", &"a".repeat(64)] {
        assert_clear(CANCEL, &named("order_id", id));
    }
    for id in ["a b", "a/b", "a\"b", &"a".repeat(65)] {
        assert_unclear(
            CANCEL,
            &named("order_id", id),
            "not an id that the exchange gives",
        );
    }
    let both = with(&named("order_id", "a"), &json!({"order_link_id": "b"}));
    assert_unclear(CANCEL, &both, "not both");
    let neither = json!({"category": "linear", "symbol": "BTCUSDT"});
    assert_unclear(CANCEL, &neither, "which order?");
}

#[test]
fn a_new_order_keeps_the_name_that_it_was_given() {
    let intended = intend(PLACE, &with(&limit(), &json!({"order_link_id": "mine-1"}))).unwrap();
    let Write::Place(order) = intended.write() else {
        panic!("{intended:?}");
    };
    assert_eq!(order.client_id.as_ref().unwrap().to_string(), "mine-1");
}

#[test]
fn one_change_is_enough_for_an_amend_and_one_level_for_a_trading_stop() {
    let base = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1"});
    for name in [
        "new_qty",
        "qty",
        "price",
        "trigger_price",
        "take_profit",
        "stop_loss",
    ] {
        assert_clear(AMEND, &with(&base, &json!({name: "95"})));
    }
    assert_unclear(AMEND, &base, "nothing to change");
    let base = json!({"category": "linear", "symbol": "BTCUSDT"});
    for name in ["take_profit", "stop_loss", "trailing_stop"] {
        assert_clear(STOP, &with(&base, &json!({name: "95"})));
        assert_clear(STOP, &with(&base, &json!({name: "0"})));
        assert_unclear(STOP, &with(&base, &json!({name: "-1"})), "negative");
    }
    assert_unclear(STOP, &base, "nothing to set");
    let stop = json!({"category": "linear", "symbol": "BTCUSDT", "stop_loss": "95"});
    assert_clear(STOP, &with(&stop, &json!({"tpsl_mode": "Full"})));
    assert_unclear(
        STOP,
        &with(&stop, &json!({"tpsl_mode": "Partial"})),
        "`tpsl_mode` Partial needs a size",
    );
}

#[test]
fn leverage_is_at_least_one() {
    let ask = |leverage: &str| json!({"category": "linear", "symbol": "BTCUSDT", "leverage": leverage});
    assert_clear("bybit_set_leverage", &ask("1"));
    assert_unclear("bybit_set_leverage", &ask("0.99"), "at least 1");
}

#[test]
fn only_what_can_add_risk_needs_the_account() {
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1"});
    let needs = |tool: &str, args: &Value| intend(tool, args).unwrap().needs_account();
    assert!(needs(PLACE, &market()));
    assert!(needs(AMEND, &with(&order, &json!({"price": "95"}))));
    assert!(!needs(PLACE, &with(&market(), &json!({"reduce_only": true}))));
    assert!(!needs(CANCEL, &order));
}

#[test]
fn an_order_takes_one_of_the_days_trades_and_a_cancel_none() {
    let judge =
        |tool: &str, args: &Value| gate::judge(intend(tool, args).unwrap(), &Facts::default()).unwrap();
    let exit = judge(PLACE, &with(&market(), &json!({"reduce_only": true})));
    assert!(exit.counts_as_trade() && exit.resting().is_none());
    let cancel = judge(
        CANCEL,
        &json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1"}),
    );
    assert!(!cancel.counts_as_trade() && cancel.resting().is_none());
}

#[test]
fn an_amend_that_passes_carries_the_order_as_it_stood() {
    let row = r#"{"category":"linear","symbol":"BTCUSDT","side":"Sell","qty":"3","leavesQty":"2","cumExecQty":"1","price":"110",
                  "reduceOnly":true,"positionIdx":0,"orderId":"o-1"}"#;
    let stood = resting(&Json::parse(row).unwrap()).unwrap();
    let facts = Facts {
        order: Some(stood.clone()),
        ..Facts::default()
    };
    let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "price": "105"});
    let approved = gate::judge(intend(AMEND, &args).unwrap(), &facts).unwrap();
    assert_eq!(approved.resting(), Some(&stood));
    assert!(!approved.counts_as_trade());
}

#[test]
fn an_exposure_that_cannot_be_told_says_why_and_what_helps() {
    let row = r#"{"category":"option","symbol":"BTC-26JUN26-60000-C-USDT","side":"Sell","qty":"1","leavesQty":"1",
                  "price":"5","positionIdx":0,"orderId":"o-1"}"#;
    let facts = Facts {
        positions: Some(Vec::new()),
        wallet: Some(Vec::new()),
        inflight: Some(Vec::new()),
        open_orders: Some(vec![resting(&Json::parse(row).unwrap()).unwrap()]),
        ..Facts::default()
    };
    let why = "the option order o-1 resting in BTC-26JUN26-60000-C-USDT cannot be counted: its premium says nothing \
               about the risk; cancel it";
    let told = gate::standing_exposure(&facts, &Policy::default());
    assert_eq!(told, Err(why.to_owned()));
}

#[test]
fn a_refusal_says_why_a_fact_is_missing() {
    let facts = Facts {
        missing: vec!["instruments: timed out".to_owned(), "ticker: http 500".to_owned()],
        ..Facts::default()
    };
    let refused = gate::judge(intend(PLACE, &market()).unwrap(), &facts).unwrap_err();
    let reason = refused.refusal.reason;
    assert!(
        reason.contains(" (instruments: timed out; ticker: http 500);"),
        "{reason}"
    );
    let refused = gate::judge(intend(PLACE, &market()).unwrap(), &Facts::default()).unwrap_err();
    let reason = refused.refusal.reason;
    assert!(reason.contains("cannot be priced; try again"), "{reason}");
}
