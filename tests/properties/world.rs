//! Accounts, orders and mandates in whole numbers: quantities in tenths, prices in dollars, money in dimes.
//! A quantity times a price is then money without a rounding, in the test as in the gate.

use std::collections::BTreeMap;

use mandated::domain::account::{CoinBalance, Instrument, Position, Quote, RestingOrder, SizeUnit};
use mandated::domain::mandate::{Consent, HardCaps, Mandate, Universe, parse_instant};
use mandated::domain::money::{Price, Qty, Usd};
use mandated::domain::order::{PositionIdx, Side, WriteTool};
use mandated::domain::symbol::{Coin, InstrumentId};
use mandated::gate::{self, Approved, Facts, Halt, Refused, Standing};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// One instrument of each way to count: two linear ones, one in dollars, one of coins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Market {
    Btc,
    Eth,
    Inverse,
    Spot,
}

impl Market {
    pub(crate) const ALL: [Self; 4] = [Self::Btc, Self::Eth, Self::Inverse, Self::Spot];

    pub(crate) fn category(self) -> &'static str {
        match self {
            Self::Btc | Self::Eth => "linear",
            Self::Inverse => "inverse",
            Self::Spot => "spot",
        }
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Btc => "BTCUSDT",
            Self::Eth => "ETHUSDT",
            Self::Inverse => "XRPUSD",
            Self::Spot => "SOLUSDT",
        }
    }

    pub(crate) fn id(self) -> InstrumentId {
        format!("{}:{}", self.category(), self.symbol()).parse().unwrap()
    }

    fn instrument(self) -> Instrument {
        let (base, quote) = match self {
            Self::Btc => ("BTC", "USDT"),
            Self::Eth => ("ETH", "USDT"),
            Self::Inverse => ("XRP", "USD"),
            Self::Spot => ("SOL", "USDT"),
        };
        Instrument {
            id: self.id(),
            base_coin: Coin::parse(base).unwrap(),
            quote_coin: Coin::parse(quote).unwrap(),
            settle_coin: None,
            status: Some("Trading".into()),
            is_pre_listing: false,
            tick_size: None,
            qty_step: Qty::new(tenths(1)),
            quote_step: None,
            min_qty: None,
            max_limit_qty: None,
            max_market_qty: None,
            min_notional: None,
            max_leverage: None,
        }
    }
}

pub(crate) fn tenths(number: i64) -> Decimal {
    Decimal::new(number, 1)
}

pub(crate) fn usd(dimes: i64) -> Usd {
    Usd::new(tenths(dimes))
}

fn qty(tenth: i64) -> Qty {
    Qty::new(tenths(tenth)).unwrap()
}

fn price(dollars: i64) -> Price {
    Price::new(Decimal::from(dollars)).unwrap()
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    pub(crate) bid: i64,
    pub(crate) ask: i64,
    pub(crate) last: i64,
    /// On spot, what the wallet values a coin at.
    pub(crate) mark: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) market: Market,
    pub(crate) side: Side,
    pub(crate) qty: i64,
    pub(crate) idx: PositionIdx,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Resting {
    pub(crate) market: Market,
    pub(crate) side: Side,
    pub(crate) qty: i64,
    pub(crate) price: Option<i64>,
    pub(crate) trigger: Option<i64>,
    pub(crate) reduce_only: bool,
    /// Spot: whether its row leaves open that it borrows what it sells.
    pub(crate) borrows: bool,
    pub(crate) idx: PositionIdx,
    pub(crate) inflight: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) market: Market,
    pub(crate) side: Side,
    pub(crate) qty: i64,
    pub(crate) limit: Option<i64>,
    pub(crate) trigger: Option<i64>,
    pub(crate) stated: Option<i64>,
    pub(crate) reduce_only: bool,
    pub(crate) idx: PositionIdx,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    pub(crate) order: i64,
    pub(crate) exposure: i64,
    pub(crate) funding: i64,
    /// In tenths.
    pub(crate) leverage: i64,
    pub(crate) trades: u64,
}

/// One question to the gate.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) prices: BTreeMap<Market, Prices>,
    pub(crate) held: Vec<Held>,
    pub(crate) resting: Vec<Resting>,
    /// How much of the coin of [`Market::Spot`] is held.
    pub(crate) coins: i64,
    /// How much of it is owed and still there to be sold, where the exchange says so.
    pub(crate) owed: Option<i64>,
    pub(crate) order: Order,
    pub(crate) caps: Caps,
    pub(crate) count: u64,
}

pub(crate) fn mandate(caps: &Caps) -> Mandate {
    Mandate {
        schema_version: 1,
        hard_caps: HardCaps {
            account_funding_usd: usd(caps.funding),
            max_order_notional_usd: usd(caps.order),
            max_total_exposure_usd: usd(caps.exposure),
            max_leverage: tenths(caps.leverage),
            allowed_instruments: vec!["crypto".into()],
            max_trades_per_day: caps.trades,
        },
        universe: Universe {
            asset_classes: vec!["crypto".into()],
            min_market_cap_usd: None,
            min_avg_daily_volume_usd: None,
            exclude_symbols: Vec::new(),
        },
        consent: Consent {
            created_at: "2026-06-01T00:00:00+00:00".into(),
            consent_token_sha256: "ab".into(),
            broker: "bybit".into(),
            account_ref: "a-1".into(),
            expires_at: "2026-07-01T00:00:00+00:00".into(),
        },
        flatten_on_halt: false,
    }
}

