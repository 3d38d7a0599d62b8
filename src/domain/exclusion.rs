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

/// Coins of which a contract's base may be two, one in terms of the other: ETHBTCUSDT is settled in USDT, and follows
/// the price of ETH in BTC. No coin is called like two of these.
const PAIRED: [&str; 10] = [
    "BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "LTC", "ADA", "BCH", "TRX",
];

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
            .find(|entry| {
                let reading = Reading::of(entry);
                names.iter().any(|name| reading.means(name))
            })
            .map(String::as_str)
    }
}

/// What an entry may say, as parts of its own text: every decision reads the list, and none makes a copy of it.
struct Reading<'e> {
    whole: &'e str,
    /// Without an exchange ahead of it, and without what says that it is a perpetual.
    pair: &'e str,
    is_perpetual: bool,
}

impl<'e> Reading<'e> {
    fn of(entry: &'e str) -> Self {
        let whole = entry.trim();
        // Before the colon stands ccxt's pair or TradingView's exchange.
        let (pair, is_settled) = match whole.split_once(':') {
            Some((pair, _settle)) if pair.contains('/') => (pair, true),
            Some((_exchange, symbol)) => (symbol, false),
            None => (whole, false),
        };
        let without_word = pair.rsplit_once(is_separator).filter(|(before, last)| {
            let end = pair.get(before.len()..);
            let is_tradingviews = end.is_some_and(|end| end.eq_ignore_ascii_case(".P"));
            let is_a_word = PERPETUAL.iter().any(|word| last.eq_ignore_ascii_case(word));
            is_tradingviews || is_a_word && before.contains(is_separator)
        });
        Self {
            whole,
            pair: without_word.map_or(pair, |(before, _)| before),
            is_perpetual: is_settled || without_word.is_some(),
        }
    }

    fn means(&self, name: &str) -> bool {
        letters(self.whole).eq(letters(name)) || letters(self.pair).eq(letters(name)) || self.is_usdc_of(name)
    }

    /// Bybit's spot calls the pair BTCUSDC, its perpetual BTCPERP.
    fn is_usdc_of(&self, name: &str) -> bool {
        let base = name.strip_suffix("PERP").filter(|base| !base.is_empty());
        self.is_perpetual
            && base.is_some_and(|base| letters(self.pair).eq(letters(base).chain(letters("USDC"))))
    }
}

/// A text without separators, in capitals.
fn letters(text: &str) -> impl Iterator<Item = u8> {
    text.bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
}

/// What the instrument may be called: its symbol, its base coin or the two that it is made of, and on spot the coin
/// that a seller is paid in. Dollars are no such coin: without them nothing could be traded.
fn names_of<'i>(id: &'i InstrumentId, known: Option<&'i Instrument>) -> Vec<&'i str> {
    let symbol = id.symbol.as_str();
    let is_spot = id.category == Category::Spot;
    let mut names = Vec::with_capacity(8);
    names.push(symbol);
    let mut add = |coin: &'i str| {
        names.push(coin);
        names.extend(without_multiplier(coin));
        if !is_spot {
            names.extend(both_of(coin).into_iter().flatten());
        }
    };
    // A dated contract: BTCUSDT-25DEC26, BTC-25DEC26; inverse ones end in a month's letter and a year: BTCUSDZ26.
    let head = match symbol.split_once('-') {
        Some((head, _date)) => {
            add(head);
            head
        }
        None => without_month(symbol),
    };
    for quote in QUOTES {
        let Some(base) = head.strip_suffix(quote).filter(|base| !base.is_empty()) else {
            continue;
        };
        add(base);
        if is_spot && !matches!(quote, "USDT" | "USDC" | "USD") {
            add(quote);
        }
    }
    if let Some(known) = known {
        add(known.base_coin.as_str());
        if is_spot && !known.quote_coin.is_dollar() {
            add(known.quote_coin.as_str());
        }
    }
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

/// `ETH` and `BTC` of `ETHBTC`, where the base of a contract is exactly two well-known coins.
fn both_of(base: &str) -> Option<[&str; 2]> {
    PAIRED.into_iter().find_map(|first| {
        let second = base.strip_prefix(first)?;
        PAIRED.contains(&second).then_some([first, second])
    })
}

#[cfg(test)]
mod tests;
