//! One request as a handler sees it: its parameters, the moment, the store and the market.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::door::keys::Key;
use super::instruments::{self, Category, Instrument};
use super::market::Market;
use super::store::books::Books;
use crate::domain::json::Json;
use crate::domain::money::parse_decimal;

/// The default and the largest span of a history query, as Bybit has it: seven days.
const DAY_MS: i64 = 86_400_000;

/// A definite no: what `retCode` and `retMsg` of the reply will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) message: String,
    /// The `result` of the reply, where it says more.
    pub(crate) result: Option<Box<Value>>,
}

impl Refusal {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            result: None,
        }
    }

    /// What a used-up budget answers.
    pub(crate) fn too_often() -> Self {
        Self::new(10006, "Too many visits!")
    }

    /// The general parameter error.
    pub(crate) fn params(message: impl AsRef<str>) -> Self {
        Self::new(10001, format!("params error: {}", message.as_ref()))
    }
}

impl From<rusqlite::Error> for Refusal {
    // A store that fails leaves the outcome open, as Bybit's own 10016 does.
    fn from(error: rusqlite::Error) -> Self {
        Self::new(10016, format!("System error. The paper store failed: {error}"))
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::new(
            10016,
            format!("System error. A row of the paper store is unreadable: {error}"),
        )
    }
}

/// The arguments of a request: the decoded query of a GET, the top level of a POST's JSON body.
#[derive(Debug, Default)]
pub(crate) struct Params {
    flat: Vec<(String, String)>,
    /// The objects of the member `request`, which batches have.
    rows: Vec<Params>,
}

impl Params {
    pub(crate) fn from_query(query: &str) -> Self {
        Self {
            flat: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn from_body(body: &[u8]) -> Result<Self, Refusal> {
        let not_json = |why: String| Refusal::params(format!("the body is not a JSON object: {why}"));
        let text = std::str::from_utf8(body).map_err(|error| not_json(error.to_string()))?;
        let json = Json::parse(text).map_err(|error| not_json(error.to_string()))?;
        Self::from_object(&json).ok_or_else(|| not_json(format!("it is {}", json.kind())))
    }

    fn from_object(json: &Json<'_>) -> Option<Self> {
        let flat = |value: &Json<'_>| match value {
            Json::Bool(flag) => flag.to_string(),
            other => other.as_text().unwrap_or_default().to_owned(),
        };
        let rows = json.member("request").and_then(Json::as_array);
        Some(Self {
            flat: json
                .as_object()?
                .iter()
                .map(|(key, value)| (key.to_string(), flat(value)))
                .collect(),
            rows: rows
                .unwrap_or_default()
                .iter()
                .map(|row| Self::from_object(row).unwrap_or_default())
                .collect(),
        })
    }

    /// How many orders a request is about.
    pub(crate) fn units(&self) -> i64 {
        i64::try_from(self.rows.len()).unwrap_or(i64::MAX).max(1)
    }

    /// The rows of a batch, each with the category of all.
    pub(crate) fn rows(&self) -> Vec<Self> {
        let mut rows: Vec<Self> = self.rows.iter().map(Self::copy).collect();
        for row in &mut rows {
            row.set("category", self.get("category").unwrap_or_default());
        }
        rows
    }

    /// Puts a parameter in the place of what was given.
    fn set(&mut self, name: &str, value: &str) {
        self.flat.retain(|(key, _)| key != name);
        self.flat.push((name.to_owned(), value.to_owned()));
    }

    /// A copy of the arguments that a handler may change.
    fn copy(&self) -> Self {
        Self {
            flat: self.flat.clone(),
            rows: self.rows.iter().map(Self::copy).collect(),
        }
    }

    /// A parameter; an empty one counts as absent, as it does on Bybit.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.flat
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| Refusal::params(format!("{name} is required")))
    }

    pub(crate) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        self.get(name)
            .map(|text| parse_decimal(text).map_err(|_| Refusal::params(format!("{name} invalid"))))
            .transpose()
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.get(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| Refusal::params(format!("{name} invalid")))
            })
            .transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::params(format!("{name} invalid"))),
        }
    }

    pub(crate) fn category(&self) -> Result<Category, Refusal> {
        let text = self.require("category")?;
        Category::parse(text).ok_or_else(|| Refusal::params("illegal category"))
    }

    /// The instrument of `category` and `symbol`, both required.
    pub(crate) fn instrument(&self) -> Result<&'static Instrument, Refusal> {
        let category = self.category()?;
        let symbol = self.require("symbol")?;
        instruments::find(category, symbol).ok_or_else(|| Refusal::params(format!("symbol invalid {symbol}")))
    }

    /// A page size; beyond `most` it is refused.
    pub(crate) fn limit(&self, default: i64, most: i64) -> Result<i64, Refusal> {
        let limit = self.integer("limit")?.unwrap_or(default);
        if (1..=most).contains(&limit) {
            return Ok(limit);
        }
        Err(Refusal::params(format!("limit must be 1 to {most}")))
    }

    /// The row to continue below. Clients send the cursor verbatim or encode it once more; both are read.
    pub(crate) fn cursor(&self) -> Result<i64, Refusal> {
        let Some(text) = self.get("cursor") else {
            return Ok(i64::MAX);
        };
        text.replace("%3D", "=")
            .strip_prefix("page_args=")
            .and_then(|row| row.parse().ok())
            .ok_or_else(|| Refusal::params("cursor invalid"))
    }

    /// `startTime` to `endTime` under Bybit's seven-day rules.
    pub(crate) fn time_span(&self, now: i64) -> Result<(i64, i64), Refusal> {
        self.time_span_of(7, now)
    }

    /// The last `days`, or as many from a start or to an end.
    pub(crate) fn time_span_of(&self, days: i64, now: i64) -> Result<(i64, i64), Refusal> {
        let span = days.saturating_mul(DAY_MS);
        let (start, end) = match (self.integer("startTime")?, self.integer("endTime")?) {
            (None, None) => (now - span, now),
            (Some(start), None) => (start, start.saturating_add(span)),
            (None, Some(end)) => (end.saturating_sub(span), end),
            (Some(start), Some(end)) => (start, end),
        };
        if end < start || end.saturating_sub(start) > span {
            return Err(Refusal::params(format!(
                "the span from startTime to endTime must be 0 to {days} days"
            )));
        }
        Ok((start, end))
    }
}

