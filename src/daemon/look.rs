//! The one task that looks: pokes are many and fall together, looks come one after another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::board::Board;
use super::place::now_text;
use super::sweep::{SweepState, Sweeper};
use crate::state::halt::read_halt;
use crate::state::paths::LiveFiles;
use crate::venue::Venue;

/// HALT is looked at this often even when nobody pokes.
const POLL: Duration = Duration::from_secs(1);

/// While one look lasts, it shows so often that it goes on.
const BEAT: Duration = Duration::from_secs(5);

/// Each wait of a look has an end, and together they come to less than this: one that lasts longer hangs.
const A_LOOK_ENDS_WITHIN: Duration = Duration::from_secs(120);

/// What is done at every poke.
pub(super) trait Look: Send {
    fn look(&mut self) -> impl Future<Output = SweepState> + Send;
}

impl<V: Venue> Look for Sweeper<V> {
    fn look(&mut self) -> impl Future<Output = SweepState> + Send {
        Sweeper::look(self)
    }
}

/// What the task needs beside what it does.
#[derive(Debug, Clone)]
pub(super) struct Around {
    pub(super) files: LiveFiles,
    pub(super) poke: Arc<Notify>,
    pub(super) board: watch::Sender<Board>,
    /// When the task last showed that it goes on.
    pub(super) beat: watch::Sender<Instant>,
}

/// Looks at every poke, and once a second, until `stop` turns true; a look that has begun is finished.
pub(super) async fn keep_looking(mut look: impl Look, around: Around, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
            // A poke during a look is kept, and leads to one more look after it.
            () = around.poke.notified() => {}
        }
        around.beat.send_replace(Instant::now());
        let halted = read_halt(&around.files).tripped();
        around.board.send_if_modified(|board| {
            let changed = board.halted != halted;
            board.halted = halted;
            changed
        });
        let state = beating(look.look(), &around.beat).await;
        around.board.send_modify(|board| {
            board.note(&state);
            board.last_look = Some(now_text());
        });
        around.beat.send_replace(Instant::now());
    }
}

/// The look, and a beat beside it for as long as it may take: an exchange where everything hangs is no reason to end
/// the process that waits for it.
async fn beating<T>(look: impl Future<Output = T>, beat: &watch::Sender<Instant>) -> T {
    let mut look = std::pin::pin!(look);
    for _ in 0..A_LOOK_ENDS_WITHIN.as_secs() / BEAT.as_secs() {
        if let Ok(state) = timeout(BEAT, look.as_mut()).await {
            return state;
        }
        beat.send_replace(Instant::now());
    }
    look.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::place::Holder;
    use crate::state::paths::{BrokerKey, RuntimeRoot};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts its looks and notices two at once.
    struct Slow {
        looks: Arc<AtomicUsize>,
        busy: Arc<AtomicUsize>,
    }

    impl Look for Slow {
        async fn look(&mut self) -> SweepState {
            assert_eq!(self.busy.fetch_add(1, Ordering::SeqCst), 0, "two looks at once");
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.busy.fetch_sub(1, Ordering::SeqCst);
            self.looks.fetch_add(1, Ordering::SeqCst);
            SweepState::Halting {
                orders_left: Some(3),
                positions_left: Some(1),
                note: None,
            }
        }
    }

    #[tokio::test]
    async fn pokes_fall_together_and_none_is_lost() {
        let root = tempfile::tempdir().unwrap();
        let key = BrokerKey::parse("bybit").unwrap();
        let around = Around {
            files: LiveFiles::new(&RuntimeRoot::at(root.path().to_owned()), key),
            poke: Arc::new(Notify::new()),
            board: watch::Sender::new(Board::new(&Holder::default(), ("paper", true), None, None)),
            beat: watch::Sender::new(Instant::now()),
        };
        let (stop, stopped) = watch::channel(false);
        let looks = Arc::new(AtomicUsize::new(0));
        let slow = Slow {
            looks: Arc::clone(&looks),
            busy: Arc::default(),
        };
        // The first look needs no poke.
        let task = tokio::spawn(keep_looking(slow, around.clone(), stopped));
        tokio::time::sleep(Duration::from_millis(5)).await;
        for _ in 0..100 {
            around.poke.notify_one();
        }
        let mut board = around.board.subscribe();
        board
            .wait_for(|_| looks.load(Ordering::SeqCst) == 2)
            .await
            .unwrap();
        assert_eq!(board.borrow().in_words(), "HALTING: 3 orders, 1 position left");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(looks.load(Ordering::SeqCst), 2);
        stop.send(true).unwrap();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_lasts_shows_that_it_goes_on_and_one_that_hangs_does_not() {
        let beat = watch::Sender::new(Instant::now());
        let mut beats = beat.subscribe();
        let mut count = 0;
        let counting = async {
            while timeout(Duration::from_secs(30), beats.changed()).await.is_ok() {
                count += 1;
            }
        };
        let hangs = beating(std::future::pending::<()>(), &beat);
        tokio::select! {
            () = hangs => panic!("it hangs"),
            () = counting => {}
        }
        assert_eq!(count, 24);
        let long = tokio::time::sleep(Duration::from_secs(11));
        let mut beats = beat.subscribe();
        assert!(!beats.has_changed().unwrap());
        beating(long, &beat).await;
        assert!(beats.has_changed().unwrap());
        let short = tokio::time::sleep(Duration::from_secs(4));
        beats.mark_unchanged();
        beating(short, &beat).await;
        assert!(!beats.has_changed().unwrap());
    }
}