pub(crate) fn standing(mandate: Mandate) -> Standing {
    Standing {
        now: Ok(parse_instant("2026-06-15T12:00:00Z").unwrap()),
        broker: "bybit".into(),
        mandate: Ok(mandate),
        halt: Halt::Clear,
        policy: None,
    }
}

pub(crate) fn decide(
    standing: Standing,
    tool: WriteTool,
    args: &Value,
    facts: &Facts,
) -> Result<Approved, Box<Refused>> {
    gate::authority(standing)
        .and_then(|authority| gate::intent(authority, tool, &args.to_string()))
        .and_then(|intended| gate::judge(intended, facts))
        .map_err(Box::new)
}

impl Order {
    pub(crate) fn args(&self) -> Value {
        let mut args = json!({"category": self.market.category(), "symbol": self.market.symbol(), "side": self.side.as_str(),
            "order_type": if self.limit.is_some() { "Limit" } else { "Market" }, "qty": tenths(self.qty).to_string()});
        let spot = self.market == Market::Spot;
        if let Some(limit) = self.limit {
            args["price"] = json!(limit);
        } else if spot {
            args["market_unit"] = json!("baseCoin");
        }
        if let Some(trigger) = self.trigger {
            args["trigger_price"] = json!(trigger);
            if !spot {
                args["trigger_direction"] = json!(1);
            }
        }
        if let Some(stated) = self.stated {
            args["notional_usd"] = json!(tenths(stated).to_string());
        }
        if !spot {
            args["position_idx"] = json!(self.idx.to_wire());
            args["reduce_only"] = json!(self.reduce_only);
        }
        args
    }
}

impl Resting {
    pub(crate) fn row(&self, number: usize) -> RestingOrder {
        RestingOrder {
            instrument: self.market.id(),
            side: self.side,
            leaves: tenths(self.qty),
            qty: Some(qty(self.qty)),
            filled: Decimal::ZERO,
            unit: match self.market {
                Market::Inverse => SizeUnit::UsdContracts,
                _ => SizeUnit::Base,
            },
            price: self.price.map(price),
            trigger_price: self.trigger.map(price),
            reduce_only: self.reduce_only && self.market != Market::Spot,
            cannot_borrow: self.market == Market::Spot && !self.borrows,
            position_idx: self.idx,
            client_id: None,
            venue_id: Some(format!("o-{number}")),
        }
    }
}

impl Case {
    pub(crate) fn facts(&self) -> Facts {
        let row = |at: usize, held: &Held| Position {
            instrument: held.market.id(),
            side: held.side,
            size: qty(held.qty),
            // Every other position has to be valued by the quote's mark.
            mark_price: at
                .is_multiple_of(2)
                .then(|| price(self.prices[&held.market].mark)),
            position_idx: held.idx,
        };
        let rests = |inflight: bool| {
            let rows = self.resting.iter().enumerate();
            Some(
                rows.filter(|(_, order)| order.inflight == inflight)
                    .map(|(at, order)| order.row(at))
                    .collect(),
            )
        };
        let coin = CoinBalance {
            coin: Coin::parse("SOL").unwrap(),
            equity: tenths(self.coins),
            wallet: self.owed.map(|owed| tenths(self.coins + owed)),
            usd_value: Some(tenths(self.coins * self.prices[&Market::Spot].mark)),
        };
        Facts {
            daily_count: Some(Ok(self.count)),
            quotes: self
                .prices
                .iter()
                .map(|(market, prices)| (market.id(), quote(*market, prices)))
                .collect(),
            instruments: Market::ALL
                .into_iter()
                .map(|market| (market.id(), market.instrument()))
                .collect(),
            positions: Some(
                self.held
                    .iter()
                    .enumerate()
                    .map(|(at, held)| row(at, held))
                    .collect(),
            ),
            open_orders: rests(false),
            inflight: rests(true),
            wallet: Some(if self.has_coins() { vec![coin] } else { Vec::new() }),
            ..Facts::default()
        }
    }

    /// Whether the wallet has a row of the coin: it lists what is held and what is owed.
    fn has_coins(&self) -> bool {
        self.coins != 0 || self.owed.is_some_and(|owed| owed != 0)
    }

    /// Whether it is known that no more of the coin can be sold than what counts as held.
    pub(crate) fn owes_nothing(&self) -> bool {
        !self.has_coins() || self.owed == Some(0)
    }

    pub(crate) fn ask(&self) -> Result<Approved, Box<Refused>> {
        let tool = WriteTool::PlaceOrder;
        decide(
            standing(mandate(&self.caps)),
            tool,
            &self.order.args(),
            &self.facts(),
        )
    }
}

fn quote(market: Market, prices: &Prices) -> Quote {
    Quote {
        last: price(prices.last),
        bid: Some(price(prices.bid)),
        ask: Some(price(prices.ask)),
        mark: (market != Market::Spot).then(|| price(prices.mark)),
    }
}
