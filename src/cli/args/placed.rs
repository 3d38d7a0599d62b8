//! Where an option stands, and what it stands with: none is dropped in silence. Those of `serve` may come without a
//! command, a global one before or after the command, and the root of paper with the venue paper alone.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, CommandFactory, Error, FromArgMatches};

use super::super::app::env;
use super::{
    ADDRESS_VARIABLE, Arguments, Command, MandateCommand, PAPER_ROOT_VARIABLE, ServeArgs, VENUE_VARIABLE,
    VenueChoice,
};

impl Arguments {
    /// What was typed; ends this process where that cannot be understood.
    pub(in crate::cli) fn read() -> Self {
        let line: Vec<OsString> = std::env::args_os().collect();
        Self::of(&line).unwrap_or_else(|error| error.exit())
    }

    fn of(line: &[OsString]) -> Result<Self, Error> {
        let matches = Self::command().try_get_matches_from(line)?;
        let mut arguments = Self::from_arg_matches(&matches)?;
        arguments.unused = arguments.unused_address(&matches);
        let wrong = match dropped(&matches) {
            Some(why) => Some(why),
            None => twice(line)?,
        };
        match wrong.or_else(|| arguments.rootless(&matches)) {
            Some(why) => Err(Self::command().error(ErrorKind::ArgumentConflict, why)),
            None => Ok(arguments),
        }
    }

    /// Why a root of paper has no effect where real money is meant by all else. The variable may stand in any shell.
    fn rootless(&self, matches: &ArgMatches) -> Option<String> {
        let root = self.settings.paper_root.as_ref()?;
        let is_typed = matches.value_source("paper_root") == Some(ValueSource::CommandLine);
        let is_blank = root.to_string_lossy().trim().is_empty();
        if !is_typed || is_blank || self.settings.venue == VenueChoice::Paper || self.asks_no_venue() {
            return None;
        }
        Some(format!(
            "`--paper-root` is for paper alone and would have no effect: the venue is bybit; add `--venue paper` (or \
             {VENUE_VARIABLE}=paper) for play money, or leave `--paper-root` out ({PAPER_ROOT_VARIABLE} may stay set)"
        ))
    }

    /// An address that the environment names beside a venue of the environment that has none. It is no reason to stop:
    /// both may be set for a whole shell.
    fn unused_address(&self, matches: &ArgMatches) -> Option<String> {
        let is_named = env(ADDRESS_VARIABLE).is_some_and(|address| !address.trim().is_empty());
        let is_of_shell = matches.value_source("venue") == Some(ValueSource::EnvVariable);
        let is_dropped = is_named && is_of_shell && self.settings.venue == VenueChoice::Paper;
        (is_dropped && !self.asks_no_venue()).then(|| {
            format!(
                "{ADDRESS_VARIABLE} is not used: the venue is paper by {VENUE_VARIABLE}; with {VENUE_VARIABLE}=bybit it \
                 would be"
            )
        })
    }

    /// On paper in any case, or on no files of the venue.
    fn asks_no_venue(&self) -> bool {
        matches!(
            self.command,
            Some(
                Command::Sim(_)
                    | Command::Paper { .. }
                    | Command::Demo
                    | Command::Explain { .. }
                    | Command::Mandate {
                        command: MandateCommand::Check { .. }
                    }
            )
        )
    }
}

/// Why a global option that was typed both before and after a command, with two values, is not understood. They are
/// read once more, each place on its own: where they are global the later one hides the earlier.
fn twice(line: &[OsString]) -> Result<Option<String>, Error> {
    let command = Arguments::command();
    let globals: Vec<Arg> = command
        .get_arguments()
        .filter(|option| option.is_global_set())
        .map(|option| option.clone().global(false))
        .collect();
    let command = command.mut_args(|option| option.global(false));
    let apart = command.mut_subcommands(|below| with(below, &globals));
    let matches = apart.try_get_matches_from(line)?;
    let two = globals.iter().find(|option| {
        let values = typed(&matches, option.get_id().as_str());
        values
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if one != other))
    });
    let flag = two.and_then(Arg::get_long);
    Ok(flag.map(|flag| {
        format!(
            "`--{flag}` stands twice, with two values: only one of them would have an effect; leave one out"
        )
    }))
}

/// The command and those below it, with options of its own in the place of global ones.
fn with(command: clap::Command, options: &[Arg]) -> clap::Command {
    command
        .args(options)
        .mut_subcommands(|below| with(below, options))
}

