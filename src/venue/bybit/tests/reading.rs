//! What the gate asks, end to end: which requests are made, and what comes out of the answers.

use super::stub::{Answer, Seen, Stub, code, ok};
use super::*;
use crate::domain::account::{Instrument, SizeUnit};
use crate::domain::order::OrderKey;
use crate::domain::symbol::Coin;
use crate::venue::VenueError;

const REALTIME: &str = "/v5/order/realtime";

fn listed(category: &str, row: &str) -> Answer {
    ok(&format!(
        r#"{{"category":"{category}","list":[{row}],"nextPageCursor":""}}"#
    ))
}

fn nothing(seen: &Seen) -> Answer {
    let category = seen
        .query()
        .split('&')
        .find_map(|pair| pair.strip_prefix("category="));
    listed(category.unwrap_or_default(), "")
}

#[tokio::test]
async fn a_quote_has_no_side_where_the_book_has_none() {
    let stub = Stub::start(|seen| match seen.has("category=spot") {
        true => listed("spot", r#"{"symbol":"BTCUSDT","lastPrice":"65000.10","bid1Price":"0","ask1Price":"65001"}"#),
        false => listed(
            "linear",
            r#"{"symbol":"BTCUSDT","lastPrice":"65000","bid1Price":"","ask1Price":"65001","markPrice":"64999.5"}"#,
        ),
    })
    .await;
    let venue = venue(&stub);
    let spot = venue.fetch_quote(&id("spot:BTCUSDT")).await.unwrap();
    assert_eq!(
        (spot.last, spot.bid, spot.ask, spot.mark),
        (price("65000.1"), None, Some(price("65001")), None)
    );
    let linear = venue.fetch_quote(&id("linear:BTCUSDT")).await.unwrap();
    assert_eq!((linear.bid, linear.mark), (None, Some(price("64999.5"))));
}

#[tokio::test]
async fn a_quote_without_a_price_or_of_something_else_is_an_error() {
    for (row, expected) in [
        (r#"{"symbol":"BTCUSDT","lastPrice":""}"#, "`lastPrice` is missing"),
        (
            r#"{"symbol":"BTCUSDT","lastPrice":"0"}"#,
            "`lastPrice` is missing or zero",
        ),
        (
            r#"{"symbol":"BTCUSDT","lastPrice":"-1"}"#,
            "`lastPrice` is negative",
        ),
        (
            r#"{"symbol":"BTCUSDT","lastPrice":"1","markPrice":"x"}"#,
            "`markPrice` cannot be used",
        ),
        (r#"{"symbol":"ETHUSDT","lastPrice":"1"}"#, "not listed"),
        ("", "not listed"),
    ] {
        let stub = Stub::always(listed("linear", row)).await;
        let error = venue(&stub)
            .fetch_quote(&id("linear:BTCUSDT"))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{row}: {error}");
    }
    let stub = Stub::always(listed("spot", r#"{"symbol":"BTCUSDT","lastPrice":"1"}"#)).await;
    let error = venue(&stub).fetch_quote(&id("linear:BTCUSDT")).await.unwrap_err();
    assert!(matches!(error, VenueError::Unreadable(_)), "{error:?}");
    let stub = Stub::always(code(10001, "params error: symbol invalid")).await;
    let error = venue(&stub)
        .fetch_quote(&id("linear:NOPEUSDT"))
        .await
        .unwrap_err();
    assert_eq!(error, VenueError::UnknownInstrument(id("linear:NOPEUSDT")));
}

#[tokio::test]
async fn an_instrument_is_asked_for_once_in_ten_minutes() {
    let stub = Stub::always(listed(
        "linear",
        r#"{"symbol":"ABCUSDT","status":"Trading","baseCoin":"ABC","quoteCoin":"USDT","settleCoin":"USDT","isPreListing":false,
            "leverageFilter":{"maxLeverage":"25.00"},"priceFilter":{"tickSize":"0.0010"},
            "lotSizeFilter":{"qtyStep":"0.1","minOrderQty":"0.1","maxOrderQty":"900","maxMktOrderQty":"90","minNotionalValue":"5"}}"#,
    ))
    .await;
    let venue = venue(&stub);
    let first = venue.fetch_instrument(&id("linear:ABCUSDT")).await.unwrap();
    let second = venue.fetch_instrument(&id("linear:ABCUSDT")).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(stub.seen().len(), 1);
    assert_eq!(first.max_leverage, Some("25".parse().unwrap()));
    assert_eq!(first.max_market_qty, Some(qty("90")));
    assert_eq!(first.tick_size, Some(price("0.001")));
}

/// Asks for one instrument that is listed as `row`.
async fn listed_as(name: &str, row: &str) -> Instrument {
    let (category, _) = name.split_once(':').unwrap();
    let stub = Stub::always(listed(category, row)).await;
    venue(&stub).fetch_instrument(&id(name)).await.unwrap()
}

#[tokio::test]
async fn each_category_has_its_own_words_for_the_rules_of_an_instrument() {
    let spot = listed_as(
        "spot:ABCUSDT",
        r#"{"symbolId":9,"symbol":"ABCUSDT","baseCoin":"ABC","quoteCoin":"USDT","status":"Trading","marginTrading":"none",
            "lotSizeFilter":{"basePrecision":"0.01","quotePrecision":"0.0001","minOrderQty":"0.05","maxOrderQty":"80",
                             "minOrderAmt":"5","maxOrderAmt":"8000","maxLimitOrderQty":"70","maxMarketOrderQty":"40.5"},
            "priceFilter":{"tickSize":"0.1"},"symbolType":""}"#,
    )
    .await;
    assert_eq!(
        (spot.qty_step, spot.quote_step),
        (Some(qty("0.01")), Some(qty("0.0001")))
    );
    assert_eq!((spot.min_qty, spot.min_notional), (None, Some(qty("5"))));
    assert_eq!(
        (spot.max_limit_qty, spot.max_market_qty),
        (Some(qty("70")), Some(qty("40.5")))
    );
    assert_eq!(
        (spot.settle_coin, spot.max_leverage, spot.is_pre_listing),
        (None, None, false)
    );
    let unopened = listed_as(
        "inverse:ABCUSD",
        r#"{"symbol":"ABCUSD","contractType":"InversePerpetual","status":"PreLaunch","baseCoin":"ABC","quoteCoin":"USD",
            "settleCoin":"ABC","deliveryFeeRate":"","leverageFilter":{"minLeverage":"1","maxLeverage":"5.00"},
            "priceFilter":{"minPrice":"0.50","tickSize":"0.50"},"isPreListing":true,
            "preListingInfo":{"curAuctionPhase":"NotStarted","phases":[]},
            "lotSizeFilter":{"maxOrderQty":"2500","minOrderQty":"1","qtyStep":"1","maxMktOrderQty":"500","minNotionalValue":"1"}}"#,
    )
    .await;
    assert_eq!(
        (unopened.status.as_deref(), unopened.is_pre_listing),
        (Some("PreLaunch"), true)
    );
    assert_eq!(unopened.settle_coin, Some(Coin::parse("ABC").unwrap()));
    assert_eq!(
        (unopened.min_qty, unopened.max_market_qty),
        (Some(qty("1")), Some(qty("500")))
    );
    assert_eq!(unopened.quote_step, None);
}

#[tokio::test]
async fn a_coin_is_worth_its_index_or_else_its_dearest_price() {
    let stub = Stub::start(|seen| {
        if seen.has("symbol=BTCUSDT") {
            listed("spot", r#"{"symbol":"BTCUSDT","lastPrice":"64000","usdIndexPrice":"65000.12"}"#)
        } else if seen.has("symbol=ABCUSDT") {
            listed(
                "spot",
                r#"{"symbol":"ABCUSDT","lastPrice":"2","bid1Price":"1.9","ask1Price":"2.1","usdIndexPrice":""}"#,
            )
        } else if seen.has("symbol=XYZUSDC") {
            listed("spot", r#"{"symbol":"XYZUSDC","lastPrice":"3","usdIndexPrice":""}"#)
        } else {
            code(10001, "Not supported symbols")
        }
    })
    .await;
    let venue = venue(&stub);
    for (coin, expected) in [("BTC", "65000.12"), ("ABC", "2.1"), ("XYZ", "3")] {
        let found = venue.fetch_coin_usd(&Coin::parse(coin).unwrap()).await.unwrap();
        assert_eq!(found, price(expected), "{coin}");
    }
    let error = venue
        .fetch_coin_usd(&Coin::parse("NOPE").unwrap())
        .await
        .unwrap_err();
    assert_eq!(error, VenueError::UnknownInstrument(id("spot:NOPEUSDT")));
}

#[tokio::test]
async fn positions_are_asked_for_in_every_part_of_the_account() {
    let stub = Stub::start(|seen| {
        if seen.has("settleCoin=USDT") {
            listed(
                "linear",
                r#"{"symbol":"BTCUSDT","side":"Buy","size":"0.5","positionIdx":1,"markPrice":"50500.00"},
                   {"symbol":"BTCUSDT","side":"Sell","size":"0.2","positionIdx":2,"markPrice":"50500.00"},
                   {"symbol":"ETHUSDT","side":"","size":"0","positionIdx":0,"markPrice":""}"#,
            )
        } else if seen.has("category=inverse") {
            listed(
                "inverse",
                r#"{"symbol":"BTCUSD","side":"Sell","size":"300","positionIdx":0,"markPrice":"50000"}"#,
            )
        } else {
            nothing(seen)
        }
    })
    .await;
    let positions = venue(&stub).fetch_positions().await.unwrap();
    let shown: Vec<String> = positions
        .iter()
        .map(|position| {
            let leg = position.position_idx.to_wire();
            format!(
                "{} {} {} {leg}",
                position.instrument,
                position.side.as_str(),
                position.size
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "linear:BTCUSDT Buy 0.5 1",
            "linear:BTCUSDT Sell 0.2 2",
            "inverse:BTCUSD Sell 300 0"
        ]
    );
    let mut asked: Vec<String> = stub
        .seen_at("/v5/position/list")
        .iter()
        .map(|seen| seen.query().to_owned())
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "category=inverse&limit=200",
            "category=linear&settleCoin=USDC&limit=200",
            "category=linear&settleCoin=USDT&limit=200",
            "category=option&limit=200",
        ]
    );
}

#[tokio::test]
async fn open_orders_are_asked_for_in_every_part_and_done_ones_are_left_out() {
    let stub = Stub::start(|seen| match seen.has("category=spot") {
        true => listed(
            "spot",
            r#"{"symbol":"XRPUSDT","side":"Buy","orderType":"Market","orderStatus":"Untriggered","qty":"200","cumExecQty":"0","cumExecValue":"0","leavesQty":"0","leavesValue":"200","marketUnit":"","triggerPrice":"0.5","price":"0","orderId":"1","orderLinkId":"","positionIdx":0},
               {"symbol":"XRPUSDT","side":"Buy","orderType":"Limit","orderStatus":"Filled","qty":"1","cumExecQty":"1","leavesQty":"0","price":"1","orderId":"2"}"#,
        ),
        false => nothing(seen),
    })
    .await;
    let orders = venue(&stub).fetch_open_orders().await.unwrap();
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].unit, SizeUnit::Quote);
    assert_eq!(orders[0].leaves, "200".parse().unwrap());
    let mut asked: Vec<String> = stub
        .seen_at(REALTIME)
        .iter()
        .map(|seen| seen.query().to_owned())
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "category=inverse&openOnly=0&limit=50",
            "category=linear&settleCoin=USDC&openOnly=0&limit=50",
            "category=linear&settleCoin=USDT&openOnly=0&limit=50",
            "category=option&openOnly=0&limit=50",
            "category=spot&openOnly=0&limit=50",
        ]
    );
}

