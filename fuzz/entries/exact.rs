//! A line of `explain` read by `serde` alone, its numbers as they are written, and sums that are exact or not made.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

/// The members of an object, each as it is written.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

pub(super) fn members(text: &str) -> Option<Members<'_>> {
    serde_json::from_str(text).ok()
}

pub(super) fn inner<'a>(of: &Members<'a>, name: &str) -> Option<Members<'a>> {
    members(of.get(name)?.get())
}

/// The rows of a list; none when there is no such list.
pub(super) fn rows<'a>(of: &Members<'a>, name: &str) -> Vec<Members<'a>> {
    let list = of.get(name).map(|raw| raw.get());
    list.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// A text or a number as written; what is absent, null or empty is none.
pub(super) fn text(of: &Members<'_>, name: &str) -> Option<String> {
    let raw = of.get(name)?.get();
    match raw.bytes().next()? {
        b'"' => serde_json::from_str(raw)
            .ok()
            .filter(|text: &String| !text.is_empty()),
        b'-' | b'0'..=b'9' => Some(raw.to_owned()),
        _ => None,
    }
}

/// The number in a field, zero where there is none; nothing where it has more digits than a decimal.
pub(super) fn amount(of: &Members<'_>, name: &str) -> Option<Decimal> {
    text(of, name).map_or(Some(Decimal::ZERO), |text| number(&text))
}

/// Every digit of a number, or nothing.
pub(super) fn number(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    if digits.is_empty() || digits == "-" {
        return Some(Decimal::ZERO);
    }
    let dropped = i32::try_from(all.len() - digits.len()).ok()?;
    let scale = i32::try_from(fraction.len())
        .ok()?
        .checked_sub(exponent)?
        .checked_sub(dropped)?;
    let ten = 10_i128.checked_pow(u32::try_from(-scale.min(0)).ok()?)?;
    let digits = digits.parse::<i128>().ok()?.checked_mul(ten)?;
    Decimal::try_from_i128_with_scale(digits, u32::try_from(scale.max(0)).ok()?).ok()
}

/// The product, where a decimal holds all of its digits.
pub(super) fn times(left: Decimal, right: Decimal) -> Option<Decimal> {
    let (left, right) = (left.normalize(), right.normalize());
    let digits = left.mantissa().checked_mul(right.mantissa())?;
    Decimal::try_from_i128_with_scale(digits, left.scale() + right.scale()).ok()
}

/// The sum, where a decimal holds all of its digits.
pub(super) fn plus(left: Decimal, right: Decimal) -> Option<Decimal> {
    let scale = left.scale().max(right.scale());
    let digits = |one: Decimal| {
        one.mantissa()
            .checked_mul(10_i128.checked_pow(scale - one.scale())?)
    };
    let digits = digits(left)?.checked_add(digits(right)?)?;
    Decimal::try_from_i128_with_scale(digits, scale).ok()
}
