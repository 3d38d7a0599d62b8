//! The shared folder: where it is, who may get at it, whether it can be written, how much room is left.

use std::io;
use std::path::Path;

use super::super::app::{App, env};
use super::super::args::{PAPER_ROOT_VARIABLE, VenueChoice};
use super::finding::Finding;
use super::modes::{self, OTHERS_WRITE};
use crate::state::durable;
use crate::state::paths::{OUR_ROOT_VARIABLE, SHARED_ROOT_VARIABLE};

/// With less a day of records still fits, and a person should make room.
const LITTLE_SPACE_BYTES: u64 = 100 << 20;

/// Written and removed again, to know that it can be done.
const PROBE: &str = ".mandated-doctor-probe";

pub(super) fn check(app: &App) -> Vec<Finding> {
    let root = app.root.as_path();
    let mut findings = vec![judge_root(root, root.is_dir(), &source(app), app.venue)];
    findings.extend(folders(app));
    let nearest = app
        .files
        .broker_folder()
        .ancestors()
        .find(|folder| folder.is_dir());
    if let Some(folder) = nearest {
        findings.push(judge_probe(folder, &probe(folder)));
        findings.push(judge_space(folder, durable::free_bytes(folder)));
    }
    findings
}

/// The modes of the runtime root and of the two folders in it.
pub(super) fn folders(app: &App) -> Vec<Finding> {
    let folders = [
        app.root.as_path(),
        app.files.live_folder(),
        app.files.broker_folder(),
    ];
    folders
        .into_iter()
        .filter_map(|folder| match modes::mode_of(folder) {
            Ok(mode) => Some(judge_folder(folder, mode?)),
            Err(error) => Some(Finding::red(
                "files.unwritable",
                format!("`{}` cannot be looked at: {error}", folder.display()),
                "make it a folder of this user",
            )),
        })
        .collect()
}

fn is_set(variable: &str) -> bool {
    env(variable).is_some_and(|value| !value.trim().is_empty())
}

/// Where the root's path comes from.
fn source(app: &App) -> String {
    let shared = || source_of_shared(is_set(OUR_ROOT_VARIABLE), is_set(SHARED_ROOT_VARIABLE));
    match (app.venue, app.paper_root_from) {
        (VenueChoice::Bybit, _) => shared().to_owned(),
        (VenueChoice::Paper, Some(from)) => from.to_owned(),
        (VenueChoice::Paper, None) => format!(
            "{}, with `paper` below it, as {PAPER_ROOT_VARIABLE} is not set",
            shared()
        ),
    }
}

fn source_of_shared(ours: bool, theirs: bool) -> &'static str {
    match (ours, theirs) {
        (true, true) => "VIBE_RUNTIME_ROOT, and VIBE_TRADING_HOME agrees",
        (true, false) => "VIBE_RUNTIME_ROOT",
        (false, true) => "VIBE_TRADING_HOME",
        (false, false) => "the home folder, as neither VIBE_RUNTIME_ROOT nor VIBE_TRADING_HOME is set",
    }
}

fn judge_root(root: &Path, exists: bool, source: &str, venue: VenueChoice) -> Finding {
    let what = format!("the runtime root is `{}`, from {source}", root.display());
    if exists {
        Finding::green("files.root", what)
    } else {
        let advice = match venue {
            VenueChoice::Bybit => "commit a mandate there, or name the folder that Vibe-Trading uses",
            // Never the root of real money.
            VenueChoice::Paper => {
                "copy a mandate to `live/bybit/mandate.json` in it; play money has a folder of its own"
            }
        };
        Finding::yellow("files.root", format!("{what}; it does not exist yet"), advice)
    }
}

fn judge_folder(folder: &Path, mode: u32) -> Finding {
    let name = folder.display();
    if mode & OTHERS_WRITE != 0 {
        return Finding::red(
            "files.folder_writable",
            format!(
                "others may write `{name}` (mode {mode:o}): they can put another mandate or ledger there"
            ),
            format!("chmod 700 '{name}'"),
        );
    }
    if mode & 0o077 != 0 {
        return Finding::yellow(
            "files.folder_open",
            format!("others may look into `{name}` (mode {mode:o})"),
            format!("chmod 700 '{name}'"),
        );
    }
    Finding::green("files.folder", format!("`{name}` is this user's alone"))
}

fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!("{PROBE}.{}.tmp", std::process::id()));
    durable::replace(&path, b"probe\n")?;
    std::fs::remove_file(&path)
}

fn judge_probe(folder: &Path, written: &io::Result<()>) -> Finding {
    match written {
        Ok(()) => Finding::green("files.writable", format!("`{}` can be written", folder.display())),
        Err(error) => Finding::red(
            "files.unwritable",
            format!("`{}` cannot be written: {error}", folder.display()),
            "free space, mount it writable, or give the folder to this user; nothing is traded without a record",
        ),
    }
}

fn judge_space(folder: &Path, free: io::Result<u64>) -> Finding {
    match free {
        Ok(free) if free >= LITTLE_SPACE_BYTES => {
            Finding::green("files.space", format!("{} MiB are free", free >> 20))
        }
        Ok(free) => Finding::yellow(
            "files.space",
            format!("only {} KiB are free at `{}`", free >> 10, folder.display()),
            "free space: orders are refused when the ledger does not fit",
        ),
        Err(error) => Finding::yellow(
            "files.space",
            format!("the free space cannot be told: {error}"),
            "look with `df`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn a_folder_that_others_may_write_is_red_and_one_they_may_read_yellow() {
        let judged = |mode| {
            let finding = judge_folder(Path::new("/r"), mode);
            (finding.id, finding.severity)
        };
        assert_eq!(judged(0o700), ("files.folder", Severity::Green));
        assert_eq!(judged(0o755), ("files.folder_open", Severity::Yellow));
        assert_eq!(judged(0o770), ("files.folder_writable", Severity::Red));
        assert_eq!(judged(0o1777), ("files.folder_writable", Severity::Red));
    }

    #[test]
    fn the_root_names_the_variable_that_it_came_from() {
        let said = |ours, theirs| {
            let source = source_of_shared(ours, theirs);
            judge_root(Path::new("/r"), true, source, VenueChoice::Bybit).what
        };
        assert!(said(true, false).ends_with("from VIBE_RUNTIME_ROOT"));
        assert!(said(false, true).ends_with("from VIBE_TRADING_HOME"));
        assert!(said(true, true).contains("agrees"));
        assert!(said(false, false).contains("neither"));
        let missing = |venue| judge_root(Path::new("/r"), false, "VIBE_RUNTIME_ROOT", venue);
        assert_eq!(missing(VenueChoice::Bybit).severity, Severity::Yellow);
        let on_paper = missing(VenueChoice::Paper).advice.unwrap();
        assert!(!on_paper.contains("Vibe-Trading"), "{on_paper}");
    }

    #[test]
    fn a_probe_leaves_nothing_behind_and_fails_where_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        probe(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(folder.path().join("file"), "").unwrap();
        let below = folder.path().join("file");
        assert!(judge_probe(&below, &probe(&below)).is_red());
    }

    #[test]
    fn little_space_is_yellow() {
        let judged = |free| judge_space(Path::new("/"), Ok(free)).severity;
        assert_eq!(judged(LITTLE_SPACE_BYTES), Severity::Green);
        assert_eq!(judged(LITTLE_SPACE_BYTES - 1), Severity::Yellow);
        let unknown = judge_space(Path::new("/"), Err(io::ErrorKind::Other.into()));
        assert_eq!(unknown.severity, Severity::Yellow);
    }
}
