//! Where an option stands: those of `serve` may come without a command, and before another one they would be dropped.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches};

use super::{Arguments, ServeArgs};

impl Arguments {
    /// What was typed; ends this process where that cannot be understood.
    pub(in crate::cli) fn read() -> Self {
        let matches = Self::command().get_matches();
        let read = match dropped(&matches) {
            Some(why) => Err(Self::command().error(ErrorKind::ArgumentConflict, why)),
            None => Self::from_arg_matches(&matches),
        };
        read.unwrap_or_else(|error| error.exit())
    }
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
}
