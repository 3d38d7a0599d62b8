//! Notices that HALT, the mandate or the policy changed, and pokes. What changed is for the poked one to find out.
//!
//! Folders are watched, not files: a file that is replaced is another file. Events can get lost, and a network
//! file system has none, so [`Watch::arm`] is called once a second as well; it also finds folders that were
//! replaced.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::state::paths::LiveFiles;

/// The watch on the folders above and around one broker's files.
#[derive(Debug)]
pub struct Watch {
    /// `None` where the system has no events to give; the poll is all there is then.
    watcher: Option<RecommendedWatcher>,
    folders: Vec<Armed>,
    stale: Arc<Notify>,
}

/// A folder, and which one of that name is watched: device and inode.
#[derive(Debug)]
struct Armed {
    path: PathBuf,
    found: Option<(u64, u64)>,
}

impl Watch {
    /// Pokes `poke` at every event that may be about HALT, the mandate or the policy.
    #[must_use]
    pub fn new(files: &LiveFiles, poke: Arc<Notify>) -> Self {
        let stale = Arc::new(Notify::new());
        let names = Names::of(files);
        let replaced = Arc::clone(&stale);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let about = names.about(&event);
            if about.folders {
                replaced.notify_one();
            }
            if about.folders || about.files {
                poke.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!(%error, "no events from the file system: HALT is looked at once a second");
            })
            .ok();
        let live = files.live_folder();
        let folders = [live.parent(), Some(live), Some(files.broker_folder())];
        let mut watch = Self {
            watcher,
            folders: folders
                .into_iter()
                .flatten()
                .map(|path| Armed {
                    path: path.to_owned(),
                    found: None,
                })
                .collect(),
            stale,
        };
        watch.arm();
        watch
    }

    /// Watches the folders that exist now; true when one of them is not the one that was watched.
    pub fn arm(&mut self) -> bool {
        let mut changed = false;
        for folder in &mut self.folders {
            let found = identity(&folder.path);
            if found == folder.found {
                continue;
            }
            changed = true;
            folder.found = found;
            let Some(watcher) = &mut self.watcher else {
                continue;
            };
            // What was watched under this name may be gone already.
            let _ = watcher.unwatch(&folder.path);
            if found.is_some()
                && let Err(error) = watcher.watch(&folder.path, RecursiveMode::NonRecursive)
            {
                tracing::warn!(%error, folder = %folder.path.display(), "not watched: looked at once a second");
                folder.found = None;
            }
        }
        changed
    }

    /// Returns when a folder may have been replaced: call [`Self::arm`] then.
    #[must_use]
    pub fn stale(&self) -> Arc<Notify> {
        Arc::clone(&self.stale)
    }
}

fn identity(folder: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(folder).ok().filter(fs::Metadata::is_dir)?;
    Some((found.dev(), found.ino()))
}

/// Which names matter. The daemon itself writes beside them, and must not poke itself by that.
struct Names {
    files: HashSet<OsString>,
    folders: HashSet<OsString>,
}

/// What an event may be about.
#[derive(Debug, Default, PartialEq, Eq)]
struct About {
    files: bool,
    folders: bool,
}

impl Names {
    fn of(files: &LiveFiles) -> Self {
        let name = |path: &Path| path.file_name().map(OsStr::to_owned);
        let live = files.live_folder();
        Self {
            files: [
                files.halt_global(),
                files.halt_broker(),
                files.mandate(),
                files.policy(),
            ]
            .iter()
            .filter_map(|path| name(path))
            .collect(),
            folders: [
                live.parent().and_then(name),
                name(live),
                name(files.broker_folder()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    fn about(&self, event: &notify::Result<Event>) -> About {
        let everything = About {
            files: true,
            folders: true,
        };
        let Ok(event) = event else { return everything };
        if event.need_rescan() || event.paths.is_empty() {
            return everything;
        }
        match event.kind {
            // Looking at a file is an event as well, and looking is what a poke leads to.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
            EventKind::Access(_) => return About::default(),
            _ => {}
        }
        let names = |set: &HashSet<OsString>| {
            let mut named = event.paths.iter().filter_map(|path| path.file_name());
            named.any(|name| set.contains(name))
        };
        About {
            files: names(&self.files),
            folders: names(&self.folders),
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Flag, ModifyKind};

    use super::*;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    #[test]
    fn what_we_write_ourselves_is_no_news_and_what_got_lost_is() {
        let root = RuntimeRoot::at(PathBuf::from("/r"));
        let names = Names::of(&LiveFiles::new(&root, BrokerKey::parse("bybit").unwrap()));
        let about = |kind: EventKind, path: &str| names.about(&Ok(Event::new(kind).add_path(path.into())));
        let create = EventKind::Create(CreateKind::File);
        for path in ["/r/live/HALT", "/r/live/bybit/HALT", "/r/live/bybit/mandate.json"] {
            assert!(about(create, path).files, "{path}");
        }
        for path in [
            "/r/live/audit.jsonl",
            "/r/live/bybit/mandated.state.json",
            "/r/live/bybit/.HALT.1.0.tmp",
        ] {
            assert_eq!(about(create, path), About::default(), "{path}");
        }
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        assert_eq!(about(opened, "/r/live/HALT"), About::default());
        assert!(about(EventKind::Modify(ModifyKind::Any), "/r/live/bybit").folders);
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(names.about(&Ok(lost)).folders);
        assert!(names.about(&Err(notify::Error::generic("x"))).files);
    }
}
