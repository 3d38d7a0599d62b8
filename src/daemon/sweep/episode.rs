//! One halt, from its first cancel to its receipt, and the watch after that for as long as the sentinel stands.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::SweepState;
use super::claim::{self, Claim};
use crate::broker::exit::{BETWEEN_ROUNDS, Course, ExitDesk, Look, Reach, SpotRule, Wish};
use crate::broker::read_standing;
use crate::daemon::receipt::{FoundEmpty, Receipt, held};
use crate::domain::mandate::SCHEMA_VERSION;
use crate::domain::policy::Policy;
use crate::state::audit_record::AuditKind;
use crate::state::halt::{HaltState, read_halt};
use crate::state::{clock, sweep};
use crate::venue::Venue;

/// How long one call goes on before it says where it stands.
const ONE_CALL: Duration = Duration::from_secs(1);

/// How often a swept account is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// A position that appears so soon after the trip is taken for a late fill of an order from before, and closed.
/// Later ones are somebody's own doing: they are said and left.
const LATE_FILLS: Duration = Duration::from_secs(60);

/// One halt.
#[derive(Debug)]
pub(super) struct Episode {
    name: String,
    /// Every sentinel's episode when this began: the sweep counts for all of them.
    active: Vec<String>,
    claim: Claim,
    course: Course,
    /// When the sweep began, where it began here: an episode that was swept before has no late fills to come.
    began: Option<Instant>,
    receipt: Receipt,
    /// The receipt is in its place, or was once.
    is_swept: bool,
    /// The receipt could not be written yet.
    owes_receipt: bool,
    next_watch: Instant,
    last: SweepState,
}

impl Episode {
    /// The first cancels are on the wire before anything is written or read of the exchange.
    pub(super) async fn begin<V: Venue>(desk: &ExitDesk<V>, halt: &HaltState, before: Option<Self>) -> Self {
        let files = desk.files();
        let name = halt
            .newest()
            .map(|newest| newest.episode.clone())
            .unwrap_or_default();
        let done = claim::done_before(files, &name);
        let mut course = Course::new(Reach::default(), &name);
        if let Some(before) = before {
            course = course.after(before.course);
        }
        let is_swept = done.is_some();
        let claim = match done {
            Some(claim) => claim,
            None => tokio::join!(course.cancel_blindly(desk), claim::take(files, &name)).1,
        };
        let label = (desk.venue().label(), desk.venue().is_paper());
        let now = clock::now();
        let begun = Receipt::begin(&name, files.broker().as_str(), label, halt.sentinels(), now);
        let kept = Receipt::read(&files.halt_receipt(&name)).filter(|_| is_swept);
        let draft = Receipt::read(&files.halt_sweep(&name)).filter(|draft| draft.episode == name);
        let mut episode = Self {
            active: halt.sentinels().iter().map(|each| each.episode.clone()).collect(),
            claim,
            course,
            began: (!is_swept).then(Instant::now),
            receipt: kept.or(draft).unwrap_or(begun),
            is_swept,
            owes_receipt: false,
            next_watch: Instant::now(),
            last: SweepState::default(),
            name,
        };
        episode.note_trip(desk, halt).await;
        episode
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Rounds until the exchange shows nothing, or for about a second.
    pub(super) async fn go_on<V: Venue>(&mut self, desk: &ExitDesk<V>) -> SweepState {
        if self.is_swept {
            self.watch(desk).await;
        } else {
            self.sweep(desk).await;
        }
        self.last.clone()
    }

    async fn sweep<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        if self.claim == Claim::Another {
            // Its holder may have given it up.
            self.claim = claim::take(desk.files(), &self.name).await;
        }
        let until = Instant::now() + ONE_CALL;
        loop {
            let (wish, why_not) = self.wish(desk);
            let look = self.course.round(desk, &wish).await;
            if look.done.is_some() {
                return self.finish(desk, &wish, look, why_not).await;
            }
            self.last = halting(&look, &self.last);
            if Instant::now() >= until || !self.stands(desk) {
                return self.keep_draft(desk, &wish).await;
            }
            sleep(BETWEEN_ROUNDS).await;
        }
    }

