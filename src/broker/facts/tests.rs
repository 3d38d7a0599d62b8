//! How orders in flight and those that the exchange shows are told apart, and which coins need a price.

use serde_json::json;

use super::*;
use crate::domain::account::{Instrument, Quote};
use crate::domain::money::{Price, Qty};
use crate::domain::order::ClientOrderId;

fn order(client_id: Option<&str>, venue_id: Option<&str>) -> RestingOrder {
    let row = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "leavesQty": "2", "qty": "2", "price": "140",
                     "triggerPrice": "150", "reduceOnly": false, "positionIdx": 0, "orderLinkId": client_id, "orderId": venue_id});
    rows::resting(&Json::parse(&row.to_string()).unwrap()).unwrap()
}

#[test]
fn an_order_is_the_same_by_either_of_its_ids() {
    let (mine, other) = (Some("mine-1"), Some("mine-2"));
    let (here, there) = (Some("v-1"), Some("v-2"));
    for (shown, ours, same) in [
        ((mine, here), (mine, here), true),
        ((mine, here), (mine, None), true),
        ((mine, here), (None, here), true),
        ((other, here), (mine, here), true),
        ((mine, there), (mine, here), true),
        ((other, there), (mine, here), false),
        ((None, there), (None, here), false),
        ((other, None), (mine, None), false),
        // What both of them lack makes them no pair.
        ((None, None), (None, None), false),
        ((None, there), (mine, None), false),
        ((other, None), (None, here), false),
    ] {
        let (shown, ours) = (order(shown.0, shown.1), order(ours.0, ours.1));
        assert_eq!(is_same(&shown, &ours), same, "{shown:?} {ours:?}");
    }
}

#[test]
fn the_exchanges_own_id_is_asked_for_first() {
    let client = ClientOrderId::parse("mine-1").unwrap();
    assert_eq!(
        key_of(&order(Some("mine-1"), Some("v-1"))),
        Some(OrderKey::Venue("v-1".to_owned()))
    );
    assert_eq!(
        key_of(&order(Some("mine-1"), None)),
        Some(OrderKey::Client(client))
    );
    assert_eq!(key_of(&order(None, None)), None);
}

#[test]
fn an_amend_that_is_not_settled_counts_as_the_larger_of_both() {
    let sized = |leaves: i64, price: &str, trigger: &str| RestingOrder {
        leaves: leaves.into(),
        qty: Qty::parse(&leaves.to_string()).ok(),
        price: Price::parse(price).ok(),
        trigger_price: Price::parse(trigger).ok(),
        ..order(Some("mine-1"), Some("v-1"))
    };
    for (shown, amended) in [
        (sized(2, "140", "150"), sized(3, "141", "151")),
        (sized(3, "141", "151"), sized(2, "140", "150")),
        (sized(3, "140", "151"), sized(2, "141", "150")),
    ] {
        let mut counted = shown;
        widen(&mut counted, &amended);
        assert_eq!(counted.leaves, 3.into());
        assert_eq!(counted.price, Price::parse("141").ok());
        assert_eq!(counted.trigger_price, Price::parse("151").ok());
    }
}

#[test]
fn a_coin_that_the_exchange_does_not_value_needs_a_price() {
    let coin = |equity: i64, value: Option<i64>| CoinBalance {
        coin: Coin::parse("BTC").unwrap(),
        equity: equity.into(),
        wallet: None,
        usd_value: value.map(Decimal::from),
    };
    for (balance, needs) in [
        (coin(1, None), true),
        (coin(1, Some(0)), true),
        (coin(-1, None), true),
        (coin(1, Some(65_000)), false),
        (coin(0, None), false),
        (coin(0, Some(0)), false),
        (coin(0, Some(1)), false),
    ] {
        assert_eq!(needs_price(&balance), needs, "{balance:?}");
    }
}

