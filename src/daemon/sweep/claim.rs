//! Whose the sweep of an episode is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};

use super::names::Names;
use crate::daemon::receipt::Receipt;
use crate::state::clock;
use crate::state::halt::{NAMELESS, Sentinel, is_of_a_file};
use crate::state::paths::LiveFiles;
use crate::state::sweep::{self, Holder};

const DISK_WITHIN: Duration = Duration::from_secs(2);

/// Whose closes these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    Ours,
    /// Nobody's: it could not be written. Ours then, as nobody else can write one either.
    Unwritten(String),
    Another,
}

impl Claim {
    /// Whether closing is ours.
    pub(super) fn allows_closing(&self) -> bool {
        *self != Self::Another
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Ours => "ours".to_owned(),
            Self::Unwritten(why) => format!("ours, but not on disk: {why}"),
            Self::Another => "another program's".to_owned(),
        }
    }
}

/// A clock's instant may lie a little after the time that the file system gives to what is written then.
const COARSE: chrono::Duration = chrono::Duration::seconds(1);

/// The name under which a halt was begun before, here or by another program; its own where it was not.
pub(super) fn begun_as(files: &LiveFiles, sentinel: &Sentinel, venue: &str) -> String {
    let own = &sentinel.episode;
    if own == NAMELESS {
        return own.clone();
    }
    let names = || std::iter::once(own).chain(&sentinel.also);
    let is_kept = |name: &&String| exists(&files.halt_receipt(name)) || exists(&files.halt_sweep(name));
    let is_shared = |name: &&String| exists(&files.flatten_fired(name)) || exists(&files.flatten_claim(name));
    if let Some(name) = names().find(is_kept) {
        // A draft that only the file's time names is of no halt that was swept before under its text.
        let is_draft = name != own && !exists(&files.halt_receipt(name));
        let swept = is_draft.then(|| swept_as(files, sentinel, venue)).flatten();
        return swept.unwrap_or_else(|| name.clone());
    }
    kept_elsewhere(files, sentinel).unwrap_or_else(|| names().find(is_shared).unwrap_or(own).clone())
}

/// Under which name a halt is kept that its file no longer gives: its text cannot be read now, or its time was changed.
fn kept_elsewhere(files: &LiveFiles, sentinel: &Sentinel) -> Option<String> {
    let own = &sentinel.episode;
    let may_be = is_of_a_file(own) || exists(&files.flatten_claim(own));
    let since = sentinel.at.filter(|_| may_be)?.checked_sub_signed(COARSE)?;
    Receipt::kept_as(files, own, since)
}

/// Under which name a halt that can be read was swept before.
fn swept_as(files: &LiveFiles, sentinel: &Sentinel, venue: &str) -> Option<String> {
    let is_done = |name: &String| done_before(files, name, venue).is_some();
    let own = Some(sentinel.episode.clone()).filter(is_done);
    own.or_else(|| kept_elsewhere(files, sentinel).filter(is_done))
}

/// Whether a halt that only its file's time named is, as its text says now, one that was swept before: a file that is
/// written anew has another time.
pub(super) fn turns_out_swept(files: &LiveFiles, names: &Names, now: &Sentinel, venue: &str) -> bool {
    names.lacks_text_of(&Names::of(now)) && swept_as(files, now, venue).is_some()
}

/// Removes what was begun under the file's time of a halt that was swept before.
pub(super) fn drop_misnamed(files: &LiveFiles, own: &str, names: &Names, venue: &str) {
    let is_misnamed = |name: &String| {
        let draft = || Receipt::read(&files.halt_sweep(name));
        name != own
            && is_of_a_file(name)
            && !exists(&files.halt_receipt(name))
            && draft().is_some_and(|draft| draft.venue == venue)
    };
    for name in names.with(own).into_iter().filter(is_misnamed) {
        tracing::warn!(episode = name, "the halt was swept before, as {own}");
        if let Err(error) = std::fs::remove_file(files.halt_sweep(&name)) {
            tracing::warn!(%error, "the draft of a sweep that was left off stays");
        }
        if matches!(sweep::holder(files, &name), Ok(Holder::Us))
            && let Err(error) = sweep::release(files, &name)
        {
            tracing::warn!(%error, "the claim of a sweep that was left off stays");
        }
    }
}

/// Whether an episode was swept to its end before, at this `venue`: by whom, and the receipt of it where that is
/// ours.
///
/// A latch of ours without a receipt is not the end: the receipt was taken back, for a late fill. Nor is a receipt
/// of another exchange, which says nothing of what is held here.
pub(super) fn done_before(files: &LiveFiles, episode: &str, venue: &str) -> Option<(Claim, Option<Receipt>)> {
    if episode == NAMELESS {
        return None;
    }
    match sweep::was_done(files, episode) {
        // The receipt is written first, and is enough where the mark could not be set after it: what was opened
        // since is somebody's own.
        Ok(false) => return finished(files, episode, venue).map(|receipt| (Claim::Ours, Some(receipt))),
        Err(_) if !exists(&files.flatten_fired(episode)) => return None,
        // Something lies there that cannot be read: it is not ours.
        Ok(true) | Err(_) => {}
    }
    let path = files.halt_receipt(episode);
    if exists(&path) {
        let receipt = Receipt::read(&path);
        let is_of_here = receipt.as_ref().is_none_or(|receipt| receipt.venue == venue);
        return is_of_here.then_some((Claim::Ours, receipt));
    }
    // Of several sentinels only the newest names the receipt, and all of them were swept.
    if let Some(receipt) = Receipt::that_covers(files, episode, venue) {
        return Some((Claim::Ours, Some(receipt)));
    }
    let is_ours =
        sweep::was_done_by_us(files, episode) || matches!(sweep::holder(files, episode), Ok(Holder::Us));
    (!is_ours).then_some((Claim::Another, None))
}

