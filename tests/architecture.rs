//! The floors hold: who imports whom, who may use which package, where a proof is made.
//!
//! It reads the sources as text, without comments and strings, so that a path in code counts wherever it
//! stands: in a `use`, in a group, or in the middle of an expression.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const MOST_LINES: usize = 450;
/// A file of tests may list more cases.
const MOST_TEST_LINES: usize = 600;

/// Each floor and the floors of this crate that it may name.
const MAY_NAME: [(&str, &[&str]); 9] = [
    ("domain", &[]),
    ("gate", &["domain"]),
    ("state", &["domain", "gate"]),
    ("venue", &["domain", "gate", "state"]),
    ("sim", &["domain"]),
    ("broker", &["domain", "gate", "state", "venue"]),
    ("mcp", &["broker", "domain", "venue"]),
    ("daemon", &["domain", "gate", "state", "venue", "broker", "mcp"]),
    (
        "cli",
        &[
            "domain", "gate", "state", "venue", "sim", "broker", "mcp", "daemon",
        ],
    ),
];

/// Packages that belong to one part of the program, by the beginning of its path.
const PACKAGES: [(&str, &[&str]); 14] = [
    ("reqwest", &["venue/bybit/"]),
    ("ring", &["venue/bybit/", "sim/"]),
    ("webpki_roots", &["venue/bybit/"]),
    ("fs2", &["state/", "daemon/"]),
    ("notify", &["daemon/"]),
    ("rustix", &["state/durable.rs", "daemon/", "cli/mod.rs"]),
    ("rmcp", &["mcp/"]),
    ("axum", &["mcp/", "sim/"]),
    ("hyper", &["mcp/"]),
    ("hyper_util", &["mcp/"]),
    ("rusqlite", &["sim/"]),
    ("clap", &["cli/"]),
    ("directories", &["cli/"]),
    ("png", &["cli/paper/"]),
];

/// What only one file may make.
const MADE_IN: [(&str, &str); 4] = [
    ("Permit", "state/day.rs"),
    ("Approved", "gate/mod.rs"),
    ("Intended", "gate/mod.rs"),
    ("Authority", "gate/mod.rs"),
];

/// One source file: its path under `src` and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// `gate` of `gate/mod.rs`, `broker` of `broker.rs`.
    fn floor(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The text without comments, strings and its own test module.
    fn code(&self) -> String {
        let whole = strip(&self.text);
        match whole.find("#[cfg(test)]\nmod tests {") {
            Some(at) => whole.split_at(at).0.to_owned(),
            None => whole,
        }
    }

    fn breaches(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !self.text.starts_with("//!") {
            found.push("does not open with `//!`".to_owned());
        }
        let lines = self.text.lines().count();
        let most = if self.is_test() {
            MOST_TEST_LINES
        } else {
            MOST_LINES
        };
        if lines > most {
            found.push(format!("has {lines} lines"));
        }
        if !self.is_test() {
            let code = self.code();
            self.floors(&code, &mut found);
            self.packages(&code, &mut found);
            self.makers(&code, &mut found);
        }
        found
            .into_iter()
            .map(|what| format!("{}: {what}", self.path))
            .collect()
    }

    fn floors(&self, code: &str, found: &mut Vec<String>) {
        let Some((_, allowed)) = MAY_NAME.iter().find(|(floor, _)| *floor == self.floor()) else {
            if !matches!(self.path.as_str(), "lib.rs" | "main.rs") {
                found.push("belongs to no floor".to_owned());
            }
            return;
        };
        for path in crate_paths(code, &self.path) {
            let (floor, rest) = path.split_once("::").unwrap_or((&path, ""));
            if floor != self.floor() && !allowed.contains(&floor) {
                found.push(format!("names `{path}`"));
            }
            // The trait is a bound and its reads and errors are plain values; a venue itself is another matter.
            let only_plain = rest.is_empty() || !rest.contains("::") && rest != "bybit";
            if self.floor() == "mcp" && floor == "venue" && !only_plain {
                found.push(format!("reaches into the venue: `{path}`"));
            }
        }
    }

    fn packages(&self, code: &str, found: &mut Vec<String>) {
        for (package, homes) in PACKAGES {
            let at_home = homes.iter().any(|home| self.path.starts_with(home));
            if !at_home && words_before(code, package, "::") > 0 {
                found.push(format!("uses the package {package}"));
            }
        }
        if self.floor() == "mcp"
            && ["Permit", "Approved"]
                .iter()
                .any(|proof| words(code).contains(proof))
        {
            found.push("names a proof that only the broker handles".to_owned());
        }
    }

    fn makers(&self, code: &str, found: &mut Vec<String>) {
        for (proof, home) in MADE_IN {
            let literal = literals(code, proof);
            if self.path != home && literal > 0 {
                found.push(format!("makes a {proof}"));
            }
        }
    }
}

