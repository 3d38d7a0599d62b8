//! Public market data, on prices that stand still and on prices that walk.

use mandated::domain::money::parse_decimal;
use mandated::sim::{PaperConfig, PaperExchange, PriceSource};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, assert_fields, get, loopback, now_ms};

const DAY: i64 = 86_400_000;

fn number(value: &Value) -> Decimal {
    parse_decimal(value.as_str().unwrap()).unwrap()
}

fn rows(reply: &Value) -> Vec<Vec<String>> {
    assert_eq!(reply["retCode"], 0, "{reply}");
    serde_json::from_value(reply["result"]["list"].clone()).unwrap()
}

#[tokio::test]
async fn everything_listed_has_a_ticker_inside_its_book() {
    let paper = Paper::with(PriceSource::Walk).await;
    let mut listed = 0;
    for category in ["linear", "inverse", "spot"] {
        let instruments = paper
            .list("/v5/market/instruments-info", &format!("category={category}"))
            .await;
        let tickers = paper
            .list("/v5/market/tickers", &format!("category={category}"))
            .await;
        listed += instruments.len();
        for instrument in &instruments {
            let ticker = tickers
                .iter()
                .find(|ticker| ticker["symbol"] == instrument["symbol"])
                .unwrap();
            assert_eq!(instrument["status"], "Trading");
            let (bid, last, ask) = (
                number(&ticker["bid1Price"]),
                number(&ticker["lastPrice"]),
                number(&ticker["ask1Price"]),
            );
            assert!(bid < last && last < ask, "{ticker}");
            assert_eq!(
                last % number(&instrument["priceFilter"]["tickSize"]),
                Decimal::ZERO,
                "{ticker}"
            );
            assert!(
                number(&ticker["lowPrice24h"]) <= last && last <= number(&ticker["highPrice24h"]),
                "{ticker}"
            );
            assert_eq!(ticker.get("markPrice").is_some(), category != "spot");
            assert_eq!(ticker.get("usdIndexPrice").is_some(), category == "spot");
        }
    }
    assert!(listed >= 30, "only {listed} instruments");
    let option = paper
        .list("/v5/market/tickers", "category=option&baseCoin=BTC")
        .await;
    assert!(option[0]["markIv"].is_string());
    assert_eq!(
        paper.get("/v5/market/tickers", "category=option").await["retCode"],
        10001
    );
    assert_eq!(
        paper
            .get("/v5/market/tickers", "category=linear&symbol=NOSUCH")
            .await["retCode"],
        10001
    );
}

#[tokio::test]
async fn tickers_say_what_the_facts_say() {
    let paper = Paper::still().await;
    let linear = &paper
        .list("/v5/market/tickers", "category=linear&symbol=BTCUSDT")
        .await[0];
    assert_fields(
        linear,
        &[
            ("lastPrice", "65000.00"),
            ("markPrice", "65000.00"),
            ("indexPrice", "65000.00"),
            ("bid1Price", "64999.90"),
            ("ask1Price", "65000.10"),
            ("price24hPcnt", "0"),
            ("fundingIntervalHour", "8"),
            ("basis", ""),
            ("deliveryTime", "0"),
        ],
    );
    assert!(
        linear["nextFundingTime"]
            .as_str()
            .unwrap()
            .parse::<i64>()
            .unwrap()
            > now_ms()
    );
    for (symbol, usd) in [
        ("BTCUSDT", "65000"),
        ("BTCUSDC", "65000"),
        ("USDCUSDT", "1"),
        ("ETHBTC", ""),
        ("BTCEUR", ""),
    ] {
        let spot = &paper
            .list("/v5/market/tickers", &format!("category=spot&symbol={symbol}"))
            .await[0];
        assert_fields(spot, &[("usdIndexPrice", usd)]);
    }
}

