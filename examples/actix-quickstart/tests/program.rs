//! The program as a newcomer runs it, beside a core.

use std::process::Command;

#[tokio::test]
async fn a_newcomer_signs_up() {
    let core = portcullis_testkit::TestCore::start_on_machine_time().await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_actix-quickstart"));
    program.env("CORE_URI", core.serve_over_http().await).env_remove("CORE_API_KEY");
    portcullis_testkit::quickstart::try_out(program).await;
}
