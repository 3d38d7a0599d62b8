//! SIGKILL at random moments of a stream of orders, at an exchange that fails at random; a fixed seed. Afterwards
//! exchange, counter and ledger are compared.
//!
//! `cargo test --features crash-points --test crash_random`; another seed: `MANDATED_CRASH_SEED=7`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod crash;

use std::time::{Duration, Instant};

use crash::{Agent, CAN_APPEAR, CREATE, World, limit_order, market_order, too_large};
use mandated::sim::FaultKind;

const SEED: u64 = 0x5eed_0f0d_eadf_00d5;
const ORDERS: usize = 60;

/// However slow the machine is, no further order is begun after this.
const AT_MOST: Duration = Duration::from_secs(28);

/// SplitMix64: the same numbers from the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// What goes wrong with the next order, if anything.
    fn fault(&mut self) -> Option<(&'static str, FaultKind)> {
        Some(match self.below(16) {
            0 | 1 => (CREATE, FaultKind::DropAfter),
            2 | 3 => (CREATE, FaultKind::StatusAfter(502)),
            4 => (CREATE, FaultKind::Status(503)),
            5 => (CREATE, FaultKind::TruncatedBody),
            6 => (CREATE, FaultKind::InvisibleMs(100 + self.below(300))),
            7 => (CREATE, FaultKind::DelayMs(self.below(200))),
            // On its way while its sender dies: it arrives all the same.
            8 => (CREATE, FaultKind::DelayBeforeMs(self.below(300))),
            9 => ("/v5/order/*", FaultKind::DelayMs(self.below(80))),
            10 => ("/v5/order/realtime", FaultKind::Status(500)),
            _ => return None,
        })
    }
}

/// One order; now and then its sender is killed over it. Gives back the sender, when it lives.
async fn order(world: &World, agent: Agent, dice: &mut Dice, number: usize) -> Option<Agent> {
    let mut agent = agent;
    world.paper.faults().clear();
    if let Some((path, kind)) = dice.fault() {
        world.fault(path, kind);
    }
    let arguments = if dice.below(2) == 0 {
        limit_order()
    } else {
        market_order()
    };
    let killed = dice.below(2) == 0;
    let moment = Duration::from_millis(dice.below(110));
    let when = format!("order {number}");
    if !killed {
        let answer = agent.place(arguments).await;
        assert!(answer.is_some(), "{when}: no answer");
        world.assert_counted(&when);
        return Some(agent);
    }
    // A call that is answered sooner leaves an idle process to be killed.
    let _ = tokio::time::timeout(moment, agent.place(arguments)).await;
    agent.process.kill().await.unwrap();
    world.assert_counted(&when);
    None
}

/// Ids that were counted for orders of which nothing was written down before the process died.
fn lost(world: &World) -> u64 {
    let stories = world.stories(true);
    let counter = world.counter();
    let ids = counter.action_ids().iter();
    ids.filter(|id| !stories.contains_key(*id)).count() as u64
}

#[tokio::test]
async fn exchange_counter_and_ledger_agree_after_random_kills() {
    let world = World::new().await;
    let seed = std::env::var("MANDATED_CRASH_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let mut dice = Dice(seed);
    let mut agent = None;
    let (mut kills, mut placed) = (0, 0);
    let started = Instant::now();
    while placed < ORDERS && started.elapsed() < AT_MOST {
        let sender = match agent.take() {
            Some(agent) => agent,
            None => world.agent(None).await,
        };
        agent = order(&world, sender, &mut dice, placed).await;
        placed += 1;
        kills += u64::from(agent.is_none());
    }
    if let Some(agent) = agent {
        assert!(agent.end().await.success());
    }
    world.paper.faults().clear();
    tokio::time::sleep(CAN_APPEAR + Duration::from_millis(50)).await;
    let mut last = world.agent(None).await;
    assert_eq!(last.place(too_large()).await.unwrap()["status"], "blocked");
    assert!(world.settled().await);
    assert!(last.end().await.success());

    let lost = lost(&world);
    eprintln!(
        "{placed} orders, {kills} kills, {} at the exchange, {lost} counts too many",
        world.orders().len()
    );
    assert!(lost <= kills && kills > 5, "{lost} of {kills}");
    world.assert_agree(lost, "at the end");
    assert!(
        world.orders().len() > placed / 4,
        "{} of {placed}",
        world.orders().len()
    );
}
