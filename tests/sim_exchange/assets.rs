//! The two wallets: what moves between them, what may leave, and what is told of either.

use serde_json::{Value, json};

use crate::client::{Paper, assert_fields, by};

const MOVE: &str = "/v5/asset/transfer/inter-transfer";
const COINS: &str = "/v5/asset/transfer/query-account-coins-balance";
const COIN: &str = "/v5/asset/transfer/query-account-coin-balance";
const MOVED: &str = "/v5/asset/transfer/query-inter-transfer-list";
const MOVER: &str = "paper";

fn wish(id: u32, coin: &str, amount: &str, from: &str, to: &str) -> Value {
    json!({
        "transferId": format!("42c0cfb0-6bca-c242-bc76-4e6df6cb{id:04x}"), "coin": coin, "amount": amount,
        "fromAccountType": from, "toAccountType": to,
    })
}

async fn moves(paper: &Paper, wish: &Value) -> i64 {
    by(paper, MOVER, MOVE, Some(wish)).await["retCode"]
        .as_i64()
        .unwrap()
}

async fn balance(paper: &Paper, wallet: &str, coin: &str) -> Value {
    let query = format!("accountType={wallet}&coin={coin}");
    paper.get(COIN, &query).await["result"]["balance"].clone()
}

#[tokio::test]
async fn a_transfer_moves_money_once_and_both_wallets_keep_their_sum() {
    let paper = Paper::still().await;
    let out = wish(1, "USDT", "2500.5", "UNIFIED", "FUND");
    let done = by(&paper, MOVER, MOVE, Some(&out)).await;
    assert_eq!(
        done["result"],
        json!({"transferId": "42c0cfb0-6bca-c242-bc76-4e6df6cb0001", "status": "SUCCESS"})
    );
    // Asked again it is refused, in whatever case the id is written.
    assert_eq!(moves(&paper, &out).await, 131_214);
    let mut shouted = out.clone();
    shouted["transferId"] = json!("42C0CFB0-6BCA-C242-BC76-4E6DF6CB0001");
    assert_eq!(moves(&paper, &shouted).await, 131_214);
    let unified = balance(&paper, "UNIFIED", "USDT").await;
    assert_fields(
        &unified,
        &[
            ("walletBalance", "7499.5"),
            ("transferBalance", "7499.5"),
            ("transferSafeAmount", ""),
        ],
    );
    let fund = balance(&paper, "FUND", "USDT").await;
    assert_fields(
        &fund,
        &[("walletBalance", "2500.5"), ("transferBalance", "2500.5")],
    );
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "7499.5")]);
    assert_eq!(
        moves(&paper, &wish(2, "USDT", "2500.50000001", "FUND", "UNIFIED")).await,
        131_212
    );
    assert_eq!(
        moves(&paper, &wish(2, "USDT", "2500.5", "FUND", "UNIFIED")).await,
        0
    );
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "10000")]);
    assert_fields(&balance(&paper, "FUND", "USDT").await, &[("walletBalance", "0")]);
    let log = paper
        .list("/v5/account/transaction-log", "currency=USDT&limit=2")
        .await;
    assert_fields(
        &log[0],
        &[
            ("type", "TRANSFER_IN"),
            ("change", "2500.5"),
            ("cashBalance", "10000"),
        ],
    );
    assert_fields(
        &log[1],
        &[
            ("type", "TRANSFER_OUT"),
            ("change", "-2500.5"),
            ("cashBalance", "7499.5"),
        ],
    );
}