#[test]
fn what_the_exchange_does_not_list_is_told_from_what_could_not_be_read() {
    let id: InstrumentId = "spot:LUNCUSDT".parse().unwrap();
    let mut facts = Facts::default();
    let silent = VenueError::Unreachable("timed out".to_owned());
    assert_eq!(keep::<Price>(&mut facts, "price of a coin", Err(silent)), None);
    assert!(facts.unlisted.is_empty());
    let none = VenueError::UnknownInstrument(id.clone());
    assert_eq!(keep::<Price>(&mut facts, "price of a coin", Err(none)), None);
    assert!(facts.unlisted.contains(&id));
    assert_eq!(
        facts.missing,
        [
            "price of a coin: no answer from the exchange: timed out",
            "price of a coin: spot:LUNCUSDT is not listed by the exchange"
        ]
    );
}

#[test]
fn a_turnover_counts_in_the_coin_that_its_pair_is_quoted_in() {
    let instrument = |id: &str, base: &str, quote: &str| Instrument {
        id: id.parse().unwrap(),
        base_coin: Coin::parse(base).unwrap(),
        quote_coin: Coin::parse(quote).unwrap(),
        settle_coin: None,
        status: None,
        is_pre_listing: false,
        tick_size: None,
        qty_step: None,
        quote_step: None,
        min_qty: None,
        max_limit_qty: None,
        max_market_qty: None,
        min_notional: None,
        max_leverage: None,
    };
    let mut facts = Facts::default();
    for (id, base, quote) in [
        ("linear:SOLUSDT", "SOL", "USDT"),
        ("spot:ETHBTC", "ETH", "BTC"),
        ("spot:SOLETH", "SOL", "ETH"),
        ("inverse:BTCETH", "BTC", "ETH"),
    ] {
        let known = instrument(id, base, quote);
        facts.instruments.insert(known.id.clone(), known);
    }
    let bitcoin = Coin::parse("BTC").unwrap();
    facts.coin_usd.insert(bitcoin, Price::parse("65000").unwrap());
    for (id, usd) in [
        ("linear:SOLUSDT", Some(20)),
        ("spot:ETHBTC", Some(1_300_000)),
        // Inverse contracts are dollars, whatever their coins cost.
        ("inverse:BTCETH", Some(20)),
        ("inverse:BTCUSD", Some(20)),
        // No price of ether, and no such instrument.
        ("spot:SOLETH", None),
        ("spot:DOGEBTC", None),
    ] {
        assert_eq!(
            turnover_usd(&facts, &id.parse().unwrap(), 20.into()),
            usd.map(|usd: i64| Usd::new(usd.into())),
            "{id}"
        );
    }
}

/// A machine that slept wakes with a steady clock that stood still; one whose clock was set back has the steady one.
#[test]
fn what_was_read_is_as_old_as_the_later_clock_says() {
    let just_now = Instant::now();
    assert!(age(just_now, TimeDelta::hours(1)) >= Duration::from_secs(3_600));
    assert!(age(just_now, TimeDelta::hours(-1)) < Duration::from_secs(5));
    let before = just_now.checked_sub(Duration::from_secs(11)).unwrap();
    assert!(age(before, TimeDelta::zero()) >= Duration::from_secs(11));
}

#[test]
fn prices_older_than_they_may_be_decide_nothing() {
    let quote = Quote {
        last: Price::parse("140").unwrap(),
        bid: None,
        ask: None,
        mark: None,
    };
    for (milliseconds, kept) in [(0, true), (10_000, true), (10_001, false)] {
        let mut facts = Facts::default();
        facts
            .quotes
            .insert("linear:SOLUSDT".parse().unwrap(), quote.clone());
        forget_if_old(&mut facts, Duration::from_millis(milliseconds));
        assert_eq!(!facts.quotes.is_empty(), kept, "{milliseconds}");
        assert_eq!(facts.missing.is_empty(), kept, "{milliseconds}");
    }
}
