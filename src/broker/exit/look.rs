//! One look at the exchange: what is meant, what is wanted, what was seen.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::timeout;

use super::holdings::{Left, SpotRule};
use crate::domain::account::{Position, RestingOrder};
use crate::domain::symbol::{Category, InstrumentId, Symbol};
use crate::venue::{Parts, Venue, VenueError};

/// A look of a thousand orders takes seconds; one that takes longer than this failed.
pub(super) const LOOK_WITHIN: Duration = Duration::from_secs(20);

/// Which orders and positions are meant; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    pub category: Option<Category>,
    pub symbol: Option<Symbol>,
}

impl Reach {
    #[must_use]
    pub fn covers(&self, id: &InstrumentId) -> bool {
        self.has_category(id.category) && self.symbol.as_ref().is_none_or(|symbol| *symbol == id.symbol)
    }

    pub(super) fn has_category(&self, category: Category) -> bool {
        self.category.is_none_or(|meant| meant == category)
    }
}

/// Whether a way out is still to be gone: asked right before each cancel and close leaves this machine.
pub type Stands<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// What is wanted beyond no orders.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// No positions.
    pub close: bool,
    /// No coins that this covers.
    pub sell: Option<SpotRule>,
}

/// A list of one look, as far as it was read.
#[derive(Debug, Clone)]
pub struct Seen<T> {
    pub rows: Vec<T>,
    /// Of these categories there may be more.
    pub unread: BTreeSet<Category>,
}

/// Nothing was read.
impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            unread: BTreeSet::from(Category::ALL),
        }
    }
}

impl<T> Seen<T> {
    /// Everything was read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty()
    }

    /// How many there are; `None`: it is not known.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        self.is_whole().then_some(self.rows.len())
    }

    /// Whether there are any; `None`: it is not known.
    #[must_use]
    pub fn any(&self) -> Option<bool> {
        match self.rows.is_empty() {
            false => Some(true),
            true => self.is_whole().then_some(false),
        }
    }

    /// What of it is within `reach`, and in words what is not known.
    fn within(parts: Parts<T>, reach: &Reach, id: impl Fn(&T) -> &InstrumentId, what: &str) -> Noted<T> {
        let mut notes = Vec::new();
        let mut unread = BTreeSet::new();
        for missing in parts.unread {
            let category = missing.category;
            let (may_be, of) = match category {
                Some(category) => (BTreeSet::from([category]), format!(" of {category}")),
                None => (BTreeSet::from(Category::ALL), String::new()),
            };
            let within: BTreeSet<Category> = may_be
                .into_iter()
                .filter(|category| reach.has_category(*category))
                .collect();
            let note = format!("{what}{of}: {}", missing.why);
            if !within.is_empty() && !notes.contains(&note) {
                notes.push(note);
            }
            unread.extend(within);
        }
        let mut rows = parts.rows;
        rows.retain(|row| reach.covers(id(row)));
        (Self { rows, unread }, notes)
    }
}

/// What one round saw.
#[derive(Debug, Clone, Default)]
pub struct Look {
    pub orders: Seen<RestingOrder>,
    /// `None`: they were not asked for.
    pub positions: Option<Seen<Position>>,
    /// Coins that are to be sold still.
    pub to_sell: usize,
    /// Coins that are held and will not be sold.
    pub left: Vec<Left>,
    /// What stands in the way, in words.
    pub notes: Vec<String>,
    /// It is over: the exchange's clock at the first and at the last of the empty looks.
    pub done: Option<(Option<String>, Option<String>)>,
}

impl Look {
    /// Orders and, where they are to be closed, positions, side by side. One part that cannot be read takes
    /// nothing away from the others.
    pub async fn taken<V: Venue>(venue: &V, reach: &Reach, wish: &Wish) -> Self {
        let (orders, positions) = tokio::join!(resting(venue, reach), to_close(venue, reach, wish));
        Self::of(orders, positions)
    }

    pub(super) fn of(orders: Noted<RestingOrder>, positions: Option<Noted<Position>>) -> Self {
        let (orders, mut notes) = orders;
        let positions = positions.map(|(positions, more)| {
            notes.extend(more);
            positions
        });
        Self {
            orders,
            positions,
            notes,
            ..Self::default()
        }
    }

    /// Positions that were seen; there may be more.
    pub fn held(&self) -> impl Iterator<Item = &Position> {
        self.positions.iter().flat_map(|seen| &seen.rows)
    }
}

/// A list, and what is not known of it, in words.
pub(super) type Noted<T> = (Seen<T>, Vec<String>);

pub(super) async fn resting<V: Venue>(venue: &V, reach: &Reach) -> Noted<RestingOrder> {
    let parts = in_time(venue.open_orders_in_parts()).await;
    Seen::within(parts, reach, |order| &order.instrument, "open orders")
}

/// The positions, where they are to be closed.
pub(super) async fn to_close<V: Venue>(venue: &V, reach: &Reach, wish: &Wish) -> Option<Noted<Position>> {
    if !wish.close {
        return None;
    }
    let parts = in_time(venue.positions_in_parts()).await;
    Some(Seen::within(parts, reach, |held| &held.instrument, "positions"))
}

async fn in_time<T>(read: impl Future<Output = Parts<T>>) -> Parts<T> {
    match timeout(LOOK_WITHIN, read).await {
        Ok(parts) => parts,
        Err(_) => Parts::none(VenueError::Unreachable("no answer in time".to_owned())),
    }
}
