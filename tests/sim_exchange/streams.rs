//! The WebSocket streams, heard by a client that is not ours.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use mandated::sim::{Fault, FaultKind, PriceSource, RunningPaper};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::client::{Paper, assert_fields, now_ms};

/// Nothing that is expected takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Stream(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Stream {
    async fn open(server: &RunningPaper, path: &str) -> Self {
        let url = format!("{}{path}", server.base_url().replace("http://", "ws://"));
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next frame; nothing when the connection has ended.
    async fn hear(&mut self) -> Option<Value> {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match heard.expect("a frame within five seconds") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    pub(crate) async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.hear().await.unwrap()
    }

    /// The next frame of a topic.
    async fn topic(&mut self, topic: &str) -> Value {
        loop {
            let frame = self.hear().await.expect("the stream ended");
            if frame["topic"] == topic {
                return frame;
            }
        }
    }

    /// A private stream or one for orders, authenticated.
    pub(crate) async fn entered(server: &RunningPaper, path: &str) -> Self {
        let mut stream = Self::open(server, path).await;
        let reply = stream.ask(auth(now_ms() + 10_000, "paper")).await;
        assert!(reply["success"] == true || reply["retCode"] == 0, "{reply}");
        stream
    }
}

fn auth(expires: i64, secret: &str) -> Value {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("GET/realtime{expires}").as_bytes());
    json!({"op": "auth", "args": ["paper", expires, hex::encode(mac.finalize().into_bytes())]})
}

pub(crate) fn subscribe(topics: &[&str]) -> Value {
    json!({"op": "subscribe", "req_id": "r", "args": topics})
}

#[tokio::test]
async fn a_book_begins_with_a_snapshot_and_goes_on_with_what_changes() {
    let paper = Paper::still().await;
    let mut stream = Stream::open(&paper.server, "/v5/public/linear").await;
    let reply = stream.ask(subscribe(&["orderbook.50.BTCUSDT"])).await;
    assert_eq!((&reply["success"], &reply["req_id"]), (&json!(true), &json!("r")));
    let first = stream.topic("orderbook.50.BTCUSDT").await;
    assert_eq!(first["type"], "snapshot");
    assert_eq!(first["data"]["b"][0], json!(["64999.9", "0.5"]));
    assert_eq!(first["data"]["a"].as_array().unwrap().len(), 50);
    paper
        .server
        .set_price("linear", "BTCUSDT", Decimal::new(650_001, 1))
        .unwrap();
    let second = stream.topic("orderbook.50.BTCUSDT").await;
    assert_eq!(second["type"], "delta");
    let bids = second["data"]["b"].as_array().unwrap();
    assert!(bids.contains(&json!(["65000", "0.5"])), "{second}");
    assert!(bids.contains(&json!(["64995", "0"])), "{second}");
    assert!(second["data"]["u"].as_i64() > first["data"]["u"].as_i64());
    assert!(second["data"]["seq"].as_i64() >= first["data"]["seq"].as_i64());
}

#[tokio::test]
async fn a_contracts_ticker_sends_only_what_changed_and_spot_sends_all() {
    let paper = Paper::still().await;
    for (category, second) in [("linear", "delta"), ("spot", "snapshot")] {
        let mut stream = Stream::open(&paper.server, &format!("/v5/public/{category}")).await;
        stream.ask(subscribe(&["tickers.BTCUSDT"])).await;
        let first = stream.topic("tickers.BTCUSDT").await;
        assert_eq!(first["type"], "snapshot");
        assert_eq!(first["data"].get("bid1Price").is_some(), category == "linear");
        assert_eq!(first["data"].get("usdIndexPrice").is_some(), category == "spot");
        paper
            .server
            .set_price(category, "BTCUSDT", Decimal::from(64_000))
            .unwrap();
        let frame = stream.topic("tickers.BTCUSDT").await;
        assert_eq!(frame["type"], second);
        assert_fields(&frame["data"], &[("symbol", "BTCUSDT"), ("lastPrice", "64000")]);
        assert_eq!(frame["data"].get("openInterest").is_some(), false, "{frame}");
    }
}

