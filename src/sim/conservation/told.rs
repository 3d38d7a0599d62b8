//! What replies say of a stream, and the sums that they must come to.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::{Driver, THEN};
use crate::sim::instruments::{self, Category, num};

fn amount(row: &Value, name: &str) -> Decimal {
    let text = row[name].as_str().unwrap_or_else(|| panic!("{name} of {row}"));
    match text {
        "" => Decimal::ZERO,
        text => text.parse().unwrap(),
    }
}

fn signed(row: &Value, of: Decimal) -> Decimal {
    if row["side"] == "Buy" { of } else { -of }
}

type Sums = BTreeMap<String, Decimal>;

fn add(sums: &mut Sums, key: &str, value: Decimal) {
    *sums.entry(key.to_owned()).or_default() += value;
}

fn of(sums: &Sums, key: &str) -> Decimal {
    sums.get(key).copied().unwrap_or_default()
}

/// Everything that replies say of a stream.
pub(super) struct Told {
    pub(super) fills: BTreeMap<&'static str, Vec<Value>>,
    pub(super) log: Vec<Value>,
    closed: BTreeMap<&'static str, Vec<Value>>,
    orders: Vec<Value>,
    positions: Vec<Value>,
    wallet: Value,
    coins: Vec<Value>,
    /// The other wallet, and what was moved between the two.
    fund: Vec<Value>,
    transfers: Vec<Value>,
}

impl Told {
    pub(super) fn by(driver: &Driver) -> Self {
        let span = format!("startTime={THEN}&endTime={}", driver.now);
        let mut told = Self {
            fills: BTreeMap::new(),
            closed: BTreeMap::new(),
            log: driver.all("/v5/account/transaction-log", &format!("{span}&limit=50")),
            fund: driver.get(
                "/v5/asset/transfer/query-account-coins-balance",
                "accountType=FUND",
            )["balance"]
                .as_array()
                .unwrap()
                .clone(),
            transfers: driver.all(
                "/v5/asset/transfer/query-inter-transfer-list",
                &format!("{span}&limit=50"),
            ),
            orders: Vec::new(),
            positions: Vec::new(),
            coins: driver.get(
                "/v5/account/wallet-balance",
                "accountType=UNIFIED&coin=USDT,USDC,BTC,ETH",
            )["list"][0]["coin"]
                .as_array()
                .unwrap()
                .clone(),
            wallet: driver.get("/v5/account/wallet-balance", "accountType=UNIFIED")["list"][0].clone(),
        };
        for category in ["linear", "inverse", "spot"] {
            let query = format!("category={category}&{span}&limit=100");
            told.fills
                .insert(category, driver.all("/v5/execution/list", &query));
            let query = format!("category={category}&{span}&limit=50");
            told.orders.extend(driver.all("/v5/order/history", &query));
            for settle in ["USDT", "USDC", "BTC"] {
                let query = format!("category={category}&settleCoin={settle}&limit=50");
                told.orders.extend(driver.all("/v5/order/realtime", &query));
                if category != "spot" {
                    let query = format!("category={category}&settleCoin={settle}&limit=200");
                    told.positions.extend(driver.all("/v5/position/list", &query));
                }
            }
            if category != "spot" {
                let query = format!("category={category}&{span}&limit=100");
                told.closed
                    .insert(category, driver.all("/v5/position/closed-pnl", &query));
            }
        }
        told
    }

    fn coin(&self, coin: &str) -> Value {
        let found = self.coins.iter().find(|row| row["coin"] == coin);
        found.cloned().unwrap()
    }

