//! What a person committed: `mandate.json`, parsed into what it means.
//!
//! Accepts what Vibe-Trading's consent step writes (`src/live/mandate/store.py`) and refuses what its loader
//! would coerce: NaN and infinite caps, numbers as strings, a string where a list belongs, repeated keys; and an
//! exclude list with an entry that would exclude nothing.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use rust_decimal::Decimal;
use thiserror::Error;

use super::exclusion::{EntryError, check_entry};
use super::json::{Json, JsonError};
use super::money::{AmountError, Usd, parse_decimal};

/// The only schema that the gate trades on.
pub const SCHEMA_VERSION: u64 = 1;

/// The broker that a mandate is for where no other key is named, and its folder under `live`.
pub const DEFAULT_BROKER: &str = "bybit";

const INSTRUMENTS: [&str; 6] = ["equity", "etf", "option", "crypto", "forex", "cfd"];
const ASSET_CLASSES: [&str; 7] = [
    "us_equity",
    "us_etf",
    "hk_equity",
    "cn_equity",
    "in_equity",
    "crypto",
    "forex",
];

/// Why a text is not a mandate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MandateError {
    #[error("no mandate is on file; commit one before trading")]
    Missing,
    #[error("the mandate file cannot be used: {0}")]
    File(String),
    #[error("the mandate is {0}")]
    Json(#[from] JsonError),
    #[error("the mandate lacks `{0}`")]
    MissingField(String),
    #[error("`{field}` of the mandate must be {wanted}")]
    WrongKind { field: String, wanted: &'static str },
    #[error("`{field}` of the mandate: {reason}")]
    Amount { field: String, reason: AmountError },
    #[error("`{field}` of the mandate holds `{value}`, which is not one of: {allowed}")]
    UnknownWord {
        field: String,
        value: String,
        allowed: String,
    },
    #[error("`universe.exclude_symbols` of the mandate holds {0}")]
    Exclusion(#[from] EntryError),
}

/// The ceilings of `hard_caps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardCaps {
    pub account_funding_usd: Usd,
    pub max_order_notional_usd: Usd,
    pub max_total_exposure_usd: Usd,
    /// Gross exposure over `account_funding_usd`.
    pub max_leverage: Decimal,
    pub allowed_instruments: Vec<String>,
    /// Counted over one UTC day.
    pub max_trades_per_day: u64,
}

/// What may be traded at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Universe {
    pub asset_classes: Vec<String>,
    pub min_market_cap_usd: Option<Usd>,
    pub min_avg_daily_volume_usd: Option<Usd>,
    pub exclude_symbols: Vec<String>,
}

/// Who agreed, for which account, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    pub created_at: String,
    pub consent_token_sha256: String,
    pub broker: String,
    pub account_ref: String,
    /// As written; [`Consent::expires`] reads it, and what it cannot read has expired.
    pub expires_at: String,
}

/// A mandate whose every field is known and in range. It may still be expired or for another broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    pub schema_version: u64,
    pub hard_caps: HardCaps,
    pub universe: Universe,
    pub consent: Consent,
    pub flatten_on_halt: bool,
}

impl Mandate {
    /// Reads the text of `mandate.json`. Unknown keys are ignored, as upstream does.
    pub fn parse(text: &str) -> Result<Self, MandateError> {
        let json = Json::parse(text)?;
        Self::from_json(&json)
    }

