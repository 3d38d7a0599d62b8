//! Margin modes, liquidation, funding, borrowing and what the account's ledgers say of them.

use mandated::sim::{ClockStart, PaperConfig, PaperExchange, PriceSource};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, assert_fields, get, loopback, post, still};

fn order(side: &str, qty: &str, more: Value) -> Value {
    let mut body =
        json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": qty});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

fn price(paper: &Paper, to: i64) {
    paper
        .server
        .set_price("linear", "BTCUSDT", Decimal::from(to))
        .unwrap();
}

#[tokio::test]
async fn a_cross_account_is_liquidated_and_never_ends_below_zero() {
    let paper = Paper::still().await;
    let set = json!({"category": "linear", "symbol": "BTCUSDT", "buyLeverage": "50", "sellLeverage": "50"});
    assert_eq!(paper.post("/v5/position/set-leverage", set).await["retCode"], 0);
    // All 16,175 dollars of collateral at 50 times: bankrupt about 2 percent lower.
    paper.place(order("Buy", "6", json!({}))).await;
    let rests = order("Buy", "0.1", json!({"orderType": "Limit", "price": "45000"}));
    let rests = paper.place(rests).await;
    let held = paper.position("linear", "BTCUSDT").await;
    let liq: Decimal = held["liqPrice"].as_str().unwrap().parse().unwrap();
    assert!(
        liq > Decimal::from(62_000) && liq < Decimal::from(64_000),
        "{held}"
    );
    price(&paper, 63_000);
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "6")]);
    // Far through the price of bankruptcy, which collateral and insurance make up for.
    price(&paper, 50_000);
    let held = paper.position("linear", "BTCUSDT").await;
    assert_fields(&held, &[("size", "0"), ("side", ""), ("liqPrice", "0")]);
    let cancelled = paper.order("linear", "BTCUSDT", &rests).await;
    assert_fields(
        &cancelled,
        &[("cancelType", "CancelAllBeforeLiq"), ("orderStatus", "Cancelled")],
    );
    let fills = paper
        .list("/v5/execution/list", "category=linear&execType=BustTrade")
        .await;
    assert!(!fills.is_empty());
    let log = paper
        .list("/v5/account/transaction-log", "type=LIQUIDATION")
        .await;
    assert_eq!(log.len(), fills.len());
    let wallet = paper
        .list("/v5/account/wallet-balance", "accountType=UNIFIED")
        .await[0]
        .clone();
    let equity: Decimal = wallet["totalEquity"].as_str().unwrap().parse().unwrap();
    assert!(equity >= Decimal::ZERO, "{wallet}");
    let rows = paper.list("/v5/position/closed-pnl", "category=linear").await;
    assert_fields(
        &rows[0],
        &[("execType", "BustTrade"), ("closedSize", "6"), ("side", "Sell")],
    );
}

#[tokio::test]
async fn an_isolated_position_loses_its_own_margin_alone() {
    let paper = Paper::still().await;
    let mode = |word: &str| json!({"setMarginMode": word});
    let refused = paper
        .post("/v5/account/set-margin-mode", mode("PORTFOLIO_MARGIN"))
        .await;
    assert_eq!(refused["retCode"], 3_400_045);
    assert!(refused["result"]["reasons"][0]["reasonMsg"].is_string());
    let add = json!({"category": "linear", "symbol": "BTCUSDT", "margin": "10"});
    assert_eq!(
        paper.post("/v5/position/add-margin", add.clone()).await["retCode"],
        110_076
    );
    let isolated = paper
        .post("/v5/account/set-margin-mode", mode("ISOLATED_MARGIN"))
        .await;
    assert_eq!(isolated["result"]["reasons"], json!([]));
    paper.place(order("Buy", "0.1", json!({}))).await;
    // 6500.01 at 10 times: 650.001 may be lost, all but 32.50005 before it is liquidated.
    let held = paper.position("linear", "BTCUSDT").await;
    assert_fields(
        &held,
        &[
            ("bustPrice", "58500.09"),
            ("liqPrice", "58825.0905"),
            ("positionIM", "653.21850495"),
            ("positionBalance", "653.21850495"),
        ],
    );
    let row = paper.post("/v5/position/add-margin", add).await["result"].clone();
    assert_fields(&row, &[("bustPrice", "58400.09"), ("liqPrice", "58725.0905")]);
    let wallet = paper
        .list("/v5/account/wallet-balance", "accountType=UNIFIED")
        .await[0]
        .clone();
    assert_fields(&wallet, &[("totalAvailableBalance", ""), ("accountMMRate", "")]);
    price(&paper, 58_726);
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "0.1")]);
    price(&paper, 58_725);
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "0")]);
    // What the book still offered was better than bankruptcy.
    let held: Decimal = paper.coin("USDT").await["walletBalance"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        held > Decimal::from(9_336) && held < Decimal::from(9_370),
        "{held}"
    );
}

