//! A setting that a command does not need stops no command, the kill switch least of all; an empty one is none.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::home::{Home, assert_exit, stderr, stdout};

fn halted(name: &str, value: &str) -> (Home, Output) {
    let home = Home::new();
    let mut command = home.command(&["halt", "--reason", "now"]);
    let output = command.env(name, value).output().unwrap();
    (home, output)
}

#[test]
fn nothing_that_halt_does_not_need_keeps_it_from_halting() {
    for (name, value) in [
        ("BYBIT_MCP_PORT", "8001x"),
        ("BYBIT_MCP_PORT", "99999"),
        ("BYBIT_MCP_PORT", ""),
        ("BYBIT_MCP_HOST", ""),
        ("BYBIT_MCP_HOST", "no host"),
        ("BYBIT_MCP_LOG_LEVEL", "bogus"),
        ("BYBIT_MCP_LOG_LEVEL", ""),
        ("MANDATED_PAPER_ROOT", ""),
        ("MANDATED_PAPER_ROOT", "relative"),
        ("MANDATED_VENUE", ""),
        ("BYBIT_BROKER_KEY", ""),
        ("MANDATED_HTTP_TOKEN", ""),
        ("MANDATED_HTTP_TOKEN", "two words"),
        ("BYBIT_MODE", "bogus"),
        ("BYBIT_HTTP_TIMEOUT", "soon"),
        ("BYBIT_API_KEY", "half of a pair"),
        ("MANDATED_PAPER_FAULTS", "{"),
    ] {
        let (home, output) = halted(name, value);
        assert_eq!(output.status.code(), Some(0), "{name}={value}: {output:?}");
        assert!(home.live().join("HALT").exists(), "{name}={value}");
    }
}

/// On paper the root decides where HALT is: an empty one is the folder `paper`, a wrong one is named by its name.
#[test]
fn the_root_of_paper_is_named_by_its_own_name() {
    let home = Home::new();
    let halt = |value: &str| {
        let mut command = home.command(&["halt", "--reason", "now", "--venue", "paper"]);
        command.env("MANDATED_PAPER_ROOT", value).output().unwrap()
    };
    for blank in ["", " "] {
        assert_exit(&halt(blank), 0);
        let sentinel = home.root().join("paper/live/HALT");
        assert!(sentinel.exists(), "{blank:?}");
        fs::remove_file(sentinel).unwrap();
    }
    for wrong in ["relative", "${HOME}/paper"] {
        let output = halt(wrong);
        assert_exit(&output, 2);
        let said = stderr(&output);
        assert!(
            said.contains("MANDATED_PAPER_ROOT") && !said.contains("VIBE_RUNTIME_ROOT"),
            "{said}"
        );
    }
    let flag = home.run(&["status", "--venue", "paper", "--paper-root", "relative"]);
    assert_exit(&flag, 2);
    let said = stderr(&flag);
    assert!(
        said.contains("--paper-root is `relative`") && !said.contains("VIBE_"),
        "{said}"
    );
}

#[test]
fn an_exit_asks_for_no_port() {
    let home = Home::new();
    let mut command = home.command(&["cancel-all", "--yes", "--venue", "paper", "--timeout", "20"]);
    let output = command.env("BYBIT_MCP_PORT", "8001x").output().unwrap();
    assert_exit(&output, 0);
}

#[test]
fn who_listens_is_told_what_is_wrong_with_the_port() {
    let home = Home::with_mandate(&[]);
    let mut command = home.command(&["serve", "--venue", "paper", "--transport", "http"]);
    let output = command.env("BYBIT_MCP_PORT", "8001x").output().unwrap();
    assert_exit(&output, 2);
    let said = stderr(&output);
    assert!(
        said.contains("BYBIT_MCP_PORT") && said.contains("8001x"),
        "{said}"
    );
}

