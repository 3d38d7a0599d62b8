//! Without a fact that it needs, no write is approved; one that it does not need changes nothing. Every subset
//! of the facts is taken away, so the lists below are exact.

use std::collections::{BTreeMap, BTreeSet};

use mandated::domain::account::{CoinBalance, Instrument, Position, Quote, RestingOrder, SizeUnit};
use mandated::domain::money::{Price, Qty, Usd};
use mandated::domain::order::{PositionIdx, Side, WriteTool};
use mandated::domain::symbol::Coin;
use mandated::gate::{Facts, Figures, Halt, Standing};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::accounts::wide;
use crate::world::{decide, mandate, standing};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Clock,
    Mandate,
    Halt,
    Count,
    Quote,
    Bid,
    Ask,
    Mark,
    Instrument,
    CoinUsd,
    Positions,
    OpenOrders,
    Inflight,
    Wallet,
    Volume,
    Order,
}

use Fact::{Ask, Bid, Clock, CoinUsd, Count, Inflight, Mandate, Mark, OpenOrders, Positions, Volume, Wallet};

const ALL: [Fact; 16] = [
    Clock,
    Mandate,
    Fact::Halt,
    Count,
    Fact::Quote,
    Bid,
    Ask,
    Mark,
    Fact::Instrument,
    CoinUsd,
    Positions,
    OpenOrders,
    Inflight,
    Wallet,
    Volume,
    Fact::Order,
];

/// What every write needs, an exit too.
const AUTHORITY: [Fact; 3] = [Clock, Mandate, Fact::Halt];
const ACCOUNT: [Fact; 4] = [Positions, OpenOrders, Inflight, Wallet];

