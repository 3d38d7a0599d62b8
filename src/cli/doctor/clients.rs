//! Whether a client is set up to start this program: the configuration files of the clients that we know.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::app::{App, env, home, runtime_root};
use super::finding::Finding;
use super::registration::{Ours, Registration};
use crate::state::durable;
use crate::state::paths::RuntimeRoot;

const MAX_BYTES: u64 = 64 << 20;

/// A client's configuration file, and what that client does with it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) client: &'static str,
    pub(super) path: PathBuf,
    /// It replaces `${NAME}` before it starts a server.
    pub(super) expands: bool,
    /// The server gets the environment that the client was started in.
    pub(super) inherits: bool,
}

pub(super) fn check(app: &App) -> Vec<Finding> {
    let home = home();
    // Vibe-Trading reads its own folder, whatever the venue of its entry.
    let shared = runtime_root().ok();
    let shared = shared.as_ref().map(RuntimeRoot::as_path);
    let current = std::env::current_dir().ok();
    let ours = Ours {
        root: app.root.as_path(),
        broker: app.files.broker().as_str(),
        venue: app.venue,
        home: home.clone(),
        env: &env,
    };
    let mut findings = Vec::new();
    for source in sources(shared, home.as_deref(), current.as_deref()) {
        match read(&source.path) {
            Ok(None) => {}
            Ok(Some(config)) => findings.extend(judge(&source, &config, &ours)),
            Err(why) => findings.push(Finding::yellow(
                "client.config_unread",
                format!("{}'s `{}` {why}", source.client, source.path.display()),
                "correct it: the client cannot read it either",
            )),
        }
    }
    findings.extend(shared.and_then(yaml));
    if findings.is_empty() {
        findings.push(Finding::yellow(
            "client.none",
            "no client that is known here starts this program",
            "add it to mcpServers of the client, for Vibe-Trading in agent.json under the runtime root",
        ));
    }
    findings
}

/// Client, file, whether it expands `${NAME}`, whether it passes its environment on.
type Known = (&'static str, &'static str, bool, bool);

const IN_THE_ROOT: [Known; 2] = [
    ("Vibe-Trading", "agent.json", false, true),
    ("Vibe-Trading", "swarm-agent.json", false, true),
];
const AT_HOME: [Known; 4] = [
    ("Claude Code", ".claude.json", true, true),
    (
        "Claude Desktop",
        ".config/Claude/claude_desktop_config.json",
        false,
        false,
    ),
    (
        "Claude Desktop",
        "Library/Application Support/Claude/claude_desktop_config.json",
        false,
        false,
    ),
    ("Cursor", ".cursor/mcp.json", true, true),
];
const HERE: [Known; 2] = [
    ("Claude Code", ".mcp.json", true, true),
    ("Cursor", ".cursor/mcp.json", true, true),
];

fn sources(root: Option<&Path>, home: Option<&Path>, current: Option<&Path>) -> Vec<Source> {
    let places = [
        (root, &IN_THE_ROOT[..]),
        (home, &AT_HOME[..]),
        (current, &HERE[..]),
    ];
    let mut sources: Vec<Source> = Vec::new();
    for (folder, known) in places {
        let Some(folder) = folder else { continue };
        for (client, file, expands, inherits) in known.iter().copied() {
            let path = folder.join(file);
            if sources.iter().all(|source| source.path != path) {
                sources.push(Source {
                    client,
                    path,
                    expands,
                    inherits,
                });
            }
        }
    }
    sources
}

/// The file as JSON, `None` when there is none. Errors show nothing of it.
fn read(path: &Path) -> Result<Option<Value>, String> {
    let bytes =
        durable::read_if_present(path, MAX_BYTES).map_err(|error| format!("cannot be read: {error}"))?;
    bytes
        .map(|bytes| serde_json::from_slice(&bytes))
        .transpose()
        .map_err(|error| format!("is not JSON at line {} column {}", error.line(), error.column()))
}

fn judge(source: &Source, config: &Value, ours: &Ours<'_>) -> Vec<Finding> {
    entries(config)
        .map(|(name, entry)| Registration { source, name, entry })
        .filter(Registration::is_ours)
        .flat_map(|registration| registration.judge(ours))
        .collect()
}

/// Servers of the whole client, then those of single projects, as Claude Code keeps them.
fn entries(config: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let projects = config.get("projects").and_then(Value::as_object);
    let parts = std::iter::once(config).chain(projects.into_iter().flat_map(|projects| projects.values()));
    parts
        .flat_map(|part| ["mcpServers", "mcp_servers"].map(|key| part.get(key)))
        .flatten()
        .filter_map(Value::as_object)
        .flatten()
        .map(|(name, entry)| (name.as_str(), entry))
}

/// Vibe-Trading takes the first of agent.json, agent.yaml and agent.yml; we read JSON alone.
fn yaml(root: &Path) -> Option<Finding> {
    if root.join("agent.json").exists() {
        return None;
    }
    ["agent.yaml", "agent.yml"]
        .into_iter()
        .map(|name| root.join(name))
        .find(|path| path.exists())
        .map(|path| {
            Finding::grey(
                "client.registered",
                format!("not to be checked here: `{}` is YAML", path.display()),
            )
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_of_projects_count_too() {
        let config = json!({
            "mcpServers": {"a": {"command": "x"}},
            "projects": {"/p": {"mcpServers": {"b": {"command": "y"}}}, "/q": {}},
        });
        let names: Vec<&str> = entries(&config).map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(entries(&json!([1])).count(), 0);
    }

    #[test]
    fn each_file_is_looked_at_once() {
        let home = Path::new("/home/a");
        let sources = sources(Some(Path::new("/home/a/.vibe-trading")), Some(home), Some(home));
        let cursors = sources.iter().filter(|source| source.client == "Cursor").count();
        assert_eq!(cursors, 1);
    }

    #[test]
    fn a_file_that_is_not_json_is_named_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.json");
        assert_eq!(read(&path), Ok(None));
        std::fs::write(&path, "{\"secret\": hush}").unwrap();
        assert_eq!(read(&path), Err("is not JSON at line 1 column 12".to_owned()));
    }
}
