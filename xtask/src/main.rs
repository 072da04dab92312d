//! `cargo xtask tidy`: the rules of the house that the compiler cannot hold.

mod from_node;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest file, in lines.
const FILE_LIMIT: usize = 600;
/// What is to stay thin, with all lines that its files may have together.
const THIN: [(&str, usize); 4] = [
    ("crates/sdk-axum/src", 300),
    ("crates/sdk-actix/src", 300),
    ("examples/axum-quickstart/src", 60),
    ("examples/actix-quickstart/src", 60),
];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("tidy") {
        return fail(&["usage: cargo xtask tidy".to_owned()]);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let mut files = Vec::new();
    collect(&root.join("crates"), &mut files);
    collect(&root.join("examples"), &mut files);
    files.sort();
    let thin = THIN.iter().filter_map(|(directory, limit)| too_long(root, directory, *limit));
    let faults: Vec<String> = files
        .iter()
        .filter_map(|path| Some((path.strip_prefix(root).ok()?, fs::read_to_string(path).ok()?)))
        .flat_map(|(path, text)| faults_of(&path.to_string_lossy(), &text))
        .chain(thin)
        .chain(from_node::faults(root))
        .collect();
    if faults.is_empty() { ExitCode::SUCCESS } else { fail(&faults) }
}

#[expect(clippy::print_stderr, reason = "this is a command-line tool")]
fn fail(lines: &[String]) -> ExitCode {
    for line in lines {
        eprintln!("{line}");
    }
    ExitCode::FAILURE
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.ends_with("node_modules") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn too_long(root: &Path, directory: &str, limit: usize) -> Option<String> {
    let mut files = Vec::new();
    collect(&root.join(directory), &mut files);
    let lines =
        files.iter().filter_map(|path| fs::read_to_string(path).ok()).map(|text| text.lines().count());
    let all: usize = lines.sum();
    (all == 0 || all > limit).then(|| format!("{directory} has {all} lines; it may have {limit}"))
}

/// Everything that is wrong with one file.
fn faults_of(path: &str, text: &str) -> Vec<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let in_source = path.contains("/src/");
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    // A store that is too long for one file is a directory of its parts.
    let is_store = name == "store.rs" || path.contains("/store/");
    let rules: [(bool, &str); 10] = [
        (!text.starts_with("//!"), "does not open with what it is for (`//!`)"),
        (text.lines().count() > FILE_LIMIT, "has more than 600 lines"),
        (
            ["utils.rs", "helpers.rs", "common.rs", "manager.rs"].contains(&name),
            "has a name that says nothing",
        ),
        (
            !path.starts_with("crates/db/")
                && in_source
                && uses_any(code, &["rusqlite", "tokio_postgres", "deadpool"]),
            "names a database driver outside crates/db",
        ),
        (
            path.starts_with("crates/core/src")
                && !path.contains("/http/")
                && uses_any(code, &["hyper", "hyper_util", "http_body_util"]),
            "names the HTTP server or client outside core/src/http",
        ),
        (
            name == "model.rs" && code.contains("Serialize"),
            "is a model and serializable: JSON belongs to wire",
        ),
        (
            path.starts_with("crates/core/src") && !is_store && has_sql(code),
            "holds SQL, which belongs into store.rs",
        ),
        (
            (is_store && uses_sibling(code, &["service", "routes"]))
                || (name == "model.rs" && uses_sibling(code, &["service", "routes", "store"]))
                || (name == "service.rs" && uses_sibling(code, &["routes"])),
            "uses a room above it",
        ),
        (
            path.starts_with("crates/core/src/recipes/") && reaches_into_ground(code),
            "uses a store of the ground: recipes go through its services",
        ),
        (
            is_change(path) && commits_unsaid(code),
            "ends a unit of work without an event: `audit::commit`, or `// no event: <reason>` on the line above",
        ),
    ];
    rules.iter().filter(|(broken, _)| *broken).map(|(_, rule)| format!("{path} {rule}")).collect()
}

fn uses_any(code: &str, crates: &[&str]) -> bool {
    crates.iter().any(|name| code.contains(&format!("{name}::")))
}

fn uses_sibling(code: &str, rooms: &[&str]) -> bool {
    rooms
        .iter()
        .any(|room| code.contains(&format!("super::{room}")) || code.contains(&format!("super::{{{room}")))
}

/// `ground::users::store`, or `store` among the names taken from there.
fn reaches_into_ground(code: &str) -> bool {
    let statements = code.split(';').filter(|statement| statement.contains("ground::"));
    statements.into_iter().any(|statement| {
        let mut names = statement.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        names.any(|name| name == "store")
    })
}

/// Whether the file is of those that change what the audit trail tells of.
fn is_change(path: &str) -> bool {
    let is_log = ["audit", "webhooks"].iter().any(|name| path.contains(&format!("/ground/{name}/")));
    let is_core =
        ["recipes", "ground", "jobs"].iter().any(|room| path.contains(&format!("core/src/{room}/")));
    is_core && !is_log
}

fn commits_unsaid(code: &str) -> bool {
    let mut said = false;
    code.lines().any(|line| {
        let commits = line.contains(".commit()") || line.contains(".execute_and_commit(");
        let unsaid = commits && !said;
        said = line.trim_start().strip_prefix("// no event: ").is_some_and(|reason| !reason.is_empty());
        unsaid
    })
}

fn has_sql(code: &str) -> bool {
    ["\"select ", "\"insert into ", "\"update ", "\"delete from "].iter().any(|sql| code.contains(sql))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_can_be_broken() {
        for (path, text) in [
            ("crates/core/src/a.rs", "fn a() {}"),
            ("crates/core/src/utils.rs", "//! a"),
            ("crates/core/src/a.rs", "//! a\nuse rusqlite::Connection;"),
            ("crates/core/src/a.rs", "//! a\nuse hyper::Request;"),
            ("crates/core/src/x/model.rs", "//! a\n#[derive(Serialize)]"),
            ("crates/core/src/x/service.rs", "//! a\nlet sql = \"select 1\";"),
            ("crates/core/src/x/a.rs", "//! a\nlet sql = \"delete from a\";"),
            ("crates/core/src/x/store.rs", "//! a\nuse super::service;"),
            ("crates/core/src/x/store/a.rs", "//! a\nuse super::super::service;"),
            ("crates/core/src/recipes/x/a.rs", "//! a\nuse crate::ground::users::{service, store as rows};"),
            ("crates/core/src/recipes/x/a.rs", "//! a\ntx.commit().await?;"),
            (
                "crates/core/src/ground/x/a.rs",
                "//! a\n// no event: \ntx.execute_and_commit(sql, args).await?;",
            ),
        ] {
            assert_eq!(faults_of(path, text).len(), 1, "{path}");
        }
        for path in
            ["crates/core/src/x/store.rs", "crates/core/src/x/store/a.rs", "crates/core/tests/it/a.rs"]
        {
            assert!(faults_of(path, "//! a\nlet sql = \"select 1\";").is_empty(), "{path}");
        }
        let said = "//! a\n// no event: it is a test\ntx.commit().await?;";
        for (path, text) in [
            ("crates/core/src/recipes/x/a.rs", said),
            ("crates/core/src/recipes/x/a.rs", "//! a\naudit::commit(cx, tx, events).await?;"),
            ("crates/core/src/ground/audit/a.rs", "//! a\ntx.commit().await?;"),
        ] {
            assert!(faults_of(path, text).is_empty(), "{path} {text}");
        }
    }
}
