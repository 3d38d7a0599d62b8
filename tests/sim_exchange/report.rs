//! A person's look at an account: fixed figures of a few known fills, and a curve that is what the account was.

use std::collections::BTreeMap;

use mandated::sim::{ClockStart, PaperConfig, PaperError, PaperExchange, PaperReport, PriceSource};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, get, loopback, send, still};

/// 2026-06-15T12:00:00Z.
const NOON: i64 = 1_781_524_800_000;

fn config(folder: &tempfile::TempDir, prices: PriceSource) -> PaperConfig {
    let mut config = PaperConfig::new(folder.path().join("paper.sqlite"));
    config.first_deposit.push(("BTC".to_owned(), Decimal::new(1, 1)));
    config.prices = prices;
    config.clock = Some(ClockStart {
        at_ms: Some(NOON),
        speed: Decimal::ZERO,
    });
    config
}

/// A server whose market stands at noon, and how to look at its account.
async fn stepped(prices: PriceSource) -> (Paper, PaperConfig) {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder, prices);
    let server = PaperExchange::start(config.clone(), loopback()).await.unwrap();
    (Paper { server, folder }, config)
}

async fn advance(paper: &Paper, ms: i64) {
    let body = json!({"advance_ms": ms}).to_string();
    let reply = send(&paper.server, "POST", "/paper/clock", &[], &body)
        .await
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
}

fn market(category: &str, symbol: &str, side: &str, qty: &str) -> Value {
    json!({"category": category, "symbol": symbol, "side": side, "orderType": "Market", "qty": qty,
        "marketUnit": if category == "spot" { "baseCoin" } else { "" }})
}

