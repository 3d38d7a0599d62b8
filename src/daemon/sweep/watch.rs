//! After the sweep, for as long as the sentinel stands: orders that appear are cancelled, late fills closed.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::SweepState;
use super::claim::{self, Claim};
use super::episode::{Episode, ONE_CALL, halting};
use crate::broker::exit::{BETWEEN_ROUNDS, ExitDesk, Look, Wish};
use crate::venue::Venue;

/// How often a swept account is looked at.
pub(super) const WATCH_EVERY: Duration = Duration::from_secs(2);

/// A position that appears so soon after the trip is taken for a late fill of an order from before, and closed.
/// Later ones are somebody's own doing: they are said and left.
const LATE_FILLS: Duration = Duration::from_secs(60);

/// Vibe-Trading's runner lets its claim go between two tries, which lie a minute apart (`_DEFAULT_MARKET_WATCH_MS`
/// in its `runner.py`): one that is gone for longer was given up.
const BETWEEN_ITS_TRIES: Duration = Duration::from_secs(60);

impl Episode {
    /// Orders that appear are cancelled, whoever sent them; so are positions closed that late fills opened.
    pub(super) async fn watch<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        if Instant::now() < self.next_watch {
            return;
        }
        self.next_watch = Instant::now() + WATCH_EVERY;
        if self.inherits(desk).await {
            return;
        }
        // Not `flattened`: a coin that was given up says nothing of the positions.
        let positions_were_closed = self.receipt.flatten_on_halt && self.receipt.found_empty.is_some();
        let is_fresh = self.began.is_some_and(|began| began.elapsed() < LATE_FILLS);
        let closes_late = positions_were_closed && self.claim.allows_closing() && is_fresh;
        let wish = match closes_late {
            true => self.due(desk).wish,
            false => Wish::default(),
        };
        let until = Instant::now() + ONE_CALL;
        let stands = self.still_stands(desk);
        loop {
            let look = self.course.round(desk, &wish, &stands).await;
            let reopened = look.held().next().is_some() || look.to_sell > 0;
            if reopened {
                return self.reopen(desk, &wish, &look).await;
            }
            let is_clear = look.orders.count() == Some(0);
            self.last = match is_clear {
                true => self.swept(),
                false => halting(&look),
            };
            if is_clear || Instant::now() >= until {
                break;
            }
            sleep(BETWEEN_ROUNDS).await;
        }
        if positions_were_closed && !closes_late {
            self.say_positions(desk).await;
        }
        self.after_watch(desk).await;
    }

    async fn after_watch<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        // What the watch cancels is on the ledger, and does not belong into the sweep's receipt.
        let steps = desk.take_steps();
        for why in steps.into_iter().filter_map(|step| step.not_on_ledger) {
            tracing::error!(why, "a cancel under HALT is not on the ledger");
        }
        if self.owes_receipt {
            self.write_receipt(desk).await;
        }
        if self.owes_mark {
            self.latch(desk).await;
        }
    }

    /// Whether the sweep is ours from now on, as the program that claimed it gave it up: a process that is started
    /// anew would take it as well.
    async fn inherits<V: Venue>(&mut self, desk: &ExitDesk<V>) -> bool {
        if self.claim != Claim::Another || !claim::was_given_up(desk.files(), &self.name, &self.names) {
            self.free_since = None;
            return false;
        }
        let since = *self.free_since.get_or_insert_with(Instant::now);
        if since.elapsed() <= BETWEEN_ITS_TRIES {
            return false;
        }
        (self.claim, self.late_claim) = claim::take(desk.files(), &self.name, &self.names).await;
        if !self.claim.allows_closing() {
            return false;
        }
        let note = "the program that had claimed this halt gave it up";
        self.last = SweepState::Halting {
            orders_left: None,
            positions_left: None,
            note: Some(note.to_owned()),
        };
        self.take_back(desk, &Wish::default()).await;
        true
    }

    /// The receipt said flat, and a late fill says otherwise.
    async fn reopen<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish, look: &Look) {
        self.last = halting(look);
        self.take_back(desk, wish).await;
    }

    /// The receipt no longer holds: it is removed, and the sweep goes on. The draft in its place tells a process
    /// after this one what was done so far.
    async fn take_back<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish) {
        self.is_swept = false;
        self.receipt.found_empty = None;
        self.receipt.flattened = false;
        self.has_draft = false;
        self.keep_draft(desk, wish).await;
        let path = desk.files().halt_receipt(&self.name);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::error!(%error, path = %path.display(), "a receipt that no longer holds could not be removed");
        }
    }

    /// Positions that were opened under HALT, long after the sweep.
    async fn say_positions<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        let Ok(positions) = timeout(Duration::from_secs(5), desk.venue().positions_in_parts()).await else {
            return;
        };
        if !positions.rows.is_empty() && self.last == SweepState::Swept {
            let is_whole = positions.unread.is_empty();
            self.last = SweepState::Halting {
                orders_left: Some(0),
                positions_left: is_whole.then_some(positions.rows.len()),
                note: Some("positions were opened after the sweep; they are left alone".to_owned()),
            };
        }
    }
}
