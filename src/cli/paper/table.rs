//! Columns of text, and numbers as a person reads them.

use chrono::DateTime;
use rust_decimal::{Decimal, RoundingStrategy};

/// Rows under a heading, numbers to the right; `columns` has a `>` before the names of such.
pub(super) fn lines(columns: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let heads: Vec<String> = columns
        .iter()
        .map(|name| name.trim_start_matches('>').to_owned())
        .collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(head.chars().count())
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(columns).zip(&widths);
        let padded: Vec<String> = cells
            .map(|((cell, column), width)| match column.starts_with('>') {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            })
            .collect();
        format!("  {}", padded.join("  ").trim_end())
    };
    std::iter::once(&heads).chain(rows).map(line).collect()
}

/// `11,000.25`, in so many digits after the point.
pub(super) fn grouped(value: Decimal, digits: u32) -> String {
    let rounded = value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    let text = format!("{:.*}", usize::try_from(digits).unwrap_or(2), rounded.abs());
    let (whole, rest) = match text.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (text.as_str(), String::new()),
    };
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    let sign = if rounded.is_sign_negative() && !rounded.is_zero() {
        "-"
    } else {
        ""
    };
    format!("{sign}{out}{rest}")
}

/// US dollars and cents.
pub(super) fn usd(value: Decimal) -> String {
    grouped(value, 2)
}

/// An amount of a coin, without the digits that no one reads.
pub(super) fn coins(value: Decimal) -> String {
    value.round_dp(8).normalize().to_string()
}

/// A moment in UTC, in chrono's notation.
pub(super) fn time(ms: i64, pattern: &str) -> String {
    DateTime::from_timestamp_millis(ms)
        .map_or_else(|| ms.to_string(), |time| time.format(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded_half_away_from_zero() {
        for (value, expected) in [
            (Decimal::new(110_000_049, 4), "11,000.00"),
            (Decimal::new(-123_456_785, 2), "-1,234,567.85"),
            (Decimal::new(5, 3), "0.01"),
            (Decimal::new(-4, 3), "0.00"),
            (Decimal::from(999), "999.00"),
        ] {
            assert_eq!(usd(value), expected);
        }
    }

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["BTC".to_owned(), "0.5".to_owned()],
            vec!["USDT".to_owned(), "10000".to_owned()],
        ];
        let expected = ["  coin  amount", "  BTC      0.5", "  USDT   10000"];
        assert_eq!(lines(&["coin", ">amount"], &rows), expected);
    }
}
