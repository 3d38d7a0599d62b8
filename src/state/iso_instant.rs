//! Reads an instant the way Python's `datetime.fromisoformat` does, so that both programs name a halt episode alike.
//!
//! It reads what such sentinels hold (dates, times, offsets); week dates are left out and count as unreadable.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

/// The instant that `text` names; without an offset it is taken as UTC. `None` when it names none.
#[must_use]
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    let (date, rest) = date(text)?;
    let mut letters = rest.chars();
    if letters.next().is_none() {
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    // Python takes any one letter between date and time.
    let (clock, offset) = split_offset(letters.as_str());
    let instant = date.and_time(NaiveTime::MIN).checked_add_signed(time(clock)?)?;
    instant
        .checked_sub_signed(offset_of(offset)?)
        .map(|utc| utc.and_utc())
}

fn date(text: &str) -> Option<(NaiveDate, &str)> {
    if let Some((date, rest)) = text.split_at_checked(10)
        && let Ok(date) = NaiveDate::parse_from_str(date, "%Y-%m-%d")
        && text.bytes().take(10).filter(u8::is_ascii_digit).count() == 8
    {
        return Some((date, rest));
    }
    let (date, rest) = text.split_at_checked(8)?;
    let digits = date.bytes().all(|byte| byte.is_ascii_digit());
    let date = NaiveDate::parse_from_str(date, "%Y%m%d")
        .ok()
        .filter(|_| digits)?;
    Some((date, rest))
}

/// The clock part and the offset part, the latter with its sign.
fn split_offset(text: &str) -> (&str, &str) {
    text.find(['+', '-', 'Z'])
        .and_then(|at| text.split_at_checked(at))
        .unwrap_or((text, ""))
}

/// `HH`, `HH:MM`, `HH:MM:SS`, `HH:MM:SS.f…` or the same without colons, within one day.
fn time(text: &str) -> Option<TimeDelta> {
    let (clock, fraction) = match text.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let fields = fields(clock)?;
    let field = |at: usize| fields.get(at).copied().unwrap_or(0);
    if field(0) > 23 || field(1) > 59 || field(2) > 59 {
        return None;
    }
    let micros = match fraction {
        None => 0,
        Some(digits) if fields.len() == 3 => micros(digits)?,
        Some(_) => return None,
    };
    let seconds = field(0) * 3600 + field(1) * 60 + field(2);
    Some(TimeDelta::seconds(seconds) + TimeDelta::microseconds(micros))
}

/// One to three two-digit numbers, all with colons between them or all without.
fn fields(clock: &str) -> Option<Vec<i64>> {
    let two_digits = |part: &str| {
        let fits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| fits)
    };
    let fields: Option<Vec<i64>> = if clock.contains(':') {
        clock.split(':').map(two_digits).collect()
    } else if clock.is_ascii() {
        clock
            .as_bytes()
            .chunks(2)
            .map(|part| two_digits(str::from_utf8(part).ok()?))
            .collect()
    } else {
        None
    };
    fields.filter(|fields| (1..=3).contains(&fields.len()))
}

fn micros(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits
        .chars()
        .chain("000000".chars())
        .take(6)
        .collect::<String>()
        .parse()
        .ok()
}

/// How far ahead of UTC the clock part is.
fn offset_of(text: &str) -> Option<TimeDelta> {
    if text.is_empty() || text == "Z" {
        return Some(TimeDelta::zero());
    }
    let (sign, clock) = text.split_at_checked(1)?;
    let ahead = time(clock)?;
    match sign {
        "+" => Some(ahead),
        "-" => Some(-ahead),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair is `(text, datetime.fromisoformat(text) in nanoseconds, UTC when naive)` of Python 3.11.
    #[test]
    fn instants_are_those_of_python() {
        for (text, nanos) in [
            ("2026-05-29T14:03:11.482000+00:00", 1_780_063_391_482_000_000_i64),
            ("2026-05-29T14:03:11Z", 1_780_063_391_000_000_000),
            ("2026-05-29 14:03:11", 1_780_063_391_000_000_000),
            ("2026-05-29T16:03:11+02:00", 1_780_063_391_000_000_000),
            ("2026-05-29T09:03:11-0500", 1_780_063_391_000_000_000),
            ("20260529T140311", 1_780_063_391_000_000_000),
            ("2026-05-29T14:03:11.482", 1_780_063_391_482_000_000),
            ("2026-05-29T14:03", 1_780_063_380_000_000_000),
            ("2026-05-29T23:59:59", 1_780_099_199_000_000_000),
            ("2026-05-29", 1_780_012_800_000_000_000),
        ] {
            assert_eq!(
                parse(text).and_then(|at| at.timestamp_nanos_opt()),
                Some(nanos),
                "{text}"
            );
        }
    }

    #[test]
    fn what_python_cannot_read_is_no_instant() {
        for text in [
            "",
            "now",
            "2026-05-29T",
            "2026-13-01",
            "2026-05-29T24:00",
            "2026-05-29T25:00",
            "2026-05-29T14:60",
            "2026-05-29T14:03:60",
            "2026-05-29T14:03.5",
            "2026-05-29T14:03:11.",
            "2026-5-29",
            "2026-05-29T14:03:11X",
            "2026-05-29T14:3",
            "1780063391",
            "2026-05-29T1403:11",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
