//! The program as a newcomer runs it.

use std::process::Command;

#[tokio::test]
async fn a_newcomer_signs_up() {
    let program = Command::new(env!("CARGO_BIN_EXE_hyper-minimal"));
    portcullis_testkit::quickstart::try_out(program).await;
}
