//! Public market data key by key: every field that Bybit's replies have, of every kind of instrument.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mandated::domain::money::parse_decimal;
use mandated::sim::{Live, LiveFeed, LivePrice, PriceSource, Replay, ReplayFile};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, assert_fields, get, now_ms};

const TICKER: &str = "symbol bid1Price bid1Size ask1Price ask1Size lastPrice prevPrice24h price24hPcnt highPrice24h \
    lowPrice24h turnover24h volume24h";
const CONTRACT_TICKER: &str = "indexPrice markPrice prevPrice1h openInterest openInterestValue singleOpenInterest \
    singleOpenInterestValue fundingRate nextFundingTime fundingIntervalHour fundingCap predictedDeliveryPrice basis \
    basisRate basisRateYear deliveryFeeRate deliveryTime preOpenPrice preQty curPreListingPhase";
const OPTION_TICKER: &str = "symbol bid1Price bid1Size bid1Iv ask1Price ask1Size ask1Iv lastPrice highPrice24h \
    lowPrice24h markPrice indexPrice markIv underlyingPrice openInterest turnover24h volume24h totalVolume \
    totalTurnover delta gamma vega theta predictedDeliveryPrice change24h";
const CONTRACT: &str = "symbol symbolId contractType status baseCoin quoteCoin settleCoin launchTime deliveryTime \
    deliveryFeeRate priceScale leverageFilter priceFilter lotSizeFilter unifiedMarginTrade fundingInterval \
    copyTrading upperFundingRate lowerFundingRate isPreListing preListingInfo riskParameters forbidUplWithdrawal \
    displayName symbolType";
const SPOT: &str = "symbol symbolId baseCoin quoteCoin innovation status marginTrading stTag xstockMultiplier \
    lotSizeFilter priceFilter riskParameters symbolType";
const OPTION: &str = "symbol status baseCoin quoteCoin settleCoin optionsType launchTime deliveryTime \
    deliveryFeeRate priceFilter lotSizeFilter displayName";
const CONTRACT_LOTS: &str =
    "maxOrderQty minOrderQty qtyStep postOnlyMaxOrderQty maxMktOrderQty minNotionalValue";
const SPOT_LOTS: &str = "basePrecision quotePrecision minOrderQty maxOrderQty minOrderAmt maxOrderAmt \
    maxLimitOrderQty maxMarketOrderQty postOnlyMaxLimitOrderSize";
const TRADE: &str = "execId symbol price size side time isBlockTrade isRPITrade seq";

#[track_caller]
fn assert_keys(row: &Value, lists: &[&str]) {
    let expected: BTreeSet<&str> = lists.iter().flat_map(|list| list.split_whitespace()).collect();
    let found: BTreeSet<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, expected, "{row}");
}

fn number(value: &Value) -> Decimal {
    parse_decimal(value.as_str().unwrap()).unwrap()
}

