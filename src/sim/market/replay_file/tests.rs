//! Files that people have: names of columns, forms of time, mistakes.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::sim::PriceSource;
use crate::sim::instruments::{find, num};
use crate::sim::market::Market;
use crate::sim::market::prices::PriceKind;
use crate::sim::market::replay::{Replay, ReplayFile};

/// 2026-06-02 00:00 UTC.
const DAY: i64 = 1_780_358_400_000;

struct Written(tempfile::TempDir);

impl Written {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prices.csv"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("prices.csv")
    }

    fn read(&self, instrument: Option<(&str, &str)>) -> Result<Replay, ReplayError> {
        Replay::read(&[ReplayFile {
            instrument: instrument.map(|(category, symbol)| (category.to_owned(), symbol.to_owned())),
            path: self.path(),
        }])
    }
}

fn market(text: &str) -> Market {
    let replay = Written::new(text).read(Some(("linear", "BTCUSDT"))).unwrap();
    Market {
        seed: 1,
        source: PriceSource::Replay(Arc::new(replay)),
    }
}

fn price(text: &str) -> Decimal {
    parse_decimal(text).unwrap()
}

#[test]
fn a_candle_passes_open_both_extremes_and_close() {
    let text = "time,open,high,low,close,volume\n1780358400,65000,65100,64900,65050.04,12\n\
                1780358460,65050,65060,64000,64100,3\n";
    let market = market(text);
    let path = market.path(find(Category::Linear, "BTCUSDT").unwrap(), Vec::new());
    let at = |ms: i64| path.at(DAY + ms);
    // Rose: first the low; fell: first the high. A minute's quarter is 15 seconds.
    let passed = [
        -1, 0, 15_000, 30_000, 45_000, 60_000, 75_000, 90_000, 105_000, 999_999,
    ]
    .map(at);
    let expected = [
        "65000", "65000", "64900", "65100", "65050", "65050", "65060", "64000", "64100", "64100",
    ];
    assert_eq!(passed, expected.map(price));
    assert_eq!(path.range(DAY, DAY + 59_999), (price("64900"), price("65100")));
    assert_eq!(
        path.range(DAY + 46_000, DAY + 89_999),
        (price("65050"), price("65060"))
    );
    assert_eq!(
        path.points(DAY, DAY + 16_000),
        [(DAY + 15_000, price("64900")), (DAY + 16_000, price("64900"))]
    );
    for kind in [PriceKind::Mark, PriceKind::Index] {
        assert_eq!(path.at_of(kind, DAY + 20_000), path.at(DAY + 20_000));
    }
}

#[test]
fn others_of_the_coin_follow_in_proportion_and_the_rest_walk() {
    let market = market("1780358400000,32500,1\n");
    let of = |category, symbol: &str| {
        market
            .path(find(category, symbol).unwrap(), Vec::new())
            .at(DAY + 5)
    };
    for (category, symbol) in [
        (Category::Inverse, "BTCUSD"),
        (Category::Spot, "BTCUSDC"),
        (Category::Linear, "BTCPERP"),
    ] {
        assert_eq!(of(category, symbol), num(32_500, 0), "{symbol}");
    }
    let walking = Market {
        seed: 1,
        source: PriceSource::Walk,
    };
    for (category, symbol) in [
        (Category::Spot, "BTCEUR"),
        (Category::Spot, "ETHBTC"),
        (Category::Linear, "ETHUSDT"),
    ] {
        let one = find(category, symbol).unwrap();
        assert_eq!(
            of(category, symbol),
            walking.path(one, Vec::new()).at(DAY + 5),
            "{symbol}"
        );
    }
    let call = crate::sim::instruments::INSTRUMENTS
        .iter()
        .find(|one| one.id == 101)
        .unwrap();
    assert!(
        of(Category::Option, call.symbol) < num(1_000, 0),
        "a call far above the money is cheap"
    );
}

