//! One entry of a client's `mcpServers` that starts this program: whether it can start, and on the same files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::app::paper_root_of;
use super::super::args::{PAPER_ROOT_VARIABLE, VENUE_VARIABLE, VenueChoice};
use super::clients::Source;
use super::finding::Finding;
use super::secrets;
use crate::domain::mandate::DEFAULT_BROKER;
use crate::state::paths::{BrokerKey, OUR_ROOT_VARIABLE, PathError, RuntimeRoot, SHARED_ROOT_VARIABLE};

const PROGRAM: &str = "mandated";
const BROKER_VARIABLE: &str = "BYBIT_BROKER_KEY";

/// What this process goes by, to compare with.
pub(super) struct Ours<'a> {
    pub(super) root: &'a Path,
    pub(super) broker: &'a str,
    pub(super) venue: VenueChoice,
    pub(super) home: Option<PathBuf>,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

/// One server that a client knows.
pub(super) struct Registration<'a> {
    pub(super) source: &'a Source,
    pub(super) name: &'a str,
    pub(super) entry: &'a Value,
}

impl Registration<'_> {
    /// Whether the entry means this program, by its command, its arguments or its name.
    pub(super) fn is_ours(&self) -> bool {
        let is_program = |text: &str| Path::new(text).file_stem().is_some_and(|stem| stem == PROGRAM);
        is_program(self.command()) || self.args().any(is_program) || self.name.contains(PROGRAM)
    }

    pub(super) fn judge(&self, ours: &Ours<'_>) -> Vec<Finding> {
        let place = format!(
            "`{}` in {}'s `{}`",
            self.name,
            self.source.client,
            self.source.path.display()
        );
        if self.command().is_empty() && self.entry.get("url").is_some() {
            let what = format!("{place} reaches a server over HTTP; who that is is not checked");
            return vec![Finding::green("client.registered", what)];
        }
        let mut findings = Vec::new();
        findings.extend(self.judge_command(&place, ours));
        findings.extend(self.judge_env(&place));
        findings.extend(self.judge_place(&place, ours));
        findings.extend(self.judge_secret());
        if findings.is_empty() {
            let what = format!("{place} starts `{}` on the same files", self.command());
            findings.push(Finding::green("client.registered", what));
        }
        findings
    }

    fn command(&self) -> &str {
        self.entry
            .get("command")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn args(&self) -> impl Iterator<Item = &str> {
        let args = self.entry.get("args").and_then(Value::as_array);
        args.into_iter().flatten().filter_map(Value::as_str)
    }

    fn env(&self) -> impl Iterator<Item = (&String, &Value)> {
        let env = self.entry.get("env").and_then(Value::as_object);
        env.into_iter().flatten()
    }

    /// A value of `env`, or what the client passes on of the environment it was started in.
    fn value(&self, name: &str, ours: &Ours<'_>) -> Option<String> {
        let given = self.env().find(|(key, _)| *key == name);
        match given {
            Some((_, value)) => value.as_str().map(str::to_owned),
            None if self.source.inherits => (ours.env)(name),
            None => None,
        }
    }

    fn judge_command(&self, place: &str, ours: &Ours<'_>) -> Option<Finding> {
        let command = self.command();
        let problem = if command.is_empty() {
            "there is none".to_owned()
        } else if self.is_unexpanded(command) {
            format!("`{command}` holds `~` or `${{…}}`, and this client expands neither")
        } else if command.contains("${") || is_startable(command, &self.value("PATH", ours)) {
            return None;
        } else {
            format!("`{command}` is no program that can be started")
        };
        Some(Finding::red(
            "client.command",
            format!("the command of {place}: {problem}"),
            "write the whole path of the program, as `command -v mandated` says it",
        ))
    }

    fn judge_env(&self, place: &str) -> Option<Finding> {
        let names: Vec<&str> = self
            .env()
            .filter(|(name, value)| self.is_env_wrong(name, value))
            .map(|(name, _)| name.as_str())
            .collect();
        (!names.is_empty()).then(|| {
            Finding::red(
                "client.env",
                format!(
                    "in `env` of {place}, not text or not expanded by this client: {}",
                    names.join(", ")
                ),
                "write the values themselves, as text without `~` and `${…}`; for secrets name a file with …_FILE",
            )
        })
    }

    /// We expand a leading `~` of the roots ourselves.
    fn is_env_wrong(&self, name: &str, value: &Value) -> bool {
        let is_root = matches!(
            name,
            OUR_ROOT_VARIABLE | SHARED_ROOT_VARIABLE | PAPER_ROOT_VARIABLE
        );
        match value.as_str() {
            None => true,
            Some(text) if is_root => !self.source.expands && text.contains("${"),
            Some(text) => self.is_unexpanded(text),
        }
    }

    fn is_unexpanded(&self, text: &str) -> bool {
        text.starts_with('~') || (!self.source.expands && text.contains("${"))
    }

    /// The broker key, the venue and the runtime root that the client's process would go by.
    fn judge_place(&self, place: &str, ours: &Ours<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let broker = self.setting("--broker-key", BROKER_VARIABLE, ours);
        let broker = broker.unwrap_or_else(|| DEFAULT_BROKER.to_owned());
        if BrokerKey::parse(&broker).is_ok_and(|key| key.as_str() != ours.broker) {
            findings.push(Finding::yellow(
                "client.other_broker",
                format!(
                    "{place} trades as broker `{broker}`, and this looks at `{}`",
                    ours.broker
                ),
                format!("run `mandated --broker-key '{broker}' doctor` as well, or make the keys agree"),
            ));
        }
        let venue = self.setting("--venue", VENUE_VARIABLE, ours);
        let venue = match VenueChoice::read(venue.as_deref().unwrap_or_default()) {
            Ok(venue) => venue,
            Err(why) => {
                let what = format!("{place} names no venue that there is");
                findings.push(Finding::red("client.env", what, why));
                return findings;
            }
        };
        if venue == VenueChoice::Bybit && self.option("--paper-root").is_some() {
            findings.push(Finding::red(
                "client.env",
                format!("{place} names a root of paper and trades on Bybit, so it ends at its start"),
                "name the venue paper in it too, or leave `--paper-root` out",
            ));
        }
        findings.extend(judge_root(place, venue, self.root(venue, ours), ours));
        findings
    }

    /// As the process itself tells it.
    fn root(&self, venue: VenueChoice, ours: &Ours<'_>) -> Result<RuntimeRoot, PathError> {
        let lookup = |name: &str| self.value(name, ours).filter(|text| !text.contains("${"));
        match venue {
            VenueChoice::Bybit => RuntimeRoot::resolve(&lookup, ours.home.clone()),
            VenueChoice::Paper => {
                let named = self.setting("--paper-root", PAPER_ROOT_VARIABLE, ours);
                let named = named.as_deref().map(|folder| (PAPER_ROOT_VARIABLE, folder));
                paper_root_of(named, &lookup, ours.home.clone())
            }
        }
    }

    /// What the process goes by: the option before the variable; a blank one is none.
    fn setting(&self, option: &str, variable: &str, ours: &Ours<'_>) -> Option<String> {
        let is_told = |text: &String| !text.trim().is_empty() && !text.contains("${");
        self.option(option)
            .or_else(|| self.value(variable, ours).filter(is_told))
    }

    fn option(&self, option: &str) -> Option<String> {
        let mut args = self.args();
        while let Some(arg) = args.next() {
            match arg.strip_prefix(option) {
                Some("") => return args.next().map(str::to_owned),
                Some(rest) if rest.starts_with('=') => return Some(rest.trim_start_matches('=').to_owned()),
                Some(_) | None => {}
            }
        }
        None
    }

    fn judge_secret(&self) -> Option<Finding> {
        let holds = self.env().any(|(name, value)| {
            let text = value.as_str().unwrap_or_default();
            name == "BYBIT_API_SECRET" && !text.is_empty() && !text.contains("${")
        });
        if !holds {
            return None;
        }
        secrets::judge(&self.source.path, "which holds the API secret in `env`")
    }
}

