//! Every file under `examples/` loads into the program that it is written for.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mandated::domain::mandate::Mandate;
use mandated::domain::money::Usd;
use mandated::domain::policy::Policy;
use mandated::domain::symbol::Symbol;
use mandated::venue::bybit::BybitConfig;
use rust_decimal::Decimal;
use serde_json::Value;

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// Everything under `src`, joined.
fn source_text(folder: &Path) -> String {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let text = |path: &PathBuf| {
        if path.is_dir() {
            source_text(path)
        } else {
            fs::read_to_string(path).unwrap()
        }
    };
    paths.iter().map(text).collect()
}

fn is_read_by_the_program(variable: &str) -> bool {
    let quoted = format!("\"{variable}\"");
    source_text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).contains(&quoted)
}

/// `NAME=value` and `# NAME=value`; the flag says whether the line is in force.
fn settings(text: &str) -> Vec<(String, String, bool)> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.lines()
        .filter_map(|line| {
            let bare = line.trim_start_matches("# ");
            let (name, value) = bare.split_once('=')?;
            is_name(name).then(|| (name.to_owned(), value.to_owned(), bare == line))
        })
        .collect()
}

#[test]
fn the_mandate_is_what_the_readme_says_of_it() {
    let mandate = Mandate::parse(&example("mandate.json")).unwrap();
    let caps = &mandate.hard_caps;
    let usd = |amount: i64| Usd::new(Decimal::from(amount));
    assert_eq!(mandate.schema_version, 1);
    assert_eq!(caps.account_funding_usd, usd(5_000));
    assert_eq!(caps.max_order_notional_usd, usd(1_000));
    assert_eq!(caps.max_total_exposure_usd, usd(5_000));
    assert_eq!(caps.max_leverage, Decimal::from(3));
    assert_eq!(caps.max_trades_per_day, 50);
    assert_eq!(caps.allowed_instruments, ["crypto"]);
    assert_eq!(mandate.universe.asset_classes, ["crypto"]);
    assert_eq!(mandate.universe.exclude_symbols, ["DOGEUSDT"]);
    assert_eq!(mandate.consent.broker, "bybit");
    assert!(!mandate.flatten_on_halt);
}

/// A copy that nobody looked at must not trade for ever: the end is an instant, and not far off.
#[test]
fn the_mandate_ends_within_a_month_of_its_making() {
    let consent = Mandate::parse(&example("mandate.json")).unwrap().consent;
    let made = mandated::domain::mandate::parse_instant(&consent.created_at).unwrap();
    let days = (consent.expires().unwrap() - made).num_days();
    assert!((1..=31).contains(&days), "{days}");
}

#[test]
fn the_policy_is_understood_and_limits_what_it_says() {
    let policy = Policy::parse(&example("policy.toml")).unwrap();
    assert!(policy.allows_symbol(&Symbol::parse("BTCUSDT").unwrap()));
    assert!(!policy.allows_symbol(&Symbol::parse("SOLUSDT").unwrap()));
    assert_eq!(policy.max_price_deviation_percent, Some(Decimal::from(5)));
    assert!(policy.count_spot_holdings);
}

/// Vibe-Trading hands `env` on as it stands and lets the process inherit the rest (its `src/tools/mcp.py`).
#[test]
fn registrations_start_a_command_that_exists_and_leave_nothing_to_expand() {
    for name in ["agent.json", "claude.mcp.json"] {
        let text = example(name);
        assert!(!text.contains('~') && !text.contains("${"), "{name}");
        let json: Value = serde_json::from_str(&text).unwrap();
        let servers = json.get("mcpServers").and_then(Value::as_object).unwrap();
        assert_eq!(servers.len(), 1, "{name}");
        for server in servers.values() {
            assert_eq!(server.get("command").unwrap(), "mandated", "{name}");
            let args: Vec<&str> = server
                .get("args")
                .and_then(Value::as_array)
                .unwrap()
                .iter()
                .map(|arg| arg.as_str().unwrap())
                .collect();
            let help = Command::new(env!("CARGO_BIN_EXE_mandated"))
                .args(&args)
                .arg("--help")
                .output()
                .unwrap();
            assert!(help.status.success(), "{name} {args:?}");
            for (variable, value) in server.get("env").and_then(Value::as_object).unwrap() {
                assert!(is_read_by_the_program(variable), "{name} {variable}");
                assert!(value.is_string(), "{name} {variable}");
                let is_secret = variable.contains("KEY") || variable.contains("SECRET");
                assert!(
                    !is_secret,
                    "{name} {variable}: keys come with the inherited environment"
                );
            }
        }
    }
}

#[test]
fn the_settings_file_names_only_what_the_program_reads() {
    let settings = settings(&example(".env.example"));
    assert!(settings.len() > 10);
    for (name, _, _) in &settings {
        assert!(is_read_by_the_program(name), "{name}");
    }
    let in_force: BTreeMap<&str, &str> = settings
        .iter()
        .filter(|(_, _, in_force)| *in_force)
        .map(|(name, value, _)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(in_force.get("MANDATED_VENUE"), Some(&"paper"));
    let lookup = |name: &str| in_force.get(name).map(|value| (*value).to_owned());
    let config = BybitConfig::from_env(&lookup, &|path: &Path| fs::read_to_string(path)).unwrap();
    assert!(config.credentials.is_none());
}

/// What is commented out can be switched on as it stands, where it has a value.
#[test]
fn each_setting_that_is_commented_out_is_valid() {
    for (name, value, _) in settings(&example(".env.example")) {
        let lookup = |asked: &str| (asked == name).then(|| value.clone());
        let config = BybitConfig::from_env(&lookup, &|path: &Path| fs::read_to_string(path));
        assert!(config.is_ok(), "{name}={value}: {config:?}");
    }
}
