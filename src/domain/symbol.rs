//! What can be traded: category, symbol, and the two together.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Longest symbol we accept, in characters; Bybit's longest known is under 30.
const MAX_SYMBOL_CHARS: usize = 40;

/// A Bybit product category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Perpetuals and futures settled in USDT or USDC; sizes are in the base coin.
    Linear,
    /// Contracts settled in the base coin; sizes are in USD.
    Inverse,
    /// Coins themselves.
    Spot,
    /// Options: readable, never tradable through the gate.
    Option,
}

/// Why a text names no category or symbol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SymbolError {
    #[error("`{0}` is not a category; use linear, inverse, spot or option")]
    Category(String),
    #[error("`{0}` is not a symbol; write it as Bybit does, for example BTCUSDT")]
    Symbol(String),
    #[error("`{0}` is not a coin; write it as Bybit does, for example USDT")]
    Coin(String),
    #[error("`{0}` is not an instrument; write category:symbol, for example linear:BTCUSDT")]
    Instrument(String),
}

impl Category {
    pub const ALL: [Self; 4] = [Self::Linear, Self::Inverse, Self::Spot, Self::Option];

    /// The word that Bybit uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Inverse => "inverse",
            Self::Spot => "spot",
            Self::Option => "option",
        }
    }

    /// Whether a position, rather than a coin balance, is what a trade leaves behind.
    #[must_use]
    pub fn is_derivative(self) -> bool {
        self != Self::Spot
    }
}

impl fmt::Display for Category {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Category {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == text)
            .ok_or_else(|| SymbolError::Category(text.chars().take(40).collect()))
    }
}

/// An upper-case Bybit symbol. It does not identify an instrument: `BTCUSDT` is both spot and linear.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(String);

impl Symbol {
    /// Reads `BTCUSDT`, `btcusdt`, `BTC-USDT` and `BTC/USDT`.
    ///
    /// A hyphen is dropped only between two coin names: `BTC-24MAR23` is a future and stays as it is.
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let refused = || SymbolError::Symbol(text.chars().take(MAX_SYMBOL_CHARS).collect());
        let upper = text.trim().to_ascii_uppercase();
        let joined = match upper.split_once(['/', '-']) {
            Some((base, quote)) if is_coin(base) && is_quote_coin(quote) => format!("{base}{quote}"),
            _ => upper,
        };
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        let bare = without_the_point(&joined);
        let starts_well = joined
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !starts_well || joined.len() > MAX_SYMBOL_CHARS || !bare.bytes().all(plain) {
            return Err(refused());
        }
        Ok(Self(joined))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `entry` of a list of allowed symbols is this one, separators and case left aside. What may not be
    /// traded is read more widely: see [`exclusion`](super::exclusion).
    #[must_use]
    pub fn is_named_by(&self, entry: &str) -> bool {
        let bare = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|letter| letter.to_ascii_uppercase())
                .collect()
        };
        bare(entry) == bare(&self.0)
    }
}

/// An option's strike may have a fraction, `XRP-22MAY26-0.8-C-USDT`; a point anywhere else is strange.
fn without_the_point(symbol: &str) -> Cow<'_, str> {
    let parts: Vec<&str> = symbol.split('-').collect();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match parts.as_slice() {
        [_, _, strike, "C" | "P"] | [_, _, strike, "C" | "P", _]
            if strike
                .split_once('.')
                .is_some_and(|(whole, fraction)| digits(whole) && digits(fraction)) =>
        {
            Cow::Owned(symbol.replacen('.', "", 1))
        }
        _ => Cow::Borrowed(symbol),
    }
}

fn is_coin(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_quote_coin(text: &str) -> bool {
    (2..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

impl fmt::Display for Symbol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// An upper-case coin name, such as `USDT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coin(String);

impl Coin {
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let upper = text.trim().to_ascii_uppercase();
        if !is_coin(&upper) || upper.len() > 20 {
            return Err(SymbolError::Coin(text.chars().take(MAX_SYMBOL_CHARS).collect()));
        }
        Ok(Self(upper))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// USD and the two stable coins that count as one dollar each (design §5).
    #[must_use]
    pub fn is_dollar(&self) -> bool {
        matches!(self.0.as_str(), "USD" | "USDT" | "USDC")
    }
}

impl fmt::Display for Coin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Category and symbol: what identifies an instrument. Written `linear:BTCUSDT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId {
    pub category: Category,
    pub symbol: Symbol,
}

impl InstrumentId {
    #[must_use]
    pub fn new(category: Category, symbol: Symbol) -> Self {
        Self { category, symbol }
    }
}

impl fmt::Display for InstrumentId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.category, self.symbol)
    }
}

impl FromStr for InstrumentId {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        let (category, symbol) = text
            .split_once(':')
            .ok_or_else(|| SymbolError::Instrument(text.chars().take(60).collect()))?;
        Ok(Self::new(category.parse()?, Symbol::parse(symbol)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(text: &str) -> String {
        Symbol::parse(text).map_or_else(|_| "refused".into(), |symbol| symbol.to_string())
    }

    #[test]
    fn the_usual_spellings_mean_one_symbol() {
        for text in ["BTCUSDT", "btcusdt", "BTC-USDT", "BTC/USDT", " btc/usdt "] {
            assert_eq!(symbol(text), "BTCUSDT", "{text}");
        }
        assert_eq!(symbol("1000pepe-usdt"), "1000PEPEUSDT");
        assert_eq!(symbol("BTC-PERP"), "BTCPERP");
    }

    #[test]
    fn dated_contracts_keep_their_hyphens() {
        for text in [
            "BTC-24MAR23",
            "BTCUSDT-21FEB25",
            "ETH-28FEB25-2800-C",
            "BTC-13FEB25-89000-P-USDT",
            "XRP-22MAY26-0.8-C-USDT",
            "ETH-28FEB25-2800.5-C",
        ] {
            assert_eq!(symbol(text), text);
        }
    }

    #[test]
    fn ambiguous_or_strange_texts_are_refused() {
        for text in [
            "",
            " ",
            "BTC/USDT:USDT",
            "BTC USDT",
            "-BTC",
            "BTC\u{a0}USDT",
            "ВТСUSDT",
            "BTC/USDT/X",
            "BTC.USDT",
            "XRP-22MAY26-0.8",
            "XRP-22MAY26-.8-C",
            "XRP-22MAY26-0.-C",
            "XRP-22MAY26-0.8.1-C",
            "X.P-22MAY26-0.8-C",
            "XRP-22MAY26-0.8-X",
        ] {
            assert_eq!(symbol(text), "refused", "{text:?}");
        }
    }

    #[test]
    fn an_allowed_symbol_is_named_in_any_spelling_and_by_no_coin() {
        let doge = Symbol::parse("DOGEUSDT").unwrap();
        for entry in ["DOGEUSDT", " dogeusdt ", "DOGE-USDT", "doge/usdt"] {
            assert!(doge.is_named_by(entry), "{entry}");
        }
        assert!(!doge.is_named_by("DOGE"));
    }
}
