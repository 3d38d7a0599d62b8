//! What a sweep may do, and what it leaves on the disk.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::claim::{self, Claim};
use super::episode::Episode;
use crate::broker::exit::{ExitDesk, SpotRule, Wish};
use crate::daemon::authority::PATIENCE;
use crate::daemon::receipt::held;
use crate::domain::mandate::SCHEMA_VERSION;
use crate::domain::policy::Policy;
use crate::state::standing::read_standing;
use crate::state::{clock, sweep};
use crate::venue::Venue;

/// What is to be done beyond cancelling.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) wish: Wish,
    /// Why not more.
    pub(super) why_not: Option<String>,
    /// The mandate could not be read: it may say otherwise in a moment.
    pub(super) is_unread: bool,
}

impl Episode {
    /// As the mandate says it now.
    pub(super) fn due<V: Venue>(&self, desk: &ExitDesk<V>) -> Due {
        let nothing = |why: String| Due {
            why_not: Some(why),
            ..Due::default()
        };
        if !self.claim.allows_closing() {
            return nothing(format!(
                "positions were left: another program claimed this halt (`{}`)",
                claim::held_at(desk.files(), &self.name, &self.names).display()
            ));
        }
        let standing = read_standing(desk.files(), Ok(clock::now()));
        let mut mandate = match standing.mandate {
            Ok(mandate) => mandate,
            Err(error) => {
                let why = format!("positions were left: whether to close them is not known: {error}");
                return Due {
                    is_unread: true,
                    ..nothing(why)
                };
            }
        };
        let is_ours = mandate.consent.broker.trim().to_lowercase() == standing.broker;
        if !is_ours || mandate.schema_version != SCHEMA_VERSION {
            return nothing("positions were left: the mandate is not one for this broker".to_owned());
        }
        if !mandate.flatten_on_halt {
            return nothing("positions were left: the mandate does not say flatten_on_halt".to_owned());
        }
        let policy = match standing.policy {
            None => Ok(Policy::default()),
            Some(policy) => policy.map_err(|error| error.to_string()),
        };
        if self.is_swept {
            // Given up with the receipt, which names them: trying again must not take it back.
            let given_up = self.receipt.coins_left.iter().filter(|coin| coin.refused);
            let names = given_up.map(|coin| coin.coin.clone());
            mandate.universe.exclude_symbols.extend(names);
        }
        let wish = Wish {
            close: true,
            sell: Some(SpotRule::new(mandate, policy)),
        };
        Due {
            wish,
            ..Due::default()
        }
    }

    /// Whether the mandate is to be waited for: one that is replaced by hand is missing or half written for a
    /// moment, and a halt that ended then would leave for good what it says to close.
    pub(super) fn awaits_mandate(&mut self, due: &Due) -> bool {
        if !due.is_unread {
            self.unread_since = None;
            return false;
        }
        self.unread_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE
    }

    pub(super) async fn note_positions<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        let not_read = "the positions that were left could not be read";
        let not_done = &mut self.receipt.not_done;
        match timeout(Duration::from_secs(7), desk.venue().positions_in_parts()).await {
            Ok(positions) => {
                self.receipt.positions_left = positions.rows.iter().map(held).collect();
                for unread in positions.unread {
                    let of = unread.category.map(|category| format!(" of {category}"));
                    not_done.push(format!("{not_read}{}: {}", of.unwrap_or_default(), unread.why));
                }
            }
            Err(_) => not_done.push(format!("{not_read} in time")),
        }
    }

    /// A halt that is named anew before it was swept is swept on: `touch` makes the file first and sets its time,
    /// which names it, afterwards. Of two sentinels the newer takes over as well.
    pub(super) async fn take_over<V: Venue>(&mut self, desk: &ExitDesk<V>, before: Self) {
        let files = desk.files();
        let is_renamed = self.name.starts_with("mtime:") && !self.active.contains(&before.name);
        let was_told = is_renamed && before.receipt.trip_is_recorded;
        self.receipt.trip_is_recorded |= was_told || before.told.contains(&self.name);
        self.told = before.told;
        self.receipt.take_over(before.receipt);
        self.has_draft = true;
        if let Err(why) = self.receipt.write(files.halt_sweep(&self.name)).await {
            return tracing::warn!(
                why,
                "the draft of a receipt was not written; the one before it stays"
            );
        }
        let drop = std::fs::remove_file(files.halt_sweep(&before.name));
        if let Err(error) = drop
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the draft of a halt that is named anew stays");
        }
        if is_renamed
            && before.claim == Claim::Ours
            && let Err(error) = sweep::release(files, &before.name)
        {
            tracing::warn!(%error, "the claim of a halt that is named anew stays");
        }
    }

    pub(super) async fn write_receipt<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        let path = desk.files().halt_receipt(&self.name);
        match self.receipt.write(path).await {
            Ok(()) => {
                self.owes_receipt = false;
                let draft = desk.files().halt_sweep(&self.name);
                if let Err(error) = std::fs::remove_file(&draft)
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    tracing::warn!(%error, "the draft of a receipt stays beside it");
                }
            }
            Err(why) => tracing::error!(why, "the receipt of a sweep is written again later"),
        }
    }

    /// Tells Vibe-Trading's runner that every episode of this halt was swept. Never before the receipt is
    /// written: the latch without it would say that another program did it.
    pub(super) async fn latch<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        self.owes_mark &= self.claim != Claim::Another;
        if !self.owes_mark || self.owes_receipt {
            return;
        }
        let (files, active) = (desk.files().clone(), self.active.clone());
        let marking = tokio::task::spawn_blocking(move || {
            active
                .iter()
                .try_for_each(|episode| sweep::mark_done(&files, episode, clock::now()).map(drop))
        });
        match timeout(Duration::from_secs(2), marking).await {
            Ok(Ok(Ok(()))) => self.owes_mark = false,
            Ok(Ok(Err(error))) => tracing::error!(%error, "a sweep is done and not marked so"),
            Ok(Err(error)) => tracing::error!(%error, "a sweep is done and not marked so"),
            Err(_) => tracing::error!("a sweep is done and not marked so: the disk does not answer"),
        }
    }
}