/// Text without comments, and with every string and character literal emptied.
fn strip(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if rest.starts_with("r\"") || rest.starts_with("r#") {
            raw_string(rest)
        } else if next == '"' {
            quoted(rest, '"')
        } else if next == '\'' && is_char_literal(rest) {
            quoted(rest, '\'')
        } else {
            0
        };
        if skipped > 0 {
            if !rest.starts_with('/') {
                code.push_str("\"\"");
            }
            rest = rest.split_at(skipped).1;
        } else if next.is_alphanumeric() || next == '_' {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            code.push_str(word);
            rest = after;
        } else {
            code.push(next);
            rest = rest.split_at(next.len_utf8()).1;
        }
    }
    code
}

/// The length of a raw string at the beginning of `text`; 0 where it is a raw name.
fn raw_string(text: &str) -> usize {
    let hashes = text.chars().skip(1).take_while(|c| *c == '#').count();
    let opening = 1 + hashes + 1;
    if text.chars().nth(1 + hashes) != Some('"') {
        return 0;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    text.split_at(opening)
        .1
        .find(&closing)
        .map_or(text.len(), |at| opening + at + closing.len())
}

fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == mark => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Not a lifetime: `'x'` or `'\…'`.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

fn words(code: &str) -> BTreeSet<&str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect()
}

/// How often the whole word `name` stands at once before `after`.
fn words_before(code: &str, name: &str, after: &str) -> usize {
    code.match_indices(&format!("{name}{after}"))
        .filter(|(at, _)| starts_a_word(code, *at) && !code.split_at(*at).0.ends_with("::"))
        .count()
}

fn starts_a_word(code: &str, at: usize) -> bool {
    let before = code.split_at(at).0.chars().next_back();
    before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
}

/// How often a value of the type `name` is written out: `Name {`, but no declaration, `impl` or pattern.
fn literals(code: &str, name: &str) -> usize {
    code.match_indices(name)
        .filter(|(at, _)| starts_a_word(code, *at))
        .filter(|(at, _)| {
            let (before, from) = code.split_at(*at);
            let opens = from.split_at(name.len()).1.trim_start().starts_with('{');
            let names_the_type = ["struct", "enum", "impl", "for", "->", "let"]
                .iter()
                .any(|word| before.trim_end().ends_with(word));
            opens && !names_the_type
        })
        .count()
}

/// The paths into this crate, without `crate::`: of `use crate::{a::b, c}` both `a::b` and `c`; `super::` is
/// followed to where it leads.
fn crate_paths(code: &str, file: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if starts_a_word(code, at) {
            let (_, tail) = code.split_at(at + "crate::".len());
            expand(tail, "", &mut paths);
        }
    }
    // How far up `super` has to go to reach the crate itself.
    let depth = module_depth(file);
    let up = "super::".repeat(depth);
    if depth > 0 {
        for (at, _) in code.match_indices(&up) {
            let (before, after) = code.split_at(at);
            let tail = after.split_at(up.len()).1;
            if starts_a_word(code, at) && !before.ends_with("::") && !tail.starts_with("super") {
                expand(tail, "", &mut paths);
            }
        }
    }
    paths
}

/// 1 for `gate/mod.rs`, whose `super` is the crate; 2 for `gate/caps.rs`.
fn module_depth(file: &str) -> usize {
    let parts = file.split('/').count();
    match file {
        "lib.rs" | "main.rs" => 0,
        _ if file.ends_with("/mod.rs") => parts - 1,
        _ => parts,
    }
}

/// Reads one use tree, with its groups, from the beginning of `tail`.
fn expand(tail: &str, prefix: &str, paths: &mut Vec<String>) {
    let end = tail
        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
        .unwrap_or(tail.len());
    let (head, rest) = tail.split_at(end);
    let path = format!("{prefix}{head}");
    let Some(group) = rest
        .strip_prefix('{')
        .filter(|_| path.is_empty() || path.ends_with("::"))
    else {
        paths.push(path.trim_end_matches(':').to_owned());
        return;
    };
    for part in split_group(group) {
        expand(part.trim(), &path, paths);
    }
}

/// The parts of a group up to its closing brace.
fn split_group(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_usize, 0_usize, Vec::new());
    for (at, c) in text.char_indices() {
        let ends = match c {
            '{' => {
                depth += 1;
                false
            }
            '}' if depth > 0 => {
                depth -= 1;
                false
            }
            '}' => true,
            ',' => depth == 0,
            _ => false,
        };
        if ends {
            let part = text.get(from..at).unwrap_or_default();
            if !part.trim().is_empty() {
                parts.push(part);
            }
            from = at + 1;
            if c == '}' {
                break;
            }
        }
    }
    parts
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push(path);
        }
    }
}

fn all() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    let read = paths.iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
        Source::new(name, &fs::read_to_string(path).unwrap())
    });
    read.collect()
}