/// What was typed for an option, from the first place to the last.
fn typed<'m>(matches: &'m ArgMatches, id: &str) -> Vec<&'m OsStr> {
    let mut values = Vec::new();
    let mut place = Some(matches);
    while let Some(here) = place {
        if here.value_source(id) == Some(ValueSource::CommandLine) {
            values.extend(here.get_raw(id).into_iter().flatten());
        }
        place = here.subcommand().map(|(_, below)| below);
    }
    values
}

/// Why an option of `serve` that was typed before a command has no effect, and how to write it.
fn dropped(matches: &ArgMatches) -> Option<String> {
    let (name, _) = matches.subcommand()?;
    let of_serve = ServeArgs::augment_args(clap::Command::new("serve"));
    let is_typed = |id: &str| {
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    let option = of_serve
        .get_arguments()
        .find(|option| is_typed(option.get_id().as_str()))?;
    let flag = format!("--{}", option.get_long()?);
    let mut all = Arguments::command();
    all.build();
    let takes_it = all
        .find_subcommand(name)?
        .get_arguments()
        .any(|own| own.get_long() == option.get_long());
    let advice = match takes_it {
        true => format!("write it after the command: `mandated {name} {flag} …`"),
        false => format!("`{name}` has no such option: leave it out"),
    };
    Some(format!(
        "`{flag}` stands before `{name}` and would have no effect; {advice}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<String> {
        let matches = Arguments::command()
            .try_get_matches_from(line.split(' '))
            .unwrap();
        dropped(&matches)
    }

    #[test]
    fn an_option_of_serve_before_a_command_is_not_dropped_in_silence() {
        for (line, flag, advice) in [
            ("mandated --port 18999 daemon", "--port", "mandated daemon --port"),
            (
                "mandated --transport http --port 1 serve",
                "--transport",
                "mandated serve --transport",
            ),
            (
                "mandated --standalone serve",
                "--standalone",
                "mandated serve --standalone",
            ),
            ("mandated --host ::1 sim", "--host", "mandated sim --host"),
            ("mandated --port 1 status", "--port", "leave it out"),
            ("mandated --standalone paper show", "--standalone", "leave it out"),
        ] {
            let why = read(line).unwrap();
            assert!(
                why.starts_with(&format!("`{flag}` ")) && why.contains(advice),
                "{line}: {why}"
            );
        }
        for line in [
            "mandated --port 18999",
            "mandated --transport http --standalone",
            "mandated daemon --port 18999",
            "mandated serve --standalone",
            "mandated --venue paper --broker-key x --log-level warn halt --reason a",
            "mandated halt --reason a --venue paper --broker-key x --paper-root /p",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    fn said(line: &str) -> Option<String> {
        let line: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = Arguments::of(&line).err()?;
        assert_eq!(error.exit_code(), 2);
        Some(error.to_string())
    }

    #[test]
    fn a_root_of_paper_is_for_paper_alone() {
        for line in [
            "mandated --paper-root /p --venue bybit",
            "mandated --venue bybit resume --paper-root /p",
            "mandated --venue bybit --paper-root /p mandate show",
            "mandated --venue bybit --paper-root /p doctor --start",
        ] {
            let why = said(line).unwrap_or_else(|| panic!("{line}"));
            assert!(why.contains("add `--venue paper`"), "{line}: {why}");
        }
        for line in [
            "mandated --venue paper --paper-root /p",
            "mandated resume --paper-root /p --venue paper",
            "mandated --venue bybit --paper-root /p sim",
            "mandated --venue bybit paper show --paper-root /p",
            "mandated --venue bybit --paper-root /p demo",
            "mandated --venue bybit explain --paper-root /p",
            "mandated --venue bybit --paper-root /p mandate check a.json",
            "mandated --venue bybit --paper-root= resume",
        ] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    #[test]
    fn two_values_of_one_option_are_not_understood() {
        for (line, flag) in [
            ("mandated --venue bybit status --venue paper", "--venue"),
            (
                "mandated --broker-key a mandate --broker-key b show",
                "--broker-key",
            ),
            (
                "mandated mandate --broker-key a show --broker-key b",
                "--broker-key",
            ),
            (
                "mandated --broker-key a mandate show --broker-key=b",
                "--broker-key",
            ),
            (
                "mandated --venue paper --paper-root /a paper show --paper-root /b",
                "--paper-root",
            ),
            ("mandated --log-level warn demo --log-level off", "--log-level"),
        ] {
            let why = said(line).unwrap_or_else(|| panic!("{line}"));
            assert!(why.contains(&format!("`{flag}` stands twice")), "{line}: {why}");
        }
        assert_eq!(said("mandated --broker-key a audit --broker-key a verify"), None);
        assert_eq!(said("mandated --broker-key a mandate show --venue paper"), None);
    }
}
