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
/// The unit of [`Walk::offset`]: one means a deviation of this fraction.
pub(crate) const UNIT: i64 = 1_000_000_000_000;
const MILLION: i64 = 1_000_000;

/// One coin's path; keeps the current cell of each wave, so that stepping through minutes is cheap.
pub(crate) struct Walk {
    key: u64,
    cells: [(i64, i64, i64); WAVES.len()],
}

impl Walk {
    /// The path of `coin` under `seed`.
    pub(crate) fn new(seed: u64, coin: &str) -> Self {
        let key = coin
            .bytes()
            .fold(mix(seed), |key, byte| mix(key ^ u64::from(byte)));
        Self {
            key,
            cells: [(i64::MIN, 0, 0); WAVES.len()],
        }
    }

    /// How far the price is from its base at `time` (ms), in parts of [`UNIT`].
    pub(crate) fn offset(&mut self, time: i64) -> i64 {
        let key = self.key;
        let waves = WAVES.iter().zip(self.cells.iter_mut()).enumerate();
        let mut total = 0;
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
            total += height * (from + (to - from) * time.rem_euclid(period) / period);
        }
        total
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
    let key = what
        .bytes()
        .fold(mix(!seed), |key, byte| mix(key ^ u64::from(byte)));
    below(mix(key ^ time.cast_unsigned()), bound)
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

    #[test]
    fn a_path_is_the_same_for_the_same_seed_whatever_was_asked_before() {
        let mut one = Walk::new(7, "BTC");
        let mut two = Walk::new(7, "BTC");
        one.offset(START + 86_400_000);
        assert_eq!(one.offset(START), two.offset(START));
        assert_ne!(Walk::new(8, "BTC").offset(START), two.offset(START));
        assert_ne!(Walk::new(7, "ETH").offset(START), two.offset(START));
    }

    #[test]
    fn a_path_stays_near_its_base_and_has_no_jumps() {
        let mut walk = Walk::new(1, "BTC");
        let mut before = walk.offset(START);
        for second in 1..100_000 {
            let after = walk.offset(START + second * 1000);
            assert!(after.abs() < UNIT / 25, "{after} is beyond four percent");
            assert!(
                (after - before).abs() < UNIT / 50_000,
                "a jump at second {second}"
            );
            before = after;
        }
    }

    #[test]
    fn extremes_lie_on_whole_minutes() {
        let mut walk = Walk::new(3, "SOL");
        let knot = START.div_euclid(KNOT_MS) * KNOT_MS;
        let (from, to) = (walk.offset(knot), walk.offset(knot + KNOT_MS));
        for ms in (0..KNOT_MS).step_by(250) {
            let value = walk.offset(knot + ms);
            // Rounding of each wave may add a hair, far below a tick.
            assert!(value >= from.min(to) - 100_000 && value <= from.max(to) + 100_000);
        }
    }
}