#[tokio::test]
async fn trades_and_candles_of_a_walking_market_come_by_themselves() {
    let paper = Paper::with(PriceSource::Walk).await;
    let mut stream = Stream::open(&paper.server, "/v5/public/linear").await;
    stream
        .ask(subscribe(&["publicTrade.BTCUSDT", "kline.1.BTCUSDT"]))
        .await;
    let candle = stream.topic("kline.1.BTCUSDT").await["data"][0].clone();
    assert_eq!(candle["start"].as_i64().unwrap() % 60_000, 0);
    assert_eq!(
        candle["end"].as_i64().unwrap() - candle["start"].as_i64().unwrap(),
        59_999
    );
    assert_eq!(
        (&candle["interval"], &candle["confirm"]),
        (&json!("1"), &json!(false))
    );
    let first = stream.topic("publicTrade.BTCUSDT").await;
    let second = stream.topic("publicTrade.BTCUSDT").await;
    let times = |frame: &Value| -> Vec<i64> {
        let rows = frame["data"].as_array().unwrap();
        rows.iter().map(|row| row["T"].as_i64().unwrap()).collect()
    };
    let all: Vec<i64> = times(&first).into_iter().chain(times(&second)).collect();
    assert!(all.is_sorted(), "{all:?}");
    assert!(["Buy", "Sell"].contains(&first["data"][0]["S"].as_str().unwrap()));
}

