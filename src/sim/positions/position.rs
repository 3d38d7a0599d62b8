//! A position and the arithmetic of its fills, linear in money and inverse in coin.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::sim::instruments::{Category, Instrument};
use crate::sim::orders::{Side, exact};

/// One leg of an instrument: index 0 one-way, 1 the long and 2 the short leg in hedge mode.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) category: String,
    pub(crate) symbol: String,
    pub(crate) idx: i64,
    /// Meaningless while `size` is zero.
    pub(crate) side: Side,
    #[serde(with = "exact")]
    pub(crate) size: Decimal,
    /// What the open size was worth at entry. Kept whole, so that no rounding of an average leaks money.
    #[serde(with = "exact")]
    pub(crate) entry: Decimal,
    /// Profit and fees of the current holding.
    #[serde(with = "exact")]
    pub(crate) realised: Decimal,
    #[serde(with = "exact")]
    pub(crate) realised_ever: Decimal,
    /// What opening the present size cost in fees.
    #[serde(with = "exact", default)]
    pub(crate) open_fees: Decimal,
    /// Margin that was added to an isolated position beyond what its leverage asks for.
    #[serde(with = "exact", default)]
    pub(crate) added: Decimal,
    pub(crate) take_profit: String,
    pub(crate) stop_loss: String,
    pub(crate) trailing_stop: String,
    pub(crate) active_price: String,
    pub(crate) tpsl_mode: String,
    pub(crate) created: i64,
    pub(crate) opened: i64,
    pub(crate) updated: i64,
}

impl Position {
    pub(crate) fn flat(instrument: &Instrument, idx: i64) -> Self {
        Self {
            category: instrument.category.word().to_owned(),
            symbol: instrument.symbol.to_owned(),
            idx,
            side: if idx == 2 { Side::Sell } else { Side::Buy },
            size: Decimal::ZERO,
            entry: Decimal::ZERO,
            realised: Decimal::ZERO,
            realised_ever: Decimal::ZERO,
            open_fees: Decimal::ZERO,
            added: Decimal::ZERO,
            take_profit: String::new(),
            stop_loss: String::new(),
            trailing_stop: String::new(),
            active_price: String::new(),
            tpsl_mode: "Full".to_owned(),
            created: 0,
            opened: 0,
            updated: 0,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.size > Decimal::ZERO
    }

    /// The size, below zero when short.
    pub(crate) fn signed(&self) -> Decimal {
        match self.side {
            Side::Buy => self.size,
            Side::Sell => -self.size,
        }
    }

    /// How much of it an order on `side` can close.
    pub(crate) fn closable(&self, side: Side) -> Decimal {
        if self.side == side {
            Decimal::ZERO
        } else {
            self.size
        }
    }

    /// Books a fill and its fee; says what it closed.
    pub(crate) fn fill(
        &mut self,
        instrument: &Instrument,
        side: Side,
        qty: Decimal,
        price: Decimal,
        fee: Decimal,
        now: i64,
    ) -> Closed {
        let mut closed = self.close(instrument, qty.min(self.closable(side)), price);
        let opened = qty - closed.qty;
        closed.close_fee = share(fee, closed.qty, qty, 8);
        // Of a fill that turns the position over, what it closed belongs to the holding that ends with it.
        self.earn(closed.profit - closed.close_fee, now);
        if opened > Decimal::ZERO {
            let open_fee = fee - closed.close_fee;
            self.open(instrument, side, opened, price, now);
            self.open_fees += open_fee;
            self.earn(-open_fee, now);
        }
        if !self.is_open() {
            self.clear_stops();
        }
        closed
    }

    /// Counts a profit that is settled, or with an amount below zero a loss.
    pub(crate) fn earn(&mut self, amount: Decimal, now: i64) {
        self.realised += amount;
        self.realised_ever += amount;
        self.updated = now;
    }

    fn close(&mut self, instrument: &Instrument, qty: Decimal, price: Decimal) -> Closed {
        if qty.is_zero() {
            return Closed::default();
        }
        let digits = match instrument.category {
            Category::Inverse => 16,
            _ => 8,
        };
        let entry = share(self.entry, qty, self.size, digits);
        let open_fee = share(self.open_fees, qty, self.size, 8);
        self.added -= share(self.added, qty, self.size, 8);
        self.open_fees -= open_fee;
        self.size -= qty;
        self.entry -= entry;
        let exit = instrument.value(qty, price);
        Closed {
            qty,
            profit: gain(instrument, self.side, entry, exit),
            entry,
            exit,
            open_fee,
            close_fee: Decimal::ZERO,
        }
    }

    fn open(&mut self, instrument: &Instrument, side: Side, qty: Decimal, price: Decimal, now: i64) {
        if !self.is_open() {
            self.side = side;
            self.opened = now;
            self.realised = Decimal::ZERO;
        }
        if self.created == 0 {
            self.created = now;
        }
        self.size += qty;
        self.entry += instrument.value(qty, price);
    }

    fn clear_stops(&mut self) {
        for stop in [
            &mut self.take_profit,
            &mut self.stop_loss,
            &mut self.trailing_stop,
            &mut self.active_price,
        ] {
            stop.clear();
        }
    }

    pub(crate) fn average(&self, instrument: &Instrument) -> Decimal {
        instrument.average(self.size, self.entry)
    }

    /// Profit if it were closed at `mark`: in the settle coin, for inverse in the base coin.
    pub(crate) fn unrealised(&self, instrument: &Instrument, mark: Decimal) -> Decimal {
        if !self.is_open() {
            return Decimal::ZERO;
        }
        gain(
            instrument,
            self.side,
            self.entry,
            instrument.value(self.size, mark),
        )
    }

    /// The price at which the position has lost `loss`; nothing when no price costs so much.
    pub(crate) fn price_at_loss(&self, instrument: &Instrument, loss: Decimal) -> Option<Decimal> {
        let gains_with_value = (self.side == Side::Buy) != (instrument.category == Category::Inverse);
        let worth = if gains_with_value {
            self.entry - loss
        } else {
            self.entry + loss
        };
        Some(instrument.average(self.size, worth))
            .filter(|price| worth > Decimal::ZERO && *price > Decimal::ZERO)
    }
}

/// What a fill closed of a position; amounts in the settle coin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) qty: Decimal,
    /// Before fees.
    pub(crate) profit: Decimal,
    /// What the closed part was worth at entry.
    pub(crate) entry: Decimal,
    pub(crate) exit: Decimal,
    /// Its share of the fees that opening cost.
    pub(crate) open_fee: Decimal,
    pub(crate) close_fee: Decimal,
}

