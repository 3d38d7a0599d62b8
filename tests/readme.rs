//! README.md says what the code does: tools, targets, variables, tests, links, and the walk on paper.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mandated::mcp::tools::Tool;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The text of one section, up to the next heading of the same depth or above.
fn section(heading: &str) -> String {
    let depth = heading.chars().take_while(|letter| *letter == '#').count();
    let readme = read("README.md");
    let mut lines = readme.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "no section `{heading}`");
    let ends = |line: &str| {
        let hashes = line.chars().take_while(|letter| *letter == '#').count();
        (1..=depth).contains(&hashes) && line.chars().nth(hashes) == Some(' ')
    };
    let mut fenced = false;
    let mut text = String::new();
    for line in lines {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced && ends(line) {
            break;
        }
        text += line;
        text.push('\n');
    }
    text
}

/// The cells of each table row under a heading; headings of tables and their rulers left out.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    text.lines()
        .filter(|line| line.starts_with('|') && line.contains('`'))
        .map(cells)
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The content of each fenced block of a kind.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (line.trim().strip_prefix("```"), &mut open) {
            (Some(_), Some((wanted, block))) => {
                if *wanted {
                    found.push(block.clone());
                }
                open = None;
            }
            (Some(name), None) => open = Some((name == kind, String::new())),
            (None, Some((_, block))) => {
                *block += line;
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
    found
}

/// Everything under `src`, without the files of tests.
fn source() -> String {
    let src = root().join("src");
    let is_test = |path: &Path| {
        let inner = path.strip_prefix(&src).unwrap();
        // The points at which a test kills the process are no setting of a person's.
        inner.ends_with("state/crash.rs")
            || inner.ends_with("tests.rs")
            || inner.components().any(|part| part.as_os_str() == "tests")
    };
    rust_files(&src)
        .iter()
        .filter(|path| !is_test(path))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// The words of a `match` that turns variants into words, or words into variants.
fn words_of(text: &str, before: &str, after: &str) -> Vec<String> {
    let arms = text
        .lines()
        .filter(|line| line.contains(before) && line.contains(after));
    arms.filter_map(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_make_target_that_is_named_exists() {
    let makefile = read("Makefile");
    let readme = read("README.md");
    let named: BTreeSet<&str> = readme
        .match_indices("make ")
        .filter(|(at, _)| matches!(readme.as_bytes().get(at.wrapping_sub(1)), Some(b'`' | b'\n')))
        .filter_map(|(at, word)| {
            let rest = readme.get(at + word.len()..)?;
            rest.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-')
                .next()
        })
        .collect();
    assert!(named.len() >= 4, "{named:?}");
    for target in named {
        let rule = format!("\n{target}:");
        assert!(makefile.contains(&rule), "make {target}");
    }
}

/// On a difference the message is the table as it should be.
#[test]
fn the_tool_table_is_the_codes() {
    let expected: Vec<String> = Tool::all()
        .map(|tool| {
            let args: Vec<String> = tool
                .args
                .iter()
                .map(|arg| format!("{}{}", arg.name, if arg.required { "*" } else { "" }))
                .collect();
            format!("| `{}` | {} | {} |", tool.name, tool.title, args.join(", "))
        })
        .collect();
    let text = section("## Tools");
    let written: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `bybit_"))
        .collect();
    assert_eq!(written, expected, "\n{}", expected.join("\n"));
}

#[test]
fn every_variable_of_the_table_is_read_and_every_variable_that_is_read_is_in_it() {
    let source = source();
    let written: BTreeSet<String> = rows(&section("## Environment"))
        .iter()
        .filter_map(|cells| cells.first())
        .flat_map(|cell| quoted(cell))
        .collect();
    for name in &written {
        // `…_FILE` is made from the name of the variable that it stands in for.
        let plain = name.strip_suffix("_FILE").unwrap_or(name);
        let is_read = [name.as_str(), plain]
            .iter()
            .any(|name| source.contains(&format!("\"{name}\"")));
        assert!(is_read, "{name} is not read");
    }
    let is_ours = |word: &&str| {
        ["BYBIT_", "MANDATED_", "VIBE_"]
            .iter()
            .any(|start| word.starts_with(start))
            && word
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    for name in source.split('"').filter(is_ours) {
        assert!(written.contains(name), "{name} is not in the table");
    }
}

#[test]
fn every_word_of_the_gate_is_explained() {
    let refusal = read("src/gate/refusal.rs");
    let words = refusal
        .split("fn word(")
        .nth(1)
        .and_then(|text| text.split("fn kind(").next());
    let words = words_of(words.unwrap(), "Self::", " => \"");
    assert!(words.len() > 15, "{words:?}");
    let explained = quoted(&section("## The gate"));
    for word in words {
        assert!(explained.contains(&word), "{word}");
    }
}

#[test]
fn every_fault_of_the_paper_exchange_is_named() {
    let kinds = words_of(&read("src/sim/door/faults.rs"), "\" => FaultKind::", "\"");
    assert!(kinds.len() > 10, "{kinds:?}");
    let named = quoted(&section("## Paper trading"));
    for kind in kinds {
        assert!(named.contains(&kind), "{kind}");
    }
}

#[test]
fn every_test_that_holds_a_claim_exists() {
    let rows = rows(&section("### What holds each claim"));
    assert!(rows.len() > 20);
    for cells in rows {
        let [claim, file, tests] = cells.as_slice() else {
            panic!("not three cells: {cells:?}");
        };
        let file = quoted(file).concat();
        let text = fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let names = quoted(tests);
        assert!(!names.is_empty(), "{claim}");
        for name in names {
            assert!(text.contains(&format!("fn {name}(")), "{file} has no {name}");
        }
    }
}

#[test]
fn every_file_of_the_project_that_is_linked_or_named_exists() {
    let readme = read("README.md");
    let links = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with('#'));
    let mut count = 0;
    for link in links {
        assert!(root().join(link).exists(), "{link}");
        count += 1;
    }
    assert!(count > 10);
    for name in quoted(&readme).iter().filter(|name| name.starts_with("tests/")) {
        assert!(root().join(name).exists(), "{name}");
    }
}

/// The example in the text is the file that it is said to be.
#[test]
fn the_registration_in_the_text_is_the_example() {
    let blocks = blocks(&section("### Vibe-Trading"), "json");
    assert_eq!(blocks, [read("examples/agent.json")]);
}

/// Each `mandated …` in a shell block is a command that this program has.
#[test]
fn every_command_of_the_shell_blocks_exists() {
    let help = Command::new(env!("CARGO_BIN_EXE_mandated"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let known: BTreeSet<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .collect();
    let mut seen = 0;
    for block in blocks(&read("README.md"), "sh") {
        for (at, word) in block.match_indices("mandated ") {
            let before = at.checked_sub(1).and_then(|before| block.as_bytes().get(before));
            let starts = matches!(before, None | Some(b' ' | b'\n'));
            let command = block
                .get(at + word.len()..)
                .and_then(|rest| rest.split_whitespace().next());
            // `mandated --env …` is an option of another program; `mandated demo:` is a remark.
            let Some(command) = command.filter(|command| starts && !command.starts_with('-')) else {
                continue;
            };
            let command = command.trim_end_matches(':');
            assert!(known.contains(command), "mandated {command}");
            seen += 1;
        }
    }
    assert!(seen > 8, "{seen}");
}

/// HALT is touched where the program looks for it, whichever setting says where that is.
#[cfg(unix)]
#[test]
fn the_recipe_for_halt_finds_the_folder_that_is_watched() {
    let text = section("## When something goes wrong");
    let recipe = blocks(&text, "sh").remove(0);
    assert!(recipe.starts_with("LIVE="), "{recipe}");
    assert!(text.contains("`touch \"${LIVE:?}/HALT\"`"));
    let program = Path::new(env!("CARGO_BIN_EXE_mandated"));
    for settings in [
        &[][..],
        &[("VIBE_RUNTIME_ROOT", "~/a root")],
        &[("VIBE_TRADING_HOME", "~/b")],
        &[("MANDATED_VENUE", "paper")],
        &[("MANDATED_VENUE", "paper"), ("VIBE_RUNTIME_ROOT", "~/c")],
        &[("MANDATED_VENUE", "paper"), ("MANDATED_PAPER_ROOT", "~/d")],
    ] {
        let home = tempfile::tempdir().unwrap();
        let run = |script: &str| {
            let mut shell = Command::new("sh");
            let system = std::env::var("PATH").unwrap();
            shell
                .args(["-e", "-c", script])
                .env_clear()
                .env("HOME", home.path())
                .env(
                    "PATH",
                    format!("{}:{system}", program.parent().unwrap().display()),
                )
                .envs(settings.iter().copied())
                .output()
                .unwrap()
        };
        let touched = run(&format!(
            "{recipe}mkdir -p \"$LIVE\"\ntouch \"${{LIVE:?}}/HALT\"\n"
        ));
        assert!(touched.status.success(), "{settings:?}: {touched:?}");
        let resumed = run("mandated resume");
        let said = String::from_utf8_lossy(&resumed.stdout).into_owned();
        assert!(
            said.contains("cleared the halt of every broker"),
            "{settings:?}: {said}"
        );
    }
    // Where the program does not say it, nothing is touched elsewhere.
    let nowhere = Command::new("sh")
        .args(["-c", &format!("{recipe}touch \"${{LIVE:?}}/HALT\"\n")])
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    assert!(!nowhere.status.success(), "{nowhere:?}");
}

/// Runs the blocks of the paper walk, but for the installation, in a home folder of their own.
#[cfg(unix)]
#[test]
fn the_paper_walk_works_as_written() {
    let text = section("## Five minutes on paper");
    let steps: Vec<String> = blocks(&text, "sh")
        .into_iter()
        .filter(|block| !block.starts_with("make "))
        .collect();
    let home = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_mandated"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let done = Command::new("sh")
        .args(["-e", "-c", &steps.concat()])
        .current_dir(root())
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let complained = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{said}\n{complained}");
    for expected in [
        "valid: ",
        r#""status":"filled""#,
        "exceeds max_order_notional_usd $1000.00; the largest quantity that passes is",
        "DOGEUSDT is on the mandate exclude list",
        "live trading halted",
        "cleared the halt of every broker under `",
        "orders today                        2 of 50",
        "every hash recomputed, the same in both ledgers.",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}\n{complained}");
    }
}