    /// The log alone: what each coin holds is the sum of its changes, entry by entry.
    pub(super) fn check_log(&self) {
        let (mut held, mut lent) = (Sums::new(), Sums::new());
        for row in self.log.iter().rev() {
            let coin = row["currency"].as_str().unwrap();
            let change = amount(row, "cashFlow") + amount(row, "funding") - amount(row, "fee");
            assert_eq!(amount(row, "change"), change, "{row}");
            add(&mut held, coin, change);
            assert_eq!(amount(row, "cashBalance"), of(&held, coin), "{row}");
            match row["type"].as_str().unwrap() {
                "BORROW" | "REPAY" => add(&mut lent, coin, change),
                "INSURANCE" => assert!(change > Decimal::ZERO, "{row}"),
                "TRADE" | "SETTLEMENT" | "LIQUIDATION" | "INTEREST" | "AIRDROP" | "CURRENCY_BUY"
                | "CURRENCY_SELL" | "TRANSFER_IN" | "TRANSFER_OUT" => {}
                other => panic!("{other} moves money"),
            }
        }
        for coin in ["USDT", "USDC", "BTC", "ETH"] {
            let row = self.coin(coin);
            assert_eq!(amount(&row, "walletBalance"), of(&held, coin), "{coin}");
            assert_eq!(amount(&row, "spotBorrow"), of(&lent, coin), "{coin}");
            let equity = amount(&row, "walletBalance") - amount(&row, "spotBorrow");
            let rest = amount(&row, "equity") - equity - amount(&row, "unrealisedPnl");
            assert!(rest.abs() < num(2, 8), "equity of {row}");
        }
    }

    /// What left one wallet is what came into the other: the log, the list and the balances agree.
    pub(super) fn check_transfers(&self) {
        let (mut listed, mut logged) = (Sums::new(), Sums::new());
        for row in &self.transfers {
            let moved = amount(row, "amount");
            let out = row["fromAccountType"] == "UNIFIED";
            add(
                &mut listed,
                row["coin"].as_str().unwrap(),
                if out { moved } else { -moved },
            );
        }
        let moves = |row: &&Value| row["type"].as_str().unwrap().starts_with("TRANSFER_");
        for row in self.log.iter().filter(moves) {
            add(
                &mut logged,
                row["currency"].as_str().unwrap(),
                -amount(row, "change"),
            );
        }
        assert_eq!(listed, logged);
        for row in &self.fund {
            let held = of(&listed, row["coin"].as_str().unwrap());
            assert_eq!(amount(row, "walletBalance"), held, "{row}");
            assert_eq!(amount(row, "transferBalance"), held, "{row}");
        }
    }

    /// What fills paid and received against what the log says of trades.
    pub(super) fn check_fills(&self) {
        let mut cash = Sums::new();
        for fill in &self.fills["spot"] {
            let one = instruments::find(Category::Spot, fill["symbol"].as_str().unwrap()).unwrap();
            add(&mut cash, one.quote, -signed(fill, amount(fill, "execValue")));
            add(&mut cash, one.base, signed(fill, amount(fill, "execQty")));
            add(
                &mut cash,
                fill["feeCurrency"].as_str().unwrap(),
                -amount(fill, "execFee"),
            );
        }
        let mut booked = Sums::new();
        for row in self.log.iter().filter(|row| row["category"] == "spot") {
            add(
                &mut booked,
                row["currency"].as_str().unwrap(),
                amount(row, "change"),
            );
        }
        for coin in ["USDT", "BTC", "ETH"] {
            assert_eq!(of(&cash, coin), of(&booked, coin), "spot cash of {coin}");
        }
    }

    /// Contracts: sizes, fees, funding, and the profit that the prices of all fills come to.
    pub(super) fn check_contracts(&self) {
        let (mut worth, mut size) = (Sums::new(), Sums::new());
        let (mut fees, mut funding) = (Sums::new(), Sums::new());
        for (category, found) in [("linear", Category::Linear), ("inverse", Category::Inverse)] {
            for fill in &self.fills[category] {
                let one = instruments::find(found, fill["symbol"].as_str().unwrap()).unwrap();
                if fill["execType"] == "Funding" {
                    add(&mut funding, one.settle, -amount(fill, "execFee"));
                    continue;
                }
                add(&mut fees, one.settle, amount(fill, "execFee"));
                let (qty, price) = (amount(fill, "execQty"), amount(fill, "execPrice"));
                add(
                    &mut size,
                    &format!("{category} {}", one.symbol),
                    signed(fill, qty),
                );
                let way = if found == Category::Inverse {
                    Decimal::ONE
                } else {
                    -Decimal::ONE
                };
                add(&mut worth, one.settle, way * signed(fill, one.value(qty, price)));
            }
        }
        for held in &self.positions {
            let symbol = held["symbol"].as_str().unwrap();
            let inverse = symbol.ends_with("USD");
            let (found, word) = match inverse {
                true => (Category::Inverse, "inverse"),
                false => (Category::Linear, "linear"),
            };
            let one = instruments::find(found, symbol).unwrap();
            add(
                &mut size,
                &format!("{word} {symbol}"),
                -signed(held, amount(held, "size")),
            );
            let way = if inverse { -Decimal::ONE } else { Decimal::ONE };
            add(
                &mut worth,
                one.settle,
                way * signed(held, amount(held, "positionValue")),
            );
        }
        assert!(size.values().all(Decimal::is_zero), "sizes are off: {size:?}");
        self.compare(&worth, &fees, &funding);
    }

