//! An answer read by `serde` alone, its numbers as they are written: what the readers' findings are held against.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

/// The members of an object, each as it is written.
pub(super) type Members<'t> = BTreeMap<String, &'t RawValue>;

pub(super) fn members(text: &str) -> Option<Members<'_>> {
    serde_json::from_str(text).ok()
}

pub(super) fn inner<'t>(of: &Members<'t>, name: &str) -> Option<Members<'t>> {
    members(of.get(name)?.get())
}

pub(super) fn list<'t>(of: &Members<'t>, name: &str) -> Option<Vec<&'t RawValue>> {
    serde_json::from_str(of.get(name)?.get()).ok()
}

/// What stands in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Absent, null or empty.
    Nothing,
    /// A text, or a number as it is written.
    Text(String),
    Other,
}

pub(super) fn said(of: &Members<'_>, name: &str) -> Said {
    of.get(name).map_or(Said::Nothing, |raw| in_words(raw))
}

pub(super) fn in_words(raw: &RawValue) -> Said {
    let raw = raw.get();
    match raw.bytes().next() {
        Some(b'n') => Said::Nothing,
        Some(b'"') => match serde_json::from_str::<String>(raw) {
            Ok(text) if text.is_empty() => Said::Nothing,
            Ok(text) => Said::Text(text),
            Err(_) => Said::Other,
        },
        Some(b'-' | b'0'..=b'9') => Said::Text(raw.to_owned()),
        _ => Said::Other,
    }
}

impl Said {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nothing | Self::Other => None,
        }
    }

    /// The number; nothing for what is none or has more digits than a decimal.
    pub(super) fn number(&self) -> Option<Decimal> {
        number(self.text()?)
    }
}

pub(super) fn is_true(of: &Members<'_>, name: &str) -> bool {
    of.get(name).is_some_and(|raw| raw.get() == "true")
}

fn number(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    if digits.is_empty() || digits == "-" {
        return Some(Decimal::ZERO).filter(|_| !all.is_empty() && all != "-");
    }
    let dropped = i64::try_from(all.len() - digits.len()).ok()?;
    let scale = i64::try_from(fraction.len())
        .ok()?
        .checked_sub(exponent)?
        .checked_sub(dropped)?;
    let ten = 10_i128.checked_pow(u32::try_from(scale.min(0).checked_neg()?).ok()?)?;
    let digits = digits.parse::<i128>().ok()?.checked_mul(ten)?;
    Decimal::try_from_i128_with_scale(digits, u32::try_from(scale.max(0)).ok()?).ok()
}
