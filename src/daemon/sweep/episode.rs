//! One halt, from its first cancel to its receipt.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::SweepState;
use super::claim::{self, Claim, Late};
use super::finish::Due;
use super::names::Names;
use super::watch::WATCH_EVERY;
use crate::broker::exit::{BETWEEN_ROUNDS, Course, ExitDesk, Look, Reach, Seen, Wish};
use crate::daemon::receipt::{FoundEmpty, Receipt};
use crate::state::audit_record::AuditKind;
use crate::state::clock;
use crate::state::halt::{HaltState, Sentinel, read_halt};
use crate::state::sweep::{Holder, holder, was_done};
use crate::venue::Venue;

/// How long one call goes on before it says where it stands.
pub(super) const ONE_CALL: Duration = Duration::from_secs(1);

/// One halt.
#[derive(Debug)]
pub(super) struct Episode {
    /// What its files are named by.
    pub(super) name: String,
    /// What it is called, as far as that is known by now.
    pub(super) names: Names,
    /// Every sentinel's episode when the sweep began: it counts for all of them.
    pub(super) active: Vec<String>,
    pub(super) claim: Claim,
    /// Where the claim only counts as ours until the disk answers.
    pub(super) late_claim: Option<Late>,
    /// Since when the claim of another program is gone, after our receipt and without a latch.
    pub(super) free_since: Option<Instant>,
    pub(super) course: Course,
    /// When the sweep began, here or as the kept receipt says it; of one that another program swept it is not known.
    pub(super) began: Option<Instant>,
    pub(super) receipt: Receipt,
    /// The receipt is in its place, or was once.
    pub(super) is_swept: bool,
    /// The receipt could not be written yet.
    pub(super) owes_receipt: bool,
    /// The mark that the receipt is there could not be set yet.
    pub(super) owes_mark: bool,
    /// A draft was written here, or tried to be.
    pub(super) has_draft: bool,
    pub(super) next_watch: Instant,
    /// Since when the mandate cannot be read.
    pub(super) unread_since: Option<Instant>,
    pub(super) last: SweepState,
    /// No sentinel stands any more: the next one is another halt.
    pub(super) is_over: bool,
    /// The episodes whose trip is on the ledger.
    pub(super) told: BTreeSet<String>,
}

impl Episode {
    /// The first cancels are on the wire before anything is written or read of the exchange.
    pub(super) async fn begin<V: Venue>(
        desk: &ExitDesk<V>,
        halt: &HaltState,
        mut before: Option<Self>,
    ) -> Self {
        let files = desk.files();
        let newest = halt.newest();
        let name = newest
            .map(|newest| claim::begun_as(files, newest, desk.venue().label()))
            .unwrap_or_default();
        let names = newest.map(Names::of).unwrap_or_default();
        let done = claim::done_before(files, &name, desk.venue().label());
        let mut course = Course::new(Reach::default(), &name);
        if let Some(before) = &mut before {
            course = course.after(&mut before.course);
        }
        let is_swept = done.is_some();
        let ((claim, late_claim), kept) = match done {
            Some((claim, kept)) => ((claim, None), kept),
            None => (first(desk, &mut course, &name, &names).await, None),
        };
        let active = match &kept {
            Some(kept) => kept.sentinels.iter().map(|each| each.episode.clone()).collect(),
            None => active(halt, &name),
        };
        let began = match &kept {
            Some(kept) => kept
                .age(clock::now())
                .and_then(|age| Instant::now().checked_sub(age)),
            None => (!is_swept).then(Instant::now),
        };
        let mut episode = Self {
            active,
            course,
            began,
            receipt: kept.unwrap_or_else(|| receipt(desk, halt, &name)),
            is_swept,
            owes_receipt: false,
            owes_mark: is_swept && claim == Claim::Ours && matches!(was_done(files, &name), Ok(false)),
            claim,
            late_claim,
            free_since: None,
            has_draft: false,
            next_watch: Instant::now(),
            unread_since: None,
            last: SweepState::default(),
            is_over: false,
            told: BTreeSet::new(),
            name,
            names,
        };
        if let Some(before) = before.filter(|before| !before.is_swept && !before.is_over)
            && !is_swept
        {
            episode.take_over(desk, before).await;
        }
        if let Some(newest) = newest {
            episode.tell_names(desk, newest).await;
        }
        episode.note_trip(desk, halt).await;
        match is_swept {
            true => claim::drop_misnamed(files, &episode.name, &episode.names, desk.venue().label()),
            false => claim::drop_foreign_receipt(files, &episode.name, desk.venue().label()),
        }
        episode
    }