/// Other files are another kill switch, whatever the venue.
fn judge_root(
    place: &str,
    venue: VenueChoice,
    root: Result<RuntimeRoot, PathError>,
    ours: &Ours<'_>,
) -> Option<Finding> {
    let is_same_venue = venue == ours.venue;
    let venues = format!("it trades {}, and this looks {}", on(venue), at(ours.venue));
    let problem = match root {
        Ok(root) if is_same(root.as_path(), ours.root) && is_same_venue => return None,
        Ok(root) if is_same(root.as_path(), ours.root) => {
            return Some(Finding::yellow(
                "client.other_venue",
                format!("{place}: {venues}"),
                OTHER_VENUE,
            ));
        }
        Ok(root) => format!(
            "goes by `{}`, and this by `{}`",
            root.as_path().display(),
            ours.root.display()
        ),
        Err(error) => format!("has no runtime root: {error}"),
    };
    let (more, advice) = match (is_same_venue, venue) {
        (false, _) => (format!(" ({venues})"), OTHER_VENUE),
        (true, VenueChoice::Bybit) => (
            String::new(),
            "set VIBE_RUNTIME_ROOT to the same folder in both places",
        ),
        (true, VenueChoice::Paper) => (
            String::new(),
            "set MANDATED_PAPER_ROOT to the same folder in both places",
        ),
    };
    Some(Finding::red(
        "client.other_root",
        format!("{place} {problem}{more}: a kill switch tripped here does not stop it"),
        advice,
    ))
}

const OTHER_VENUE: &str = "if both are meant to trade on one venue, set MANDATED_VENUE alike in both places, or in neither; else look \
                           at that one with `mandated --venue paper doctor` or `mandated --venue bybit doctor`";

fn on(venue: VenueChoice) -> &'static str {
    match venue {
        VenueChoice::Bybit => "on Bybit",
        VenueChoice::Paper => "on paper, with play money",
    }
}

fn at(venue: VenueChoice) -> &'static str {
    match venue {
        VenueChoice::Bybit => "at Bybit",
        VenueChoice::Paper => "at paper",
    }
}

/// A path that can be executed, or a name that the search path finds.
fn is_startable(command: &str, search: &Option<String>) -> bool {
    let is_program = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if command.contains('/') {
        return is_program(Path::new(command));
    }
    let folders = search.as_deref().unwrap_or("/usr/local/bin:/usr/bin:/bin");
    std::env::split_paths(folders).any(|folder| is_program(&folder.join(command)))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}

#[cfg(test)]
mod tests;