    /// Reads a mandate that stands inside another document.
    pub fn from_json(json: &Json<'_>) -> Result<Self, MandateError> {
        let root = Section { path: "", json };
        if json.as_object().is_none() {
            return Err(MandateError::WrongKind {
                field: "root".into(),
                wanted: "an object",
            });
        }
        let caps = root.section("hard_caps")?;
        let universe = root.section("universe")?;
        let consent = root.section("consent")?;
        let exclude_symbols = universe.texts("exclude_symbols")?;
        exclude_symbols.iter().try_for_each(|entry| check_entry(entry))?;
        Ok(Self {
            schema_version: root.whole("schema_version")?,
            hard_caps: HardCaps {
                account_funding_usd: caps.usd("account_funding_usd")?,
                max_order_notional_usd: caps.usd("max_order_notional_usd")?,
                max_total_exposure_usd: caps.usd("max_total_exposure_usd")?,
                max_leverage: caps.usd("max_leverage")?.value(),
                allowed_instruments: caps.words("allowed_instruments", &INSTRUMENTS)?,
                max_trades_per_day: caps.whole("max_trades_per_day")?,
            },
            universe: Universe {
                asset_classes: universe.words("asset_classes", &ASSET_CLASSES)?,
                min_market_cap_usd: universe.optional_usd("min_market_cap_usd")?,
                min_avg_daily_volume_usd: universe.optional_usd("min_avg_daily_volume_usd")?,
                exclude_symbols,
            },
            consent: Consent {
                created_at: consent.text("created_at")?,
                consent_token_sha256: consent.text("consent_token_sha256")?,
                broker: consent.text("broker")?,
                account_ref: consent.text("account_ref")?,
                expires_at: consent.text("expires_at")?,
            },
            flatten_on_halt: root.optional_flag("flatten_on_halt")?,
        })
    }
}

/// One object of the mandate, with its path for messages.
struct Section<'j, 'a> {
    path: &'static str,
    json: &'j Json<'a>,
}

impl<'j, 'a> Section<'j, 'a> {
    fn field(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn wrong<T>(&self, name: &str, wanted: &'static str) -> Result<T, MandateError> {
        Err(MandateError::WrongKind {
            field: self.field(name),
            wanted,
        })
    }

    fn required(&self, name: &str) -> Result<&'j Json<'a>, MandateError> {
        self.json
            .member(name)
            .ok_or_else(|| MandateError::MissingField(self.field(name)))
    }

    fn section(&self, name: &'static str) -> Result<Section<'j, 'a>, MandateError> {
        let json = self.required(name)?;
        if json.as_object().is_none() {
            return self.wrong(name, "an object");
        }
        Ok(Section { path: name, json })
    }

    fn text(&self, name: &str) -> Result<String, MandateError> {
        match self.required(name)?.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => self.wrong(name, "a string"),
        }
    }

    fn usd(&self, name: &str) -> Result<Usd, MandateError> {
        match self.required(name)? {
            Json::Number(text) => Usd::parse_not_negative(text).map_err(|reason| MandateError::Amount {
                field: self.field(name),
                reason,
            }),
            _ => self.wrong(name, "a number"),
        }
    }

    fn optional_usd(&self, name: &str) -> Result<Option<Usd>, MandateError> {
        match self.required(name)? {
            Json::Null => Ok(None),
            _ => self.usd(name).map(Some),
        }
    }