/// What was typed is refused; what the environment says is not worth a command, and is said.
#[test]
fn a_log_level_that_is_none_is_not_passed_over() {
    let home = Home::new();
    let typed = home.run(&["--log-level", "bogus", "halt", "--reason", "now"]);
    assert_exit(&typed, 2);
    assert!(stderr(&typed).contains("bogus"), "{typed:?}");
    let (_home, output) = halted("BYBIT_MCP_LOG_LEVEL", "bogus");
    assert!(stderr(&output).contains("BYBIT_MCP_LOG_LEVEL"), "{output:?}");
    let (_home, output) = halted("BYBIT_MCP_LOG_LEVEL", "WARNING");
    assert!(!stderr(&output).contains("BYBIT_MCP_LOG_LEVEL"), "{output:?}");
}

/// Whoever names a port must not be served at another one.
#[test]
fn an_option_of_serve_before_a_command_is_refused() {
    let home = Home::with_mandate(&[]);
    for (args, says) in [
        (&["--port", "18999", "daemon"][..], "`mandated daemon --port …`"),
        (&["--standalone", "serve"], "`mandated serve --standalone …`"),
        (
            &["--transport", "http", "--port", "18998", "serve"],
            "`mandated serve --transport …`",
        ),
        (&["--port", "18999", "halt", "--reason", "a"], "leave it out"),
    ] {
        let output = home.run(args);
        assert_exit(&output, 2);
        assert!(stderr(&output).contains(says), "{output:?}");
    }
    assert!(!home.live().join("HALT").exists());
    // What the environment names stands in nobody's way, and the global options stand before and after.
    let mut halt = home.command(&[
        "--broker-key",
        "bybit",
        "halt",
        "--reason",
        "a",
        "--venue",
        "paper",
    ]);
    assert_exit(&halt.env("BYBIT_MCP_PORT", "18999").output().unwrap(), 0);
    assert!(home.live().join("HALT").exists());
}

/// Whoever names the folder of play money means play money: nothing is done to the files of real money instead.
#[test]
fn a_root_of_paper_without_the_venue_paper_is_refused() {
    let home = Home::with_mandate(&[]);
    let paper = home.root().join("play");
    let paper = paper.to_str().unwrap();
    assert_exit(&home.run(&["halt", "--reason", "a"]), 0);
    let before = home.ledger().len();
    for args in [
        &["--paper-root", paper, "resume"][..],
        &["resume", "--paper-root", paper],
        &["--venue", "bybit", "--paper-root", paper, "resume", "--broker"],
        &["halt", "--reason", "b", "--paper-root", paper],
        &["status", "--folder", "--paper-root", paper],
        &["--paper-root", paper, "mandate", "show"],
        &["--paper-root", paper, "flatten", "--yes"],
        &["--paper-root", paper],
        &["--paper-root", paper, "daemon", "--no-http"],
    ] {
        let output = home.run(args);
        assert_exit(&output, 2);
        assert_eq!(stdout(&output), "", "{args:?}");
        let said = stderr(&output);
        assert!(
            said.contains("`--paper-root`") && said.contains("`--venue paper`"),
            "{said}"
        );
    }
    assert!(home.live().join("HALT").exists());
    assert_eq!(home.ledger().len(), before);
    assert!(!Path::new(paper).exists());

    // The variable alone may stand in any shell, a blank folder is none, and paper itself takes it.
    let mut resume = home.command(&["resume", "--paper-root", " "]);
    assert_exit(&resume.env("MANDATED_PAPER_ROOT", paper).output().unwrap(), 0);
    assert!(!home.live().join("HALT").exists());
    let mut halt = home.command(&["halt", "--reason", "a", "--paper-root", paper]);
    assert_exit(&halt.env("MANDATED_VENUE", "paper").output().unwrap(), 0);
    assert!(Path::new(paper).join("live/HALT").exists());
    for args in [
        &["--paper-root", paper, "paper", "reset", "--yes"][..],
        &["paper", "show", "--paper-root", paper],
    ] {
        assert_exit(&home.run(args), 0);
    }
}

