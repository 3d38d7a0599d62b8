//! The watch on HALT, mandate and policy: every change pokes, by an event and not by the poll.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mandated::daemon::watch::Watch;
use mandated::state::durable;
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use tokio::sync::Notify;
use tokio::time::timeout;

const FIRST_CANCEL: Duration = Duration::from_millis(50);

struct World {
    root: tempfile::TempDir,
    files: LiveFiles,
    poke: Arc<Notify>,
    watch: Watch,
}

fn world() -> World {
    let root = tempfile::tempdir().unwrap();
    let key = BrokerKey::parse("bybit").unwrap();
    let files = LiveFiles::new(&RuntimeRoot::at(root.path().to_owned()), key);
    durable::create_folder(files.broker_folder()).unwrap();
    let poke = Arc::new(Notify::new());
    let watch = Watch::new(&files, Arc::clone(&poke));
    World {
        root,
        files,
        poke,
        watch,
    }
}

impl World {
    /// How long after `change` the poke came. Nothing polls here.
    async fn poked_by(&self, change: impl FnOnce()) -> Duration {
        self.quiet().await;
        let begun = Instant::now();
        change();
        timeout(Duration::from_secs(10), self.poke.notified())
            .await
            .expect("a poke");
        begun.elapsed()
    }

    /// Lets what is on its way arrive.
    async fn quiet(&self) {
        while timeout(Duration::from_millis(30), self.poke.notified())
            .await
            .is_ok()
        {}
    }
}

fn touch(path: &Path) {
    fs::write(path, "").unwrap();
}

#[tokio::test]
async fn a_touch_of_either_sentinel_pokes_at_once() {
    let world = world();
    let mut waits = Vec::new();
    for path in [world.files.halt_global(), world.files.halt_broker()]
        .iter()
        .cycle()
        .take(10)
    {
        waits.push(world.poked_by(|| touch(path)).await);
        waits.push(world.poked_by(|| fs::remove_file(path).unwrap()).await);
    }
    waits.sort();
    // The half of them, so that a machine that is busy with other things does not decide.
    assert!(waits[waits.len() / 2] < FIRST_CANCEL, "{waits:?}");
}

#[tokio::test]
async fn mandate_and_policy_poke_and_what_the_daemon_writes_does_not() {
    let world = world();
    for path in [world.files.mandate(), world.files.policy()] {
        world.poked_by(|| durable::replace(&path, b"x").unwrap()).await;
        world.poked_by(|| fs::write(&path, "y").unwrap()).await;
        world.poked_by(|| fs::remove_file(&path).unwrap()).await;
    }
    world.quiet().await;
    touch(&world.files.audit());
    touch(&world.files.counter());
    durable::replace(&world.files.broker_folder().join("mandated.state.json"), b"{}").unwrap();
    let _ = fs::read(world.files.halt_global());
    let poked = timeout(Duration::from_millis(200), world.poke.notified()).await;
    assert!(poked.is_err());
}

#[tokio::test]
async fn a_folder_that_is_replaced_is_watched_again() {
    let mut world = world();
    let folder = world.files.broker_folder().to_owned();
    let live = world.files.live_folder().to_owned();
    for (number, moved) in [&folder, &live, &folder].into_iter().enumerate() {
        let aside = world.root.path().join(format!("aside{number}"));
        let stale = world.watch.stale();
        world.poked_by(|| fs::rename(moved, &aside).unwrap()).await;
        timeout(Duration::from_secs(10), stale.notified()).await.unwrap();
        assert!(world.watch.arm());
        world.poked_by(|| fs::create_dir_all(moved).unwrap()).await;
        fs::create_dir_all(&folder).unwrap();
        assert!(world.watch.arm());
        world.quiet().await;
        assert!(!world.watch.arm(), "nothing changed");
        world.poked_by(|| touch(&folder.join("HALT"))).await;
        world.poked_by(|| touch(&live.join("HALT"))).await;
        fs::remove_file(live.join("HALT")).unwrap();
    }
}

#[tokio::test]
async fn folders_that_do_not_exist_yet_are_found_later() {
    let root = tempfile::tempdir().unwrap();
    let key = BrokerKey::parse("bybit").unwrap();
    let files = LiveFiles::new(&RuntimeRoot::at(root.path().join("later")), key);
    let poke = Arc::new(Notify::new());
    let mut watch = Watch::new(&files, Arc::clone(&poke));
    assert!(!watch.arm());
    durable::create_folder(files.broker_folder()).unwrap();
    assert!(watch.arm());
    touch(&files.halt_broker());
    timeout(Duration::from_secs(10), poke.notified()).await.unwrap();
}
