//! What `mandated --version` says of its origin: the commit, its date, the compiler, the target and the profile.
//!
//! No clock is read and no path is kept, so that the same commit gives the same bytes. Cargo builds anew when
//! the commit changes, and asks again whether the tree is dirty when what goes into the program changes.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What goes into the program. A change anywhere else leaves the commit as clean as it was.
const INPUTS: [&str; 4] = ["src", "build.rs", "Cargo.toml", "Cargo.lock"];

const UNKNOWN: &str = "commit unknown";

fn main() {
    for input in INPUTS {
        watch(input);
    }
    let origin = from_git().or_else(from_package);
    say("ORIGIN", origin.as_deref().unwrap_or(UNKNOWN));
    let variable = |name| env::var(name).unwrap_or_default();
    say("TARGET", &variable("TARGET"));
    let crash_points = env::var_os("CARGO_FEATURE_CRASH_POINTS").is_some();
    let never = if crash_points {
        ", with crash-points, never for trading"
    } else {
        ""
    };
    say("PROFILE", &format!("{}{never}", variable("PROFILE")));
    let compiler = answer(&variable("RUSTC"), &["--version"]);
    say("RUSTC", compiler.as_deref().unwrap_or("unknown"));
}

/// A path that is not there would make cargo run this at every build.
fn watch(path: &str) {
    if Path::new(path).exists() {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn say(name: &str, value: &str) {
    println!("cargo::rustc-env=BUILT_{name}={value}");
}

/// `abc1234 2026-11-21`, or `abc1234-dirty 2026-11-21`; nothing where this folder is not a work tree of its own.
fn from_git() -> Option<String> {
    let here = fs::canonicalize(env::var_os("CARGO_MANIFEST_DIR")?).ok()?;
    // A package unpacked inside somebody else's work tree must not take that one's commit for its own.
    if fs::canonicalize(git(&["rev-parse", "--show-toplevel"])?).ok()? != here {
        return None;
    }
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in [Some("HEAD"), Some("logs/HEAD"), branch.as_deref()] {
        if let Some(path) = name.and_then(|name| git(&["rev-parse", "--git-path", name])) {
            watch(&path);
        }
    }
    let commit = git(&["rev-parse", "--short=7", "HEAD"])?;
    let date = git(&["log", "-1", "--format=%cs"])?;
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(INPUTS);
    let mark = if git(&status)?.is_empty() { "" } else { "-dirty" };
    Some(format!("{commit}{mark} {date}"))
}

/// `abc1234`, from the file that `cargo package` puts into a package.
fn from_package() -> Option<String> {
    let info = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let commit = info.split("\"sha1\"").nth(1)?.split('"').nth(1)?.get(..7)?;
    let mark = if info.contains("\"dirty\": true") {
        "-dirty"
    } else {
        ""
    };
    Some(format!("{commit}{mark}"))
}

fn git(arguments: &[&str]) -> Option<String> {
    answer("git", arguments)
}

/// What a program prints, if it is there and succeeds.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