#[tokio::test]
async fn a_transfer_that_makes_no_sense_is_refused() {
    let paper = Paper::still().await;
    for (wish, code) in [
        (wish(1, "USDT", "10000.1", "UNIFIED", "FUND"), 131_212),
        (wish(1, "USDT", "0", "UNIFIED", "FUND"), 131_215),
        (wish(1, "USDT", "-1", "UNIFIED", "FUND"), 131_215),
        (wish(1, "USDT", "0.000000001", "UNIFIED", "FUND"), 131_210),
        (wish(1, "USDT", "1", "FUND", "FUND"), 131_211),
        (wish(1, "USDT", "1", "SPOT", "FUND"), 131_232),
        (wish(1, "USDT", "1", "UNIFIED", "CONTRACT"), 131_231),
        (wish(1, "NOCOIN", "1", "UNIFIED", "FUND"), 10001),
        (wish(1, "USDT", "much", "UNIFIED", "FUND"), 10001),
        (
            json!({"transferId": "1", "coin": "USDT", "amount": "1", "fromAccountType": "UNIFIED", "toAccountType": "FUND"}),
            10001,
        ),
    ] {
        assert_eq!(moves(&paper, &wish).await, code, "{wish}");
    }
    // None of them used the id up, and nothing moved.
    assert_eq!(moves(&paper, &wish(1, "USDT", "1", "UNIFIED", "FUND")).await, 0);
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "9999")]);
}

#[tokio::test]
async fn a_key_that_only_reads_moves_nothing_and_withdrawals_are_for_their_own_key() {
    let paper = Paper::still().await;
    let out = wish(1, "USDT", "1", "UNIFIED", "FUND");
    for (key, code) in [("paper-read-only", 10005), ("paper-withdraw", 0)] {
        assert_eq!(by(&paper, key, MOVE, Some(&out)).await["retCode"], code, "{key}");
    }
    let withdrawals = "/v5/asset/withdraw/query-record?withdrawType=2";
    for key in ["paper", "paper-read-only"] {
        assert_eq!(
            by(&paper, key, withdrawals, None).await["retCode"],
            10005,
            "{key}"
        );
    }
    assert_eq!(
        by(&paper, "paper-withdraw", withdrawals, None).await["result"],
        json!({"rows": [], "nextPageCursor": ""})
    );
}

#[tokio::test]
async fn what_orders_hold_may_not_leave() {
    let paper = Paper::still().await;
    let order = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "60000"});
    let id = paper.place(order).await;
    assert_fields(
        &balance(&paper, "UNIFIED", "USDT").await,
        &[("walletBalance", "10000"), ("transferBalance", "4000")],
    );
    assert_eq!(
        moves(&paper, &wish(1, "USDT", "4000.00000001", "UNIFIED", "FUND")).await,
        131_212
    );
    assert_eq!(
        moves(&paper, &wish(1, "USDT", "4000", "UNIFIED", "FUND")).await,
        0
    );
    let cancel = json!({"category": "spot", "symbol": "BTCUSDT", "orderId": id});
    assert_eq!(paper.post("/v5/order/cancel", cancel).await["retCode"], 0);
    assert_fields(
        &balance(&paper, "UNIFIED", "USDT").await,
        &[("transferBalance", "6000")],
    );
}

#[tokio::test]
async fn what_positions_need_may_not_leave() {
    let paper = Paper::still().await;
    let lever = json!({"category": "linear", "symbol": "BTCUSDT", "buyLeverage": "1", "sellLeverage": "1"});
    assert_eq!(paper.post("/v5/position/set-leverage", lever).await["retCode"], 0);
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.2"});
    paper.place(order).await;
    let wallet = paper
        .list("/v5/account/wallet-balance", "accountType=UNIFIED")
        .await;
    let free = wallet[0]["totalAvailableBalance"].as_str().unwrap().to_owned();
    // 10,000 and 1,000 and 95 percent of 6,500 less some 13,000 of margin.
    assert!(free.starts_with("4") && free.len() > 4, "{free}");
    let held = balance(&paper, "UNIFIED", "USDT").await;
    assert_eq!(held["transferBalance"].as_str(), Some(free.as_str()));
    let query = "coinName=USDT,USDC";
    let reply = paper.get("/v5/account/withdrawal", query).await;
    assert_eq!(reply["result"]["availableWithdrawalMap"]["USDC"], "1000.00000000");
    assert_eq!(
        moves(&paper, &wish(1, "USDT", "5000", "UNIFIED", "FUND")).await,
        131_212
    );
    assert_eq!(moves(&paper, &wish(1, "USDT", &free, "UNIFIED", "FUND")).await, 0);
    let wallet = paper
        .list("/v5/account/wallet-balance", "accountType=UNIFIED")
        .await;
    assert_fields(&wallet[0], &[("totalAvailableBalance", "0")]);
    assert_eq!(
        moves(&paper, &wish(2, "USDC", "0.01", "UNIFIED", "FUND")).await,
        131_212
    );
}

