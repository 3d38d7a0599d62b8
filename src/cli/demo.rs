//! `mandated demo`: what the gate does, in a few seconds, on paper, in a folder of its own.
//!
//! Everything here is real but the money: the same broker, ledger, client, signing and wire as with Bybit.

mod steps;
mod world;

use tokio::signal::unix::{SignalKind, signal};

use super::out::{Style, complain, say};
use super::{Done, Failure};
use world::World;

pub(super) async fn run() -> Result<Done, Failure> {
    // From here on a signal is heard by us: nothing of the world stays behind.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    let world = World::build().await.map_err(Failure::Failed)?;
    let outcome = tokio::select! {
        outcome = walk(&world) => Some(outcome),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    let clean = world.tear_down().await;
    let done = match outcome {
        Some(outcome) => outcome.map(|()| Done::Well),
        None => Ok(Done::Interrupted),
    };
    let done = done.map_err(Failure::Failed)?;
    clean.map_err(Failure::Failed)?;
    if done == Done::Interrupted {
        complain("interrupted: nothing of this demo is left on your disk");
    }
    Ok(done)
}

async fn walk(world: &World) -> Result<(), String> {
    let style = Style::of_stdout();
    say(&style.bold("mandated: the one program between an AI agent and your money"));
    say("Everything below happens now, on a paper exchange inside this process, with play money.");
    say("The agent's calls go through the same gate, ledger and signed requests as with Bybit.");
    say("");
    world.introduce(style);
    steps::a_buy_within_the_mandate(world, style).await?;
    steps::an_excluded_symbol(world, style).await?;
    steps::an_order_above_the_cap(world, style).await?;
    steps::ten_orders_at_once(world, style).await?;
    steps::an_expired_mandate(world, style).await?;
    steps::halt(world, style).await?;
    steps::a_persons_exit(world, style).await?;
    steps::the_ledger(world, style)?;
    say("");
    say("Next: README.md, \"Five minutes on paper\". Nothing of this demo is left on your disk.");
    Ok(())
}
