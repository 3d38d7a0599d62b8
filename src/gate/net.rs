//! How far fills can carry a position, either way: every order around it either filled or not, whichever is worse.

use rust_decimal::Decimal;

use crate::domain::money::{Overflow, Price, Usd};
use crate::domain::order::{PositionIdx, Side};

/// One direction-free position and the orders around it, in USD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Net {
    /// Positive when long.
    pub(super) position: Decimal,
    pub(super) buys: Decimal,
    pub(super) sells: Decimal,
    pub(super) reduce_buys: Decimal,
    pub(super) reduce_sells: Decimal,
}

/// What the order in question does to a net position when it fills, in USD.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moved {
    /// Signed: a sell is negative.
    By(Decimal),
    /// A sale that borrows nothing: others that want the same coins leave it less to sell. Beyond what is there it
    /// counts in full, as Vibe-Trading counts it, although the exchange refuses that.
    Off(Decimal),
}

/// One leg of hedge mode, in USD: it never turns over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) position: Decimal,
    pub(super) adds: Decimal,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Holding {
    /// The highest at which a position in it is valued.
    pub(super) mark: Option<Price>,
    pub(super) net: Net,
    pub(super) long: Leg,
    pub(super) short: Leg,
}

impl Holding {
    pub(super) fn worst(&self, fill: Option<(PositionIdx, Side, Decimal)>) -> Result<Usd, Overflow> {
        let signed = |idx: PositionIdx| match fill {
            Some((of, Side::Buy, value)) if of == idx => value,
            Some((of, Side::Sell, value)) if of == idx => -value,
            _ => Decimal::ZERO,
        };
        let net = self.net.worst(Moved::By(signed(PositionIdx::OneWay)))?;
        let long = self.long.worst(signed(PositionIdx::HedgeLong))?;
        let short = self.short.worst(-signed(PositionIdx::HedgeShort))?;
        net.plus(long)?.plus(short)
    }
}

impl Net {
    /// The largest |net| that any set of fills can reach when `order` has filled. Reduce-only orders bring a
    /// position towards zero, never past it, but they may fill first and leave less for the others to work
    /// against.
    pub(super) fn worst(&self, order: Moved) -> Result<Usd, Overflow> {
        let (highest, lowest) = self.reach(order)?;
        Ok(Usd::new(highest.abs().max(lowest.abs())))
    }

    /// Whether more of an order of `side` raises (1) or lowers (-1) the worst case.
    pub(super) fn slope(&self, order: Moved, side: Side) -> Result<i8, Overflow> {
        let (highest, lowest) = self.reach(order)?;
        let tilt = highest.checked_add(lowest).ok_or(Overflow)?;
        let raises = match side {
            Side::Buy => tilt >= Decimal::ZERO,
            Side::Sell => tilt <= Decimal::ZERO,
        };
        Ok(if raises { 1 } else { -1 })
    }

    /// The highest and the lowest net position that fills can reach.
    fn reach(&self, order: Moved) -> Result<(Decimal, Decimal), Overflow> {
        let lift = |net: Decimal| -> Result<Decimal, Overflow> {
            if net < Decimal::ZERO {
                Ok(add(net, self.reduce_buys)?.min(Decimal::ZERO))
            } else {
                Ok(net)
            }
        };
        let drop = |net: Decimal, by: Decimal| -> Result<Decimal, Overflow> {
            if net > Decimal::ZERO {
                Ok(add(net, -by)?.max(Decimal::ZERO))
            } else {
                Ok(net)
            }
        };
        let (upper, lower) = match order {
            Moved::By(order) => {
                let filled = add(self.position, order)?;
                let upper = add(lift(self.position)?, order)?.max(lift(filled)?);
                let first = add(drop(self.position, self.reduce_sells)?, order)?;
                (upper, first.min(drop(filled, self.reduce_sells)?))
            }
            Moved::Off(sale) => {
                let upper = lift(drop(self.position, sale)?)?;
                let together = drop(self.position, add(self.reduce_sells, sale)?)?;
                (upper, together.min(add(self.position, -sale)?))
            }
        };
        Ok((add(upper, self.buys)?, add(lower, -self.sells)?))
    }
}

fn add(left: Decimal, right: Decimal) -> Result<Decimal, Overflow> {
    left.checked_add(right).ok_or(Overflow)
}

impl Leg {
    fn worst(&self, order: Decimal) -> Result<Usd, Overflow> {
        let after = self
            .position
            .checked_add(order)
            .ok_or(Overflow)?
            .max(Decimal::ZERO);
        after.checked_add(self.adds).map(Usd::new).ok_or(Overflow)
    }
}
