//! Conservation of money: random streams of requests, and books that are added up again from replies alone.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use told::Told;

use super::PriceSource;
use super::account::Account;
use super::account::birth;
use super::account::upkeep;
use super::call::{Answer, Answered, Call, Desk, Effects, Params};
use super::door::keys::Key;
use super::door::routes::{self, Kind};
use super::instruments::{self, Category, Instrument, num};
use super::market::Market;
use super::market::prices::mix;
use super::orders::waiting;
use super::positions::margin::Mode;
use super::store;
use super::store::books::{Books, Intent};
use super::store::ids;

mod told;

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
            let call = Call {
                desk: self.desk(),
                params,
                effects: Effects::default(),
                key: Key::nobody(),
                rsa_public_key: "",
            };
            match route.run.run(&call)? {
                Answered::Result(result) | Answered::Rows { result, .. } => Ok(result),
                Answered::Bare => Ok(json!({})),
            }
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
        match self.draw(21) {
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
            19 => self.transfer(),
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

    /// Moves money between the wallets; what may leave never takes the margin below what is needed.
    fn transfer(&mut self) {
        let coin = self.pick(&["USDT", "USDT", "USDC", "BTC"]);
        let (from, to) = self.pick(&[("UNIFIED", "FUND"), ("FUND", "UNIFIED")]);
        let query = format!("accountType={from}&coin={coin}");
        let held = self.get("/v5/asset/transfer/query-account-coin-balance", &query);
        let most: Decimal = held["balance"]["transferBalance"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let share = Decimal::from(self.pick(&[10, 60, 100, 101]));
        let amount = (most * share / Decimal::ONE_HUNDRED).round_dp(8);
        let id = uuid::Uuid::from_u64_pair(self.draw(u64::MAX), self.draw(u64::MAX));
        let wish = json!({
            "transferId": id.to_string(), "coin": coin,
            "amount": amount.to_string(), "fromAccountType": from, "toAccountType": to,
        });
        let done = self.post("/v5/asset/transfer/inter-transfer", &wish);
        assert_eq!(
            done.is_ok(),
            amount > Decimal::ZERO && share <= Decimal::ONE_HUNDRED,
            "{wish}"
        );
        if done.is_ok() && from == "UNIFIED" {
            let read = || Account::read(&self.desk(), None);
            let account = self.books.transact(Intent::Read, read).unwrap();
            let free = account.available_usd();
            assert!(
                account.mode == Mode::Isolated || free > -num(1, 8),
                "{free} after {wish}"
            );
        }
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
        told.check_transfers();
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
        "TRANSFER_IN",
        "TRANSFER_OUT",
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
