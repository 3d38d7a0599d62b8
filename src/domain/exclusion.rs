//! The exclude list of a mandate: what an entry may look like, and which instruments it means. The gate and the
//! way out ask here, so that what may not be bought and what is not sold are the same.

use thiserror::Error;

use super::account::Instrument;
use super::mandate::Universe;
use super::symbol::{Category, InstrumentId};

/// Longer than anything that Bybit, or a program that trades there, calls an instrument.
const MAX_ENTRY_CHARS: usize = 60;

/// How symbols end behind their base coin. `PERP` is settled in USDC.
const QUOTES: [&str; 13] = [
    "USDT", "USDC", "USD", "PERP", "USDE", "EUR", "BTC", "ETH", "SOL", "BRL", "TRY", "PLN", "DAI",
];

/// Words that other exchanges put behind a pair to say that it is a perpetual.
const PERPETUAL: [&str; 3] = ["SWAP", "PERP", "PERPETUAL"];

/// Why an entry is none: it would exclude nothing, and nobody would notice.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntryError {
    #[error(
        "an empty entry, which excludes nothing: take it out, or write what is meant, such as DOGE or DOGEUSDT"
    )]
    Empty,
    #[error(
        "`{0}`, which can match nothing: write one coin or symbol an entry, in letters and digits, such as DOGE or DOGEUSDT"
    )]
    Unreadable(String),
    #[error("`{0}`: write a contract with a date as Bybit does, such as BTCUSDT-25DEC26, or the coin itself")]
    Dated(String),
}

/// Whether `entry` can be read: as Bybit writes a symbol or a coin, with or without separators, as ccxt does
/// (`BTC/USDT:USDT`) or as TradingView does (`BYBIT:BTCUSDT.P`).
pub fn check_entry(entry: &str) -> Result<(), EntryError> {
    let text = entry.trim();
    let shown = || text.chars().take(MAX_ENTRY_CHARS).collect();
    if text.is_empty() {
        return Err(EntryError::Empty);
    }
    let is_edge = |edge: Option<char>| edge.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let is_plain = text
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || is_separator(letter));
    let at_most_one = |separator| text.matches(separator).count() <= 1;
    let is_one = is_edge(text.chars().next())
        && is_edge(text.chars().next_back())
        && at_most_one('/')
        && at_most_one(':')
        && text.len() <= MAX_ENTRY_CHARS;
    if !is_plain || !is_one {
        return Err(EntryError::Unreadable(shown()));
    }
    match text.split_once(':') {
        Some((pair, settle)) if pair.contains('/') && settle.contains('-') => Err(EntryError::Dated(shown())),
        _ => Ok(()),
    }
}

fn is_separator(letter: char) -> bool {
    matches!(letter, '-' | '/' | '_' | '.' | ':')
}

impl Universe {
    /// The entry of the exclude list that means this instrument. `known` is what the exchange says of it, where
    /// that was asked: it adds the coins that the symbol's text does not give away.
    #[must_use]
    pub fn excludes(&self, id: &InstrumentId, known: Option<&Instrument>) -> Option<&str> {
        if self.exclude_symbols.is_empty() {
            return None;
        }
        let names = names_of(id, known);
        self.exclude_symbols
            .iter()
            .find(|entry| readings(entry).iter().any(|reading| names.contains(reading)))
            .map(String::as_str)
    }
}

/// What an entry may say, without separators and in capitals.
fn readings(entry: &str) -> Vec<String> {
    let text = entry.trim().to_ascii_uppercase();
    // Before the colon stands ccxt's pair or TradingView's exchange.
    let pair = match text.split_once(':') {
        Some((pair, _settle)) if pair.contains('/') => pair,
        Some((_exchange, symbol)) => symbol,
        None => &text,
    };
    let mut words: Vec<&str> = pair
        .strip_suffix(".P")
        .unwrap_or(pair)
        .split(is_separator)
        .collect();
    if words.len() > 2 && words.last().is_some_and(|last| PERPETUAL.contains(last)) {
        words.pop();
    }
    let pair = words.concat();
    let mut readings = vec![bare(&text)];
    // Bybit's spot calls the pair BTCUSDC, its perpetual BTCPERP.
    readings.extend(
        pair.strip_suffix("USDC")
            .filter(|base| !base.is_empty() && pair != bare(&text))
            .map(|base| format!("{base}PERP")),
    );
    readings.push(pair);
    readings
}

/// What the instrument may be called: its symbol, its base coin, and on spot the coin that a seller is paid in.
/// Dollars are no such coin: without them nothing could be traded.
fn names_of(id: &InstrumentId, known: Option<&Instrument>) -> Vec<String> {
    let symbol = id.symbol.as_str();
    let is_spot = id.category == Category::Spot;
    let mut coins = Vec::new();
    // A dated contract: BTCUSDT-25DEC26, BTC-25DEC26; inverse ones end in a month's letter and a year: BTCUSDZ26.
    let head = match symbol.split_once('-') {
        Some((head, _date)) => {
            coins.push(head);
            head
        }
        None => without_month(symbol),
    };
    for quote in QUOTES {
        let Some(base) = head.strip_suffix(quote).filter(|base| !base.is_empty()) else {
            continue;
        };
        coins.push(base);
        if is_spot && !matches!(quote, "USDT" | "USDC" | "USD") {
            coins.push(quote);
        }
    }
    if let Some(known) = known {
        coins.push(known.base_coin.as_str());
        if is_spot && !known.quote_coin.is_dollar() {
            coins.push(known.quote_coin.as_str());
        }
    }
    let single = coins.iter().filter_map(|coin| without_multiplier(coin));
    let mut names: Vec<String> = single.map(str::to_owned).collect();
    names.extend(coins.into_iter().map(str::to_owned));
    names.push(bare(symbol));
    names
}

fn without_month(symbol: &str) -> &str {
    match symbol.split_at_checked(symbol.len().saturating_sub(3)) {
        Some((rest, code))
            if rest.ends_with("USD")
                && code.starts_with(|letter: char| letter.is_ascii_uppercase())
                && code.bytes().skip(1).all(|byte| byte.is_ascii_digit()) =>
        {
            rest
        }
        _ => symbol,
    }
}

/// `PEPE` of `1000PEPE` and `SHIB` of `SHIB1000`: what Bybit calls a contract on so many coins at once.
fn without_multiplier(coin: &str) -> Option<&str> {
    let ahead = coin.strip_prefix("1000").map(|rest| rest.trim_start_matches('0'));
    let behind = || {
        let rest = coin.strip_suffix("000")?.trim_end_matches('0');
        rest.strip_suffix('1')
    };
    ahead.or_else(behind).filter(|rest| !rest.is_empty())
}

fn bare(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests;