#[tokio::test]
async fn instruments_are_paged_and_spot_is_not() {
    let paper = Paper::still().await;
    let path = "/v5/market/instruments-info";
    let whole: Vec<Value> = paper.list(path, "category=linear").await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..20 {
        let query = format!("category=linear&limit=5&cursor={cursor}");
        let page = paper.get(path, &query).await["result"].clone();
        seen.extend(page["list"].as_array().unwrap().clone());
        // As some clients do, the second half sends the cursor encoded once more.
        cursor = page["nextPageCursor"].as_str().unwrap().to_owned();
        if seen.len() > 8 {
            cursor = cursor.replace('%', "%25");
        }
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, whole);
    assert_eq!(whole.len(), 16, "the last page is a short one");
    let first = paper.get(path, "category=linear&limit=2").await["result"].clone();
    assert_eq!(first["nextPageCursor"], "first%3DBTCUSDT%26last%3DETHUSDT");
    assert_eq!(
        paper.get(path, "category=linear&cursor=last%3DNOSUCH").await["retCode"],
        10001
    );
    assert_eq!(
        paper.get(path, "category=linear&cursor=x").await["retCode"],
        10001
    );
    let spot = paper.get(path, "category=spot&symbol=BTCUSDT&limit=1").await["result"].clone();
    assert!(spot.get("nextPageCursor").is_none());
    assert_eq!(spot["list"][0]["lotSizeFilter"]["basePrecision"], "0.000001");
    let btc = &whole[0];
    assert_eq!(btc["lotSizeFilter"]["minNotionalValue"], "5");
    assert_eq!(btc["lotSizeFilter"]["qtyStep"], "0.001");
    assert_eq!(btc["lotSizeFilter"]["maxOrderQty"], "1000.000");
    assert_eq!(btc["priceFilter"]["tickSize"], "0.10");
    assert_eq!(btc["settleCoin"], "USDT");
    let option = paper.get(path, "category=option").await["result"].clone();
    assert_eq!(option["list"][0]["optionsType"], "Call");
    assert_eq!(option["list"].as_array().unwrap().len(), 21);
}

#[tokio::test]
async fn the_book_is_as_deep_as_asked_for() {
    let paper = Paper::still().await;
    let book = paper
        .get("/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=3")
        .await["result"]
        .clone();
    assert_eq!(
        book["b"],
        json!([
            ["64999.90", "0.500"],
            ["64999.80", "1.000"],
            ["64999.70", "1.500"]
        ])
    );
    assert_eq!(
        book["a"],
        json!([
            ["65000.10", "0.500"],
            ["65000.20", "1.000"],
            ["65000.30", "1.500"]
        ])
    );
    for (query, depth) in [
        ("category=linear&symbol=BTCUSDT", 25),
        ("category=linear&symbol=BTCUSDT&limit=1000", 1000),
        ("category=spot&symbol=BTCUSDT", 1),
        ("category=spot&symbol=BTCUSDT&limit=200", 200),
        ("category=option&symbol=BTC-25DEC26-70000-C-USDT&limit=25", 25),
    ] {
        let book = paper.get("/v5/market/orderbook", query).await["result"].clone();
        assert_eq!(book["a"].as_array().unwrap().len(), depth);
    }
    for query in [
        "category=linear&symbol=BTCUSDT&limit=1001",
        "category=option&symbol=BTC-25DEC26-70000-C-USDT&limit=26",
    ] {
        assert_eq!(paper.get("/v5/market/orderbook", query).await["retCode"], 10001);
    }
    let limit = paper.get("/v5/market/price-limit", "symbol=BTCUSDT").await["result"].clone();
    assert_fields(&limit, &[("buyLmt", "68250.00"), ("sellLmt", "61750.00")]);
}

#[tokio::test]
async fn daily_candles_reach_back_and_hold_their_hours() {
    let paper = Paper::with(PriceSource::Walk).await;
    let query = "category=linear&symbol=BTCUSDT&interval=D&limit=60";
    let days = rows(&paper.get("/v5/market/kline", query).await);
    assert_eq!(days.len(), 60);
    for (newer, older) in days.iter().zip(&days[1..]) {
        assert_eq!(newer.len(), 7);
        assert_eq!(
            newer[0].parse::<i64>().unwrap() - older[0].parse::<i64>().unwrap(),
            DAY
        );
    }
    let day = &days[1];
    let start: i64 = day[0].parse().unwrap();
    let query = format!(
        "category=linear&symbol=BTCUSDT&interval=60&start={start}&end={}",
        start + DAY - 1
    );
    let hours = rows(&paper.get("/v5/market/kline", &query).await);
    assert_eq!(hours.len(), 24);
    let of = |column: usize| {
        hours
            .iter()
            .map(move |hour| parse_decimal(&hour[column]).unwrap())
    };
    let day = |column: usize| parse_decimal(&day[column]).unwrap();
    assert_eq!(day(1), parse_decimal(&hours[23][1]).unwrap(), "open");
    assert_eq!(Some(day(2)), of(2).max(), "high");
    assert_eq!(Some(day(3)), of(3).min(), "low");
    assert_eq!(day(4), parse_decimal(&hours[0][4]).unwrap(), "close");
    assert!(day(2) > day(3));
}