#[tokio::test]
async fn every_door_has_its_own_pong_and_an_unknown_topic_is_refused() {
    let paper = Paper::still().await;
    let ping = json!({"op": "ping", "req_id": "7"});
    let mut linear = Stream::open(&paper.server, "/v5/public/linear").await;
    let pong = linear.ask(ping.clone()).await;
    assert_eq!((&pong["ret_msg"], &pong["op"]), (&json!("pong"), &json!("ping")));
    let mut option = Stream::open(&paper.server, "/v5/public/option").await;
    let pong = option.ask(ping.clone()).await;
    assert_eq!(
        (&pong["op"], pong["args"].as_array().map(Vec::len)),
        (&json!("pong"), Some(1))
    );
    let mut private = Stream::open(&paper.server, "/v5/private").await;
    let pong = private.ask(ping.clone()).await;
    assert_eq!((&pong["op"], &pong["req_id"]), (&json!("pong"), &json!("7")));
    let mut trade = Stream::open(&paper.server, "/v5/trade").await;
    let pong = trade.ask(ping).await;
    assert_eq!((&pong["op"], &pong["retCode"]), (&json!("pong"), &json!(0)));
    for topics in [
        &["orderbook.7.BTCUSDT"][..],
        &["tickers.NOPE"],
        &["tickers.BTCUSDT", "nope.BTCUSDT"],
    ] {
        let reply = linear.ask(subscribe(topics)).await;
        assert_eq!(reply["success"], false, "{topics:?}");
    }
    let mut status = Stream::open(&paper.server, "/v5/public/misc/status").await;
    assert_eq!(status.ask(subscribe(&["system.status"])).await["success"], true);
    let mut spot = Stream::open(&paper.server, "/v5/public/spot").await;
    let many: Vec<String> = (0..11).map(|at| format!("kline.{at}.BTCUSDT")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(spot.ask(subscribe(&many)).await["success"], false);
}

#[tokio::test]
async fn the_private_stream_asks_for_a_signature_that_has_not_expired() {
    let paper = Paper::still().await;
    let mut stream = Stream::open(&paper.server, "/v5/private").await;
    assert_eq!(stream.ask(subscribe(&["order"])).await["success"], false);
    assert_eq!(
        stream.ask(auth(now_ms() + 10_000, "wrong")).await["success"],
        false
    );
    assert_eq!(stream.ask(auth(now_ms() - 1, "paper")).await["success"], false);
    assert_eq!(
        stream.ask(auth(now_ms() + 10_000, "paper")).await["success"],
        true
    );
    assert_eq!(stream.ask(subscribe(&["order", "wallet"])).await["success"], true);
    assert_eq!(stream.ask(subscribe(&["orders"])).await["success"], false);
    assert_eq!(
        stream.ask(subscribe(&["order", "order.linear"])).await["success"],
        false
    );
}

#[tokio::test]
async fn an_order_and_its_fills_reach_every_private_stream_of_the_account() {
    let one = Paper::still().await;
    let two = Paper::server(&one.folder, crate::client::still()).await;
    let mut here = Stream::entered(&one.server, "/v5/private").await;
    let mut there = Stream::entered(&two, "/v5/private").await;
    let topics = ["order", "execution", "position", "wallet"];
    here.ask(subscribe(&topics)).await;
    there.ask(subscribe(&["order.linear", "execution.fast"])).await;
    let body = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.6", "orderLinkId": "mine"});
    let id = one.place(body).await;

    let order = here.topic("order").await;
    assert_fields(
        &order["data"][0],
        &[
            ("orderId", &id),
            ("orderLinkId", "mine"),
            ("orderStatus", "New"),
            ("category", "linear"),
        ],
    );
    let last = order["data"].as_array().unwrap().last().unwrap().clone();
    assert_fields(&last, &[("orderStatus", "Filled"), ("cumExecQty", "0.6")]);
    let fills = here.topic("execution").await;
    assert_eq!(fills["data"].as_array().unwrap().len(), 2, "{fills}");
    assert_fields(&fills["data"][0], &[("execQty", "0.5"), ("execPrice", "65000.1")]);
    let held = here.topic("position").await;
    let held = held["data"].as_array().unwrap().last().unwrap().clone();
    assert_fields(&held, &[("size", "0.6"), ("side", "Buy"), ("symbol", "BTCUSDT")]);
    assert!(held["entryPrice"].is_string(), "{held}");
    let wallet = here.topic("wallet").await;
    assert_fields(&wallet["data"][0], &[("accountType", "UNIFIED")]);
    assert_eq!(wallet["data"][0]["coin"][0]["coin"], "USDT");

    let fast = there.topic("execution.fast").await;
    assert_eq!(fast["data"].as_array().unwrap().len(), 2);
    assert!(fast["data"][0].get("execFee").is_none(), "{fast}");
}

#[tokio::test]
async fn a_fill_of_a_resting_order_comes_without_anyone_asking() {
    let paper = Paper::still().await;
    let mut stream = Stream::entered(&paper.server, "/v5/private").await;
    stream.ask(subscribe(&["execution"])).await;
    let body = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "64500"});
    paper.place(body).await;
    paper
        .server
        .set_price("spot", "BTCUSDT", Decimal::from(64_500))
        .unwrap();
    let frame = stream.topic("execution").await;
    assert_fields(&frame["data"][0], &[("execPrice", "64500"), ("category", "spot")]);
    assert_eq!(frame["data"][0]["isMaker"], true);
}

fn order(id: &str, op: &str, args: Value) -> Value {
    json!({"reqId": id, "op": op, "args": [args],
        "header": {"X-BAPI-TIMESTAMP": now_ms().to_string(), "X-BAPI-RECV-WINDOW": "5000"}})
}