    fn stands<V: Venue>(&self, desk: &ExitDesk<V>) -> bool {
        let halt = read_halt(desk.files());
        halt.newest().is_some_and(|newest| newest.episode == self.name)
    }

    /// What is to be done beyond cancelling, as the mandate says it now, and why not more.
    fn wish<V: Venue>(&self, desk: &ExitDesk<V>) -> (Wish, Option<String>) {
        let nothing = |why: String| (Wish::default(), Some(why));
        if !self.claim.allows_closing() {
            return nothing(format!(
                "positions were left: another program claimed this halt (`{}`)",
                desk.files().flatten_claim(&self.name).display()
            ));
        }
        let standing = read_standing(desk.files(), Ok(clock::now()));
        let mandate = match standing.mandate {
            Ok(mandate) => mandate,
            Err(error) => {
                return nothing(format!(
                    "positions were left: whether to close them is not known: {error}"
                ));
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
        let wish = Wish {
            close: true,
            sell: Some(SpotRule::new(mandate, policy)),
        };
        (wish, None)
    }

    /// The exchange showed nothing, twice: the receipt, the latch, and from now on the watch.
    async fn finish<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        wish: &Wish,
        look: Look,
        why_not: Option<String>,
    ) {
        self.collect(desk, wish);
        let (first_look, last_look) = look.done.unwrap_or_default();
        self.receipt.found_empty = Some(FoundEmpty {
            first_look,
            last_look,
            written_at: clock::ledger_text(clock::now()),
        });
        self.receipt.flattened = wish.close && !look.left.iter().any(|coin| coin.refused);
        self.receipt.not_done = why_not.into_iter().collect();
        self.receipt.coins_left = look.left;
        self.receipt.positions_left.clear();
        if !wish.close {
            self.note_positions(desk).await;
        }
        self.is_swept = true;
        self.owes_receipt = true;
        self.next_watch = Instant::now() + WATCH_EVERY;
        self.last = self.swept();
        self.write_receipt(desk).await;
        self.latch(desk).await;
    }

    fn swept(&self) -> SweepState {
        match self.claim {
            Claim::Another => SweepState::ClaimedElsewhere,
            Claim::Ours | Claim::Unwritten(_) => SweepState::Swept,
        }
    }

    async fn note_positions<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        match timeout(Duration::from_secs(5), desk.venue().positions()).await {
            Ok(Ok(positions)) => self.receipt.positions_left = positions.iter().map(held).collect(),
            Ok(Err(error)) => self
                .receipt
                .not_done
                .push(format!("the positions that were left could not be read: {error}")),
            Err(_) => self
                .receipt
                .not_done
                .push("the positions that were left could not be read in time".to_owned()),
        }
    }