/// The later of two would be taken without a word, and the money of the other meant.
#[test]
fn an_option_that_stands_twice_with_two_values_is_refused() {
    let home = Home::with_mandate(&[]);
    assert_exit(&home.run(&["halt", "--reason", "a"]), 0);
    for (args, flag) in [
        (&["--venue", "bybit", "resume", "--venue", "paper"][..], "--venue"),
        (&["--venue=paper", "resume", "--venue=bybit"], "--venue"),
        (
            &["--broker-key", "a", "resume", "--broker-key", "bybit"],
            "--broker-key",
        ),
        (
            &["audit", "--broker-key", "a", "verify", "--broker-key", "bybit"],
            "--broker-key",
        ),
        (
            &[
                "--venue=paper",
                "--paper-root",
                "/a",
                "resume",
                "--paper-root",
                "/b",
            ],
            "--paper-root",
        ),
        (
            &["--log-level", "debug", "resume", "--log-level", "info"],
            "--log-level",
        ),
    ] {
        let output = home.run(args);
        assert_exit(&output, 2);
        let said = stderr(&output);
        assert!(
            said.contains(&format!("`{flag}` stands twice")) && stdout(&output).is_empty(),
            "{said}"
        );
    }
    assert!(home.live().join("HALT").exists());
    // Said twice, it is no less clear.
    let resumed = home.run(&["--broker-key", "bybit", "resume", "--broker-key", "bybit"]);
    assert_exit(&resumed, 0);
}

/// Two exchanges are named in one shell, and the account of one of them is shown.
#[test]
fn an_address_that_the_venue_paper_does_not_use_is_said() {
    let home = Home::with_mandate(&[]);
    let said = |args: &[&str], settings: &[(&str, &str)]| {
        let output = home
            .command(args)
            .envs(settings.iter().copied())
            .output()
            .unwrap();
        assert_exit(&output, 0);
        assert!(!stdout(&output).contains("BYBIT_BASE_URL"), "{output:?}");
        stderr(&output).contains(
            "BYBIT_BASE_URL is not used: the venue is paper by MANDATED_VENUE; with MANDATED_VENUE=bybit it would be",
        )
    };
    let paper = ("MANDATED_VENUE", "paper");
    let address = ("BYBIT_BASE_URL", "http://127.0.0.1:8787");
    for command in [&["status", "--json"][..], &["status", "--folder"], &["serve"]] {
        assert!(said(command, &[paper, address]), "{command:?}");
        assert!(!said(command, &[paper, ("BYBIT_BASE_URL", " ")]), "{command:?}");
        assert!(!said(command, &[paper]), "{command:?}");
    }
    // Who types the venue means it, and some commands go by none.
    for command in [
        &["status", "--folder", "--venue", "paper"][..],
        &["paper", "show"],
    ] {
        assert!(!said(command, &[paper, address]), "{command:?}");
    }
    assert!(!said(&["status", "--folder"], &[address]));
}

/// None of them is known to be wrong only after something was done.
#[test]
fn a_time_that_no_clock_reaches_is_refused_before_anything_is_done() {
    let home = Home::with_mandate(&[]);
    for args in [
        &[
            "cancel-all",
            "--yes",
            "--venue",
            "paper",
            "--timeout",
            "18446744073709551615",
        ][..],
        &["flatten", "--yes", "--venue", "paper", "--timeout", "86401"],
        &["flatten", "--yes", "--venue", "paper", "--timeout", "0"],
        &["paper", "reset", "--yes", "--speed", "86401"],
        &["paper", "reset", "--yes", "--speed", "-1"],
        &["paper", "reset", "--yes", "--start", "9223372036854775807"],
        &["paper", "reset", "--yes", "--start", "1969-12-31T23:59:59Z"],
        &["sim", "--port", "0", "--start", "9223372036854775807"],
    ] {
        let output = home.run(args);
        assert_exit(&output, 2);
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(
            !stderr(&output).contains("panicked") && !stderr(&output).contains("account begins"),
            "{output:?}"
        );
    }
    let left: Vec<_> = fs::read_dir(home.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["live"]);
}
