//! Conservation of money: random streams of requests, and books that are added up again from replies alone.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::PriceSource;
use super::birth;
use super::books::{Books, Intent};
use super::call::{Answer, Call, Desk, Effects, Params};
use super::ids;
use super::instruments::{self, Category, Instrument, num};
use super::market::Market;
use super::prices::mix;
use super::routes::{self, Kind};
use super::store;
use super::upkeep;
use super::waiting;

const THEN: i64 = 1_780_000_000_000;
const STREAMS: u64 = 200;
const STEPS: usize = 40;
/// A stream ends before the lists' span of seven days does.
const LONGEST_MS: i64 = 6 * 86_400_000;

const TRADED: [(Category, &str); 8] = [
    (Category::Linear, "BTCUSDT"),
    (Category::Linear, "BTCUSDT"),
    (Category::Linear, "SOLUSDT"),
    (Category::Linear, "BTCPERP"),
    (Category::Inverse, "BTCUSD"),
    (Category::Spot, "BTCUSDT"),
    (Category::Spot, "ETHUSDT"),
    (Category::Spot, "ETHBTC"),
];

/// An account that is driven without a server, at moments of the test's choosing.
struct Driver {
    books: Books,
    market: Market,
    now: i64,
    random: u64,
    /// Looks in between every step of time.
    nosy: bool,
    _folder: tempfile::TempDir,
}

impl Driver {
    fn new(seed: u64, nosy: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let books = store::open(&folder.path().join("paper.sqlite")).unwrap();
        let market = Market {
            seed,
            source: PriceSource::Walk,
        };
        books.report_on(Market {
            seed,
            source: PriceSource::Walk,
        });
        let driver = Self {
            books,
            market,
            now: THEN,
            random: mix(seed),
            nosy,
            _folder: folder,
        };
        driver.write(|desk| {
            store::set_meta(desk.books, ids::BORN, &THEN.to_string())?;
            birth::deposit(desk, "USDT", num(10_000, 0))?;
            birth::deposit(desk, "USDC", num(1_000, 0))?;
            birth::deposit(desk, "BTC", num(2, 1))
        });
        driver
    }

    fn desk(&self) -> Desk<'_> {
        Desk {
            books: &self.books,
            market: &self.market,
            now: self.now,
        }
    }

    fn write(&self, work: impl FnOnce(&Desk<'_>) -> Result<(), super::call::Refusal>) {
        let desk = self.desk();
        self.books
            .transact(Intent::Write, || {
                waiting::look(&desk)?;
                work(&desk)
            })
            .unwrap();
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random = mix(self.random);
        self.random % below
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        let at = usize::try_from(self.draw(u64::try_from(list.len()).unwrap())).unwrap();
        list[at]
    }

    fn call(&self, method: &str, path: &str, params: Params) -> Answer {
        let route = routes::find(method, path).unwrap();
        let run = || {
            (route.run)(&Call {
                desk: self.desk(),
                params,
                effects: Effects::default(),
                api_key: "",
            })
        };
        if route.kind == Kind::Write {
            let mut answer = None;
            self.write(|_| {
                answer = Some(self.books.attempt(run));
                Ok(())
            });
            return answer.unwrap();
        }
        self.catch_up();
        self.books.transact(Intent::Read, run)
    }

    fn catch_up(&self) {
        let desk = self.desk();
        if self
            .books
            .transact(Intent::Read, || waiting::is_due(&desk))
            .unwrap()
        {
            self.write(|_| Ok(()));
        }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(
            "POST",
            path,
            Params::from_body(body.to_string().as_bytes()).unwrap(),
        )
    }

    fn get(&self, path: &str, query: &str) -> Value {
        self.call("GET", path, Params::from_query(query)).unwrap()
    }

    /// All pages of a list, newest first.
    fn all(&self, path: &str, query: &str) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(path, &format!("{query}&cursor={cursor}"));
            rows.extend(page["list"].as_array().unwrap().clone());
            page["nextPageCursor"]
                .as_str()
                .unwrap()
                .replace("%3D", "=")
                .clone_into(&mut cursor);
            if cursor.is_empty() {
                return rows;
            }
        }
    }

    fn pass(&mut self, ms: i64) {
        let end = (self.now + ms).min(THEN + LONGEST_MS);
        while self.nosy && end - self.now > 3_000 {
            self.now += (end - self.now) / 3 + 77;
            self.catch_up();
        }
        self.now = end;
    }

    fn step(&mut self) {
        match self.draw(20) {
            0..=10 => self.order(),
            11 => self.amend_or_cancel(),
            12 | 13 => {
                let ms = self.pick(&[250, 900, 60_000, 1_800_000, 14_400_000, 32_400_000]);
                self.pass(ms);
            }
            14..=16 => self.move_price(),
            17 => {
                let leverage = self.pick(&["3", "10", "25", "50", "100"]);
                let (category, symbol) = self.pick(&TRADED[..5]);
                let set = json!({"category": category.word(), "symbol": symbol, "buyLeverage": leverage, "sellLeverage": leverage});
                drop(self.post("/v5/position/set-leverage", &set));
            }
            18 => {
                let mode = self.pick(&["ISOLATED_MARGIN", "REGULAR_MARGIN"]);
                drop(self.post("/v5/account/set-margin-mode", &json!({"setMarginMode": mode})));
                let mode = self.pick(&[0, 3]);
                drop(self.post(
                    "/v5/position/switch-mode",
                    &json!({"category": "linear", "coin": "USDT", "mode": mode}),
                ));
            }
            _ => {
                let margin = self.pick(&["5", "-5", "100"]);
                let add = json!({"category": "linear", "symbol": "BTCUSDT", "margin": margin});
                drop(self.post("/v5/position/add-margin", &add));
            }
        }
        self.pass(40);
    }

    fn last(&self, one: &'static Instrument) -> Decimal {
        self.books
            .transact(Intent::Read, || self.desk().last(one))
            .unwrap()
    }

    fn order(&mut self) {
        let (category, symbol) = self.pick(&TRADED);
        let one = instruments::find(category, symbol).unwrap();
        let last = self.last(one);
        let dollars = Decimal::from(self.pick(&[50, 700, 4_000, 30_000, 90_000]));
        let unit = match (category, one.quote) {
            (Category::Inverse, _) => Decimal::ONE,
            (_, "BTC") => last * num(65_000, 0),
            _ => last,
        };
        let qty = one.floor_qty(dollars / unit);
        let away = Decimal::from(self.draw(400)) / num(10_000, 0) - num(2, 2);
        let price = ((last + last * away) / one.tick).floor() * one.tick;
        let hedged = self
            .books
            .transact(Intent::Read, || store::is_hedged(&self.books, one))
            .unwrap();
        let body = json!({
            "category": category.word(), "symbol": symbol, "side": self.pick(&["Buy", "Sell"]),
            "orderType": self.pick(&["Market", "Limit"]), "qty": qty.normalize().to_string(),
            "price": price.normalize().to_string(), "marketUnit": "baseCoin",
            "timeInForce": self.pick(&["GTC", "GTC", "IOC", "PostOnly"]), "isLeverage": self.pick(&[0, 1]),
            "reduceOnly": self.draw(6) == 0, "positionIdx": if hedged { self.pick(&[1, 2]) } else { 0 },
        });
        drop(self.post("/v5/order/create", &body));
    }

    fn amend_or_cancel(&mut self) {
        let (category, symbol) = self.pick(&TRADED);
        let query = format!("category={}&symbol={symbol}", category.word());
        let open = self.all("/v5/order/realtime", &query);
        let Some(order) = open.first() else {
            return;
        };
        let mut body =
            json!({"category": category.word(), "symbol": symbol, "orderId": order["orderId"].clone()});
        if self.draw(2) == 0 {
            drop(self.post("/v5/order/cancel", &body));
            return;
        }
        let one = instruments::find(category, symbol).unwrap();
        body["price"] = json!(self.last(one).normalize().to_string());
        drop(self.post("/v5/order/amend", &body));
    }

    fn move_price(&mut self) {
        let (category, symbol) = self.pick(&TRADED);
        let one = instruments::find(category, symbol).unwrap();
        let factor = num(self.pick(&[85, 96, 98, 99, 101, 102, 104, 115]), 2);
        let price = (self.last(one) * factor / one.tick).floor() * one.tick;
        self.write(|desk| {
            store::pin(desk.books, one, desk.now, price)?;
            waiting::pinned(desk, one, price)?;
            upkeep::at_tick(desk).map(drop)
        });
    }
}

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
struct Told {
    fills: BTreeMap<&'static str, Vec<Value>>,
    log: Vec<Value>,
    closed: BTreeMap<&'static str, Vec<Value>>,
    orders: Vec<Value>,
    positions: Vec<Value>,
    wallet: Value,
    coins: Vec<Value>,
}

