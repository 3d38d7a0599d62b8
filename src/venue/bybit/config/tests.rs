//! Settings: each rule of the environment, with the words of its refusal.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::BybitConfig;

const FILES: [(&str, &str); 3] = [
    ("/keys/key", "file-key-0001\n"),
    ("/keys/secret", "file-secret-0001\n"),
    ("/keys/empty", " \n"),
];

fn config(pairs: &[(&str, &str)]) -> Result<BybitConfig, String> {
    let env: HashMap<&str, &str> = pairs.iter().copied().collect();
    let files: HashMap<&str, &str> = FILES.into_iter().collect();
    let read = |path: &Path| {
        let text = files.get(path.to_str().unwrap());
        text.map(|text| (*text).to_owned())
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    BybitConfig::from_env(&|name| env.get(name).map(|value| (*value).to_owned()), &read)
        .map_err(|error| error.to_string())
}

#[track_caller]
fn refused(pairs: &[(&str, &str)], expected: &str) {
    let error = config(pairs).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn without_settings_it_is_mainnet_without_a_key() {
    let config = config(&[("BYBIT_API_KEY", " "), ("BYBIT_API_SECRET", "")]).unwrap();
    assert_eq!(config.base_url.as_str(), "https://api.bybit.com/");
    assert_eq!(config.label, "bybit mainnet");
    assert!(!config.paper && config.credentials.is_none());
    assert_eq!(config.recv_window_ms, 5_000);
    assert_eq!(config.timeout, Duration::from_secs(10));
}

#[test]
fn testnet_and_demo_are_hosts_of_their_own_with_money_that_is_not_real() {
    for (name, value, host, label) in [
        ("BYBIT_TESTNET", "Yes", "api-testnet.bybit.com", "bybit testnet"),
        ("BYBIT_DEMO", "1", "api-demo.bybit.com", "bybit demo"),
    ] {
        let config = config(&[(name, value)]).unwrap();
        assert_eq!(config.base_url.host_str(), Some(host));
        assert_eq!(config.label, label);
        assert!(config.paper);
    }
    let off = config(&[("BYBIT_TESTNET", "off"), ("BYBIT_DEMO", "FALSE")]).unwrap();
    assert_eq!(off.label, "bybit mainnet");
    refused(&[("BYBIT_TESTNET", "1"), ("BYBIT_DEMO", "1")], "both set");
    refused(&[("BYBIT_TESTNET", "maybe")], "use 1, true, yes, on");
}

#[test]
fn a_key_pair_is_whole_and_comes_from_one_place() {
    let pair = config(&[("BYBIT_API_KEY", "k-0001"), ("BYBIT_API_SECRET", "s-0001")]).unwrap();
    assert_eq!(pair.credentials.unwrap().api_key().reveal(), "k-0001");
    let files = config(&[
        ("BYBIT_API_KEY_FILE", "/keys/key"),
        ("BYBIT_API_SECRET_FILE", "/keys/secret"),
    ])
    .unwrap();
    assert_eq!(files.credentials.unwrap().api_key().reveal(), "file-key-0001");

    refused(&[("BYBIT_API_KEY", "k")], "BYBIT_API_SECRET is not");
    refused(&[("BYBIT_API_SECRET", "s")], "BYBIT_API_KEY is not");
    refused(
        &[("BYBIT_API_KEY", "k"), ("BYBIT_API_KEY_FILE", "/keys/key")],
        "BYBIT_API_KEY and BYBIT_API_KEY_FILE are both set",
    );
    refused(
        &[
            ("BYBIT_API_SECRET", "s"),
            ("BYBIT_RSA_PRIVATE_KEY_FILE", "/keys/secret"),
        ],
        "are both set",
    );
    refused(&[("BYBIT_API_KEY_FILE", "/keys/nowhere")], "cannot be read");
    refused(&[("BYBIT_API_KEY_FILE", "/keys/empty")], "is empty");
    refused(
        &[
            ("BYBIT_API_KEY", "k"),
            ("BYBIT_RSA_PRIVATE_KEY_FILE", "/keys/secret"),
        ],
        "not PEM",
    );
    refused(
        &[("BYBIT_API_KEY", "two words"), ("BYBIT_API_SECRET", "s")],
        "copy it again",
    );
}

#[test]
fn a_variable_that_was_not_expanded_says_so_and_shows_no_value() {
    for name in [
        "BYBIT_API_KEY",
        "BYBIT_API_SECRET_FILE",
        "BYBIT_TESTNET",
        "BYBIT_BASE_URL",
    ] {
        refused(&[(name, "${MY_VALUE}")], &format!("{name} still reads `${{…}}`"));
    }
}

#[test]
fn a_base_url_is_https_or_this_machine_and_nothing_but_a_host() {
    for (url, label) in [
        ("https://api.bybit.nl", "bybit at api.bybit.nl"),
        ("https://api.bytick.com/", "bybit mainnet"),
        ("https://api.bybit.com:8443", "bybit at api.bybit.com:8443"),
        ("http://127.0.0.1:8080", "bybit at 127.0.0.1:8080"),
        ("http://[::1]:8080", "bybit at [::1]:8080"),
        ("http://localhost:8080", "bybit at localhost:8080"),
    ] {
        let config = config(&[("BYBIT_BASE_URL", url)]).unwrap();
        assert_eq!(config.label, label);
        assert!(!config.paper);
    }
    for url in [
        "http://api.bybit.com",
        "http://127.0.0.1.example.com",
        "https://user:pw@api.bybit.com",
        "https://user@api.bybit.com",
        "https://api.bybit.com/v5",
        "https://api.bybit.com/?a=1",
        "https://api.bybit.com/#a",
        "ftp://api.bybit.com",
        "api.bybit.com",
        "file:///etc",
    ] {
        refused(&[("BYBIT_BASE_URL", url)], "BYBIT_BASE_URL cannot be used");
    }
}

#[test]
fn a_base_url_that_its_flags_contradict_is_refused() {
    let testnet = "https://api-testnet.bybit.com";
    assert!(
        config(&[("BYBIT_BASE_URL", testnet), ("BYBIT_TESTNET", "1")])
            .unwrap()
            .paper
    );
    assert!(config(&[("BYBIT_BASE_URL", testnet), ("BYBIT_TESTNET", "0")]).is_ok());
    assert!(config(&[("BYBIT_BASE_URL", "http://127.0.0.1:1"), ("BYBIT_DEMO", "1")]).is_ok());
    refused(
        &[
            ("BYBIT_BASE_URL", "https://api.bybit.com"),
            ("BYBIT_TESTNET", "1"),
        ],
        "BYBIT_TESTNET contradicts",
    );
    refused(
        &[("BYBIT_BASE_URL", testnet), ("BYBIT_DEMO", "1")],
        "BYBIT_DEMO contradicts",
    );
    refused(
        &[
            ("BYBIT_BASE_URL", "https://proxy.example.com"),
            ("BYBIT_TESTNET", "1"),
        ],
        "contradicts",
    );
}

#[test]
fn times_are_bounded() {
    let set = config(&[("BYBIT_HTTP_TIMEOUT", "2.5"), ("BYBIT_RECV_WINDOW", "60000")]).unwrap();
    assert_eq!(set.timeout, Duration::from_millis(2_500));
    assert_eq!(set.recv_window_ms, 60_000);
    for value in ["0.4", "120.1", "ten", "-1", "1e9"] {
        refused(&[("BYBIT_HTTP_TIMEOUT", value)], "use seconds from 0.5 to 120");
    }
    for value in ["0", "60001", "1.5", "-1"] {
        refused(&[("BYBIT_RECV_WINDOW", value)], "use whole milliseconds");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let config = config(&[("BYBIT_API_KEY", "k-0001"), ("BYBIT_API_SECRET", "s-0001")]).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("k-0001") && !shown.contains("s-0001"), "{shown}");
}
