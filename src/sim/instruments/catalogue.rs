//! What is listed here: contracts, pairs and options with plausible filters.
//!
//! Futures and options carry dates in their names, so the table is made when a process first looks at it.

use std::sync::LazyLock;

use super::dated;
use super::instrument::{Instrument, Phase, num};
use super::shapes::{cheap, inverse, linear, small, spot};

const DAY_MS: i64 = 86_400_000;

/// Everything that is listed, in listing order.
pub(crate) static INSTRUMENTS: LazyLock<Vec<Instrument>> =
    LazyLock::new(|| table(crate::sim::market::clock::now_ms()));

/// The table as of `now`, the moment that names of futures and options count from.
pub(crate) fn table(now: i64) -> Vec<Instrument> {
    let mut all = first();
    all.extend(contracts(now));
    all.extend(pairs());
    all.extend(dated::futures(now));
    all.extend(dated::options(now));
    all
}

/// Majors in every category.
fn first() -> Vec<Instrument> {
    let btc = num(65_000, 0);
    let eth = num(3_200, 0);
    let usdt = |base: &'static str, symbol: &'static str| [symbol, base, "USDT"];
    let five = num(5, 0);
    vec![
        linear(
            1,
            usdt("BTC", "BTCUSDT"),
            btc,
            [num(10, 2), num(1, 3), num(5, 1)],
            1_000,
        ),
        linear(
            2,
            usdt("ETH", "ETHUSDT"),
            eth,
            [num(1, 2), num(1, 2), num(10, 0)],
            10_000,
        ),
        linear(
            3,
            usdt("SOL", "SOLUSDT"),
            num(150, 0),
            [num(10, 3), num(1, 1), num(200, 0)],
            80_000,
        ),
        linear(
            4,
            usdt("XRP", "XRPUSDT"),
            num(5, 1),
            [num(1, 4), num(1, 1), num(60_000, 0)],
            4_000_000,
        ),
        linear(
            5,
            usdt("DOGE", "DOGEUSDT"),
            num(2, 1),
            [num(1, 5), num(1, 0), num(150_000, 0)],
            20_000_000,
        ),
        linear(
            6,
            ["BTCPERP", "BTC", "USDC"],
            btc,
            [num(10, 2), num(1, 3), num(5, 1)],
            500,
        ),
        inverse(7, "BTCUSD", "BTC", btc, num(10, 2), 150),
        inverse(8, "ETHUSD", "ETH", eth, num(1, 2), 3_000),
        spot(
            9,
            usdt("BTC", "BTCUSDT"),
            btc,
            [num(1, 1), num(1, 6), num(5, 1)],
            five,
        ),
        spot(
            10,
            usdt("ETH", "ETHUSDT"),
            eth,
            [num(1, 2), num(1, 5), num(10, 0)],
            five,
        ),
        spot(
            11,
            usdt("SOL", "SOLUSDT"),
            num(150, 0),
            [num(1, 2), num(1, 3), num(200, 0)],
            five,
        ),
        spot(
            12,
            ["ETHBTC", "ETH", "BTC"],
            num(49, 3),
            [num(1, 6), num(1, 5), num(10, 0)],
            num(1, 4),
        ),
        spot(
            13,
            ["BTCEUR", "BTC", "EUR"],
            num(60_000, 0),
            [num(1, 1), num(1, 6), num(5, 1)],
            five,
        ),
        Instrument {
            swing: 2,
            ..spot(
                14,
                usdt("USDC", "USDCUSDT"),
                num(1, 0),
                [num(1, 4), num(1, 2), num(50_000, 0)],
                five,
            )
        },
        spot(
            15,
            ["BTCUSDC", "BTC", "USDC"],
            btc,
            [num(1, 1), num(1, 6), num(5, 1)],
            five,
        ),
    ]
}

