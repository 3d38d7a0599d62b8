//! Reading rows strictly: a field that drives a decision is understood or the whole answer is unreadable.
//!
//! Bybit writes numbers as strings and leaves out what does not apply: `""`, `null` and a missing key all mean
//! *none*, never zero (facts §7, 6).

use rust_decimal::Decimal;

use super::reply::Envelope;
use crate::domain::account::{CoinBalance, Position};
use crate::domain::json::Json;
use crate::domain::money::{Price, Qty, parse_decimal};
use crate::domain::order::{PositionIdx, Side};
use crate::domain::symbol::{Category, Coin, InstrumentId, Symbol};
use crate::venue::VenueError;

/// The `result` of one answer, parsed when it is read.
#[derive(Debug)]
pub(super) struct Document<'e> {
    envelope: &'e Envelope,
    result: Json<'e>,
}

impl<'e> Document<'e> {
    pub(super) fn of(envelope: &'e Envelope, what: &'static str) -> Result<Self, VenueError> {
        let result = Json::parse(&envelope.result)
            .map_err(|error| VenueError::Unreadable(envelope.redact(&format!("{what}: {error}"))))?;
        Ok(Self { envelope, result })
    }

    /// Runs `parse` over the result; what it complains about is shown without secrets.
    pub(super) fn read<T>(
        &self,
        parse: impl FnOnce(&Json<'e>) -> Result<T, VenueError>,
    ) -> Result<T, VenueError> {
        parse(&self.result).map_err(|error| match error {
            VenueError::Unreadable(message) => VenueError::Unreadable(self.envelope.redact(&message)),
            other => other,
        })
    }
}

/// Shorthands on a parsed result.
pub(super) trait Rows<'e> {
    /// This value as one row.
    fn row<'r>(&'r self, what: &'static str) -> Result<Row<'r>, VenueError>;
    /// The rows under `key`.
    fn rows<'r>(&'r self, what: &'static str, key: &str) -> Result<Vec<Row<'r>>, VenueError>;
}

impl<'e> Rows<'e> for Json<'e> {
    fn row<'r>(&'r self, what: &'static str) -> Result<Row<'r>, VenueError> {
        match self {
            Json::Object(_) => Ok(Row { what, json: self }),
            other => Err(VenueError::Unreadable(format!(
                "{what}: a row is {}, not an object",
                other.kind()
            ))),
        }
    }

    fn rows<'r>(&'r self, what: &'static str, key: &str) -> Result<Vec<Row<'r>>, VenueError> {
        let list = self
            .member(key)
            .and_then(Json::as_array)
            .ok_or_else(|| VenueError::Unreadable(format!("{what}: there is no `{key}`")))?;
        list.iter().map(|item| item.row(what)).collect()
    }
}

/// One object of an answer, and what it is called in messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'r> {
    what: &'static str,
    json: &'r Json<'r>,
}

impl<'r> Row<'r> {
    pub(super) fn wrong(&self, field: &str, problem: &str) -> VenueError {
        let symbol = self
            .json
            .member("symbol")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let of = if symbol.is_empty() { "" } else { " of " };
        let symbol: String = symbol.chars().take(40).collect();
        VenueError::Unreadable(format!("{}{of}{symbol}: `{field}` {problem}", self.what))
    }