#[test]
fn the_floors_hold() {
    let sources = all();
    assert!(sources.len() > 100, "only {} files were found", sources.len());
    let breaches: Vec<String> = sources.iter().flat_map(Source::breaches).collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

/// Each rule is about something that exists: a renamed file would make it hold for nothing.
#[test]
fn each_rule_is_about_something() {
    let sources = all();
    let code: Vec<(&Source, String)> = sources.iter().map(|source| (source, source.code())).collect();
    for (proof, home) in MADE_IN {
        let (_, code) = code.iter().find(|(source, _)| source.path == home).unwrap();
        assert_eq!(literals(code, proof), 1, "{proof} in {home}");
    }
    for (package, homes) in PACKAGES {
        for home in homes {
            let used = code
                .iter()
                .any(|(source, code)| source.path.starts_with(home) && words_before(code, package, "::") > 0);
            assert!(used, "{package} is not used in {home}");
        }
    }
    for (floor, _) in MAY_NAME {
        assert!(sources.iter().any(|source| source.floor() == floor), "{floor}");
    }
}

#[track_caller]
fn assert_breach(path: &str, code: &str, what: &str) {
    let breaches = Source::new(path, &format!("//! What it is.\n{code}")).breaches();
    assert!(
        matches!(breaches.as_slice(), [one] if one.contains(what)),
        "{breaches:?}"
    );
}

#[track_caller]
fn assert_fine(path: &str, code: &str) {
    let breaches = Source::new(path, &format!("//! What it is.\n{code}")).breaches();
    assert_eq!(breaches, [] as [&str; 0]);
}

#[test]
fn a_planted_breach_is_found() {
    assert_breach("gate/caps.rs", "use crate::state::clock;", "names `state::clock`");
    assert_breach(
        "gate/caps.rs",
        "fn a() { crate::venue::b(); }",
        "names `venue::b`",
    );
    assert_breach(
        "gate/caps.rs",
        "use super::super::sim::Fault;",
        "names `sim::Fault`",
    );
    assert_breach("gate/mod.rs", "use super::sim::Fault;", "names `sim::Fault`");
    assert_breach(
        "domain/money.rs",
        "use crate::gate::Limit;",
        "names `gate::Limit`",
    );
    assert_breach(
        "sim/orders/create.rs",
        "use crate::{\n    domain::money, state::lock,\n};",
        "names `state::lock`",
    );
    assert_breach(
        "broker.rs",
        "use crate::{domain::{money, order}, mcp};",
        "names `mcp`",
    );
    assert_breach(
        "mcp/tools.rs",
        "use crate::venue::bybit::BybitVenue;",
        "reaches into the venue",
    );
    assert_breach(
        "mcp/tools.rs",
        "use crate::state::day::Day;",
        "names `state::day::Day`",
    );
    assert_breach("mcp/tools.rs", "fn a<V>(p: Permit<'_>) {}", "a proof");
    assert_breach("venue/mod.rs", "use reqwest::Client;", "uses the package reqwest");
    assert_breach(
        "cli/app.rs",
        "fn a() { fs2::lock_contended_error(); }",
        "uses the package fs2",
    );
    assert_breach(
        "broker/record.rs",
        "fn a() -> X { make(Permit { a: 1 }) }",
        "makes a Permit",
    );
    assert_breach(
        "state/day.rs",
        "fn a() { let a = Approved {\n b }; }",
        "makes a Approved",
    );
    assert_breach("new/mod.rs", "", "belongs to no floor");
    assert_breach("gate/caps.rs", &"\n".repeat(MOST_LINES), "451 lines");
    let bare = Source::new("gate/caps.rs", "use std::fmt;").breaches();
    assert_eq!(bare, ["gate/caps.rs: does not open with `//!`"]);
}

#[test]
fn what_only_looks_like_a_breach_is_none() {
    assert_fine(
        "gate/caps.rs",
        "// crate::state::clock\n/* crate::sim */ use crate::domain::money;",
    );
    assert_fine(
        "gate/caps.rs",
        "fn a() { b(\"use crate::state::x; \\\" Permit { \", r#\"crate::sim::\"#, '\"'); }",
    );
    assert_fine("gate/caps.rs", "use super::facts::Facts;");
    assert_fine(
        "state/day.rs",
        "pub struct Permit<'day> {}\nimpl Permit<'_> {}\nfn a(x: &'static str) {}",
    );
    assert_fine("venue/mod.rs", "fn send(&self, permit: Permit<'_>) {}");
    assert_fine("mcp/tools.rs", "use crate::venue::{ReadRequest, Venue};");
    assert_fine(
        "broker.rs",
        "use crate::state::day::Permit;\nfn a() { my_reqwest::b(); a::ring::c(); }",
    );
    assert_fine(
        "gate/caps.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    use crate::state::x;\n}",
    );
}