#[tokio::test]
async fn transfers_are_listed_newest_first_in_pages() {
    let paper = Paper::still().await;
    for (id, coin) in [(1, "USDT"), (2, "BTC"), (3, "USDT")] {
        assert_eq!(moves(&paper, &wish(id, coin, "0.01", "UNIFIED", "FUND")).await, 0);
    }
    let ids = |rows: &[Value]| -> Vec<String> {
        rows.iter()
            .map(|row| {
                row["transferId"]
                    .as_str()
                    .unwrap()
                    .rsplit_once("df6cb")
                    .unwrap()
                    .1
                    .to_owned()
            })
            .collect()
    };
    let first = paper.get(MOVED, "limit=2").await["result"].clone();
    assert_eq!(ids(first["list"].as_array().unwrap()), ["0003", "0002"]);
    assert_fields(
        &first["list"][0],
        &[
            ("coin", "USDT"),
            ("amount", "0.01"),
            ("fromAccountType", "UNIFIED"),
            ("toAccountType", "FUND"),
            ("status", "SUCCESS"),
        ],
    );
    assert!(first["list"][0]["timestamp"].as_str().unwrap().ends_with("000"));
    let cursor = first["nextPageCursor"].as_str().unwrap();
    let last = paper.get(MOVED, &format!("limit=2&cursor={cursor}")).await["result"].clone();
    assert_eq!(ids(last["list"].as_array().unwrap()), ["0001"]);
    assert_eq!(last["nextPageCursor"], "");
    assert_eq!(ids(&paper.list(MOVED, "coin=BTC").await), ["0002"]);
    let one = "transferId=42c0cfb0-6bca-c242-bc76-4e6df6cb0003";
    assert_eq!(ids(&paper.list(MOVED, one).await), ["0003"]);
    assert!(paper.list(MOVED, "status=FAILED").await.is_empty());
    assert_eq!(paper.get(MOVED, "limit=51").await["retCode"], 10001);
    assert_eq!(paper.get(MOVED, "status=DONE").await["retCode"], 10001);
    let coins = "fromAccountType=UNIFIED&toAccountType=FUND";
    let coins = paper
        .list("/v5/asset/transfer/query-transfer-coin-list", coins)
        .await;
    assert!(coins.contains(&json!("BTC")) && !coins.contains(&json!("1000PEPE")));
}

#[tokio::test]
async fn balances_are_shown_by_wallet() {
    let paper = Paper::still().await;
    let rows = |reply: Value| reply["result"]["balance"].as_array().unwrap().clone();
    let unified = rows(
        paper
            .get(COINS, "accountType=UNIFIED&coin=USDC,BTC&withBonus=1")
            .await,
    );
    assert_eq!(
        unified,
        [
            json!({"coin": "USDC", "walletBalance": "1000", "transferBalance": "1000", "bonus": "0"}),
            json!({"coin": "BTC", "walletBalance": "0.1", "transferBalance": "0.1", "bonus": "0"}),
        ]
    );
    let fund = rows(paper.get(COINS, "accountType=FUND").await);
    assert!(fund.len() >= 8 && fund.iter().all(|row| row["walletBalance"] == "0"));
    for query in [
        "accountType=UNIFIED",
        "accountType=UNIFIED&coin=BTC,ETH,USDT,USDC,SOL,XRP,DOGE,EUR,ADA,LTC,LINK",
        "accountType=SPOT",
    ] {
        assert_eq!(paper.get(COINS, query).await["retCode"], 10001, "{query}");
    }
    let safe = paper
        .get(COIN, "accountType=UNIFIED&coin=USDT&withTransferSafeAmount=1")
        .await;
    assert_eq!(safe["result"]["balance"]["transferSafeAmount"], "10000");
    assert_eq!(safe["result"]["bizType"], 1);
    let classic = paper
        .get("/v5/asset/transfer/query-asset-info", "accountType=SPOT")
        .await;
    assert_eq!(classic["retCode"], 100_028);
}