#[tokio::test]
async fn orders_are_entered_changed_and_cancelled_over_a_stream() {
    let paper = Paper::still().await;
    let limit = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "64000"});
    let mut stream = Stream::open(&paper.server, "/v5/trade").await;
    assert_ne!(
        stream.ask(order("0", "order.create", limit.clone())).await["retCode"],
        0
    );
    assert_eq!(stream.ask(auth(now_ms() + 10_000, "paper")).await["retCode"], 0);
    assert_eq!(
        stream.ask(auth(now_ms() + 10_000, "paper")).await["retCode"],
        20001
    );
    let reply = stream.ask(order("1", "order.create", limit.clone())).await;
    assert_eq!((&reply["retCode"], &reply["reqId"]), (&json!(0), &json!("1")));
    assert_fields(&reply["header"], &[("X-Bapi-Limit", "10")]);
    let id = reply["data"]["orderId"].as_str().unwrap().to_owned();
    let again = stream.ask(order("1", "order.create", limit.clone())).await;
    assert_eq!(again["retCode"], 20006);
    let amend = json!({"category": "linear", "symbol": "BTCUSDT", "orderId": id, "price": "63000"});
    assert_eq!(stream.ask(order("2", "order.amend", amend)).await["retCode"], 0);
    let row = paper.order("linear", "BTCUSDT", &id).await;
    assert_fields(&row, &[("price", "63000"), ("orderStatus", "New")]);
    let cancel = json!({"category": "linear", "symbol": "BTCUSDT", "orderId": id});
    assert_eq!(
        stream.ask(order("3", "order.cancel", cancel.clone())).await["retCode"],
        0
    );
    assert_eq!(
        stream.ask(order("4", "order.cancel", cancel)).await["retCode"],
        110_001
    );
    assert_eq!(
        stream.ask(order("5", "order.explode", json!({}))).await["retCode"],
        10404
    );
    let mut late = order("6", "order.create", limit);
    late["header"]["X-BAPI-TIMESTAMP"] = json!((now_ms() - 60_000).to_string());
    assert_eq!(stream.ask(late).await["retCode"], 10002);
}

#[tokio::test]
async fn a_stream_cut_after_the_order_leaves_the_order_placed() {
    let paper = Paper::still().await;
    paper.server.faults().add(Fault {
        path: "/v5/trade/order.create".into(),
        kind: FaultKind::DropAfter,
        times: Some(1),
    });
    let mut stream = Stream::entered(&paper.server, "/v5/trade").await;
    let limit = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "64000", "orderLinkId": "cut"});
    stream.say(order("1", "order.create", limit)).await;
    stream.say(json!({"op": "ping"})).await;
    assert_eq!(stream.hear().await, None);
    let rows = paper
        .list(
            "/v5/order/realtime",
            "category=linear&symbol=BTCUSDT&orderLinkId=cut",
        )
        .await;
    assert_fields(&rows[0], &[("orderStatus", "New")]);
}

#[tokio::test]
async fn frames_are_doubled_swapped_and_lost_on_demand() {
    let paper = Paper::still().await;
    let mut stream = Stream::entered(&paper.server, "/v5/private").await;
    stream.ask(subscribe(&["order"])).await;
    let place = |link: &str| json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "64000", "orderLinkId": link});
    let mut heard = Vec::new();
    for (kind, links, frames) in [
        (FaultKind::StreamDouble, &["a"][..], 2),
        (FaultKind::StreamSwap, &["b", "c"], 2),
        (FaultKind::StreamLose, &["d", "e"], 1),
    ] {
        let path = "/v5/private".to_owned();
        paper.server.faults().add(Fault {
            path,
            kind,
            times: Some(1),
        });
        for link in links {
            paper.place(place(link)).await;
            // Two looks of the stream lie between two orders, so each has a frame of its own.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        for _ in 0..frames {
            let frame = stream.topic("order").await;
            heard.push(frame["data"][0]["orderLinkId"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(heard, ["a", "a", "c", "b", "e"]);
}

#[tokio::test]
async fn streams_end_with_their_server() {
    let paper = Paper::still().await;
    let mut stream = Stream::open(&paper.server, "/v5/public/linear").await;
    assert_eq!(stream.ask(subscribe(&["system.status"])).await["success"], false);
    paper.server.stop().await;
    assert_eq!(stream.hear().await, None);
}