    fn whole(&self, name: &str) -> Result<u64, MandateError> {
        let Json::Number(text) = self.required(name)? else {
            return self.wrong(name, "a whole number");
        };
        let value = parse_decimal(text)
            .map_err(|reason| MandateError::Amount {
                field: self.field(name),
                reason,
            })?
            .normalize();
        match u64::try_from(value) {
            Ok(number) if value.scale() == 0 => Ok(number),
            _ => self.wrong(name, "a whole number that is not negative"),
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, MandateError> {
        let Some(items) = self.required(name)?.as_array() else {
            return self.wrong(name, "a list of strings");
        };
        let texts: Option<Vec<String>> = items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect();
        texts.map_or_else(|| self.wrong(name, "a list of strings"), Ok)
    }

    fn words(&self, name: &str, allowed: &[&str]) -> Result<Vec<String>, MandateError> {
        let words = self.texts(name)?;
        match words.iter().find(|word| !allowed.contains(&word.as_str())) {
            None => Ok(words),
            Some(unknown) => Err(MandateError::UnknownWord {
                field: self.field(name),
                value: unknown.chars().take(40).collect(),
                allowed: allowed.join(", "),
            }),
        }
    }

    fn optional_flag(&self, name: &str) -> Result<bool, MandateError> {
        match self.json.member(name) {
            None => Ok(false),
            Some(Json::Bool(value)) => Ok(*value),
            Some(_) => self.wrong(name, "true or false"),
        }
    }
}

impl Consent {
    /// When the mandate ends; `None` when the text is no instant, which counts as expired.
    #[must_use]
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        parse_instant(&self.expires_at)
    }
}

/// Reads the ISO 8601 forms that writers of mandates use: a date, or a date and a time to the minute, second,
/// millisecond or microsecond; `Z`, an offset, or neither, which means UTC. Fewer forms than Python's
/// `datetime.fromisoformat`, never one that it refuses.
#[must_use]
pub fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    if !text.is_ascii() {
        return None;
    }
    let date = NaiveDate::parse_from_str(exact_digits(text.get(..10)?, "0000-00-00")?, "%Y-%m-%d").ok()?;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some(Utc.from_utc_datetime(&date.and_time(NaiveTime::MIN)));
    }
    let rest = rest.strip_prefix('T').or_else(|| rest.strip_prefix(' '))?;
    let (time, offset) = match rest.find(['Z', '+', '-']) {
        Some(at) => (rest.get(..at)?, parse_offset(rest.get(at..)?)?),
        None => (rest, FixedOffset::east_opt(0)?),
    };
    let local = NaiveDateTime::new(date, parse_time(time)?);
    Some(offset.from_local_datetime(&local).single()?.with_timezone(&Utc))
}

/// `text` when its digits and separators stand where they stand in `shape`.
fn exact_digits<'t>(text: &'t str, shape: &str) -> Option<&'t str> {
    let fits = text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, want)| match want {
            b'0' => byte.is_ascii_digit(),
            _ => byte == want,
        });
    fits.then_some(text)
}

fn parse_time(text: &str) -> Option<NaiveTime> {
    let (clock, micros) = match text.split_once('.') {
        None => (text, 0),
        Some((clock, fraction)) if matches!(fraction.len(), 3 | 6) => {
            let digits: u32 = exact_digits(fraction, "000000".get(..fraction.len())?)?
                .parse()
                .ok()?;
            (
                exact_digits(clock, "00:00:00")?,
                if fraction.len() == 3 {
                    digits * 1_000
                } else {
                    digits
                },
            )
        }
        Some(_) => return None,
    };
    let clock = match clock.len() {
        5 => format!("{}:00", exact_digits(clock, "00:00")?),
        _ => exact_digits(clock, "00:00:00")?.to_owned(),
    };
    let number = |range: std::ops::Range<usize>| clock.get(range)?.parse::<u32>().ok();
    NaiveTime::from_hms_micro_opt(number(0..2)?, number(3..5)?, number(6..8)?, micros)
}

fn parse_offset(text: &str) -> Option<FixedOffset> {
    if text == "Z" {
        return FixedOffset::east_opt(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let clock = exact_digits(text.get(1..)?, "00:00")?;
    let hours: i32 = clock.get(..2)?.parse().ok()?;
    let minutes: i32 = clock.get(3..)?.parse().ok()?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_without_a_clear_form_is_no_instant() {
        for text in [
            "2026-07-01T24:00:00Z",
            "2026-07-01T00:00:60Z",
            "never",
            "",
            " 2026-07-01",
            "2026-07-01T",
        ] {
            assert_eq!(parse_instant(text), None, "{text:?}");
        }
    }

    #[test]
    fn offsets_and_missing_zones_are_read() {
        let noon = Utc.with_ymd_and_hms(2026, 6, 15, 12, 0, 0).single();
        for text in [
            "2026-06-15T12:00:00Z",
            "2026-06-15T14:00+02:00",
            "2026-06-15 12:00:00.000000",
            "2026-06-15T07:00:00.000-05:00",
        ] {
            assert_eq!(parse_instant(text), noon, "{text}");
        }
    }
}
