//! What the binary says of its own origin.

use std::path::Path;
use std::process::Command;

use crate::home::{Home, stdout};

const PLAIN: &str = concat!("mandated ", env!("CARGO_PKG_VERSION"));

/// The commit of this work tree; nothing in a package, or inside somebody else's work tree.
fn commit() -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(here).args(arguments).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let own = Path::new(&top).canonicalize().unwrap() == here.canonicalize().unwrap();
    own.then(|| git(&["log", "-1", "--abbrev=7", "--format=%h %cs"]).unwrap())
}

#[test]
fn the_short_version_is_one_line_with_the_commit() {
    let home = Home::new();
    let output = home.run(&["-V"]);
    let expected = match commit() {
        Some(commit) => format!("{PLAIN} ({commit})\n"),
        None => format!("{PLAIN} (commit unknown)\n"),
    };
    assert_eq!(stdout(&output).replace("-dirty", ""), expected);
}

#[test]
fn the_long_version_says_how_it_was_built() {
    let home = Home::new();
    let (short, long) = (home.run(&["-V"]), home.run(&["--version"]));
    let lines: Vec<&str> = stdout(&long).lines().collect();
    assert_eq!(lines.first(), stdout(&short).lines().next().as_ref());
    let words: Vec<&str> = lines
        .iter()
        .skip(1)
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(words, ["profile", "target", "rustc"], "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("rustc:   rustc 1.")),
        "{lines:?}"
    );
}