    async fn write_receipt<V: Venue>(&mut self, desk: &ExitDesk<V>) {
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

    /// Tells Vibe-Trading's runner that every episode of this halt was swept.
    async fn latch<V: Venue>(&self, desk: &ExitDesk<V>) {
        if self.claim == Claim::Another {
            return;
        }
        let (files, active) = (desk.files().clone(), self.active.clone());
        let marking = tokio::task::spawn_blocking(move || {
            active
                .iter()
                .try_for_each(|episode| sweep::mark_done(&files, episode, clock::now()).map(drop))
        });
        match timeout(Duration::from_secs(2), marking).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "a sweep is done and not marked so"),
            Ok(Err(error)) => tracing::error!(%error, "a sweep is done and not marked so"),
            Err(_) => tracing::error!("a sweep is done and not marked so: the disk does not answer"),
        }
    }

    /// Orders that appear are cancelled, whoever sent them; so are positions closed that late fills opened.
    async fn watch<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        if Instant::now() < self.next_watch {
            return;
        }
        self.next_watch = Instant::now() + WATCH_EVERY;
        let was_flattened = self.receipt.flattened && self.receipt.found_empty.is_some();
        let is_fresh = self.began.is_some_and(|began| began.elapsed() < LATE_FILLS);
        let closes_late = was_flattened && self.claim.allows_closing() && is_fresh;
        let wish = match closes_late {
            true => self.wish(desk).0,
            false => Wish::default(),
        };
        let until = Instant::now() + ONE_CALL;
        loop {
            let look = self.course.round(desk, &wish).await;
            let reopened = look.positions.as_ref().is_some_and(|held| !held.is_empty()) || look.to_sell > 0;
            if reopened {
                return self.reopen(desk, &look).await;
            }
            let is_clear = look.orders.as_ref().is_some_and(Vec::is_empty);
            self.last = match is_clear {
                true => self.swept(),
                false => halting(&look, &self.last),
            };
            if is_clear || Instant::now() >= until {
                break;
            }
            sleep(BETWEEN_ROUNDS).await;
        }
        if was_flattened && !closes_late {
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
            self.latch(desk).await;
        }
    }

    /// The receipt said flat, and a late fill says otherwise: it is taken back, and the sweep goes on.
    async fn reopen<V: Venue>(&mut self, desk: &ExitDesk<V>, look: &Look) {
        self.is_swept = false;
        self.receipt.found_empty = None;
        self.receipt.flattened = false;
        self.last = halting(look, &self.last);
        let path = desk.files().halt_receipt(&self.name);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::error!(%error, path = %path.display(), "a receipt that no longer holds could not be removed");
        }
    }

    /// Positions that were opened under HALT, long after the sweep.
    async fn say_positions<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        if let Ok(Ok(positions)) = timeout(Duration::from_secs(5), desk.venue().positions()).await
            && !positions.is_empty()
            && self.last == SweepState::Swept
        {
            self.last = SweepState::Halting {
                orders_left: 0,
                positions_left: positions.len(),
                note: Some("positions were opened after the sweep; they are left alone".to_owned()),
            };
        }
    }

    /// `halt_tripped`, once for each episode.
    async fn note_trip<V: Venue>(&mut self, desk: &ExitDesk<V>, halt: &HaltState) {
        self.receipt.claim = self.claim.in_words();
        if self.is_swept || self.receipt.trip_is_recorded {
            return;
        }
        let words = halt.tripped().unwrap_or_default();
        let details = json!({"episode": self.name, "claim": self.receipt.claim});
        match desk.note(AuditKind::HaltTripped, &words, details).await {
            None => self.receipt.trip_is_recorded = true,
            Some(why) => self.receipt.say_not_on_ledger(why),
        }
        self.keep_draft(desk, &Wish::default()).await;
    }

    fn collect<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish) {
        self.receipt.add_steps(desk.take_steps());
        let fresh = self.course.take_closed();
        self.receipt.closed.extend(fresh);
        self.receipt.flatten_on_halt = wish.close;
        self.receipt.claim = self.claim.in_words();
    }

    async fn keep_draft<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish) {
        self.collect(desk, wish);
        if let Err(why) = self.receipt.write(desk.files().halt_sweep(&self.name)).await {
            tracing::warn!(why, "the draft of a receipt was not written");
        }
    }
}

/// What is left; what could not be seen is as it was seen last.
fn halting(look: &Look, last: &SweepState) -> SweepState {
    let (orders, positions) = match last {
        SweepState::Halting {
            orders_left,
            positions_left,
            ..
        } => (*orders_left, *positions_left),
        _ => (0, 0),
    };
    let coins = (look.to_sell > 0).then(|| format!("{} coins are to be sold", look.to_sell));
    let notes: Vec<String> = look.notes.iter().cloned().chain(coins).collect();
    SweepState::Halting {
        orders_left: look.orders.as_ref().map_or(orders, Vec::len),
        positions_left: look.positions.as_ref().map_or(positions, Vec::len),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}