fn number(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn report(config: &PaperConfig) -> PaperReport {
    PaperExchange::report(config, None).unwrap()
}

/// Bitcoin stands at 65,000 and rises to 66,000; 0.1 long is halved, 0.01 is bought on spot, 6,500 dollars of
/// the inverse contract are sold.
async fn a_few_fills() -> (Paper, PaperConfig) {
    let (paper, config) = stepped(still()).await;
    paper.place(market("linear", "BTCUSDT", "Buy", "0.1")).await;
    advance(&paper, 3_600_000).await;
    paper.place(market("spot", "BTCUSDT", "Buy", "0.01")).await;
    paper.place(market("inverse", "BTCUSD", "Sell", "6500")).await;
    advance(&paper, 3_600_000).await;
    for (category, symbol) in [("linear", "BTCUSDT"), ("spot", "BTCUSDT"), ("inverse", "BTCUSD")] {
        let price = Decimal::from(66_000);
        paper.server.set_price(category, symbol, price).unwrap();
    }
    paper.place(market("linear", "BTCUSDT", "Sell", "0.05")).await;
    let mut resting = market("linear", "BTCUSDT", "Buy", "0.01");
    resting["orderType"] = json!("Limit");
    resting["price"] = json!("60000");
    paper.place(resting).await;
    (paper, config)
}

#[tokio::test]
async fn known_fills_give_known_figures() {
    let (paper, config) = a_few_fills().await;
    let report = report(&config);
    assert_eq!((report.seed, report.speed), (1, Some(Decimal::ZERO)));
    assert_eq!((report.born_ms, report.now_ms), (NOON, NOON + 7_200_000));
    let sums: Vec<(&str, &str, [Decimal; 5])> = report
        .profit
        .iter()
        .map(|line| {
            let sum = &line.sum;
            let parts = [sum.realised, sum.fees, sum.funding, sum.unrealised, sum.total];
            (
                line.category.as_str(),
                line.coin.as_str(),
                parts.map(|part| part.round_dp(8).normalize()),
            )
        })
        .collect();
    // Linear: 0.05 × (65999.9 − 65000.1) was made, 0.05 × (66000 − 65000.1) is open; fees of 0.00055 of 6500.01
    // and of 3299.995. Spot: 0.001 of 0.01 coins at 65000.1, and 0.00999 × (66000 − 65000.1).
    assert_eq!(
        sums,
        [
            (
                "inverse",
                "BTC",
                ["0", "0.000055", "0", "-0.00151531", "-0.00157031"].map(number)
            ),
            (
                "linear",
                "USDT",
                ["49.99", "5.39000275", "0", "49.995", "94.59499725"].map(number)
            ),
            (
                "spot",
                "USDT",
                ["0", "0.650001", "0", "9.989001", "9.339"].map(number)
            ),
        ]
    );
    assert_eq!(report.positions.len(), 2);
    assert_eq!(
        (report.orders.len(), report.orders[0].leaves),
        (1, number("0.01"))
    );
    let fills: Vec<(i64, &str, Decimal)> = report
        .fills
        .iter()
        .map(|fill| (fill.time_ms - NOON, fill.category, fill.realised.normalize()))
        .collect();
    assert_eq!(
        fills,
        [
            (7_200_000, "linear", number("49.99")),
            (3_600_000, "inverse", Decimal::ZERO),
            (3_600_000, "spot", Decimal::ZERO),
            (0, "linear", Decimal::ZERO),
        ]
    );
    let wallet = get(&paper.server, "/v5/account/wallet-balance", "accountType=UNIFIED").await;
    let shown = number(wallet["result"]["list"][0]["totalEquity"].as_str().unwrap());
    assert_eq!(report.equity_usd.round_dp(8), shown.round_dp(8));
}

#[tokio::test]
async fn the_curve_begins_with_the_deposit_and_ends_with_the_account() {
    let (_paper, config) = a_few_fills().await;
    let report = report(&config);
    let (first, last) = (report.curve[0], report.curve[report.curve.len() - 1]);
    assert_eq!(report.curve.len(), 240);
    assert_eq!((last.time_ms, last.usd), (report.now_ms, report.equity_usd));
    // 10,000 USDT, 1,000 USDC and 0.1 BTC, less the first fee and the tick between ask and last.
    assert_eq!((first.time_ms, first.usd), (NOON, number("17496.4149945")));
    let newest = PaperExchange::report(&config, Some(1)).unwrap();
    assert_eq!(newest.curve, report.curve);
}

/// One moment a second, so that the points of the curve are the moments that were looked at.
#[tokio::test]
async fn every_point_of_the_curve_is_what_the_account_was_worth_then() {
    let (paper, config) = stepped(PriceSource::Walk).await;
    let mut seen = BTreeMap::new();
    for second in 0..240_i64 {
        let side = if second % 3 == 0 { "Sell" } else { "Buy" };
        match second % 12 {
            0 => drop(paper.place(market("linear", "SOLUSDT", side, "12.3")).await),
            4 => drop(paper.place(market("inverse", "BTCUSD", side, "700")).await),
            8 => drop(paper.place(market("spot", "ETHUSDT", "Buy", "0.0123")).await),
            _ => {}
        }
        if second % 6 == 0 {
            seen.insert(NOON + second * 1000, report(&config).equity_usd);
        }
        if second < 239 {
            advance(&paper, 1000).await;
        }
    }
    let report = report(&config);
    assert_eq!(report.fills.len(), 60);
    assert_eq!(report.curve.len(), 240);
    let mut compared = 0;
    for point in &report.curve {
        if let Some(equity) = seen.get(&point.time_ms) {
            assert_eq!(point.usd, *equity, "at {}", point.time_ms - NOON);
            compared += 1;
        }
    }
    assert_eq!(compared, 40);
    assert_eq!(report.curve[239].usd, report.equity_usd);
}

/// A coin that is lent and sold: the debt counts against the money that it brought.
#[tokio::test]
async fn what_is_lent_is_no_equity() {
    let (paper, config) = stepped(still()).await;
    let mut short = market("spot", "SOLUSDT", "Sell", "10");
    short["isLeverage"] = json!(1);
    paper.place(short).await;
    advance(&paper, 60_000).await;
    let report = report(&config);
    let sol = report.wallet.iter().find(|held| held.coin == "SOL").unwrap();
    assert_eq!((sol.amount, sol.lent.normalize()), (Decimal::ZERO, Decimal::TEN));
    assert_eq!(report.curve[report.curve.len() - 1].usd, report.equity_usd);
    // Within two dollars of the deposit: the fee and the spread of $1,500.
    let lost = number("17500") - report.equity_usd;
    assert!(lost > Decimal::ONE && lost < Decimal::TWO, "{lost}");
}

#[tokio::test]
async fn looking_catches_up_and_begins_nothing() {
    let (paper, config) = stepped(PriceSource::Walk).await;
    let mut resting = market("linear", "SOLUSDT", "Buy", "1");
    let book = get(
        &paper.server,
        "/v5/market/orderbook",
        "category=linear&symbol=SOLUSDT&limit=1",
    )
    .await;
    resting["orderType"] = json!("Limit");
    resting["price"] = book["result"]["b"][0][0].clone();
    paper.place(resting).await;
    advance(&paper, 12 * 3_600_000).await;
    paper.server.stop().await;
    let seen = report(&config);
    assert_eq!((seen.orders.len(), seen.fills.len()), (0, 1));
    let mut elsewhere = config.clone();
    elsewhere.store = paper.folder.path().join("none.sqlite");
    let missing = PaperExchange::report(&elsewhere, None).unwrap_err();
    assert!(matches!(missing, PaperError::NoAccount { .. }), "{missing}");
    assert!(!elsewhere.store.exists());
}

#[tokio::test]
async fn a_reset_keeps_the_old_account_and_refuses_one_in_use() {
    let (paper, mut config) = a_few_fills().await;
    let in_use = PaperExchange::reset(&config).unwrap_err();
    assert!(matches!(in_use, PaperError::InUse { .. }), "{in_use}");
    let before = report(&config);
    assert_eq!(before.fills.len(), 4);
    paper.server.stop().await;
    config.first_deposit = vec![("XYZ".to_owned(), Decimal::ONE)];
    let unknown = PaperExchange::reset(&config).unwrap_err();
    assert!(
        unknown.to_string().ends_with("there is no coin XYZ here"),
        "{unknown}"
    );
    assert_eq!(report(&config), before);
    config.first_deposit = vec![("USDC".to_owned(), Decimal::from(5))];
    config.seed = Some(9);
    let kept = PaperExchange::reset(&config).unwrap().unwrap();
    let after = report(&config);
    assert_eq!((after.seed, after.fills.len()), (9, 0));
    assert_eq!(after.equity_usd.normalize(), Decimal::from(5));
    let mut old = config.clone();
    (old.store, old.seed) = (kept, None);
    let old = report(&old);
    assert_eq!((old.equity_usd, old.curve), (before.equity_usd, before.curve));
    let left = std::fs::read_dir(paper.folder.path()).unwrap().count();
    assert_eq!(left, 2);
}
