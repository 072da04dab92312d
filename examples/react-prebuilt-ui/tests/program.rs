//! The program by itself; what the pages do with it, the browser's tests show.

use std::process::Command;

#[tokio::test]
async fn who_has_signed_up_must_prove_the_address_first() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut program = Command::new(env!("CARGO_BIN_EXE_react-prebuilt-ui"));
    program.env("DATABASE", directory.path().join("example.db"));
    portcullis_testkit::quickstart::try_out_unproven(program, "/me").await;
}
