//! Walk prices: a deterministic function of seed, coin and time, in whole numbers alone.
//!
//! A path is the sum of a few triangle waves of pseudo-random height with periods from a minute to a month.
//! Each is linear between whole minutes, so the highest and lowest price of a span lie on its ends or on a
//! whole minute in between: candles and matching see every extreme without sampling.

/// Between two knots a path is a straight line.
pub(crate) const KNOT_MS: i64 = 60_000;
/// Periods in minutes, each a multiple of the last, and heights in millionths; in all about three percent.
const WAVES: [(i64, i64); 6] = [
    (46_080, 16_000),
    (5_760, 8_000),
    (720, 4_000),
    (60, 1_500),
    (10, 600),
    (1, 250),
];
/// The first of the short waves: they move the last price around the index.
const SHORT: usize = 4;
/// The unit of [`Offsets`]: one means a deviation of this fraction.
pub(crate) const UNIT: i64 = 1_000_000_000_000;
const MILLION: i64 = 1_000_000;

/// Which of an instrument's prices is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PriceKind {
    /// What was traded last: all waves.
    Last,
    /// What positions are valued at: the index and half of the short waves.
    Mark,
    /// What the coin costs elsewhere: the long waves alone.
    Index,
}

/// How far a path is from its base, in parts of [`UNIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offsets {
    long: i64,
    short: i64,
}

impl Offsets {
    pub(crate) fn of(self, kind: PriceKind) -> i64 {
        match kind {
            PriceKind::Last => self.long + self.short,
            PriceKind::Mark => self.long + self.short / 2,
            PriceKind::Index => self.long,
        }
    }

    /// By how much the last price is above the index.
    pub(crate) fn premium(self) -> i64 {
        self.short
    }
}

/// One coin's path; keeps the current cell of each wave, so that stepping through minutes is cheap.
pub(crate) struct Walk {
    key: u64,
    cells: [(i64, i64, i64); WAVES.len()],
}

impl Walk {
    /// The path of `coin` under `seed`.
    pub(crate) fn new(seed: u64, coin: &str) -> Self {
        let key = key(seed, coin);
        Self {
            key,
            cells: [(i64::MIN, 0, 0); WAVES.len()],
        }
    }

    /// How far the prices are from their base at `time` (ms).
    pub(crate) fn offsets(&mut self, time: i64) -> Offsets {
        let key = self.key;
        let waves = WAVES.iter().zip(self.cells.iter_mut()).enumerate();
        let mut sum = Offsets { long: 0, short: 0 };
        for (wave, ((minutes, height), cell)) in waves {
            let period = minutes * KNOT_MS;
            let index = time.div_euclid(period);
            if cell.0 != index {
                // Stepping forward, the height ahead becomes the height behind.
                let behind = if cell.0.checked_add(1) == Some(index) {
                    cell.2
                } else {
                    level(key, wave, index)
                };
                *cell = (index, behind, level(key, wave, index + 1));
            }
            let (_, from, to) = *cell;
            let offset = height * (from + (to - from) * time.rem_euclid(period) / period);
            if wave < SHORT {
                sum.long += offset;
            } else {
                sum.short += offset;
            }
        }
        sum
    }
}

/// A height between minus and plus one million.
fn level(key: u64, wave: usize, index: i64) -> i64 {
    let wave = u64::try_from(wave).unwrap_or_default();
    let hash = mix(key ^ mix(wave ^ mix(index.cast_unsigned())));
    below(hash, 2 * MILLION + 1) - MILLION
}

/// A number that stands for anything: evenly spread, the same for the same input.
pub(crate) fn draw(seed: u64, what: &str, time: i64, bound: i64) -> i64 {
    drawn(key(!seed, what), time, bound)
}

/// What `drawn` starts from: one for each seed and subject.
pub(crate) fn key(seed: u64, what: &str) -> u64 {
    what.bytes()
        .fold(mix(seed), |key, byte| mix(key ^ u64::from(byte)))
}

/// The number below `bound` that `key` has at `place`.
pub(crate) fn drawn(key: u64, place: i64, bound: i64) -> i64 {
    below(mix(key ^ place.cast_unsigned()), bound)
}

/// Two numbers for names that have to look random and stay the same.
pub(crate) fn scattered(key: u64, place: i64) -> (u64, u64) {
    let first = mix(key ^ place.cast_unsigned());
    (first, mix(first))
}

fn below(hash: u64, bound: i64) -> i64 {
    let bound = u64::try_from(bound).unwrap_or(1).max(1);
    i64::try_from(hash % bound).unwrap_or_default()
}

/// The finaliser of SplitMix64.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_780_000_000_000;
    /// What seed 7 has for bitcoin at that moment, in parts of [`UNIT`].
    const KNOWN: i64 = 23_406_946_050;

    #[test]
    fn a_path_is_the_same_for_the_same_seed_whatever_was_asked_before() {
        let mut one = Walk::new(7, "BTC");
        let mut two = Walk::new(7, "BTC");
        one.offsets(START + 86_400_000);
        assert_eq!(one.offsets(START), two.offsets(START));
        assert_ne!(Walk::new(8, "BTC").offsets(START), two.offsets(START));
        assert_ne!(Walk::new(7, "ETH").offsets(START), two.offsets(START));
        // A path that is known must stay: accounts hold fills at these prices.
        assert_eq!(two.offsets(START).of(PriceKind::Last), KNOWN);
    }

    #[test]
    fn a_path_stays_near_its_base_and_has_no_jumps() {
        let mut walk = Walk::new(1, "BTC");
        let mut before = walk.offsets(START).of(PriceKind::Last);
        for second in 1..100_000 {
            let after = walk.offsets(START + second * 1000).of(PriceKind::Last);
            assert!(after.abs() < UNIT / 25, "{after} is beyond four percent");
            assert!(
                (after - before).abs() < UNIT / 50_000,
                "a jump at second {second}"
            );
            before = after;
        }
    }

    #[test]
    fn extremes_of_each_kind_lie_on_whole_minutes() {
        let mut walk = Walk::new(3, "SOL");
        for kind in [PriceKind::Last, PriceKind::Mark, PriceKind::Index] {
            for minute in 0..20 {
                let knot = (START.div_euclid(KNOT_MS) + minute) * KNOT_MS;
                let (from, to) = (walk.offsets(knot).of(kind), walk.offsets(knot + KNOT_MS).of(kind));
                for ms in (0..KNOT_MS).step_by(250) {
                    let value = walk.offsets(knot + ms).of(kind);
                    // Rounding of each wave may add a hair, far below a tick.
                    assert!(value >= from.min(to) - 100_000 && value <= from.max(to) + 100_000);
                }
            }
        }
    }

    #[test]
    fn the_mark_lies_between_index_and_last() {
        let mut walk = Walk::new(3, "SOL");
        for minute in 0..500 {
            let offsets = walk.offsets(START + minute * 7_777);
            let [last, mark, index] =
                [PriceKind::Last, PriceKind::Mark, PriceKind::Index].map(|kind| offsets.of(kind));
            assert!(index.min(last) <= mark && mark <= index.max(last));
            assert_eq!(last - index, offsets.premium());
            assert!(offsets.premium().abs() <= 850 * 1_000_000, "within 0.085 percent");
        }
    }
}
