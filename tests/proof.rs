//! What `make proof` leaves unnoticed, against `tests/mutants.toml`: nothing may be left that is not listed there
//! with its reason, and nothing may be listed that a test notices.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A change that no test needs to notice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    file: String,
    /// As cargo-mutants words it, with the function's name.
    change: String,
    /// Which one, where a function can be changed in the same words at several places.
    #[serde(default = "first")]
    nth: usize,
    reason: String,
}

fn first() -> usize {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    mutant: Vec<Known>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
}

/// One change of one program, found again after lines have moved: file, words and which one of those.
type Key = (String, String, usize);

/// `src/a.rs:1:2: replace …`, where 1 and 2 are line and column.
fn parts(name: &str) -> Option<(&str, usize, usize, &str)> {
    let (file, rest) = name.split_once(':')?;
    let (line, rest) = rest.split_once(':')?;
    let (column, change) = rest.split_once(": ")?;
    Some((file, line.parse().ok()?, column.parse().ok()?, change))
}

/// Gives every name its key; `all` is in the order of the sources.
fn keys(all: &[String]) -> BTreeMap<&str, Key> {
    let mut places: Vec<_> = all.iter().map(|name| (parts(name).unwrap(), name)).collect();
    places.sort();
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    places
        .into_iter()
        .map(|((file, _, _, change), name)| {
            let nth = seen.entry((file, change)).or_default();
            *nth += 1;
            (name.as_str(), (file.to_owned(), change.to_owned(), *nth))
        })
        .collect()
}

/// What is wrong with the list after a run that tried `tried` of `all` and left `missed`. An entry is judged
/// where `is_there` has its file.
fn complaints(
    list: &[Known],
    all: &[String],
    tried: &[String],
    missed: &[String],
    is_there: impl Fn(&str) -> bool,
) -> Vec<String> {
    let keys = keys(all);
    let known = |key: &Key| list.iter().find(|known| key_of(known) == *key);
    let mut found: Vec<String> = missed
        .iter()
        .filter(|name| known(&keys[name.as_str()]).is_none())
        .map(|name| format!("no test notices, and the list does not have: {name}"))
        .collect();
    for entry in list.iter().filter(|entry| is_there(&entry.file)) {
        let key = key_of(entry);
        let name = keys
            .iter()
            .find(|(_, other)| **other == key)
            .map(|(name, _)| *name);
        let why = match name {
            None => "there is no such change",
            Some(name) if is_in(tried, name) && !is_in(missed, name) => "a test notices it",
            Some(_) => continue,
        };
        found.push(format!("{why}, take it off the list: {}: {}", key.0, key.1));
    }
    found
}

fn key_of(known: &Known) -> Key {
    (known.file.clone(), known.change.clone(), known.nth)
}

fn is_in(names: &[String], name: &str) -> bool {
    names.iter().any(|other| other == name)
}

fn list() -> Vec<Known> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutants.toml");
    let list: List = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    list.mutant
}

#[test]
#[ignore = "judges a run of `make proof`, which names the run's folder in PROOF_RUN"]
fn what_is_left_is_what_the_list_has() {
    let run = PathBuf::from(std::env::var_os("PROOF_RUN").expect("PROOF_RUN names the run's folder"));
    let names = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(run.join(file)).unwrap();
        let listed: Vec<Listed> = serde_json::from_str(&text).unwrap();
        listed.into_iter().map(|listed| listed.name).collect()
    };
    // What ran out of time is among them: it may have been noticed or have waited for a busy machine, and somebody
    // has to say which.
    let left = fs::read_to_string(run.join("left.txt")).unwrap();
    let missed: Vec<String> = left.lines().map(str::to_owned).collect();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong = complaints(
        &list(),
        &names("all.json"),
        &names("tried.json"),
        &missed,
        |file| tree.join(file).exists(),
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_entry_has_its_reason_and_stands_once() {
    let list = list();
    for entry in &list {
        assert!(entry.reason.split_whitespace().count() >= 4, "{entry:?}");
        let same = list.iter().filter(|other| key_of(other) == key_of(entry)).count();
        assert_eq!(same, 1, "{entry:?}");
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn known(change: &str, nth: usize) -> Known {
    Known {
        file: "src/a.rs".to_owned(),
        change: change.to_owned(),
        nth,
        reason: "it is the same either way".to_owned(),
    }
}

#[test]
fn what_is_not_listed_and_what_is_stale_is_told() {
    let all = names(&[
        "src/a.rs:90:5: replace > with >= in f",
        "src/a.rs:100:9: replace > with >= in f",
        "src/a.rs:7:1: replace g -> bool with true",
    ]);
    let missed = names(&["src/a.rs:100:9: replace > with >= in f"]);
    let judge = |list: &[Known], tried: &[String]| complaints(list, &all, tried, &missed, |_| true);

    let second = known("replace > with >= in f", 2);
    assert!(judge(std::slice::from_ref(&second), &all).is_empty());
    let told = judge(&[], &all);
    assert_eq!(told.len(), 1);
    assert!(told.concat().contains("src/a.rs:100:9"), "{told:?}");
    let noticed = known("replace g -> bool with true", 1);
    let list = [second.clone(), noticed.clone()];
    assert!(judge(&list, &all).concat().contains("a test notices it"));
    // a part of the changes says nothing of the others
    assert!(judge(&list, &missed).is_empty());
    let gone = known("replace h -> bool with true", 1);
    assert!(
        judge(&[second.clone(), gone.clone()], &missed)
            .concat()
            .contains("no such change")
    );
    let elsewhere = complaints(&[second, gone], &all, &missed, &missed, |_| false);
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

/// The gate is proved without the floors above it, through `explain`, which needs none of them.
#[test]
fn explain_is_built_beside_the_gate_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    let parts = fs::read_dir(root.join("explain")).unwrap();
    let mut files: Vec<_> = parts.map(|part| part.unwrap().path()).collect();
    files.push(root.join("explain.rs"));
    assert!(files.len() > 1);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.contains("use ")) {
            let above = ["crate::", "super::super::"].map(|from| line.split_once(from).map(|(_, rest)| rest));
            for rest in above.into_iter().flatten() {
                let floor = rest.split([':', ';']).next().unwrap_or_default();
                assert!(
                    ["domain", "gate", "out"].contains(&floor),
                    "{}: {line}",
                    file.display()
                );
            }
            assert!(!line.contains("super::args"), "{}: {line}", file.display());
        }
    }
}