/// More contracts: other ticks, lots, leverage, funding and phases.
fn contracts(now: i64) -> Vec<Instrument> {
    let usdt = |base: &'static str, symbol: &'static str| [symbol, base, "USDT"];
    let today = now.div_euclid(DAY_MS) * DAY_MS;
    let pepe = [num(1, 7), num(100, 0), num(5_000_000, 0)];
    let dent = [num(1, 7), num(10, 0), num(2_000_000, 0)];
    let waves = [num(1, 4), num(1, 1), num(4_000, 0)];
    let mega = [num(1, 4), num(1, 0), num(8_000, 0)];
    let link = [num(1, 3), num(1, 1), num(3_000, 0)];
    vec![
        small(
            50,
            200_000,
            240,
            linear(
                17,
                usdt("1000PEPE", "1000PEPEUSDT"),
                num(123_450, 7),
                pepe,
                400_000_000,
            ),
        ),
        small(
            25,
            20_000,
            60,
            linear(18, usdt("DENT", "DENTUSDT"), num(12_345, 7), dent, 100_000_000),
        ),
        small(
            25,
            50_000,
            480,
            linear(
                19,
                usdt("YFI", "YFIUSDT"),
                num(5_240, 0),
                [num(1, 0), num(1, 4), num(5, 1)],
                40,
            ),
        ),
        small(
            50,
            500_000,
            480,
            linear(
                20,
                usdt("BNB", "BNBUSDT"),
                num(620, 0),
                [num(10, 2), num(1, 2), num(20, 0)],
                3_000,
            ),
        ),
        small(
            50,
            200_000,
            240,
            linear(
                21,
                usdt("ADA", "ADAUSDT"),
                num(45, 2),
                [num(1, 4), num(1, 0), num(40_000, 0)],
                5_000_000,
            ),
        ),
        small(
            50,
            200_000,
            480,
            linear(22, usdt("LINK", "LINKUSDT"), num(14, 0), link, 200_000),
        ),
        small(
            50,
            200_000,
            480,
            linear(
                23,
                usdt("LTC", "LTCUSDT"),
                num(85, 0),
                [num(1, 2), num(1, 1), num(300, 0)],
                30_000,
            ),
        ),
        linear(
            24,
            ["ETHPERP", "ETH", "USDC"],
            num(3_200, 0),
            [num(1, 2), num(1, 2), num(10, 0)],
            5_000,
        ),
        inverse(25, "XRPUSD", "XRP", num(5, 1), num(1, 4), 2_000_000),
        Instrument {
            listing: Phase::Delivering,
            delivery: today + 7 * DAY_MS,
            ..small(
                10,
                10_000,
                240,
                linear(26, usdt("WAVES", "WAVESUSDT"), num(185, 2), waves, 60_000),
            )
        },
        Instrument {
            listing: Phase::PreLaunch,
            launch: today - DAY_MS,
            kind: "innovation",
            ..small(
                5,
                10_000,
                480,
                linear(27, usdt("MEGA", "MEGAUSDT"), num(12, 1), mega, 70_000),
            )
        },
    ]
}

fn pairs() -> Vec<Instrument> {
    let five = num(5, 0);
    let xrp = [num(1, 4), num(1, 2), num(60_000, 0)];
    let doge = [num(1, 5), num(1, 1), num(150_000, 0)];
    let pepe = [num(1, 8), num(1, 0), num(2_000_000_000, 1)];
    vec![
        spot(31, ["XRPUSDT", "XRP", "USDT"], num(5, 1), xrp, five),
        spot(32, ["DOGEUSDT", "DOGE", "USDT"], num(2, 1), doge, five),
        spot(
            33,
            ["ETHUSDC", "ETH", "USDC"],
            num(3_200, 0),
            [num(1, 2), num(1, 5), num(10, 0)],
            five,
        ),
        spot(
            34,
            ["ETHEUR", "ETH", "EUR"],
            num(2_953, 0),
            [num(1, 2), num(1, 5), num(10, 0)],
            five,
        ),
        cheap(35, ["PEPEUSDT", "PEPE", "USDT"], num(1_234, 8), pepe),
    ]
}