#[tokio::test]
async fn a_wallet_is_one_account_whose_every_coin_is_understood() {
    let stub = Stub::always(ok(
        r#"{"list":[{"accountType":"UNIFIED","coin":[{"coin":"BTC","equity":"-0.1","walletBalance":"","usdValue":""},{"coin":"USDT","equity":"5","walletBalance":"6","usdValue":"4.99"}]}]}"#,
    ))
    .await;
    let wallet = venue(&stub).fetch_wallet().await.unwrap();
    assert_eq!(wallet[0].usd_value, None);
    assert_eq!(wallet[0].equity, "-0.1".parse().unwrap());
    assert_eq!(wallet[1].usd_value, Some("4.99".parse().unwrap()));
    assert_eq!(
        (wallet[0].wallet, wallet[1].wallet),
        (None, Some("6".parse().unwrap()))
    );
    for result in [
        r#"{"list":[]}"#,
        r#"{"list":[{"coin":[{"coin":"BTC","equity":""}]}]}"#,
        r#"{"list":[{}]}"#,
        r#"{}"#,
        "null",
    ] {
        let stub = Stub::always(ok(result)).await;
        let error = venue(&stub).fetch_wallet().await.unwrap_err();
        assert!(matches!(error, VenueError::Unreadable(_)), "{result}: {error:?}");
    }
}