    /// Text or number as written; `""`, null and absent are none.
    pub(super) fn optional_text(&self, field: &str) -> Result<Option<&'r str>, VenueError> {
        match self.json.member(field) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => match value.as_text() {
                Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
                None => Err(self.wrong(field, &format!("is {}, not text", value.kind()))),
            },
        }
    }

    pub(super) fn text(&self, field: &str) -> Result<&'r str, VenueError> {
        self.optional_text(field)?
            .ok_or_else(|| self.wrong(field, "is missing"))
    }

    pub(super) fn optional_decimal(&self, field: &str) -> Result<Option<Decimal>, VenueError> {
        let Some(text) = self.optional_text(field)? else {
            return Ok(None);
        };
        match parse_decimal(text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.wrong(field, &format!("cannot be used: {error}"))),
        }
    }

    pub(super) fn decimal(&self, field: &str) -> Result<Decimal, VenueError> {
        self.optional_decimal(field)?
            .ok_or_else(|| self.wrong(field, "is missing"))
    }

    /// None or not negative.
    pub(super) fn optional_amount(&self, field: &str) -> Result<Option<Decimal>, VenueError> {
        match self.optional_decimal(field)? {
            Some(value) if value < Decimal::ZERO => Err(self.wrong(field, "is negative")),
            other => Ok(other),
        }
    }

    /// Zero stands for *none* as well: an empty side of the book, no trigger, no limit.
    pub(super) fn optional_price(&self, field: &str) -> Result<Option<Price>, VenueError> {
        Ok(self.optional_amount(field)?.and_then(Price::new))
    }

    pub(super) fn price(&self, field: &str) -> Result<Price, VenueError> {
        self.optional_price(field)?
            .ok_or_else(|| self.wrong(field, "is missing or zero"))
    }

    pub(super) fn optional_qty(&self, field: &str) -> Result<Option<Qty>, VenueError> {
        Ok(self.optional_amount(field)?.and_then(Qty::new))
    }

    /// Absent counts as false; anything but a boolean is an error.
    pub(super) fn flag(&self, field: &str) -> Result<bool, VenueError> {
        match self.json.member(field) {
            None | Some(Json::Null) => Ok(false),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong(field, &format!("is {}, not a boolean", value.kind()))),
        }
    }

    /// The object under `field`.
    pub(super) fn inner(&self, field: &str, what: &'static str) -> Result<Row<'r>, VenueError> {
        self.json
            .member(field)
            .ok_or_else(|| self.wrong(field, "is missing"))?
            .row(what)
    }

    pub(super) fn rows(&self, field: &str, what: &'static str) -> Result<Vec<Row<'r>>, VenueError> {
        self.json.rows(what, field)
    }

    pub(super) fn side(&self) -> Result<Side, VenueError> {
        match self.text("side")? {
            "Buy" => Ok(Side::Buy),
            "Sell" => Ok(Side::Sell),
            other => Err(self.wrong("side", &format!("is `{}`, neither Buy nor Sell", shorten(other)))),
        }
    }

    /// Spot has no positions and options have one for each contract: both may leave the field out.
    pub(super) fn position_idx(&self, category: Category) -> Result<PositionIdx, VenueError> {
        let hedged = matches!(category, Category::Linear | Category::Inverse);
        if !hedged && self.optional_text("positionIdx")?.is_none() {
            return Ok(PositionIdx::OneWay);
        }
        let text = self.text("positionIdx")?;
        text.parse::<u8>()
            .ok()
            .and_then(PositionIdx::from_wire)
            .ok_or_else(|| self.wrong("positionIdx", &format!("is `{}`, not 0, 1 or 2", shorten(text))))
    }

    /// The instrument of a row in `category`. A symbol that we would write otherwise is not one we know.
    pub(super) fn instrument(&self, category: Category) -> Result<InstrumentId, VenueError> {
        let text = self.text("symbol")?;
        match Symbol::parse(text) {
            Ok(symbol) if symbol.as_str() == text => Ok(InstrumentId::new(category, symbol)),
            _ => Err(self.wrong("symbol", "is not a symbol")),
        }
    }

    pub(super) fn coin(&self, field: &str) -> Result<Coin, VenueError> {
        Coin::parse(self.text(field)?).map_err(|error| self.wrong(field, &error.to_string()))
    }

    /// `timeNano` of market/time (facts §1.4), in milliseconds.
    pub(super) fn nanos_as_ms(&self, field: &str) -> Result<i64, VenueError> {
        self.text(field)?
            .parse::<i64>()
            .ok()
            .filter(|nanos| *nanos > 0)
            .map(|nanos| nanos / 1_000_000)
            .ok_or_else(|| self.wrong(field, "is not a time in nanoseconds"))
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A row of position/list (facts §5.11); a flat one is nothing.
pub(super) fn position(row: &Row<'_>, category: Category) -> Result<Option<Position>, VenueError> {
    let size = row.decimal("size")?;
    if size < Decimal::ZERO {
        return Err(row.wrong("size", "is negative"));
    }
    let Some(size) = Qty::new(size) else {
        return Ok(None);
    };
    Ok(Some(Position {
        instrument: row.instrument(category)?,
        side: row.side()?,
        size,
        mark_price: row.optional_price("markPrice")?,
        position_idx: row.position_idx(category)?,
    }))
}

/// A coin of wallet-balance (facts §4.3, §5.2).
pub(super) fn coin_balance(row: &Row<'_>) -> Result<CoinBalance, VenueError> {
    Ok(CoinBalance {
        coin: row.coin("coin")?,
        equity: row.decimal("equity")?,
        wallet: row.optional_decimal("walletBalance")?,
        usd_value: row.optional_decimal("usdValue")?,
    }
    .less_owed(row.optional_decimal("spotBorrow")?))
}
