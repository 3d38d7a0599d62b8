//! Whether a position has the protection that was asked for. "Nothing was modified" is said of a stop that stands
//! and of a request that lacked a field (facts §2.3, 34040): only the position tells the two apart.

use super::limits::Rank;
use super::outcome::TP_SL_UNCHANGED;
use super::parse::{Document, Row, Rows};
use super::{BybitVenue, market, query};
use crate::domain::order::{Level, SetTradingStop};
use crate::venue::{Outcome, Rejection, VenueError};

/// <https://bybit-exchange.github.io/docs/v5/position>
const POSITIONS: &str = "/v5/position/list";

impl BybitVenue {
    /// An answer that nothing was modified, once the position has been read back.
    pub(super) async fn read_back(&self, set: &SetTradingStop, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Accepted(accepted) if accepted.unchanged => match self.differences(set).await {
                Ok(different) if different.is_empty() => Outcome::Accepted(accepted),
                Ok(different) => Outcome::Rejected(Rejection {
                    code: TP_SL_UNCHANGED,
                    message: format!(
                        "the exchange modified nothing, and the position is not protected as asked: {}; look at \
                         bybit_get_positions",
                        different.join(", ")
                    ),
                    target_final: false,
                    passing: false,
                }),
                Err(error) => Outcome::Unknown(format!(
                    "code {TP_SL_UNCHANGED}: the exchange modified nothing, and whether the position is protected as \
                     asked could not be read: {error}"
                )),
            },
            other => other,
        }
    }

    /// The levels that the position shows otherwise than they were asked for, in words.
    async fn differences(&self, set: &SetTradingStop) -> Result<Vec<String>, VenueError> {
        let id = &set.instrument;
        let query = query::encode(&[
            ("category", id.category.as_str().to_owned()),
            ("symbol", id.symbol.as_str().to_owned()),
        ])?;
        let envelope = self.http.get_as(Rank::Exit, POSITIONS, &query, true).await?;
        Document::of(&envelope, POSITIONS)?.read(|result| {
            market::check_category(result, POSITIONS, id.category)?;
            for row in result.rows(POSITIONS, "list")? {
                if row.instrument(id.category)? == *id && row.position_idx(id.category)? == set.position_idx {
                    return differences(&row, set);
                }
            }
            Err(VenueError::Unreadable(format!(
                "{POSITIONS}: there is no row of {id} with the position_idx {}",
                set.position_idx.to_wire()
            )))
        })
    }
}

fn differences(row: &Row<'_>, set: &SetTradingStop) -> Result<Vec<String>, VenueError> {
    let mut different = Vec::new();
    for (name, field, asked) in [
        ("take_profit", "takeProfit", set.take_profit),
        ("stop_loss", "stopLoss", set.stop_loss),
        ("trailing_stop", "trailingStop", set.trailing_stop),
    ] {
        let Some(asked) = asked else { continue };
        let asked = match asked {
            Level::At(price) => Some(price),
            Level::Remove => None,
        };
        let shown = row.optional_price(field)?;
        if shown != asked {
            let in_words =
                |level: Option<_>| level.map_or_else(|| "none".to_owned(), |level| format!("{level}"));
            different.push(format!("{name} is {}, not {}", in_words(shown), in_words(asked)));
        }
    }
    Ok(different)
}