/// The share of `part` of `whole` in an amount; the last part takes what is left.
fn share(amount: Decimal, part: Decimal, whole: Decimal, digits: u32) -> Decimal {
    if part == whole {
        return amount;
    }
    (amount * part)
        .checked_div(whole)
        .unwrap_or_default()
        .round_dp(digits)
}

/// The gain from a position that was worth `entry` and is worth `exit`; inverse coins gain as their value falls.
fn gain(instrument: &Instrument, side: Side, entry: Decimal, exit: Decimal) -> Decimal {
    let long = (side == Side::Buy) != (instrument.category == Category::Inverse);
    if long { exit - entry } else { entry - exit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::instruments::{find, num};

    #[test]
    fn a_linear_position_averages_closes_and_flips() {
        let btc = find(Category::Linear, "BTCUSDT").unwrap();
        let mut held = Position::flat(btc, 0);
        held.fill(btc, Side::Buy, num(1, 1), num(60_000, 0), Decimal::ZERO, 1);
        held.fill(btc, Side::Buy, num(1, 1), num(62_000, 0), num(3, 0), 2);
        assert_eq!(held.average(btc), num(61_000, 0));
        assert_eq!((held.realised, held.realised_ever), (-num(3, 0), -num(3, 0)));
        let closed = held.fill(btc, Side::Sell, num(3, 1), num(63_000, 0), num(3, 0), 3);
        assert_eq!((closed.profit, closed.qty), (num(400, 0), num(2, 1)));
        // The fee of a flip is shared by what it closes and what it opens.
        assert_eq!((closed.open_fee, closed.close_fee), (num(3, 0), num(2, 0)));
        assert_eq!(held.open_fees, num(1, 0));
        assert_eq!(
            (held.side, held.size, held.entry),
            (Side::Sell, num(1, 1), num(6_300, 0))
        );
        // Of the new holding: its fee alone; of all: the profit less every fee.
        assert_eq!((held.realised, held.realised_ever), (-num(1, 0), num(394, 0)));
        assert_eq!(held.unrealised(btc, num(62_000, 0)), num(100, 0));
        // What closes a part is of the holding that goes on, and what closes all stays shown once it is flat.
        held.fill(btc, Side::Buy, num(4, 2), num(62_000, 0), num(1, 0), 4);
        assert_eq!((held.realised, held.realised_ever), (num(38, 0), num(433, 0)));
        held.fill(btc, Side::Buy, num(6, 2), num(62_000, 0), num(1, 0), 5);
        assert!(!held.is_open());
        assert_eq!((held.realised, held.realised_ever), (num(97, 0), num(492, 0)));
    }

    #[test]
    fn an_inverse_position_gains_in_coin() {
        // The worked sample of the exchange: 300 contracts short.
        let btc = find(Category::Inverse, "BTCUSD").unwrap();
        let mut held = Position::flat(btc, 0);
        held.fill(btc, Side::Sell, num(300, 0), num(2_746_450, 2), Decimal::ZERO, 1);
        assert_eq!(btc.shown(held.entry), num(1_092_319, 8));
        assert_eq!(held.average(btc), num(2_746_450, 2));
        assert_eq!(btc.shown(held.unrealised(btc, num(282_245, 1))), -num(29_413, 8));
    }
}
