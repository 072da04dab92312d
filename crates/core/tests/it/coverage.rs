//! Every endpoint that is mounted is called by some slice test.

use portcullis_testkit::TestCore;
use std::fs;
use std::path::Path;

#[tokio::test]
async fn every_endpoint_is_named_in_a_test() {
    let core = TestCore::start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let tests: String = files.collect();
    let names = core.app.routes().names();
    assert!(names.len() > 60, "{}", names.len());
    let is_named = |name: &String| {
        let path = name.split_once(' ').unwrap().1;
        // A path may stand at the end of a longer one, behind an app and a tenant, but not inside of one.
        let ends = ["\"", "?", "{"];
        path == "/" || ends.iter().any(|end| tests.contains(&format!("{path}{end}")))
    };
    let missing: Vec<_> = names.iter().filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}
