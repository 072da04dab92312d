//! What the log of a core must never hold.

use crate::caller::Caller;
use crate::place::Place;
use serde_json::json;

#[test]
fn a_debug_log_has_a_line_for_each_request_and_no_secret() {
    let place = Place::new("log", &[("LOG_LEVEL", "DEBUG"), ("BCRYPT_LOG_ROUNDS", "4")]);
    let core = place.start();
    let caller = Caller::new(&core.address);
    let credentials = json!({"email": "ann@example.com", "password": "open sesame 1"});
    caller.post("5.4", "/recipe/signup", &credentials).expect("answers");
    let session = json!({"userId": "ann", "userDataInJWT": {}, "userDataInDatabase": {"card": "4711-0815"},
        "enableAntiCsrf": false, "useDynamicSigningKey": true});
    let made = caller.post("5.4", "/recipe/session", &session).expect("answers");
    let refresh_token = made["refreshToken"]["token"].as_str().expect("a token").to_owned();
    let (_, log) = core.stop();
    assert!(log.contains("/recipe/signup") && log.contains("/recipe/session"), "{log}");
    let secrets =
        ["open sesame", "$2a$", "4711-0815", "ann@example.com", "MII", "refresh_token_key", &refresh_token];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}