#[tokio::test]
async fn the_mean_turnover_leaves_the_open_candle_out_and_counts_a_day_before_the_listing_as_none() {
    let now = super::super::clock::Moment::now().system_ms;
    let day = 86_400_000;
    let today = now - now % day;
    let candle = move |days_ago: i64, volume: &str, turnover: &str| {
        format!(
            r#"["{}","1","1","1","1","{volume}","{turnover}"]"#,
            today - days_ago * day
        )
    };
    let candles = [
        candle(0, "900", "9000"),
        candle(1, "10", "100"),
        candle(2, "80", "350"),
    ]
    .join(",");
    let newest = candle(0, "1", "1");
    let stub = Stub::start(move |seen| {
        let category = if seen.has("category=inverse") {
            "inverse"
        } else {
            "linear"
        };
        let list = if seen.has("symbol=NEWUSDT") {
            &newest
        } else {
            &candles
        };
        ok(&format!(
            r#"{{"category":"{category}","symbol":"X","list":[{list}]}}"#
        ))
    })
    .await;
    let venue = venue(&stub);
    let linear = venue.fetch_average_turnover(&id("linear:BTCUSDT")).await.unwrap();
    assert_eq!(linear, "10".parse().unwrap());
    let inverse = venue.fetch_average_turnover(&id("inverse:BTCUSD")).await.unwrap();
    assert_eq!(inverse, "2".parse().unwrap());
    let error = venue
        .fetch_average_turnover(&id("linear:NEWUSDT"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("no full day"), "{error}");
    assert!(stub.seen_at("/v5/market/kline")[0].has("limit=46"));
}

const ROW: &str = r#"{"symbol":"BTCUSDT","side":"Buy","orderType":"Limit","orderStatus":"New","qty":"1","cumExecQty":"0","leavesQty":"1","price":"5","positionIdx":0,"orderId":"77","orderLinkId":"mandated-0001"}"#;

#[tokio::test]
async fn an_order_is_looked_for_in_every_place_that_may_know_it() {
    let key = OrderKey::Client(client_id());
    type Knows = fn(&Seen) -> bool;
    let places: [(&str, Knows); 4] = [
        ("realtime", |seen| {
            seen.path() == REALTIME && !seen.query().contains("orderFilter")
        }),
        ("conditional", |seen| seen.has("orderFilter=StopOrder")),
        ("tpsl", |seen| seen.has("orderFilter=tpslOrder")),
        ("history", |seen| seen.path() == "/v5/order/history"),
    ];
    for (name, knows) in places {
        let stub = Stub::start(move |seen| {
            if knows(seen) {
                listed("spot", ROW)
            } else {
                nothing(seen)
            }
        })
        .await;
        let found = venue(&stub).find_order(&id("spot:BTCUSDT"), &key).await.unwrap();
        assert_eq!(found.unwrap().order.venue_id.as_deref(), Some("77"), "{name}");
        for seen in stub.seen().iter().filter(|seen| seen.path() != "/v5/market/time") {
            assert!(seen.has("orderLinkId=mandated-0001"), "{seen:?}");
        }
    }
    let stub = Stub::start(nothing).await;
    let found = venue(&stub).find_order(&id("spot:BTCUSDT"), &key).await.unwrap();
    assert_eq!(found, None);
    assert_eq!(stub.seen().len(), 1 + 5);
}

/// Bybit looks back for seven days unless it is told, and answers for seven days at once.
#[tokio::test]
async fn an_old_order_is_looked_for_from_when_it_was_sent() {
    const DAY: i64 = 86_400_000;
    let key = OrderKey::Client(client_id());
    let time = |seen: &Seen, name: &str| -> i64 {
        let pairs = seen.query().split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.into_iter().find(|(given, _)| *given == name).unwrap();
        value.parse().unwrap()
    };
    // As on Bybit, an order is in the history at the time at which it was made.
    for (age, spans) in [(DAY, 1), (8 * DAY, 2), (20 * DAY, 3), (400 * DAY, 13)] {
        let stub = Stub::start(nothing).await;
        let venue = venue(&stub);
        let now = venue.exchange_ms().await.unwrap();
        let sent = now - age;
        let found = venue.find_order_sent_at(&id("linear:BTCUSDT"), &key, sent).await;
        assert_eq!(found.unwrap(), None);
        for path in ["/v5/order/history", "/v5/execution/list"] {
            let asked = stub.seen_at(path);
            assert_eq!(asked.len(), spans, "{path} {age}");
            let mut from = sent - 3_600_000;
            for seen in &asked {
                assert!(seen.has("orderLinkId=mandated-0001"), "{seen:?}");
                let (start, end) = (time(seen, "startTime"), time(seen, "endTime"));
                assert_eq!(start, from, "{path} {age}");
                assert!(start < end && end - start <= 7 * DAY, "{path} {start} {end}");
                from = end;
            }
            // About three months are looked through at most.
            assert_eq!(from >= now, spans < 13, "{path} {age}");
        }
    }
    let stub = Stub::start(move |seen| match seen.path() {
        "/v5/order/history" if time(seen, "startTime") < 1_000_000_000_000 => listed("linear", ROW),
        _ => nothing(seen),
    })
    .await;
    let venue = venue(&stub);
    let sent = 1_000_000_000_000;
    let found = venue.find_order_sent_at(&id("linear:BTCUSDT"), &key, sent).await;
    assert_eq!(found.unwrap().unwrap().order.venue_id.as_deref(), Some("77"));
    assert_eq!(stub.seen_at("/v5/order/history").len(), 1);
    // A clock of ours that is ahead does not ask for the future.
    let ahead = venue.exchange_ms().await.unwrap() + DAY;
    let found = venue.find_order_sent_at(&id("linear:BTCUSDT"), &key, ahead).await;
    assert_eq!(found.unwrap(), None);
    let last = stub.seen_at("/v5/order/history").pop().unwrap();
    assert_eq!(time(&last, "endTime") - time(&last, "startTime"), 3_600_000);
}

#[tokio::test]
async fn executions_alone_prove_that_an_order_existed() {
    let stub = Stub::start(|seen| match seen.path() {
        "/v5/execution/list" => listed(
            "linear",
            r#"{"symbol":"BTCUSDT","side":"Sell","orderId":"77","orderLinkId":"x","orderQty":"3","leavesQty":"1","execQty":"1.5","orderPrice":"5","execType":"Trade"},
               {"symbol":"BTCUSDT","side":"Sell","orderId":"77","orderLinkId":"x","orderQty":"3","leavesQty":"2.5","execQty":"0.5","orderPrice":"5","execType":"Trade"}"#,
        ),
        _ => nothing(seen),
    })
    .await;
    let key = OrderKey::Venue("77".to_owned());
    let view = venue(&stub)
        .find_order(&id("linear:BTCUSDT"), &key)
        .await
        .unwrap()
        .unwrap();
    assert!(view.is_open());
    assert_eq!(view.order.filled, "2".parse().unwrap());
    assert_eq!(view.order.leaves, "1".parse().unwrap());
    assert_eq!(view.order.side, Side::Sell);
}

#[tokio::test]
async fn a_row_of_another_order_is_not_believed() {
    let stub = Stub::always(listed("spot", ROW)).await;
    let other = OrderKey::Client(ClientOrderId::parse("mandated-0002").unwrap());
    let error = venue(&stub)
        .find_order(&id("spot:BTCUSDT"), &other)
        .await
        .unwrap_err();
    assert!(matches!(error, VenueError::Unreadable(_)), "{error:?}");
}