    /// Whether this is the sweep of it: one that was swept under its text is not swept again for its file's new time.
    pub(super) fn is_of<V: Venue>(&self, desk: &ExitDesk<V>, sentinel: &Sentinel) -> bool {
        self.names.is_same(&Names::of(sentinel)) && !self.turns_out_swept(desk, sentinel)
    }

    fn turns_out_swept<V: Venue>(&self, desk: &ExitDesk<V>, sentinel: &Sentinel) -> bool {
        let venue = desk.venue().label();
        !self.is_swept && claim::turns_out_swept(desk.files(), &self.names, sentinel, venue)
    }

    /// Takes on what the halt is called now: the same file may be readable since a moment ago.
    pub(super) async fn learn<V: Venue>(&mut self, desk: &ExitDesk<V>, newest: &Sentinel) {
        if !self.names.learn(Names::of(newest)) {
            return;
        }
        if !self.is_swept {
            (self.claim, self.late_claim) = claim::take(desk.files(), &self.name, &self.names).await;
        }
        self.tell_names(desk, newest).await;
    }

    /// Puts the text's name into the receipt, and on the claim, where the sweep began without it: a process after this
    /// one, and Vibe-Trading's runner, may know the halt by nothing else.
    async fn tell_names<V: Venue>(&mut self, desk: &ExitDesk<V>, newest: &Sentinel) {
        if !self.receipt.name(newest) {
            return;
        }
        self.has_draft = false;
        if self.is_swept && self.claim.allows_closing() {
            self.owes_receipt |= self.receipt.episode == self.name;
            // What was closed was ours to close, whoever has the text's claim by now.
            let _ = claim::take(desk.files(), &self.name, &self.names).await;
        }
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
        self.settle_claim(desk).await;
        let until = Instant::now() + ONE_CALL;
        let stands = self.still_stands(desk);
        loop {
            let due = self.due(desk);
            let awaits = self.awaits_mandate(&due);
            let mut look = self.course.round(desk, &due.wish, &stands).await;
            let is_misnamed = |now: &Sentinel| self.turns_out_swept(desk, now);
            if look.done.is_some() && !awaits && !read_halt(desk.files()).newest().is_some_and(is_misnamed) {
                return self.finish(desk, due, look).await;
            }
            if awaits {
                look.notes
                    .push("the mandate cannot be read, and is waited for".to_owned());
            }
            self.last = halting(&look);
            if Instant::now() >= until || !self.stands(desk) {
                return self.keep_draft(desk, &due.wish).await;
            }
            sleep(BETWEEN_ROUNDS).await;
        }
    }

    async fn settle_claim<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        if let Some(late) = self.late_claim.take_if(|late| late.is_finished()) {
            self.claim = claim::in_the_end(late.await);
        }
        if self.claim == Claim::Another {
            // Its holder may have given it up.
            (self.claim, self.late_claim) = claim::take(desk.files(), &self.name, &self.names).await;
        }
    }

    /// The same for a round, which may send nothing for a halt that is over.
    pub(super) fn still_stands<V: Venue>(
        &self,
        desk: &ExitDesk<V>,
    ) -> impl Fn() -> bool + Send + Sync + use<V> {
        still_newest(desk, &self.name, &self.names, self.is_swept)
    }

    fn stands<V: Venue>(&mut self, desk: &ExitDesk<V>) -> bool {
        let halt = read_halt(desk.files());
        self.is_over |= !halt.is_tripped();
        halt.newest().is_some_and(|newest| self.is_of(desk, newest))
    }

    /// The exchange showed nothing, twice: the receipt, the latch, and from now on the watch.
    async fn finish<V: Venue>(&mut self, desk: &ExitDesk<V>, due: Due, look: Look) {
        let close = due.wish.close;
        self.collect(desk, &due.wish);
        let (first_look, last_look) = look.done.unwrap_or_default();
        self.receipt.found_empty = Some(FoundEmpty {
            first_look,
            last_look,
            written_at: clock::ledger_text(clock::now()),
        });
        self.receipt.flattened = close && !look.left.iter().any(|coin| coin.refused);
        self.receipt.not_done = due.why_not.into_iter().collect();
        self.receipt.coins_left = look.left;
        self.receipt.positions_left.clear();
        if !close {
            self.note_positions(desk).await;
        }
        self.is_swept = true;
        self.owes_receipt = true;
        self.owes_mark = true;
        self.next_watch = Instant::now() + WATCH_EVERY;
        self.last = self.swept();
        self.write_receipt(desk).await;
        self.latch(desk).await;
    }

    pub(super) fn swept(&self) -> SweepState {
        match self.claim {
            Claim::Another => SweepState::ClaimedElsewhere,
            Claim::Ours | Claim::Unwritten(_) => SweepState::Swept,
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
            None => {
                self.receipt.trip_is_recorded = true;
                self.told.extend(self.active.iter().cloned());
            }
            Some(why) => self.receipt.say_not_on_ledger(why),
        }
        self.keep_draft(desk, &Wish::default()).await;
    }

    fn collect<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish) {
        self.receipt.add_steps(desk.take_steps());
        self.receipt.add_closed(self.course.take_closed());
        self.receipt.flatten_on_halt = wish.close;
        self.receipt.claim = self.claim.in_words();
    }

    pub(super) async fn keep_draft<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish) {
        let before = (self.receipt.steps.len(), self.receipt.closed.len());
        self.collect(desk, wish);
        let is_news = before != (self.receipt.steps.len(), self.receipt.closed.len());
        if !is_news && self.has_draft {
            return;
        }
        self.has_draft = true;
        if let Err(why) = self.receipt.write(desk.files().halt_sweep(&self.name)).await {
            tracing::warn!(why, "the draft of a receipt was not written");
        }
    }
}