#[tokio::test]
async fn borrowed_coins_are_repaid_when_they_come_in_again() {
    let paper = Paper::still().await;
    let spot = |side: &str, qty: &str, lever: i64| {
        json!({"category": "spot", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": qty,
            "marketUnit": "baseCoin", "isLeverage": lever})
    };
    assert_eq!(paper.refused(spot("Buy", "0.2", 0)).await, 170_131);
    paper.place(spot("Buy", "0.2", 1)).await;
    // 13,000.02 less the 10,000 that were there.
    assert_fields(
        &paper.coin("USDT").await,
        &[
            ("walletBalance", "0"),
            ("spotBorrow", "3000.02"),
            ("borrowAmount", "3000.02"),
            ("equity", "-3000.02"),
        ],
    );
    let log = paper.list("/v5/account/transaction-log", "type=BORROW").await;
    assert_fields(&log[0], &[("change", "3000.02"), ("currency", "USDT")]);
    assert_eq!(paper.refused(spot("Buy", "5", 1)).await, 170_131);
    paper.place(spot("Sell", "0.1", 1)).await;
    // 6499.99 less a thousandth, less the debt.
    assert_fields(
        &paper.coin("USDT").await,
        &[
            ("walletBalance", "3493.47001"),
            ("spotBorrow", "0"),
            ("borrowAmount", "0"),
        ],
    );
    let info = paper.list("/v5/account/collateral-info", "currency=BTC").await;
    assert_fields(&info[0], &[("collateralRatio", "0.95"), ("borrowAmount", "0")]);
}

#[tokio::test]
async fn funding_is_paid_once_whoever_looks() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = PaperConfig::new(folder.path().join("paper.sqlite"));
    config.prices = still();
    // One minute before 08:00 UTC, a hundred times as fast.
    config.clock = Some(ClockStart {
        at_ms: Some(1_780_300_740_000),
        speed: Decimal::from(100),
    });
    let one = PaperExchange::start(config.clone(), loopback()).await.unwrap();
    config.prices = PriceSource::Fixed(std::collections::BTreeMap::new());
    let two = PaperExchange::start(config, loopback()).await.unwrap();
    let reply = post(&one, "/v5/order/create", order("Sell", "0.1", json!({}))).await;
    assert_eq!(reply["retCode"], 0);
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    let query = "category=linear&execType=Funding";
    for server in [&one, &two, &one] {
        let rows = get(server, "/v5/execution/list", query).await["result"]["list"].clone();
        assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
        let fields = [
            ("execType", "Funding"),
            ("orderType", "UNKNOWN"),
            ("orderLinkId", ""),
            ("execQty", "0.1"),
        ];
        assert_fields(&rows[0], &fields);
        let log = get(server, "/v5/account/transaction-log", "type=SETTLEMENT").await;
        let log = log["result"]["list"].clone();
        assert_eq!(log.as_array().unwrap().len(), 1);
        let paid: Decimal = rows[0]["execFee"].as_str().unwrap().parse().unwrap();
        let got: Decimal = log[0]["funding"].as_str().unwrap().parse().unwrap();
        assert_eq!(paid, -got);
        assert_eq!(rows[0]["execTime"], "1780300800000");
    }
}