#[test]
fn columns_go_by_the_names_that_exchanges_use() {
    let files = [
        (
            "Bybit's trades",
            "timestamp,symbol,side,size,price\n1780358400.25,BTCUSDT,Buy,0.1,65001.1\n",
        ),
        (
            "Binance's trades",
            "id,price,qty,quote_qty,time,is_buyer_maker\n7,65001.1,0.1,6500,1780358400250000,true\n",
        ),
        (
            "ccxt's candles",
            "timestamp,open,high,low,close,volume\n1780358400250,65001.1,65001.1,65001.1,65001.1,1\n",
        ),
        (
            "Binance's candles",
            "1780358400250,65001.1,65001.1,65001.1,65001.1,1,1780358459999,2,3,4,5,0\n",
        ),
        (
            "Bybit's candles",
            "start_at,Open Price,highPrice,lowPrice,closePrice\n2026-06-02T00:00:00.25Z,65001.1,65001.1,65001.1,65001.1\n",
        ),
        ("plain trades", "2026-06-02 00:00:00.250,65001.1,0.1,Buy\n"),
        (
            "own columns",
            "category,symbol,time,price\nlinear,BTCUSDT,1780358400250,65001.12\n",
        ),
    ];
    for (what, text) in files {
        let written = Written::new(text);
        let named = (what != "own columns").then_some(("linear", "BTCUSDT"));
        let replay = written.read(named).unwrap();
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        let followed = replay.followed(one).unwrap();
        assert_eq!(replay.span_ms().unwrap().0, DAY + 250, "{what}");
        assert_eq!(followed.at(DAY), price("65001.1"), "{what}");
    }
}

#[test]
fn newest_first_is_turned_around() {
    let market = market("time,price\n30,3\n20,22\n20,21\n10,1\n");
    let path = market.path(find(Category::Linear, "BTCUSDT").unwrap(), Vec::new());
    assert_eq!(
        [path.at(10_000), path.at(20_000), path.at(30_000)],
        ["1", "22", "3"].map(price)
    );
}

#[test]
fn a_bad_line_is_named() {
    let cases = [
        (
            "time,price\n1780358400,65000\nsoon,65000\n",
            3,
            "`soon` is not a time",
        ),
        (
            "1780358400,65000\n1780358401,-1\n",
            2,
            "-1 is not a price of BTCUSDT",
        ),
        (
            "time,price\n\n1780358400,ten\n",
            3,
            "`ten` is not a decimal number",
        ),
        (
            "time,open,high,low,close\n1780358400,10,9,8,9\n",
            2,
            "open and close must lie between low and high",
        ),
        (
            "time,symbol,price\n1780358400,ETHUSDT,65000\n",
            2,
            "it is about ETHUSDT, not BTCUSDT",
        ),
        (
            "when,price\n",
            1,
            "the columns are not understood; name time and price, or time, open, high, low and close",
        ),
        ("1780358400\n", 1, "a row needs a time and a price"),
    ];
    for (text, line, why) in cases {
        let written = Written::new(text);
        let expected = ReplayError::Line {
            path: written.path(),
            line,
            why: why.to_owned(),
        };
        assert_eq!(written.read(Some(("linear", "BTCUSDT"))), Err(expected), "{text}");
    }
}

#[test]
fn what_is_no_record_is_refused() {
    let empty = Written::new("time,price\n");
    let error = empty.read(Some(("linear", "BTCUSDT"))).unwrap_err().to_string();
    assert!(error.ends_with("prices.csv: it holds no prices"), "{error}");
    let error = empty.read(Some(("linear", "NOSUCH"))).unwrap_err();
    assert_eq!(error, ReplayError::Unlisted("linear NOSUCH".to_owned()));
    let unnamed = Written::new("time,price\n1780358400,65000\n")
        .read(None)
        .unwrap_err()
        .to_string();
    assert!(unnamed.ends_with("line 2: it has no columns category and symbol; write CATEGORY:SYMBOL=FILE"));
    let missing = Replay::read(&["linear:BTCUSDT=/nowhere/at/all.csv".parse().unwrap()]);
    assert!(matches!(missing, Err(ReplayError::File { .. })));
}

#[test]
fn a_long_record_is_searched_quickly() {
    let points = (0..500_000)
        .map(|at| (DAY + at * 1000, num(60_000, 0) + Decimal::from(at % 1_000)))
        .collect();
    let series = crate::sim::market::series::Series::new(points);
    let begun = std::time::Instant::now();
    for back in 0..1_000 {
        assert_eq!(
            series.range(DAY + back * 7, DAY + 499_000_000),
            Some((num(60_000, 0), num(60_999, 0)))
        );
    }
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}