    fn compare(&self, worth: &Sums, fees: &Sums, funding: &Sums) {
        let contracts = |row: &&Value| matches!(row["category"].as_str(), Some("linear" | "inverse"));
        for coin in ["USDT", "USDC", "BTC"] {
            let mine = |row: &&Value| contracts(row) && row["currency"] == coin;
            let sum =
                |name: &str| -> Decimal { self.log.iter().filter(mine).map(|row| amount(row, name)).sum() };
            assert_eq!(sum("fee"), of(fees, coin), "fees of {coin}");
            assert_eq!(sum("funding"), of(funding, coin), "funding of {coin}");
            let profit = sum("cashFlow");
            // Inverse values are shown in hundred-millionths.
            let slack = if coin == "BTC" { num(2, 8) } else { Decimal::ZERO };
            let rest = (profit - of(worth, coin)).abs();
            assert!(rest <= slack, "profit of {coin} is {profit}, fills say {worth:?}");
            let realised = amount(&self.coin(coin), "cumRealisedPnl");
            assert_eq!(realised, profit - of(fees, coin) + of(funding, coin), "{coin}");
            let category = if coin == "BTC" { "inverse" } else { "linear" };
            let settled = |row: &&Value| match coin {
                "USDC" => row["symbol"] == "BTCPERP",
                "USDT" => row["symbol"] != "BTCPERP",
                _ => true,
            };
            let closed: Vec<&Value> = self.closed[category].iter().filter(settled).collect();
            let total = |name: &str| -> Decimal { closed.iter().map(|row| amount(row, name)).sum() };
            let charged = total("openFee") + total("closeFee");
            assert_eq!(total("closedPnl") + charged, profit, "closed profit of {coin}");
            let flat = !self.positions.iter().any(|held| {
                instruments::INSTRUMENTS
                    .iter()
                    .any(|one| one.symbol == held["symbol"] && one.settle == coin)
            });
            assert!(
                charged <= of(fees, coin) && (!flat || charged == of(fees, coin)),
                "{coin}"
            );
        }
    }

    /// Each order against its own executions, and the account against its coins.
    pub(super) fn check_orders_and_totals(&self) {
        let (mut done, mut fees) = (Sums::new(), Sums::new());
        for fill in self
            .fills
            .values()
            .flatten()
            .filter(|fill| fill["execType"] != "Funding")
        {
            let id = fill["orderId"].as_str().unwrap();
            add(&mut done, id, amount(fill, "execQty"));
            add(&mut fees, id, amount(fill, "execFee"));
        }
        for order in &self.orders {
            let id = order["orderId"].as_str().unwrap();
            assert_eq!(
                amount(order, "cumExecQty"),
                done.remove(id).unwrap_or_default(),
                "{order}"
            );
            assert_eq!(amount(order, "cumExecFee"), of(&fees, id), "{order}");
        }
        assert!(done.is_empty(), "fills of unknown orders: {done:?}");
        let coins = self.wallet["coin"].as_array().unwrap();
        let worth: Decimal = coins.iter().map(|row| amount(row, "usdValue")).sum();
        assert!((worth - amount(&self.wallet, "totalEquity")).abs() < num(1, 6));
    }
}