/// The cursor text that continues below `row`, already percent-encoded as Bybit's are.
pub(crate) fn cursor_text(row: i64) -> String {
    format!("page_args%3D{row}")
}

/// What a fault or a budget changes about a request that is processed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects {
    pub(crate) invisible_ms: i64,
    pub(crate) reject_later: bool,
    /// Rows of a batch that fail without being processed.
    pub(crate) failing: Vec<(usize, Refusal)>,
    /// So many rows of a batch are within its budget; `None` means all.
    pub(crate) within_budget: Option<usize>,
}

impl Effects {
    /// Why a row of a batch is not processed.
    pub(crate) fn refuse_row(&self, row: usize) -> Result<(), Refusal> {
        if self.within_budget.is_some_and(|rows| row >= rows) {
            return Err(Refusal::too_often());
        }
        match self.failing.iter().find(|(failing, _)| *failing == row) {
            Some((_, refusal)) => Err(refusal.clone()),
            None => Ok(()),
        }
    }
}

/// The store, the market and the moment: what matching and bookkeeping need.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) books: &'a Books,
    pub(crate) market: &'a Market,
    /// The market's time.
    pub(crate) now: i64,
}

impl Desk<'_> {
    /// The same desk at another moment.
    pub(crate) fn at(self, now: i64) -> Self {
        Self { now, ..self }
    }
}

/// A request on its way through a handler.
pub(crate) struct Call<'a> {
    pub(crate) desk: Desk<'a>,
    pub(crate) params: Params,
    pub(crate) effects: Effects,
    /// Who asks; market data is asked by the trading key.
    pub(crate) key: Key,
    /// The public half of an RSA key, else empty.
    pub(crate) rsa_public_key: &'a str,
}

/// What a handler answers: the `result` of the envelope, or a refusal.
pub(crate) type Answer = Result<Value, Refusal>;

/// What fills the envelope of a request that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answered {
    /// `result` alone.
    Result(Value),
    /// The rows of a batch, and what became of each, for `retExtInfo`.
    Rows { result: Value, outcome: Value },
    /// Code and message alone.
    Bare,
}

impl From<Value> for Answered {
    fn from(result: Value) -> Self {
        Self::Result(result)
    }
}

/// A page of rows as private lists have it.
pub(crate) fn page(category: Category, rows: Vec<Value>, next: Option<i64>) -> Value {
    json!({
        "nextPageCursor": next.map(cursor_text).unwrap_or_default(),
        "category": category.word(),
        "list": rows,
    })
}

/// A number as Bybit writes it: text without trailing zeros.
pub(crate) fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_exactly_and_a_broken_one_refused() {
        let params =
            Params::from_body(br#"{"qty":"0.10","positionIdx":1,"reduceOnly":true,"price":""}"#).unwrap();
        assert_eq!(params.get("qty"), Some("0.10"));
        assert_eq!(params.integer("positionIdx"), Ok(Some(1)));
        assert_eq!(params.flag("reduceOnly"), Ok(true));
        assert_eq!(params.get("price"), None);
        for body in ["", "[]", "{", r#"{"a":1,"a":2}"#] {
            assert_eq!(
                Params::from_body(body.as_bytes()).unwrap_err().code,
                10001,
                "{body}"
            );
        }
    }

    #[test]
    fn a_cursor_is_read_verbatim_and_encoded_again() {
        for query in ["cursor=page_args%3D7", "cursor=page_args%253D7"] {
            assert_eq!(Params::from_query(query).cursor(), Ok(7));
        }
        assert!(Params::from_query("cursor=7").cursor().is_err());
        assert_eq!(Params::from_query("").cursor(), Ok(i64::MAX));
    }

    #[test]
    fn a_span_beyond_seven_days_is_refused() {
        let span = |query| Params::from_query(query).time_span(1_000_000_000_000);
        assert_eq!(span(""), Ok((999_395_200_000, 1_000_000_000_000)));
        assert_eq!(span("startTime=5"), Ok((5, 604_800_005)));
        assert!(span("startTime=0&endTime=604800001").is_err());
        assert!(span("startTime=0&endTime=604800000").is_ok());
    }
}
