//! The service files say what the program understands.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

fn example(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path);
    fs::read_to_string(path).unwrap()
}

/// The value of each `key=value` line with that key.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let lines = unit.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect()
}

/// Every word after the program's path is a command or a flag that its help names, or a flag's value.
fn understood(arguments: &[&str]) {
    let help = Command::new(env!("CARGO_BIN_EXE_mandated"))
        .args(["daemon", "--help"])
        .output()
        .unwrap();
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(arguments[0].ends_with("/mandated"), "{arguments:?}");
    assert_eq!(arguments[1], "daemon");
    for flag in arguments.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{flag} ")), "{flag}\n{help}");
    }
}

#[test]
fn the_systemd_unit_starts_the_daemon_in_a_sandbox_that_it_can_work_in() {
    let unit = example("systemd/mandated.service");
    let one = |key: &str| match values(&unit, key).as_slice() {
        [value] => (*value).to_owned(),
        other => panic!("{key}: {other:?}"),
    };
    understood(&one("ExecStart").split(' ').collect::<Vec<_>>());
    for (key, value) in [
        ("Type", "notify"),
        ("User", "mandated"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("PrivateTmp", "yes"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
    ] {
        assert_eq!(one(key), value, "{key}");
    }
    assert!(one("WatchdogSec").parse::<u32>().unwrap() >= 10);
    // Longer than an unknown order is looked up for.
    assert!(one("TimeoutStopSec").parse::<u32>().unwrap() > 60);
    let environment = values(&unit, "Environment");
    let root = format!("VIBE_RUNTIME_ROOT={}", one("ReadWritePaths"));
    assert!(environment.contains(&root.as_str()), "{environment:?}");
    for credential in values(&unit, "LoadCredential") {
        let (name, _) = credential.split_once(':').unwrap();
        let variable = format!("{}_FILE=%d/{name}", name.to_uppercase());
        assert!(environment.contains(&variable.as_str()), "{variable}");
    }
    // No key stands in the unit itself: anyone may read it.
    assert!(
        !environment
            .iter()
            .any(|line| line.starts_with("BYBIT_API_KEY=") || line.starts_with("BYBIT_API_SECRET="))
    );
}

#[test]
fn the_launchd_file_starts_the_daemon() {
    let plist = example("launchd/dev.mandated.daemon.plist");
    let (_, rest) = plist.split_once("<key>ProgramArguments</key>").unwrap();
    let (array, _) = rest.split_once("</array>").unwrap();
    let arguments: Vec<&str> = array
        .lines()
        .filter_map(|line| line.trim().strip_prefix("<string>")?.strip_suffix("</string>"))
        .collect();
    understood(&arguments);
    for name in ["VIBE_RUNTIME_ROOT", "BYBIT_API_KEY_FILE", "BYBIT_API_SECRET_FILE"] {
        assert!(plist.contains(&format!("<key>{name}</key>")), "{name}");
    }
    for (open, close) in [
        ("<dict>", "</dict>"),
        ("<array>", "</array>"),
        ("<string>", "</string>"),
        ("<key>", "</key>"),
    ] {
        assert_eq!(
            plist.matches(open).count(),
            plist.matches(close).count(),
            "{open}"
        );
    }
}
