//! The program as a newcomer runs it, beside a core.

use std::process::Command;

#[tokio::test]
async fn a_newcomer_signs_up() {
    let (core, _directory) = portcullis_testkit::adapters::core_over_http().await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_actix-quickstart"));
    program.env("CORE_URI", core).env_remove("CORE_API_KEY");
    portcullis_testkit::quickstart::try_out(program).await;
}