/// The receipt of a sweep of ours that came to its end.
fn finished(files: &LiveFiles, episode: &str, venue: &str) -> Option<Receipt> {
    let receipt = Receipt::read(&files.halt_receipt(episode))?;
    let is_it = receipt.episode == episode && receipt.venue == venue && receipt.found_empty.is_some();
    (is_it && receipt.claim != Claim::Another.in_words()).then_some(receipt)
}

/// Removes a receipt of another exchange: while it lies there, this one looks swept as well.
pub(super) fn drop_foreign_receipt(files: &LiveFiles, episode: &str, venue: &str) {
    let path = files.halt_receipt(episode);
    if Receipt::read(&path).is_none_or(|receipt| receipt.venue == venue) {
        return;
    }
    match std::fs::remove_file(&path) {
        Ok(()) => tracing::warn!(path = %path.display(), "a receipt of another exchange is removed"),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "a receipt of another exchange could not be removed");
        }
    }
}

/// A disk that did not answer in time, and may still say whose the sweep is.
pub(super) type Late = JoinHandle<Claim>;

/// Takes the claim where it is free, and no other program is done under it. A disk that hangs or refuses holds nobody up.
pub(super) async fn take(files: &LiveFiles, own: &str, names: &Names) -> (Claim, Option<Late>) {
    if own == NAMELESS {
        return (Claim::Unwritten("the sentinel cannot be read".to_owned()), None);
    }
    let (files, names, own) = (files.clone(), names.clone(), own.to_owned());
    let mut taking = tokio::task::spawn_blocking(move || take_each(&files, &own, &names));
    match tokio::time::timeout(DISK_WITHIN, &mut taking).await {
        Ok(taken) => (in_the_end(taken), None),
        Err(_) => {
            let claim = Claim::Unwritten("the disk does not answer".to_owned());
            (claim, Some(taking))
        }
    }
}

/// Under whichever name another program has it, it is that one's; ours is told under the name it is kept by, and under
/// the text, which is what the others look for.
fn take_each(files: &LiveFiles, own: &str, names: &Names) -> Claim {
    let mut taken = Claim::Ours;
    let mut free = Vec::new();
    for name in names.with(own) {
        match sweep::holder(files, &name) {
            Ok(Holder::Us) => {}
            Ok(Holder::Another) => return Claim::Another,
            Ok(Holder::Nobody) if is_done_by_another(files, &name) => return Claim::Another,
            Ok(Holder::Nobody) => free.push(name),
            Err(error) => taken = Claim::Unwritten(error.to_string()),
        }
    }
    free.retain(|name| name == own || names.is_text(name));
    for name in free {
        match claim(files, &name) {
            Claim::Ours => {}
            Claim::Another => return Claim::Another,
            unwritten @ Claim::Unwritten(_) => taken = unwritten,
        }
    }
    taken
}

/// Where the claim of another program lies.
pub(super) fn held_at(files: &LiveFiles, own: &str, names: &Names) -> PathBuf {
    let held = |name: &String| matches!(sweep::holder(files, name), Ok(Holder::Another));
    let name = names.with(own).into_iter().find(held);
    files.flatten_claim(name.as_deref().unwrap_or(own))
}

pub(super) fn in_the_end(taken: Result<Claim, JoinError>) -> Claim {
    taken.unwrap_or_else(|error| Claim::Unwritten(error.to_string()))
}

/// Its holder sets the latch before it lets the claim go.
fn is_done_by_another(files: &LiveFiles, episode: &str) -> bool {
    matches!(sweep::was_done(files, episode), Ok(true)) && !sweep::was_done_by_us(files, episode)
}

/// Whether the claim is gone and no latch says that its holder came to the end. What cannot be told is no.
pub(super) fn was_given_up(files: &LiveFiles, own: &str, names: &Names) -> bool {
    names.with(own).iter().all(|name| {
        matches!(sweep::holder(files, name), Ok(Holder::Nobody | Holder::Us))
            && matches!(sweep::was_done(files, name), Ok(false))
    })
}

fn claim(files: &LiveFiles, episode: &str) -> Claim {
    match sweep::claim(files, episode, clock::now()) {
        Ok(true) => Claim::Ours,
        // Somebody was first, in this instant.
        Ok(false) => match sweep::holder(files, episode) {
            Ok(Holder::Us) => Claim::Ours,
            Ok(Holder::Another | Holder::Nobody) | Err(_) => Claim::Another,
        },
        Err(error) => Claim::Unwritten(error.to_string()),
    }
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
