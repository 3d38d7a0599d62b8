//! The equity curve in a terminal: dots of braille, or stars where only ASCII is safe.

use super::scale::Scale;
use crate::sim::PaperPoint;

/// The width and height of the field in letters.
const COLUMNS: usize = 64;
const ROWS: usize = 12;
/// A letter of braille has two by four dots.
const DOTS: (usize, usize) = (2, 4);
/// The bit of each dot: left column from the top, then the right one.
const BITS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const BRAILLE: u32 = 0x2800;

/// Which letters may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Ascii,
    Unicode,
}

impl Letters {
    /// What the locale can show; `NO_COLOR` asks for plain text altogether.
    pub(super) fn of_environment() -> Self {
        Self::of(&|name| std::env::var(name).ok())
    }

    fn of(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        match set("NO_COLOR").is_none() && (locale.contains("utf-8") || locale.contains("utf8")) {
            true => Self::Unicode,
            false => Self::Ascii,
        }
    }
}

/// The curve with its axes, line by line; nothing when there is no point.
pub(super) fn lines(curve: &[PaperPoint], letters: Letters) -> Vec<String> {
    let Some(scale) = Scale::new(curve, 4) else {
        return Vec::new();
    };
    let field = match letters {
        Letters::Ascii => stars(&scale),
        Letters::Unicode => braille(&scale),
    };
    let marks = scale.marks();
    let width = marks.iter().map(|(_, text)| text.len()).max().unwrap_or(0);
    let (axis, corner, rule) = match letters {
        Letters::Ascii => ('|', '+', "-"),
        Letters::Unicode => ('┤', '└', "─"),
    };
    let mut lines = Vec::new();
    for (at, row) in field.into_iter().enumerate() {
        let of_row = |value: i128| usize::try_from(scale.row(value, size(ROWS))).ok() == Some(at);
        let mark = marks.iter().rev().find(|(value, _)| of_row(*value));
        let mark = mark.map_or("", |(_, text)| text.as_str());
        lines.push(format!("  {mark:>width$} {axis}{}", row.trim_end()));
    }
    lines.push(format!("  {:width$} {corner}{}", "", rule.repeat(COLUMNS)));
    lines.push(format!("  {:width$}  {}", "", dates(&scale)));
    lines
}

fn size(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}

/// The first, the middle and the last moment under the field.
fn dates(scale: &Scale) -> String {
    let columns = size(COLUMNS);
    let [first, middle, last] = [0, columns / 2, columns - 1].map(|at| scale.date(at, columns));
    let left = COLUMNS / 2 - middle.len() / 2;
    let line = format!("{first:<left$}{middle}");
    let right = COLUMNS.saturating_sub(line.len());
    format!("{line}{last:>right$} UTC")
}

/// The dots that the curve fills in each column of a field: each reaches to the next one, so that no gap opens.
fn dots(scale: &Scale, columns: usize, rows: usize) -> Vec<(usize, usize)> {
    let heights = scale.rows(size(columns), size(rows));
    let mut dots = Vec::new();
    for (column, row) in heights.iter().enumerate() {
        let next = heights.get(column + 1).unwrap_or(row);
        // The next column draws its own dot.
        let (top, bottom) = match next.cmp(row) {
            std::cmp::Ordering::Less => (next + 1, *row),
            std::cmp::Ordering::Equal => (*row, *row),
            std::cmp::Ordering::Greater => (*row, next - 1),
        };
        dots.extend((top..=bottom).filter_map(|row| Some((column, usize::try_from(row).ok()?))));
    }
    dots
}

fn braille(scale: &Scale) -> Vec<String> {
    let mut field = vec![vec![BRAILLE; COLUMNS]; ROWS];
    for (x, y) in dots(scale, COLUMNS * DOTS.0, ROWS * DOTS.1) {
        let letter = field.get_mut(y / DOTS.1).and_then(|row| row.get_mut(x / DOTS.0));
        let bit = BITS.get(x % DOTS.0).and_then(|bits| bits.get(y % DOTS.1));
        if let (Some(letter), Some(bit)) = (letter, bit) {
            *letter |= bit;
        }
    }
    let letter = |code: u32| match code {
        BRAILLE => ' ',
        _ => char::from_u32(code).unwrap_or(' '),
    };
    field
        .into_iter()
        .map(|row| row.into_iter().map(letter).collect())
        .collect()
}

fn stars(scale: &Scale) -> Vec<String> {
    let mut field = vec![vec![' '; COLUMNS]; ROWS];
    for (x, y) in dots(scale, COLUMNS, ROWS) {
        if let Some(letter) = field.get_mut(y).and_then(|row| row.get_mut(x)) {
            *letter = '*';
        }
    }
    field.into_iter().map(|row| row.into_iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    const NOON: i64 = 1_781_524_800_000;

    fn rising() -> Vec<PaperPoint> {
        let point = |at: i64| PaperPoint {
            time_ms: NOON + at * 3_600_000,
            usd: Decimal::from(11_000 + at * 10),
        };
        (0..=20).map(point).collect()
    }

    #[test]
    fn a_rising_line_runs_from_corner_to_corner_with_its_labels() {
        let drawn = lines(&rising(), Letters::Ascii);
        assert_eq!(drawn.len(), 14);
        assert!(
            drawn[0].starts_with("  11,200 |") && drawn[0].ends_with('*'),
            "{drawn:#?}"
        );
        assert!(drawn[11].starts_with("  11,000 |***"), "{drawn:#?}");
        assert_eq!(
            drawn[13],
            "          06-15 12:00                06-15 22:09               06-16 08:00 UTC"
        );
        assert!(drawn.iter().all(|line| line.is_ascii()));
        let dotted = lines(&rising(), Letters::Unicode);
        assert!(
            dotted[0].starts_with("  11,200 ┤") && !dotted[0].is_ascii(),
            "{dotted:#?}"
        );
        assert!(dotted[11].starts_with("  11,000 ┤⣀"), "{dotted:#?}");
    }

    #[test]
    fn braille_needs_a_utf_8_locale_and_no_wish_for_plain_text() {
        let of = |set: &'static [(&str, &str)]| {
            Letters::of(&|name| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("LANG", "en_GB.UTF-8")]), Letters::Unicode);
        assert_eq!(of(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")]), Letters::Ascii);
        assert_eq!(of(&[("LC_CTYPE", "C.utf8"), ("LANG", "C")]), Letters::Unicode);
        assert_eq!(of(&[("LANG", "C.UTF-8"), ("NO_COLOR", "1")]), Letters::Ascii);
        assert_eq!(of(&[]), Letters::Ascii);
    }
}