fn ms(value: &Value) -> i64 {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn tickers_have_the_keys_of_their_category() {
    let paper = Paper::with(PriceSource::Walk).await;
    for (query, keys) in [
        ("category=spot", [TICKER, "usdIndexPrice"]),
        ("category=linear", [TICKER, CONTRACT_TICKER]),
        ("category=inverse", [TICKER, CONTRACT_TICKER]),
        ("category=option&baseCoin=BTC", [OPTION_TICKER, ""]),
    ] {
        let tickers = paper.list("/v5/market/tickers", query).await;
        assert!(tickers.len() >= 5, "{query}");
        for ticker in &tickers {
            assert_keys(ticker, &keys);
            assert!(
                ticker.as_object().unwrap().values().all(Value::is_string),
                "{ticker}"
            );
        }
    }
    let path = "/v5/market/tickers";
    assert_eq!(
        paper
            .list(path, "category=option&baseCoin=BTC&expDate=25DEC26")
            .await
            .len(),
        1
    );
    assert_eq!(paper.list(path, "category=linear&baseCoin=ETH").await.len(), 2);
}

#[tokio::test]
async fn instruments_have_the_keys_of_their_category() {
    let paper = Paper::still().await;
    let path = "/v5/market/instruments-info";
    for category in ["linear", "inverse"] {
        for one in paper.list(path, &format!("category={category}")).await {
            assert_keys(&one, &[CONTRACT]);
            assert_keys(&one["leverageFilter"], &["minLeverage maxLeverage leverageStep"]);
            assert_keys(&one["priceFilter"], &["minPrice maxPrice tickSize"]);
            assert_keys(&one["lotSizeFilter"], &[CONTRACT_LOTS]);
            assert_keys(&one["riskParameters"], &["priceLimitRatioX priceLimitRatioY"]);
            assert!(
                one["fundingInterval"].is_i64() && one["symbolId"].is_i64() && one["isPreListing"] == false
            );
            let scale = ms(&one["priceScale"]);
            let tick = one["priceFilter"]["tickSize"].as_str().unwrap();
            assert_eq!(
                tick.split_once('.').map_or(0, |(_, digits)| digits.len()),
                usize::try_from(scale).unwrap()
            );
        }
    }
    for one in paper.list(path, "category=spot").await {
        assert_keys(&one, &[SPOT]);
        assert_keys(&one["lotSizeFilter"], &[SPOT_LOTS]);
        assert_keys(&one["priceFilter"], &["tickSize"]);
    }
    for one in paper.list(path, "category=option").await {
        assert_keys(&one, &[OPTION]);
        assert_keys(&one["lotSizeFilter"], &["maxOrderQty minOrderQty qtyStep"]);
    }
}

#[tokio::test]
async fn ticks_lots_leverage_and_funding_differ() {
    let paper = Paper::still().await;
    let all = paper.list("/v5/market/instruments-info", "category=linear").await;
    let kinds = |read: fn(&Value) -> String| all.iter().map(read).collect::<BTreeSet<String>>();
    let ticks = kinds(|one| one["priceFilter"]["tickSize"].to_string());
    assert!(
        ticks.contains("\"0.0000001\"") && ticks.contains("\"1\"") && ticks.len() >= 7,
        "{ticks:?}"
    );
    assert!(kinds(|one| one["lotSizeFilter"]["qtyStep"].to_string()).len() >= 5);
    assert!(kinds(|one| one["leverageFilter"]["maxLeverage"].to_string()).len() >= 3);
    let funding = kinds(|one| one["fundingInterval"].to_string());
    assert!(
        ["60", "240", "480"]
            .iter()
            .all(|minutes| funding.contains(*minutes)),
        "{funding:?}"
    );
    let types = kinds(|one| one["contractType"].as_str().unwrap().to_owned());
    assert_eq!(
        types,
        BTreeSet::from(["LinearFutures", "LinearPerpetual"].map(str::to_owned))
    );
    let settles = kinds(|one| one["settleCoin"].as_str().unwrap().to_owned());
    assert_eq!(settles, BTreeSet::from(["USDC", "USDT"].map(str::to_owned)));
}

#[tokio::test]
async fn what_does_not_trade_is_listed_only_when_asked_for() {
    let paper = Paper::still().await;
    let path = "/v5/market/instruments-info";
    let gone = paper.list(path, "category=linear&status=Delivering").await;
    assert_eq!(gone.len(), 1);
    assert_fields(&gone[0], &[("symbol", "WAVESUSDT"), ("status", "Delivering")]);
    assert!(ms(&gone[0]["deliveryTime"]) > now_ms());
    let new = paper.list(path, "category=linear&status=PreLaunch").await;
    assert_eq!(new.len(), 1);
    assert_eq!(
        (&new[0]["symbol"], &new[0]["isPreListing"]),
        (&json!("MEGAUSDT"), &json!(true))
    );
    assert_keys(
        &new[0]["preListingInfo"],
        &["curAuctionPhase phases auctionFeeInfo skipCallAuction"],
    );
    assert_keys(
        &new[0]["preListingInfo"]["phases"][3],
        &["phase startTime endTime"],
    );
    assert_eq!(new[0]["preListingInfo"]["phases"][3]["endTime"], "");
    let closed = paper.list(path, "category=inverse&status=Closed").await;
    assert_eq!(closed.len(), 1);
    assert_eq!(
        paper.list(path, "category=linear&symbol=WAVESUSDT").await.len(),
        1
    );
    assert_eq!(
        paper
            .list(path, "category=linear&symbolType=innovation")
            .await
            .len(),
        0
    );
    assert_eq!(
        paper.list(path, "category=spot&symbolType=adventure").await.len(),
        1
    );
    assert_eq!(
        paper.get(path, "category=linear&status=Broken").await["retCode"],
        10001
    );
    // With a base coin both kinds of contract come.
    let both = paper.list(path, "category=inverse&baseCoin=XRP").await;
    let symbols: Vec<&str> = both.iter().map(|one| one["symbol"].as_str().unwrap()).collect();
    assert_eq!(symbols, ["XRPUSDT", "XRPUSD"]);
    let auction = &paper
        .list("/v5/market/tickers", "category=linear&symbol=MEGAUSDT")
        .await[0];
    assert_fields(
        auction,
        &[("curPreListingPhase", "CallAuction"), ("preOpenPrice", "1.2000")],
    );
}

#[tokio::test]
async fn a_future_says_when_it_is_delivered_and_pays_no_funding() {
    let paper = Paper::with(PriceSource::Walk).await;
    for category in ["linear", "inverse"] {
        let all = paper
            .list("/v5/market/instruments-info", &format!("category={category}"))
            .await;
        let futures = all
            .iter()
            .filter(|one| one["contractType"].as_str().unwrap().ends_with("Futures"));
        let symbols: Vec<String> = futures
            .map(|one| one["symbol"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(symbols.len(), 2);
        let query = format!("category={category}&symbol={}", symbols[1]);
        let ticker = paper.list("/v5/market/tickers", &query).await[0].clone();
        assert_fields(
            &ticker,
            &[
                ("fundingRate", ""),
                ("nextFundingTime", ""),
                ("deliveryFeeRate", "0"),
            ],
        );
        assert!(ms(&ticker["deliveryTime"]) > now_ms());
        assert!(
            number(&ticker["basis"]) > Decimal::ZERO && number(&ticker["basisRate"]) < Decimal::new(2, 2)
        );
        assert_eq!(
            number(&ticker["basis"]),
            number(&ticker["lastPrice"]) - number(&ticker["indexPrice"])
        );
        assert_eq!(paper.list("/v5/market/funding/history", &query).await.len(), 0);
        let delivered = paper
            .list("/v5/market/delivery-price", &format!("category={category}"))
            .await;
        assert_eq!(delivered.len(), 1);
        assert_keys(&delivered[0], &["symbol deliveryPrice deliveryTime"]);
    }
    let info = paper
        .get("/v5/market/delivery-price", "category=option&baseCoin=ETH")
        .await;
    assert_eq!(
        info["result"],
        json!({"category": "option", "list": [], "nextPageCursor": ""})
    );
    let spot = paper.get("/v5/market/delivery-price", "category=spot").await;
    assert_eq!(spot["retCode"], 10001);
}

#[tokio::test]
async fn an_option_costs_what_its_volatility_says() {
    let paper = Paper::with(PriceSource::Walk).await;
    for ticker in paper
        .list("/v5/market/tickers", "category=option&baseCoin=BTC")
        .await
        .iter()
        .skip(1)
    {
        let symbol = ticker["symbol"].as_str().unwrap();
        let delta = number(&ticker["delta"]);
        let (bound, call) = (Decimal::from(1), symbol.contains("-C-"));
        assert!(if call {
            delta >= Decimal::ZERO && delta <= bound
        } else {
            delta <= Decimal::ZERO && delta >= -bound
        });
        for positive in ["gamma", "vega", "markIv"] {
            assert!(number(&ticker[positive]) >= Decimal::ZERO, "{ticker}");
        }
        assert!(number(&ticker["theta"]) <= Decimal::ZERO);
        assert!(number(&ticker["bid1Iv"]) < number(&ticker["ask1Iv"]));
        let strike: Decimal = Decimal::from_str_exact(symbol.split('-').nth(2).unwrap()).unwrap();
        let under = number(&ticker["underlyingPrice"]);
        let gain = if call { under - strike } else { strike - under };
        assert!(number(&ticker["markPrice"]) >= gain - Decimal::TEN, "{ticker}");
    }
    let trades = paper
        .list(
            "/v5/market/recent-trade",
            "category=option&baseCoin=BTC&optionType=Put&limit=2",
        )
        .await;
    assert_keys(&trades[0], &[TRADE, "mP iP mIv iv"]);
    assert!(trades[0]["symbol"].as_str().unwrap().contains("-P-"));
    let history = paper
        .get("/v5/market/historical-volatility", "category=option&period=30")
        .await;
    assert_keys(&history["result"][0], &["period value time"]);
    assert_eq!(history["result"][0]["period"], 30);
}

#[tokio::test]
async fn trades_keep_their_ids_and_lie_on_the_path() {
    let paper = Paper::with(PriceSource::Walk).await;
    let again = Paper::server(&paper.folder, PriceSource::Walk).await;
    for query in [
        "category=linear&symbol=ETHUSDT&limit=40",
        "category=spot&symbol=ETHUSDT&limit=40",
    ] {
        let first = paper.list("/v5/market/recent-trade", query).await;
        let second = get(&again, "/v5/market/recent-trade", query).await["result"]["list"].clone();
        assert_eq!(first.len(), 40);
        let by_id: BTreeMap<String, &Value> = second
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["execId"].to_string(), row))
            .collect();
        let known: Vec<&Value> = first
            .iter()
            .filter(|row| by_id.contains_key(&row["execId"].to_string()))
            .collect();
        assert!(known.len() > 10, "only {} in both", known.len());
        assert!(known.iter().all(|row| by_id[&row["execId"].to_string()] == *row));
        for pair in first.windows(2) {
            assert_keys(&pair[0], &[TRADE]);
            assert_eq!(ms(&pair[0]["time"]) - ms(&pair[1]["time"]), 250, "newest first");
            assert!(ms(&pair[0]["seq"]) > ms(&pair[1]["seq"]));
        }
    }
    again.stop().await;
}

#[tokio::test]
async fn candles_of_all_kinds_have_five_or_seven_columns() {
    let paper = Paper::with(PriceSource::Walk).await;
    let query = "category=linear&symbol=ETHUSDT&interval=60&limit=24";
    let rows = |path: &'static str| {
        let paper = &paper;
        async move {
            let list = paper.list(path, query).await;
            list.iter()
                .map(|row| row.as_array().unwrap().iter().map(number).collect())
                .collect::<Vec<Vec<Decimal>>>()
        }
    };
    let last = rows("/v5/market/kline").await;
    let mark = rows("/v5/market/mark-price-kline").await;
    let index = rows("/v5/market/index-price-kline").await;
    let premium = rows("/v5/market/premium-index-price-kline").await;
    for (hour, row) in last.iter().enumerate().skip(1) {
        assert_eq!(
            [
                row.len(),
                mark[hour].len(),
                index[hour].len(),
                premium[hour].len()
            ],
            [7, 5, 5, 5]
        );
        for row in [row, &mark[hour], &index[hour], &premium[hour]] {
            assert!(
                row[3] <= row[1].min(row[4]) && row[1].max(row[4]) <= row[2],
                "{row:?}"
            );
        }
        assert!((mark[hour][1] - (row[1] + index[hour][1]) / Decimal::TWO).abs() < Decimal::new(3, 2));
        assert!(premium[hour][3] < Decimal::ZERO && premium[hour][2].abs() < Decimal::new(1, 3));
        assert!(
            row[6] > row[5] * row[3] && row[6] < row[5] * row[2],
            "turnover is volume at a price of the hour"
        );
    }
    for path in [
        "/v5/market/mark-price-kline",
        "/v5/market/index-price-kline",
        "/v5/market/premium-index-price-kline",
    ] {
        let spot = paper.get(path, "category=spot&symbol=ETHUSDT&interval=60").await;
        assert_eq!(spot["retCode"], 10001, "{path}");
    }
}

