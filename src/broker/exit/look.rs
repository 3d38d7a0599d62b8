//! One look at the exchange: what is meant, what is wanted, what was seen.

use std::time::Duration;

use tokio::time::timeout;

use super::desk::ExitDesk;
use super::holdings::{Left, SpotRule};
use crate::domain::account::{Position, RestingOrder};
use crate::domain::symbol::{Category, InstrumentId, Symbol};
use crate::venue::{Venue, VenueError};

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
        self.category.is_none_or(|category| category == id.category)
            && self.symbol.as_ref().is_none_or(|symbol| *symbol == id.symbol)
    }

    pub(super) fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// What is wanted beyond no orders.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// No positions.
    pub close: bool,
    /// No coins that this covers.
    pub sell: Option<SpotRule>,
}

/// What one round saw. `None`: it could not be read.
#[derive(Debug, Clone, Default)]
pub struct Look {
    pub orders: Option<Vec<RestingOrder>>,
    pub positions: Option<Vec<Position>>,
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
    /// Orders and, where they are to be closed, positions, side by side.
    pub(super) async fn taken<V: Venue>(desk: &ExitDesk<V>, reach: &Reach, wish: &Wish) -> Self {
        let positions = async {
            match wish.close {
                true => Some(within(desk.venue().positions()).await),
                false => None,
            }
        };
        let (orders, positions) = tokio::join!(within(desk.venue().open_orders()), positions);
        let mut look = Self::default();
        match orders {
            Ok(mut orders) => {
                orders.retain(|order| reach.covers(&order.instrument));
                look.orders = Some(orders);
            }
            Err(why) => look.notes.push(format!("open orders: {why}")),
        }
        match positions {
            Some(Ok(mut positions)) => {
                positions.retain(|position| reach.covers(&position.instrument));
                look.positions = Some(positions);
            }
            Some(Err(why)) => look.notes.push(format!("positions: {why}")),
            None => {}
        }
        look
    }
}

async fn within<T>(read: impl Future<Output = Result<T, VenueError>>) -> Result<T, String> {
    match timeout(LOOK_WITHIN, read).await {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}