impl Told {
    fn by(driver: &Driver) -> Self {
        let span = format!("startTime={THEN}&endTime={}", driver.now);
        let mut told = Self {
            fills: BTreeMap::new(),
            closed: BTreeMap::new(),
            log: driver.all("/v5/account/transaction-log", &format!("{span}&limit=50")),
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
    fn check_log(&self) {
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
                | "CURRENCY_SELL" => {}
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

    /// What fills paid and received against what the log says of trades.
    fn check_fills(&self) {
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
    fn check_contracts(&self) {
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
    fn check_orders_and_totals(&self) {
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

fn run(seed: u64, nosy: bool) -> Driver {
    let mut driver = Driver::new(seed, nosy);
    for _ in 0..STEPS {
        driver.step();
    }
    driver
}

/// How often each kind of movement happened: a test that never liquidates proves nothing about it.
fn streams(seeds: std::ops::Range<u64>) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for seed in seeds {
        let told = Told::by(&run(seed, false));
        told.check_log();
        told.check_fills();
        told.check_contracts();
        told.check_orders_and_totals();
        for row in &told.log {
            *seen.entry(row["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    seen
}

#[test]
fn replies_alone_add_up_after_random_streams() {
    let half = std::thread::spawn(|| streams(0..STREAMS / 2));
    let mut seen = streams(STREAMS / 2..STREAMS);
    for (kind, times) in half.join().unwrap() {
        *seen.entry(kind).or_default() += times;
    }
    for kind in [
        "TRADE",
        "SETTLEMENT",
        "LIQUIDATION",
        "BORROW",
        "REPAY",
        "INTEREST",
    ] {
        assert!(
            seen.get(kind).is_some_and(|times| *times >= 10),
            "{kind}: {seen:?}"
        );
    }
}

#[test]
fn the_same_stream_leaves_the_same_rows_however_often_one_looks() {
    for seed in 0..20 {
        let (calm, nosy) = (run(seed, false), run(seed, true));
        let (calm, nosy) = (Told::by(&calm), Told::by(&nosy));
        assert_eq!(
            serde_json::to_string(&calm.log).unwrap(),
            serde_json::to_string(&nosy.log).unwrap(),
            "seed {seed}"
        );
        assert_eq!(
            serde_json::to_string(&calm.fills).unwrap(),
            serde_json::to_string(&nosy.fills).unwrap(),
            "seed {seed}"
        );
    }
}