#[tokio::test]
async fn risk_limits_come_fifteen_symbols_at_a_time() {
    let paper = Paper::still().await;
    let path = "/v5/market/risk-limit";
    let first = paper.get(path, "category=linear").await["result"].clone();
    let symbols = |page: &Value| -> BTreeSet<String> {
        page["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["symbol"].to_string())
            .collect()
    };
    assert_eq!(symbols(&first).len(), 15);
    let cursor = first["nextPageCursor"].as_str().unwrap();
    let second = paper.get(path, &format!("category=linear&cursor={cursor}")).await["result"].clone();
    assert_eq!(second["nextPageCursor"], "");
    assert!(symbols(&first).is_disjoint(&symbols(&second)) && !symbols(&second).is_empty());
    let btc = paper.list(path, "category=linear&symbol=BTCUSDT").await;
    assert_eq!(
        btc[..2],
        [
            json!({"id": 1, "symbol": "BTCUSDT", "riskLimitValue": "2000000", "maintenanceMargin": "0.005",
                "initialMargin": "0.01", "isLowestRisk": 1, "maxLeverage": "100.00", "mmDeduction": ""}),
            json!({"id": 2, "symbol": "BTCUSDT", "riskLimitValue": "6000000", "maintenanceMargin": "0.01",
                "initialMargin": "0.02", "isLowestRisk": 0, "maxLeverage": "50.00", "mmDeduction": "10000"}),
        ]
    );
    assert_eq!(paper.get(path, "category=spot").await["retCode"], 10001);
}

#[tokio::test]
async fn the_rest_is_well_formed() {
    let paper = Paper::still().await;
    let status = paper.get("/v5/system/status", "").await;
    assert_eq!(
        (&status["retCode"], &status["result"]),
        (&json!(0), &json!({"list": []}))
    );
    let news = paper.get("/v5/announcements/index", "locale=en-US").await;
    assert_eq!(news["result"], json!({"total": 0, "list": []}));
    let insurance = paper.get("/v5/market/insurance", "coin=USDT").await["result"].clone();
    assert_keys(&insurance, &["updatedTime list"]);
    assert_keys(&insurance["list"][0], &["coin symbols balance value"]);
    let ratio = "category=linear&symbol=BTCUSDT&period=1h&limit=3";
    let ratios = paper.get("/v5/market/account-ratio", ratio).await["result"].clone();
    assert_keys(&ratios, &["list nextPageCursor"]);
    for row in ratios["list"].as_array().unwrap() {
        assert_keys(row, &["symbol buyRatio sellRatio timestamp"]);
        assert_eq!(number(&row["buyRatio"]) + number(&row["sellRatio"]), Decimal::ONE);
    }
    let book = paper
        .get("/v5/market/orderbook", "category=spot&symbol=BTCUSDT")
        .await["result"]
        .clone();
    assert_keys(&book, &["s b a ts u seq cts"]);
    for number in ["ts", "u", "seq", "cts"] {
        assert!(book[number].is_i64());
    }
    let limit = paper
        .get("/v5/market/price-limit", "category=spot&symbol=BTCUSDT")
        .await["result"]
        .clone();
    assert_keys(&limit, &["symbol buyLmt sellLmt ts"]);
    let hourly = paper
        .list(
            "/v5/market/funding/history",
            "category=linear&symbol=DENTUSDT&limit=3",
        )
        .await;
    assert_keys(&hourly[0], &["symbol fundingRate fundingRateTimestamp"]);
    assert_eq!(
        ms(&hourly[0]["fundingRateTimestamp"]) - ms(&hourly[2]["fundingRateTimestamp"]),
        7_200_000
    );
    let open = paper
        .get(
            "/v5/market/open-interest",
            "category=inverse&symbol=BTCUSD&intervalTime=1h&limit=1",
        )
        .await;
    assert_keys(&open["result"], &["symbol category list nextPageCursor"]);
    assert_keys(
        &open["result"]["list"][0],
        &["openInterest singleOpenInterest timestamp"],
    );
    for end in [i64::MIN, -1, 0, i64::MAX] {
        for query in [
            format!(
                "/v5/market/premium-index-price-kline?category=linear&symbol=BTCUSDT&interval=W&end={end}&limit=2"
            ),
            format!(
                "/v5/market/account-ratio?category=linear&symbol=BTCUSDT&period=1d&endTime={end}&limit=2"
            ),
            format!("/v5/market/historical-volatility?category=option&startTime={end}&endTime={end}"),
        ] {
            let (path, parameters) = query.split_once('?').unwrap();
            assert_eq!(paper.get(path, parameters).await["retCode"], 0, "{query}");
        }
    }
}

#[tokio::test]
async fn a_recorded_day_is_the_market() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("btc.csv");
    std::fs::write(
        &file,
        "time,open,high,low,close\n1780358400,50000,50100,49900,50050\n",
    )
    .unwrap();
    let file: ReplayFile = format!("linear:BTCUSDT={}", file.display()).parse().unwrap();
    let replay = Replay::read(&[file]).unwrap();
    assert_eq!(
        (replay.prices(), replay.span_ms()),
        (4, Some((1_780_358_400_000, 1_780_358_445_000)))
    );
    let paper = Paper::with(PriceSource::Replay(Arc::new(replay))).await;
    for (query, last) in [
        ("category=linear&symbol=BTCUSDT", "50050.00"),
        ("category=inverse&symbol=BTCUSD", "50050.00"),
        ("category=spot&symbol=BTCUSDC", "50050"),
    ] {
        assert_fields(
            &paper.list("/v5/market/tickers", query).await[0],
            &[("lastPrice", last)],
        );
    }
    let query = "category=linear&symbol=BTCUSDT&interval=1&start=1780358400000&end=1780358400000";
    let candle = paper.list("/v5/market/kline", query).await[0].clone();
    let prices: Vec<&str> = (1..5).map(|at| candle[at].as_str().unwrap()).collect();
    assert_eq!(prices, ["50000", "50100", "49900", "50050"]);
}

