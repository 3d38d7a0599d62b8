//! What an entry of the exclude list means, spelling by spelling.

use super::*;
use crate::domain::symbol::Coin;

fn universe(entry: &str) -> Universe {
    Universe {
        asset_classes: Vec::new(),
        min_market_cap_usd: None,
        min_avg_daily_volume_usd: None,
        exclude_symbols: vec!["XYZABC".to_owned(), entry.to_owned()],
    }
}

fn excluded(entry: &str, id: &str) -> bool {
    assert_eq!(check_entry(entry), Ok(()), "{entry}");
    let universe = universe(entry);
    let found = universe.excludes(&id.parse().unwrap(), None);
    assert!(found.is_none_or(|found| found == entry));
    found.is_some()
}

fn instrument(id: &str, base: &str, quote: &str) -> Instrument {
    Instrument {
        id: id.parse().unwrap(),
        base_coin: Coin::parse(base).unwrap(),
        quote_coin: Coin::parse(quote).unwrap(),
        settle_coin: None,
        status: None,
        is_pre_listing: false,
        tick_size: None,
        qty_step: None,
        quote_step: None,
        min_qty: None,
        max_limit_qty: None,
        max_market_qty: None,
        min_notional: None,
        max_leverage: None,
    }
}

#[test]
fn an_exclude_entry_matches_in_every_spelling() {
    for entry in [
        "DOGEUSDT",
        " dogeusdt ",
        "DOGE-USDT",
        "doge/usdt",
        "DOGE_USDT",
        "DOGE.USDT",
        "DOGE:USDT",
        "DOGE/USDT:USDT",
        "DOGEUSDT.P",
        "BYBIT:DOGEUSDT",
        "bybit:dogeusdt.p",
        "linear:DOGEUSDT",
        "DOGE-USDT-SWAP",
        "DOGE",
        " doge ",
    ] {
        for id in ["linear:DOGEUSDT", "spot:DOGEUSDT"] {
            assert!(excluded(entry, id), "{entry} {id}");
        }
    }
}

#[test]
fn a_coin_means_whatever_is_traded_of_it() {
    for id in [
        "linear:BTCPERP",
        "linear:BTCUSDT-25DEC26",
        "linear:BTC-25DEC26",
        "inverse:BTCUSD",
        "inverse:BTCUSDZ26",
        "spot:BTCUSDC",
        "spot:BTCEUR",
        "spot:ETHBTC",
    ] {
        assert!(excluded("BTC", id), "{id}");
    }
    assert!(excluded("PEPE", "linear:1000PEPEUSDT"));
    assert!(excluded("MOG", "linear:1000000MOGUSDT"));
    assert!(excluded("SHIB", "linear:SHIB1000USDT"));
    assert!(excluded("1000PEPE", "linear:1000PEPEUSDT"));
    assert!(excluded("1INCH", "linear:1INCHUSDT"));
}

#[test]
fn a_contract_on_one_coin_in_terms_of_another_is_traded_of_both() {
    for entry in ["ETH", "BTC", "ETHBTC", "eth/btc", "ETHBTCUSDT"] {
        for id in ["linear:ETHBTCUSDT", "linear:ETHBTCUSDT-25DEC26"] {
            assert!(excluded(entry, id), "{entry} {id}");
        }
    }
    let named_otherwise = instrument("linear:RATIOUSDT", "SOLETH", "USDT");
    for entry in ["SOL", "ETH"] {
        let known = Some(&named_otherwise);
        assert_eq!(universe(entry).excludes(&named_otherwise.id, known), Some(entry));
    }
    for (entry, id) in [
        ("SOL", "linear:ETHBTCUSDT"),
        ("ETHUSDT", "linear:ETHBTCUSDT"),
        ("ETH", "linear:METHUSDT"),
        ("ETH", "linear:ETHFIUSDT"),
        ("BTC", "linear:WBTCUSDT"),
        ("SOL", "linear:BBSOLUSDT"),
        ("BTC", "linear:BTCDOMUSDT"),
        ("BTC", "linear:WETHBTCUSDT"),
        // a spot pair of these two against dollars would be a coin of that name
        ("ETH", "spot:ETHBTCUSDT"),
    ] {
        assert!(!excluded(entry, id), "{entry} {id}");
    }
}

#[test]
fn a_usdc_perpetual_has_another_name_at_bybit() {
    for entry in ["BTC/USDC:USDC", "BYBIT:BTCUSDC.P", "BTC-USDC-SWAP", "BTC-PERP"] {
        assert!(excluded(entry, "linear:BTCPERP"), "{entry}");
    }
    assert!(excluded("BTC/USDC:USDC", "spot:BTCUSDC"));
    assert!(!excluded("BTCUSDC", "linear:BTCPERP"));
}

#[test]
fn an_entry_means_no_more_than_it_says() {
    for (entry, id) in [
        ("DOGE", "linear:BTCUSDT"),
        ("DOG", "linear:DOGEUSDT"),
        ("OGEUSDT", "linear:DOGEUSDT"),
        ("DOGEUSDC", "linear:DOGEUSDT"),
        ("DOGE-PERP", "linear:DOGEUSDT"),
        ("BTC/USD:BTC", "linear:BTCUSDT"),
        ("USDT", "spot:BTCUSDT"),
        ("USD", "inverse:BTCUSD"),
        ("PERP", "linear:BTCPERP"),
        ("BYBIT:ETHUSDT", "linear:BTCUSDT"),
        ("INCH", "linear:1INCHUSDT"),
        ("PEPEUSDT", "linear:1000PEPEUSDT"),
    ] {
        assert!(!excluded(entry, id), "{entry} {id}");
    }
}

#[test]
fn what_the_exchange_says_adds_coins_and_takes_none_away() {
    let pair = instrument("spot:WOOXYZ", "WOO", "XYZ");
    for entry in ["WOO", "XYZ"] {
        assert_eq!(universe(entry).excludes(&pair.id, None), None);
        assert_eq!(universe(entry).excludes(&pair.id, Some(&pair)), Some(entry));
    }
    let misnamed = instrument("linear:DOGEUSDT", "SHIB", "USDT");
    let both = universe("doge");
    assert_eq!(both.excludes(&misnamed.id, Some(&misnamed)), Some("doge"));
    let dollars = instrument("spot:BTCUSDT", "BTC", "USDT");
    assert_eq!(universe("USDT").excludes(&dollars.id, Some(&dollars)), None);
}

#[test]
fn what_can_match_nothing_is_no_entry() {
    for entry in ["", " ", "\u{a0}"] {
        assert_eq!(check_entry(entry), Err(EntryError::Empty), "{entry:?}");
    }
    for entry in [
        "-",
        "DOGE,SHIB",
        "DOGE;SHIB",
        "DOGE SHIB",
        "DOGE/SHIB/PEPE",
        "DOGE*",
        "$DOGE",
        "${DOGE}",
        "\u{414}OGE",
        "DOGE\u{200b}",
        "BYBIT:",
        ":DOGE",
        "a:b:c",
    ] {
        let unreadable = Err(EntryError::Unreadable(entry.to_owned()));
        assert_eq!(check_entry(entry), unreadable, "{entry:?}");
    }
    assert!(check_entry(&"A".repeat(61)).is_err());
    let dated = "BTC/USDT:USDT-261225";
    assert_eq!(check_entry(dated), Err(EntryError::Dated(dated.to_owned())));
    for fine in ["DOGE", "BTCUSDT-25DEC26", "1000PEPEUSDT", "AAPL", "0700.HK"] {
        assert_eq!(check_entry(fine), Ok(()), "{fine}");
    }
}
