//! The commands a person types. Each is a thin edge: it reads arguments and files, asks a floor below, prints.
//!
//! Exit codes: 0 done · 1 it failed, the reason is on stderr · 2 the command line or a setting is wrong ·
//! 3 what was looked at is not in order (an invalid mandate, a broken ledger, a halt, or a daemon that
//! does not look or refuses every write, where `status` found one, anything red where `doctor` did) · 130 a person interrupted it; what was sent until then is on stdout.

mod app;
mod args;
mod audit;
mod daemon;
mod demo;
mod doctor;
mod exits;
pub mod explain;
mod halt;
mod live;
mod log;
mod mandate;
mod out;
mod paper;
mod serve;
mod signals;
mod sim;
mod status;
mod version;

use std::process::ExitCode;

use rustix::process::Signal;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::state::paths::BrokerKey;
use app::App;
use args::{Arguments, AuditCommand, Command, MandateCommand};

/// Why a command ended without doing what it was asked.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The command line or a setting is wrong.
    #[error("{0}")]
    Usage(String),
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    fn usage(error: impl ToString) -> Self {
        Self::Usage(error.to_string())
    }

    fn failed(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a command that was done left things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Well,
    /// What was looked at is not in order.
    NotInOrder,
    /// A person stopped it half way.
    Interrupted,
}

/// Runs the command of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::read();
    let is_daemon = matches!(arguments.command, Some(Command::Daemon(_)));
    let lines = is_daemon.then(log::Lines::start).flatten();
    log::to_stderr(arguments.log_level, lines.clone());
    if let Some(unused) = &arguments.unused {
        out::complain(unused);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out::complain(&format!("the runtime cannot be started: {error}"));
            return ExitCode::from(1);
        }
    };
    outlive_file_limit(&runtime);
    let ended = runtime.block_on(run(arguments));
    // A thread that still waits for standard input must not keep the process.
    runtime.shutdown_background();
    if let Some(lines) = lines {
        lines.finish();
    }
    match ended {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::NotInOrder) => ExitCode::from(3),
        Ok(Done::Interrupted) => ExitCode::from(130),
        Err(failure) => {
            out::complain(&failure.to_string());
            ExitCode::from(if matches!(failure, Failure::Usage(_)) {
                2
            } else {
                1
            })
        }
    }
}

/// A write beyond the limit of a file's size (`ulimit -f`) fails from now on, and is told, where the signal would end
/// the process without a word. Its handler stays when the listener is dropped.
fn outlive_file_limit(runtime: &Runtime) {
    let _entered = runtime.enter();
    if let Err(error) = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())) {
        tracing::warn!("a file that reaches the limit of its size ends this process: {error}");
    }
}

async fn run(arguments: Arguments) -> Result<Done, Failure> {
    let settings = arguments.settings;
    match arguments.command {
        // The Python original was started without a command.
        None => serve::run(App::new(settings)?, arguments.serve).await,
        Some(Command::Serve(serve)) => serve::run(App::new(settings)?, serve).await,
        Some(Command::Daemon(daemon)) => daemon::run(App::new(settings)?, daemon).await,
        Some(Command::Demo) => demo::run().await,
        Some(Command::Sim(sim)) => sim::run(settings, sim).await,
        Some(Command::Paper { command }) => paper::run(settings, command).await,
        Some(Command::Status(status)) => status::run(App::new(settings)?, &status).await,
        Some(Command::Doctor(doctor)) => doctor::run(settings, &doctor).await,
        Some(Command::Halt(halt)) => halt::trip(&App::new(settings)?, &halt),
        Some(Command::Resume(resume)) => halt::resume(&App::new(settings)?, &resume),
        Some(Command::CancelAll(exit)) => exits::cancel_all(&App::new(settings)?, exit).await,
        Some(Command::Flatten(exit)) => exits::flatten(&App::new(settings)?, exit).await,
        Some(Command::Mandate {
            command: MandateCommand::Show(format),
        }) => mandate::show(&App::new(settings)?, format.json),
        Some(Command::Mandate {
            command: MandateCommand::Check { file, json },
        }) => mandate::check(settings.broker_key(), &file, json),
        Some(Command::Explain { jsonl }) => {
            let broker = BrokerKey::parse(settings.broker_key()).map_err(Failure::usage)?;
            explain::run(broker.as_str(), jsonl)
        }
        Some(Command::Audit {
            command: AuditCommand::Tail { count, json },
        }) => audit::tail(&App::new(settings)?, count, json),
        Some(Command::Audit {
            command: AuditCommand::Verify(format),
        }) => audit::verify(&App::new(settings)?, format.json),
    }
}
