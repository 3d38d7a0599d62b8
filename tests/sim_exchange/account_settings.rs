//! Settings of the account as a whole, and what follows from them.

use serde_json::{Value, json};

use crate::client::{Paper, assert_fields};

const SETTINGS: &str = "/v5/account/user-setting-config";
const ACTION: &str = "/v5/account/set-limit-px-action";

fn far(category: &str) -> Value {
    json!({"category": category, "symbol": "BTCUSDT", "side": "Sell", "orderType": "Limit", "qty": "0.01", "price": "40000"})
}

#[tokio::test]
async fn prices_beyond_the_collar_are_moved_or_refused_as_the_account_has_chosen() {
    let paper = Paper::still().await;
    let flags =
        json!({"lpaSpot": false, "lpaPerp": false, "deltaEnable": false, "smsef": false, "fmsef": false});
    assert_eq!(paper.get(SETTINGS, "").await["result"], flags);
    // Contracts move, pairs refuse.
    let moved = paper.place(far("linear")).await;
    // Five percent below the price of 65,000.
    assert_fields(
        &paper.order("linear", "BTCUSDT", &moved).await,
        &[("price", "61750")],
    );
    assert_eq!(paper.refused(far("spot")).await, 170_371);
    for (category, enable) in [("inverse", false), ("spot", true)] {
        let reply = paper
            .post(ACTION, json!({"category": category, "modifyEnable": enable}))
            .await;
        assert_eq!(reply["retCode"], 0, "{reply}");
    }
    let flags = paper.get(SETTINGS, "").await["result"].clone();
    assert_eq!(
        (&flags["lpaSpot"], &flags["lpaPerp"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(paper.refused(far("linear")).await, 110_003);
    let moved = paper.place(far("spot")).await;
    let row = paper
        .list("/v5/order/history", &format!("category=spot&orderId={moved}"))
        .await;
    assert_eq!(row[0]["orderStatus"], "Filled");
    assert_ne!(row[0]["price"], "40000");
    for body in [
        json!({"category": "option", "modifyEnable": true}),
        json!({"category": "spot"}),
    ] {
        assert_eq!(paper.post(ACTION, body).await["retCode"], 10001);
    }
}

#[tokio::test]
async fn the_small_settings_are_answered() {
    let paper = Paper::still().await;
    assert_eq!(
        paper.get("/v5/account/query-dcp-info", "").await["result"],
        json!({"dcpInfos": []})
    );
    assert_eq!(
        paper.get("/v5/account/smp-group", "").await["result"],
        json!({"smpGroup": 0})
    );
    let own = paper
        .list("/v5/account/instruments-info", "category=linear&symbol=BTCUSDT")
        .await;
    let all = paper
        .list("/v5/market/instruments-info", "category=linear&symbol=BTCUSDT")
        .await;
    assert_eq!(own, all);
    let reply = paper
        .post("/v5/account/set-hedging-mode", json!({"setHedgingMode": "ON"}))
        .await;
    assert_eq!(reply["retCode"], 0);
    assert_eq!(
        paper.get("/v5/account/info", "").await["result"]["spotHedgingStatus"],
        "ON"
    );
}

#[tokio::test]
async fn what_may_leave_is_told_by_coin() {
    let paper = Paper::still().await;
    let path = "/v5/account/withdrawal";
    let reply = paper.get(path, "coinName=BTC,USDT,ETH").await;
    assert_eq!(
        reply["result"],
        json!({
            "availableWithdrawal": "0.10000000",
            "availableWithdrawalMap": {"BTC": "0.10000000", "USDT": "10000.00000000", "ETH": "0.00000000"},
        })
    );
    assert_eq!(paper.get(path, "").await["retCode"], 10001);
    let many = vec!["BTC"; 21].join(",");
    assert_eq!(
        paper.get(path, &format!("coinName={many}")).await["retCode"],
        10001
    );
}