/// Everything that there is to know about one instrument, and about the account.
fn facts(id: &str, quote_coin: &str, order: RestingOrder) -> Facts {
    let price = |dollars: i64| Price::new(Decimal::from(dollars)).unwrap();
    let id = order_id(id);
    let quote = Quote {
        last: price(100),
        bid: Some(price(99)),
        ask: Some(price(101)),
        mark: Some(price(100)),
    };
    let instrument = Instrument {
        id: id.clone(),
        base_coin: Coin::parse("BTC").unwrap(),
        quote_coin: Coin::parse(quote_coin).unwrap(),
        settle_coin: None,
        status: Some("Trading".into()),
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
    // The other position has a mark of its own and the dollars need no price, so they ask for nothing more.
    let position = Position {
        instrument: order_id("inverse:XRPUSD"),
        side: Side::Buy,
        size: Qty::new(Decimal::TEN).unwrap(),
        mark_price: Some(price(1)),
        position_idx: PositionIdx::OneWay,
    };
    let dollars = CoinBalance {
        coin: Coin::parse("USDT").unwrap(),
        equity: Decimal::ONE_HUNDRED,
        wallet: None,
        usd_value: None,
    };
    Facts {
        daily_count: Some(Ok(0)),
        quotes: [(id.clone(), quote)].into_iter().collect(),
        instruments: [(id, instrument)].into_iter().collect(),
        unlisted: BTreeSet::new(),
        coin_usd: BTreeMap::from([(Coin::parse("EUR").unwrap(), price(1))]),
        positions: Some(vec![position]),
        open_orders: Some(vec![order.clone()]),
        inflight: Some(Vec::new()),
        wallet: Some(vec![dollars]),
        apart: None,
        order: Some(order),
        avg_daily_volume_usd: Some(Usd::new(Decimal::ONE_HUNDRED)),
        missing: Vec::new(),
    }
}

fn order_id(text: &str) -> mandated::domain::symbol::InstrumentId {
    text.parse().unwrap()
}

fn resting(id: &str, reduce_only: bool) -> RestingOrder {
    RestingOrder {
        instrument: order_id(id),
        side: Side::Buy,
        leaves: Decimal::TEN,
        qty: Qty::new(Decimal::TEN),
        filled: Decimal::ZERO,
        unit: SizeUnit::Base,
        // Above every quote, so that none of them is needed to value it.
        price: Price::new(Decimal::from(102)),
        trigger_price: None,
        reduce_only,
        cannot_borrow: false,
        position_idx: PositionIdx::OneWay,
        client_id: None,
        venue_id: Some("o-1".into()),
    }
}

fn without(gone: &[Fact], mut standing: Standing, mut facts: Facts) -> (Standing, Facts) {
    for fact in gone {
        let quote = facts.quotes.values_mut().next();
        match (fact, quote) {
            (Clock, _) => standing.now = Err("the clock is not certain".into()),
            (Mandate, _) => standing.mandate = Err(mandated::domain::mandate::MandateError::Missing),
            (Fact::Halt, _) => standing.halt = Halt::Tripped("it cannot be checked".into()),
            (Count, _) => facts.daily_count = None,
            (Fact::Quote, _) => facts.quotes.clear(),
            (Bid, Some(quote)) => quote.bid = None,
            (Ask, Some(quote)) => quote.ask = None,
            (Mark, Some(quote)) => quote.mark = None,
            (Bid | Ask | Mark, None) => {}
            (Fact::Instrument, _) => facts.instruments.clear(),
            (CoinUsd, _) => facts.coin_usd.clear(),
            (Positions, _) => facts.positions = None,
            (OpenOrders, _) => facts.open_orders = None,
            (Inflight, _) => facts.inflight = None,
            (Wallet, _) => facts.wallet = None,
            (Volume, _) => facts.avg_daily_volume_usd = None,
            (Fact::Order, _) => facts.order = None,
        }
    }
    (standing, facts)
}

/// Asks for `args` without each subset of the facts: allowed exactly when nothing of `needs` is gone, and then
/// with the same figures and checks as with everything there.
#[track_caller]
fn assert_needs(tool: WriteTool, args: &Value, floor: bool, facts: &Facts, needs: &[&[Fact]]) {
    let needs: Vec<Fact> = [&[&AUTHORITY[..]], needs].concat().concat();
    let mut mandate = mandate(&wide());
    mandate.universe.min_avg_daily_volume_usd = floor.then_some(Usd::new(Decimal::TEN));
    let standing = standing(mandate);
    let whole = decide(standing.clone(), tool, args, facts).unwrap();
    let found = |figures: Figures, words: Vec<&'static str>| (figures, words);
    let expected = found(whole.figures(), whole.checked().words());
    for subset in 0..1_u32 << ALL.len() {
        let gone: Vec<Fact> = (0..ALL.len())
            .filter(|at| subset & (1 << at) != 0)
            .map(|at| ALL[at])
            .collect();
        // `gate::authority` is given no other fact, so it cannot see which of them are gone as well.
        let others = subset >> AUTHORITY.len();
        if others != 0 && gone.iter().any(|fact| AUTHORITY.contains(fact)) {
            continue;
        }
        let (standing, facts) = without(&gone, standing.clone(), facts.clone());
        let decided = decide(standing, tool, args, &facts);
        let allowed = !gone.iter().any(|fact| needs.contains(fact));
        match decided {
            Ok(approved) => {
                assert!(allowed, "{args} was approved without {gone:?}");
                assert_eq!(
                    found(approved.figures(), approved.checked().words()),
                    expected,
                    "{gone:?}"
                );
            }
            Err(no) => assert!(
                !allowed,
                "{args} was refused without {gone:?}: {}",
                no.refusal.reason
            ),
        }
    }
}

fn place(category: &str, symbol: &str, side: &str) -> Value {
    json!({"category": category, "symbol": symbol, "side": side, "order_type": "Limit", "qty": "1", "price": "100"})
}

const LINEAR: &str = "linear:BTCUSDT";

#[test]
fn an_order_needs_its_side_of_the_book_the_account_and_the_count() {
    let facts = facts(LINEAR, "USDT", resting(LINEAR, false));
    let common = [Fact::Quote, Mark, Fact::Instrument, Count];
    for (side, book) in [("Buy", Ask), ("Sell", Bid)] {
        let args = place("linear", "BTCUSDT", side);
        assert_needs(
            WriteTool::PlaceOrder,
            &args,
            false,
            &facts,
            &[&common, &ACCOUNT, &[book]],
        );
    }
}

#[test]
fn a_spot_order_needs_no_mark_and_another_quote_coin_its_price_and_a_floor_the_volume() {
    let id = "spot:BTCEUR";
    let facts = facts(id, "EUR", resting(id, false));
    let needs = [Fact::Quote, Fact::Instrument, Count, CoinUsd, Volume, Ask];
    let args = place("spot", "BTCEUR", "Buy");
    assert_needs(WriteTool::PlaceOrder, &args, true, &facts, &[&needs, &ACCOUNT]);
}

#[test]
fn an_exit_needs_authority_and_nothing_else() {
    let facts = facts(LINEAR, "USDT", resting(LINEAR, false));
    let mut exit = place("linear", "BTCUSDT", "Sell");
    exit["reduce_only"] = json!(true);
    assert_needs(WriteTool::PlaceOrder, &exit, true, &facts, &[]);
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1"});
    assert_needs(WriteTool::CancelOrder, &order, true, &facts, &[]);
    let all = json!({"category": "linear", "symbol": "BTCUSDT"});
    assert_needs(WriteTool::CancelAllOrders, &all, true, &facts, &[]);
}

#[test]
fn settings_need_authority_and_nothing_else() {
    let facts = facts(LINEAR, "USDT", resting(LINEAR, false));
    let leverage = json!({"category": "linear", "symbol": "BTCUSDT", "leverage": "2"});
    assert_needs(WriteTool::SetLeverage, &leverage, true, &facts, &[]);
    let stop = json!({"category": "linear", "symbol": "BTCUSDT", "stop_loss": "90"});
    assert_needs(WriteTool::SetTradingStop, &stop, true, &facts, &[]);
}

#[test]
fn an_amend_needs_the_order_as_well_and_the_count_only_when_it_adds() {
    let plain = facts(LINEAR, "USDT", resting(LINEAR, false));
    let amend =
        |qty: &str| json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "new_qty": qty});
    let common = [Fact::Quote, Mark, Fact::Instrument, Ask, Fact::Order];
    let tool = WriteTool::AmendOrder;
    assert_needs(tool, &amend("11"), false, &plain, &[&common, &ACCOUNT, &[Count]]);
    assert_needs(tool, &amend("9"), false, &plain, &[&common, &ACCOUNT]);
    let exit = facts(LINEAR, "USDT", resting(LINEAR, true));
    assert_needs(tool, &amend("11"), true, &exit, &[&[Fact::Order]]);
}
