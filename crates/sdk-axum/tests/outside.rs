//! A project outside the workspace, made of nothing but what README says: it compiles without a warning,
//! and a user signs up to it.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../../README.md");
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The workspace's profile: what the tests have built of the dependencies is not built again.
const PROFILE: &str = r#"
[profile.dev]
debug = "line-tables-only"

[profile.dev.package."*"]
opt-level = 2
debug = false
"#;
/// Ours are dependencies here, and not to be optimised either.
const OURS: [&str; 6] = [
    "portcullis",
    "portcullis-axum",
    "portcullis-core",
    "portcullis-db",
    "portcullis-embedded",
    "portcullis-wire",
];

/// README's only block in a language.
fn block(language: &str) -> &'static str {
    let blocks: Vec<_> = README.split(&format!("\n```{language}\n")).skip(1).collect();
    assert_eq!(blocks.len(), 1, "blocks in {language}");
    blocks[0].split_once("```\n").expect("the block ends").0
}

#[tokio::test]
async fn readme_is_a_whole_backend() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = |name: &str| directory.path().join(name);
    let repository = Path::new(REPOSITORY).canonicalize().expect("the repository");
    let dependencies = block("toml").replace("../portcullis", &repository.display().to_string());
    let package = "[package]\nname = \"readme-backend\"\nedition = \"2024\"\n\n";
    std::fs::create_dir(place("src")).expect("a directory");
    let ours = OURS.map(|name| format!("[profile.dev.package.{name}]\nopt-level = 0\n")).concat();
    std::fs::write(place("Cargo.toml"), format!("{package}{dependencies}{PROFILE}{ours}"))
        .expect("a manifest");
    std::fs::write(place("src/main.rs"), block("rust")).expect("the program");
    // The versions that are here already.
    std::fs::copy(repository.join("Cargo.lock"), place("Cargo.lock")).expect("the versions");

    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("the test is run by cargo"));
    cargo.args(["build", "--quiet"]).env("CARGO_TARGET_DIR", target);
    let built = cargo.current_dir(directory.path()).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success() && said.is_empty(), "{said}");

    let mut program = Command::new(target.join("debug/readme-backend"));
    program.current_dir(directory.path());
    portcullis_testkit::quickstart::try_out(program).await;
}