#[tokio::test]
async fn candles_keep_to_their_bounds() {
    let paper = Paper::with(PriceSource::Walk).await;
    let base = "category=spot&symbol=ETHUSDT&interval=5";
    let start = now_ms() / 300_000 * 300_000 - 3_000_000;
    let forward = rows(
        &paper
            .get("/v5/market/kline", &format!("{base}&start={start}&limit=2"))
            .await,
    );
    let starts: Vec<&str> = forward.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(starts, [(start + 300_000).to_string(), start.to_string()]);
    for interval in ["1", "3", "15", "30", "120", "240", "360", "720", "W", "M"] {
        let query = format!("category=inverse&symbol=BTCUSD&interval={interval}&limit=2");
        assert_eq!(
            rows(&paper.get("/v5/market/kline", &query).await).len(),
            2,
            "{interval}"
        );
    }
    assert_eq!(
        paper
            .get("/v5/market/kline", "category=spot&symbol=ETHUSDT&interval=7")
            .await["retCode"],
        10001
    );
    let mark = rows(
        &paper
            .get("/v5/market/mark-price-kline", "symbol=BTCUSDT&interval=D&limit=1")
            .await,
    );
    assert_eq!(mark[0].len(), 5);
    let last = paper
        .list("/v5/market/tickers", "category=spot&symbol=ETHUSDT")
        .await[0]["lastPrice"]
        .clone();
    let open = rows(&paper.get("/v5/market/kline", &format!("{base}&limit=1")).await);
    assert!(
        (number(&last) - parse_decimal(&open[0][4]).unwrap()).abs() < Decimal::ONE,
        "the open candle closes at the last price"
    );
}

#[tokio::test]
async fn the_past_is_the_same_for_one_seed() {
    let folder = tempfile::tempdir().unwrap();
    let query = format!(
        "category=linear&symbol=SOLUSDT&interval=60&end={}&limit=50",
        now_ms() - DAY
    );
    let mut seen = Vec::new();
    for (name, seed) in [("a", 7), ("b", 7), ("c", 8)] {
        let mut config = PaperConfig::new(folder.path().join(name));
        config.seed = Some(seed);
        let server = PaperExchange::start(config, loopback()).await.unwrap();
        seen.push(rows(&get(&server, "/v5/market/kline", &query).await));
        server.stop().await;
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn funding_and_open_interest_are_bounded_and_paged() {
    let paper = Paper::still().await;
    let path = "/v5/market/funding/history";
    let base = "category=linear&symbol=BTCUSDT";
    let funding = paper.list(path, &format!("{base}&limit=3")).await;
    assert_eq!(funding.len(), 3);
    let at = |row: &Value| {
        row["fundingRateTimestamp"]
            .as_str()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    assert_eq!(
        (at(&funding[0]) - at(&funding[1]), at(&funding[0]) % 28_800_000),
        (28_800_000, 0)
    );
    assert_eq!(
        paper.get(path, &format!("{base}&startTime=1")).await["retCode"],
        10001
    );
    let path = "/v5/market/open-interest";
    let first = paper.get(path, &format!("{base}&intervalTime=1h&limit=2")).await["result"].clone();
    let cursor = first["nextPageCursor"].as_str().unwrap();
    let second = paper
        .get(path, &format!("{base}&intervalTime=1h&limit=2&cursor={cursor}"))
        .await["result"]
        .clone();
    let time = |page: &Value, row: usize| {
        page["list"][row]["timestamp"]
            .as_str()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    assert_eq!(time(&first, 1) - time(&second, 0), 3_600_000);
    assert_eq!(
        paper.get(path, &format!("{base}&intervalTime=2h")).await["retCode"],
        10001
    );
    let trades = paper
        .list("/v5/market/recent-trade", "category=spot&symbol=BTCUSDT&limit=5")
        .await;
    assert_eq!(trades.len(), 5);
    assert_fields(&trades[0], &[("price", "65000")]);
}

#[tokio::test]
async fn the_time_is_the_envelope_s_time() {
    let paper = Paper::still().await;
    let reply = paper.get("/v5/market/time", "").await;
    let time = reply["time"].as_i64().unwrap();
    assert!((now_ms() - time).abs() < 1000);
    assert_eq!(reply["result"]["timeSecond"], (time / 1000).to_string());
    assert_eq!(reply["result"]["timeNano"], format!("{time}000000"));
    assert_eq!(reply["retMsg"], "OK");
    assert_eq!(reply["retExtInfo"], json!({}));
}