/// The first cancels, and the claim beside them.
async fn first<V: Venue>(
    desk: &ExitDesk<V>,
    course: &mut Course,
    name: &str,
    names: &Names,
) -> (Claim, Option<Late>) {
    let stands = still_newest(desk, name, names, false);
    tokio::join!(
        course.cancel_blindly(desk, &stands),
        claim::take(desk.files(), name, names)
    )
    .1
}

fn still_newest<V: Venue>(
    desk: &ExitDesk<V>,
    name: &str,
    names: &Names,
    is_swept: bool,
) -> impl Fn() -> bool + Send + Sync + use<V> {
    let (files, name, names) = (desk.files().clone(), name.to_owned(), names.clone());
    let venue = desk.venue().label().to_owned();
    move || {
        let halt = read_halt(&files);
        // A sentinel without words is named by its time, which whatever writes to it changes again and again.
        let is_renamed = |now: &str| {
            let is_of_a_file = |name: &str| name.starts_with("mtime:");
            is_of_a_file(now) && is_of_a_file(&name) && !matches!(holder(&files, now), Ok(Holder::Another))
        };
        let is_same = |now: &Sentinel| {
            names.is_same(&Names::of(now))
                && (is_swept || !claim::turns_out_swept(&files, &names, now, &venue))
        };
        halt.newest()
            .is_some_and(|newest| is_same(newest) || is_renamed(&newest.episode))
    }
}

/// What is marked as swept in the end: the newest sentinel under the `name` that its sweep is kept by.
fn active(halt: &HaltState, name: &str) -> Vec<String> {
    let is_newest = |each| Some(each) == halt.newest();
    let sentinels = halt.sentinels().iter();
    sentinels
        .map(|each| {
            if is_newest(each) {
                name.to_owned()
            } else {
                each.episode.clone()
            }
        })
        .collect()
}

/// The draft of an earlier process at this exchange, or a receipt that begins now.
fn receipt<V: Venue>(desk: &ExitDesk<V>, halt: &HaltState, name: &str) -> Receipt {
    let draft = Receipt::read(&desk.files().halt_sweep(name))
        .filter(|draft| draft.episode == name && draft.venue == desk.venue().label());
    draft.unwrap_or_else(|| {
        let label = (desk.venue().label(), desk.venue().is_paper());
        let broker = desk.files().broker().as_str();
        Receipt::begin(name, broker, label, halt.sentinels(), clock::now())
    })
}

/// What is left.
pub(super) fn halting(look: &Look) -> SweepState {
    let coins = (look.to_sell > 0).then(|| format!("{} coins are to be sold", look.to_sell));
    let seen = part("order", &look.orders);
    let held = look
        .positions
        .as_ref()
        .and_then(|positions| part("position", positions));
    let notes: Vec<String> = seen
        .into_iter()
        .chain(held)
        .chain(look.notes.iter().cloned())
        .chain(coins)
        .collect();
    SweepState::Halting {
        orders_left: look.orders.count(),
        positions_left: look.positions.as_ref().and_then(Seen::count),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

/// What was seen where not everything could be.
fn part<T>(what: &str, seen: &Seen<T>) -> Option<String> {
    let is_told = seen.is_whole() || seen.rows.is_empty();
    (!is_told).then(|| format!("{} {what}s seen, and there may be more", seen.rows.len()))
}
