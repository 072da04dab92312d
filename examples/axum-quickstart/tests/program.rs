//! The program as a newcomer runs it.

use std::process::Command;

#[tokio::test]
async fn a_newcomer_signs_up() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut program = Command::new(env!("CARGO_BIN_EXE_axum-quickstart"));
    program.env("DATABASE", directory.path().join("quickstart.db"));
    portcullis_testkit::quickstart::try_out(program).await;
}