#[tokio::test]
async fn a_transfer_leaves_the_worth_of_everything_as_it_was() {
    let paper = Paper::still().await;
    let overview = "/v5/asset/asset-overview";
    let before = paper.get(overview, "").await["result"].clone();
    // 10,000 and 1,000 and a tenth of 65,000.
    assert_eq!(before["totalEquity"], "17500");
    assert_eq!(moves(&paper, &wish(1, "BTC", "0.04", "UNIFIED", "FUND")).await, 0);
    let after = paper.get(overview, "").await["result"].clone();
    assert_eq!(after["totalEquity"], "17500");
    assert_fields(
        &after["list"][0],
        &[
            ("accountType", "FundingAccount"),
            ("totalEquity", "2600"),
            ("valuationCurrency", "USD"),
        ],
    );
    assert_eq!(
        after["list"][0]["coinDetail"],
        json!([{"coin": "BTC", "equity": "0.04"}])
    );
    assert_fields(
        &after["list"][1],
        &[("accountType", "UnifiedTradingAccount"), ("totalEquity", "14900")],
    );
    let in_coin = paper
        .get(overview, "valuationCurrency=BTC&accountType=FundingAccount")
        .await;
    assert_eq!(in_coin["result"]["totalEquity"], "0.04");
}

#[tokio::test]
async fn deposits_are_what_was_put_in() {
    let paper = Paper::still().await;
    let path = "/v5/asset/deposit/query-record";
    let rows = paper.get(path, "").await["result"]["rows"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(rows.len(), 3);
    assert_fields(
        &rows[0],
        &[("coin", "BTC"), ("amount", "0.1"), ("chain", "BTC"), ("id", "3")],
    );
    assert_eq!(rows[0]["status"], 3);
    let tx = rows[1]["txID"].as_str().unwrap();
    for query in [format!("txID={tx}"), "id=2".to_owned(), "coin=USDC".to_owned()] {
        let found = paper.get(path, &query).await["result"]["rows"].clone();
        assert_eq!(found, json!([rows[1]]), "{query}");
    }
    let first = paper.get(path, "limit=2").await["result"].clone();
    let next = format!("limit=2&cursor={}", first["nextPageCursor"].as_str().unwrap());
    assert_eq!(paper.get(path, &next).await["result"]["rows"], json!([rows[2]]));
    // What is taken out is no deposit.
    let target = "/paper/deposit";
    for (amount, shown) in [("-500", 3), ("500", 4)] {
        let body = json!({"coin": "USDT", "amount": amount}).to_string();
        crate::client::send(&paper.server, "POST", target, &[], &body)
            .await
            .unwrap();
        let rows = paper.get(path, "").await["result"]["rows"].clone();
        assert_eq!(rows.as_array().unwrap().len(), shown, "{amount}");
    }
}

#[tokio::test]
async fn coins_have_chains_and_no_way_out() {
    let paper = Paper::still().await;
    let path = "/v5/asset/coin/query-info";
    let rows = paper.get(path, "coin=USDT").await["result"]["rows"].clone();
    assert_fields(&rows[0], &[("coin", "USDT"), ("name", "USDT")]);
    assert_eq!(rows[0]["chains"].as_array().unwrap().len(), 2);
    assert_fields(
        &rows[0]["chains"][0],
        &[
            ("chain", "TRX"),
            ("chainDeposit", "1"),
            ("chainWithdraw", "0"),
            ("withdrawFee", ""),
            ("minAccuracy", "8"),
        ],
    );
    let all = paper.get(path, "").await["result"]["rows"]
        .as_array()
        .unwrap()
        .clone();
    assert!(all.iter().any(|row| row["coin"] == "BTC") && all.len() >= 8);
}