/// A live market of one contract.
struct Feed;

impl LiveFeed for Feed {
    fn latest(&self, category: &str, symbol: &str) -> Option<LivePrice> {
        let price = Decimal::from(64_321);
        (category == "linear" && symbol == "BTCUSDT").then(|| LivePrice {
            last: price,
            mark: price,
            index: price,
            at_ms: now_ms(),
        })
    }
}

#[tokio::test]
async fn without_a_live_price_there_is_no_market_and_no_order() {
    let paper = Paper::with(PriceSource::Live(Live::new(Arc::new(Feed)))).await;
    let tickers = paper.list("/v5/market/tickers", "category=linear").await;
    assert_eq!(tickers.len(), 1);
    assert_fields(&tickers[0], &[("symbol", "BTCUSDT"), ("lastPrice", "64321.00")]);
    for path in ["tickers", "orderbook", "recent-trade", "price-limit"] {
        let reply = paper
            .get(&format!("/v5/market/{path}"), "category=linear&symbol=ETHUSDT")
            .await;
        assert_eq!(reply["retCode"], 10016, "{path}");
    }
    let order = |symbol: &str| json!({"category": "linear", "symbol": symbol, "side": "Buy", "orderType": "Market", "qty": "0.01"});
    assert_eq!(paper.refused(order("ETHUSDT")).await, 10016);
    paper.place(order("BTCUSDT")).await;
    let bars = paper
        .list("/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=1")
        .await;
    assert!(bars.len() <= 2, "nothing is made up for the time before");
}

#[tokio::test]
async fn depth_changes_and_the_numbers_of_books_only_grow() {
    let paper = Paper::with(PriceSource::Walk).await;
    let read = || async {
        paper
            .get("/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=50")
            .await["result"]
            .clone()
    };
    let sizes = |book: &Value| -> Vec<String> {
        book["a"]
            .as_array()
            .unwrap()
            .iter()
            .map(|level| level[1].to_string())
            .collect()
    };
    let first = read().await;
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    let second = read().await;
    assert_ne!(sizes(&first), sizes(&second));
    assert!(second["u"].as_i64() > first["u"].as_i64() && second["seq"].as_i64() > first["seq"].as_i64());
    let price = |level: usize| number(&second["a"][level][0]);
    assert_eq!(price(1) - price(0), Decimal::new(1, 1));
    assert_eq!(price(0) - number(&second["b"][0][0]), Decimal::new(2, 1));
}
