//! What an instrument takes in each phase of its life.

use serde_json::{Value, json};

use crate::client::Paper;

fn order(symbol: &str, reduce: bool) -> Value {
    json!({"category": "linear", "symbol": symbol, "side": "Buy", "orderType": "Market", "qty": "100", "reduceOnly": reduce})
}

#[tokio::test]
async fn an_instrument_that_does_not_trade_takes_no_order_that_opens() {
    let paper = Paper::still().await;
    assert_eq!(paper.refused(order("MEGAUSDT", false)).await, 110_074);
    assert_eq!(paper.refused(order("WAVESUSDT", false)).await, 30_228);
    // One that reduces is let through as far as the position, of which there is none.
    assert_eq!(paper.refused(order("WAVESUSDT", true)).await, 110_017);
}
