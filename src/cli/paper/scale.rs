//! The axes of the equity curve: round numbers of dollars, dates, and where a value falls between them.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::table::{grouped, time};
use crate::sim::PaperPoint;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// The axes, in milliseconds and cents.
#[derive(Debug)]
pub(super) struct Scale {
    /// Time and cents, oldest first; two at least.
    pub(super) points: Vec<(i64, i128)>,
    low: i128,
    high: i128,
    step: i128,
}

impl Scale {
    /// Axes with about so many steps; nothing when there is no point.
    pub(super) fn new(curve: &[PaperPoint], steps: i128) -> Option<Self> {
        let mut points: Vec<(i64, i128)> = curve
            .iter()
            .map(|point| (point.time_ms, cents(point.usd)))
            .collect();
        let last = *points.last()?;
        if points.len() == 1 {
            // A market that stood still ever since has one moment, drawn as a level line.
            points.push((last.0 + 1, last.1));
        }
        let lowest = points.iter().map(|point| point.1).min()?;
        let highest = points.iter().map(|point| point.1).max()?;
        // A level line stands in the middle of one percent either way.
        let room = match highest - lowest {
            0 => (highest.abs() / 100).max(100),
            _ => 0,
        };
        let (lowest, highest) = (lowest - room, highest + room);
        let step = round_step((highest - lowest) / steps.max(1));
        let low = lowest.div_euclid(step) * step;
        let high = (highest + step - 1).div_euclid(step) * step;
        Some(Self {
            points,
            low,
            high: high.max(low + step),
            step,
        })
    }

    /// Where the marks of the value axis are, upwards, and what they say.
    pub(super) fn marks(&self) -> Vec<(i128, String)> {
        let whole = self.step % 100 == 0;
        let count = (self.high - self.low) / self.step;
        (0..=count)
            .map(|at| {
                let value = self.low + at * self.step;
                let usd = Decimal::try_from_i128_with_scale(value, 2).unwrap_or_default();
                (value, grouped(usd, if whole { 0 } else { 2 }))
            })
            .collect()
    }

    /// The row of a value among `rows`, counted from the top.
    pub(super) fn row(&self, value: i128, rows: i128) -> i128 {
        ((self.high - value) * (rows - 1) + (self.high - self.low) / 2) / (self.high - self.low)
    }

    /// The row of the curve in each of `columns`, straight between its points.
    pub(super) fn rows(&self, columns: i128, rows: i128) -> Vec<i128> {
        let mut at = 0;
        (0..columns)
            .map(|column| {
                let time = self.moment(column, columns);
                while self.points.get(at + 1).is_some_and(|next| next.0 < time) {
                    at += 1;
                }
                self.row(self.between(at, time), rows)
            })
            .collect()
    }

    /// The moment of one of `columns`.
    fn moment(&self, column: i128, columns: i128) -> i64 {
        let (first, last) = self.ends();
        let passed = i128::from(last - first) * column / (columns - 1).max(1);
        first + i64::try_from(passed).unwrap_or_default()
    }

    fn between(&self, at: usize, time: i64) -> i128 {
        match (self.points.get(at), self.points.get(at + 1)) {
            (Some(one), Some(next)) if next.0 > one.0 => {
                one.1 + (next.1 - one.1) * i128::from(time - one.0) / i128::from(next.0 - one.0)
            }
            (Some(one), _) => one.1,
            _ => self.low,
        }
    }

    fn ends(&self) -> (i64, i64) {
        let first = self.points.first().map_or(0, |point| point.0);
        (first, self.points.last().map_or(first, |point| point.0))
    }

    /// What stands under one of `columns`: as fine as the span asks for, in UTC.
    pub(super) fn date(&self, column: i128, columns: i128) -> String {
        let (first, last) = self.ends();
        let pattern = match last - first {
            ..=1 => "%Y-%m-%d %H:%M",
            span if span < 10 * MINUTE_MS => "%m-%d %H:%M:%S",
            span if span < 6 * DAY_MS => "%m-%d %H:%M",
            _ => "%Y-%m-%d",
        };
        time(self.moment(column, columns), pattern)
    }
}

fn cents(usd: Decimal) -> i128 {
    (usd * Decimal::ONE_HUNDRED).round().to_i128().unwrap_or_default()
}

/// The smallest of 1, 2 and 5 with zeros that is not below `least`.
fn round_step(least: i128) -> i128 {
    let mut unit = 1;
    loop {
        for step in [unit, 2 * unit, 5 * unit] {
            if step >= least {
                return step;
            }
        }
        unit *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(points: &[(i64, i64)]) -> Scale {
        let point = |(time_ms, cents): &(i64, i64)| PaperPoint {
            time_ms: *time_ms,
            usd: Decimal::new(*cents, 2),
        };
        Scale::new(&points.iter().map(point).collect::<Vec<_>>(), 4).unwrap()
    }

    #[test]
    fn marks_are_round_and_hold_every_point() {
        let scale = scale(&[(0, 1_099_000), (10, 1_101_300), (20, 1_100_000)]);
        let marks: Vec<String> = scale.marks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(marks, ["10,990", "11,000", "11,010", "11,020"]);
        assert_eq!(scale.row(1_102_000, 31), 0);
        assert_eq!(scale.row(1_099_000, 31), 30);
        assert_eq!(scale.rows(5, 31), [30, 19, 7, 14, 20]);
    }

    #[test]
    fn a_level_line_has_room_either_way() {
        let scale = scale(&[(5, 1_100_000)]);
        let marks: Vec<String> = scale.marks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(marks, ["10,800", "10,900", "11,000", "11,100", "11,200"]);
        assert_eq!(scale.rows(3, 13), [6, 6, 6]);
    }

    #[test]
    fn dates_are_as_fine_as_the_span() {
        let noon = 1_781_524_800_000;
        assert_eq!(
            scale(&[(noon, 1), (noon + 60_000, 1)]).date(0, 9),
            "06-15 12:00:00"
        );
        assert_eq!(scale(&[(noon, 1), (noon + DAY_MS, 1)]).date(8, 9), "06-16 12:00");
        assert_eq!(
            scale(&[(noon, 1), (noon + 9 * DAY_MS, 1)]).date(8, 9),
            "2026-06-24"
        );
        assert_eq!(scale(&[(noon, 1)]).date(0, 9), "2026-06-15 12:00");
    }
}
