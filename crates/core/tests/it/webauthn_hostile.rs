//! The webauthn recipe under attack: other sites, other challenges, other keys, counters that run backwards,
//! and the same thing many times at once.

use super::webauthn::{
    EMAIL, ORIGIN, REGISTER_OPTIONS, answer, register_body, register_options, sign_in, sign_in_body,
    sign_in_options, sign_up,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_testkit::TestCore;
use portcullis_testkit::authenticator::{
    Algorithm, Authenticator, BACKED_UP, Ceremony, USER_PRESENT, USER_VERIFIED,
};
use serde_json::{Value, json};

const SIGN_UP: &str = "/recipe/webauthn/signup";
const SIGN_IN: &str = "/recipe/webauthn/signin";
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Ed25519, Algorithm::Rs256];

/// Every way in which a ceremony may not be the one that was asked for.
fn others(right: &Ceremony) -> Vec<(String, Ceremony)> {
    let origins = [
        "https://evil.example.com",
        "https://evil-example.com",
        "https://evilexample.com",
        "https://example.com.evil.org",
        "https://example.com:8443",
        "https://example.com.",
        "https://user@example.com",
        "https://example.com/",
        "https://example.com/path",
        "https://EXAMPLE.com",
        "http://example.com",
        "https://xn--xample-2of.com",
        "https://еxample.com",
        "https://com",
        "null",
        "",
        "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ];
    let mut others: Vec<_> = origins
        .iter()
        .map(|origin| {
            (format!("origin {origin}"), Ceremony { origin: (*origin).to_owned(), ..right.clone() })
        })
        .collect();
    for id in ["evil.example.com", "www.example.com", "com", "example.org", "https://example.com", ""] {
        let other = Ceremony { relying_party_id: id.to_owned(), ..right.clone() };
        others.push((format!("relying party {id}"), other));
    }
    let challenge = URL_SAFE_NO_PAD.encode([7; 32]);
    let kind = if right.kind == "webauthn.get" { "webauthn.create" } else { "webauthn.get" };
    let longer = format!("{}AAAA", right.challenge);
    others.extend([
        ("challenge".to_owned(), Ceremony { challenge, ..right.clone() }),
        ("no challenge".to_owned(), Ceremony { challenge: String::new(), ..right.clone() }),
        ("longer challenge".to_owned(), Ceremony { challenge: longer, ..right.clone() }),
        ("kind".to_owned(), Ceremony { kind, ..right.clone() }),
        ("frame of another site".to_owned(), Ceremony { cross_origin: true, ..right.clone() }),
        ("nobody present".to_owned(), Ceremony { flags: USER_VERIFIED, ..right.clone() }),
        (
            "backed up, but cannot be".to_owned(),
            Ceremony { flags: USER_PRESENT | BACKED_UP, ..right.clone() },
        ),
    ]);
    others
}

#[tokio::test]
async fn only_what_was_asked_for_signs_up() {
    let core = TestCore::start().await;
    for algorithm in ALGORITHMS {
        let options = register_options(&core, &format!("{algorithm:?}@example.com")).await;
        let right = Ceremony::of(&options, ORIGIN);
        let mut authenticator = Authenticator::new(algorithm);
        for (what, other) in others(&right) {
            let reply = core.post(SIGN_UP, answer(&options, &authenticator.create(&other))).await;
            let word = reply.status_word();
            let expected = ["INVALID_AUTHENTICATOR_ERROR", "INVALID_CREDENTIALS_ERROR"];
            assert!(expected.contains(&word.as_str()), "{algorithm:?} {what}: {word}");
        }
        let reply = core.post(SIGN_UP, answer(&options, &authenticator.create(&right))).await;
        assert_eq!(reply.status_word(), "OK", "{algorithm:?}");
    }
    assert_eq!(core.get("/users/count").await.json()["count"], ALGORITHMS.len());
}

#[tokio::test]
async fn only_what_was_asked_for_signs_in() {
    let core = TestCore::start().await;
    for algorithm in ALGORITHMS {
        let mut authenticator = Authenticator::new(algorithm);
        sign_up(&core, &format!("{algorithm:?}@example.com"), &mut authenticator).await;
        let options = sign_in_options(&core).await;
        let right = Ceremony::of(&options, ORIGIN);
        for (what, other) in others(&right) {
            let reply = core.post(SIGN_IN, answer(&options, &authenticator.get(&other))).await;
            let word = reply.status_word();
            let expected = ["INVALID_AUTHENTICATOR_ERROR", "INVALID_CREDENTIALS_ERROR"];
            assert!(expected.contains(&word.as_str()), "{algorithm:?} {what}: {word}");
        }
        // Another's key under this one's name.
        let mut thief = Authenticator::new(algorithm);
        thief.id.clone_from(&authenticator.id);
        thief.counter = 1000;
        let reply = core.post(SIGN_IN, answer(&options, &thief.get(&right))).await;
        assert_eq!(reply.status_word(), "INVALID_AUTHENTICATOR_ERROR");
        let reply = core.post(SIGN_IN, answer(&options, &authenticator.get(&right))).await;
        assert_eq!(reply.status_word(), "OK", "{algorithm:?}");
    }
}

#[tokio::test]
async fn not_one_bit_of_an_answer_may_change() {
    let core = TestCore::start().await;
    for algorithm in ALGORITHMS {
        let mut authenticator = Authenticator::new(algorithm);
        sign_up(&core, &format!("{algorithm:?}@example.com"), &mut authenticator).await;
        let options = sign_in_options(&core).await;
        let credential = authenticator.get(&Ceremony::of(&options, ORIGIN));
        for part in ["clientDataJSON", "authenticatorData", "signature"] {
            let right = URL_SAFE_NO_PAD.decode(credential["response"][part].as_str().unwrap()).unwrap();
            let flipped = (0..right.len()).step_by(3).map(|at| {
                let mut bytes = right.clone();
                bytes[at] ^= 1 << (at % 8);
                bytes
            });
            let longer = [right.as_slice(), &[0]].concat();
            for bytes in flipped.chain([longer, right[..right.len() - 1].to_vec(), Vec::new()]) {
                let mut other = credential.clone();
                other["response"][part] = URL_SAFE_NO_PAD.encode(bytes).into();
                let reply = core.post(SIGN_IN, answer(&options, &other)).await;
                assert_ne!(reply.status_word(), "OK", "{algorithm:?} {part}");
            }
        }
        let reply = core.post(SIGN_IN, answer(&options, &credential)).await;
        assert_eq!(reply.status_word(), "OK");
    }
}

#[tokio::test]
async fn a_credential_of_odd_form_is_refused_and_not_a_fault() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    sign_up(&core, EMAIL, &mut authenticator).await;
    let (made, used) = (register_options(&core, "bob@example.com").await, sign_in_options(&core).await);
    let new = Authenticator::new(Algorithm::Es256).create(&Ceremony::of(&made, ORIGIN));
    let known = authenticator.get(&Ceremony::of(&used, ORIGIN));
    for (path, options, right, parts) in [
        (SIGN_UP, &made, &new, &["clientDataJSON", "attestationObject"][..]),
        (SIGN_IN, &used, &known, &["clientDataJSON", "authenticatorData", "signature"]),
    ] {
        for odd in [json!(null), json!(1), json!([]), json!({}), json!("="), json!("\u{0}"), json!("AAAA")] {
            let mut others: Vec<Value> = Vec::new();
            for part in parts {
                let mut other = right.clone();
                other["response"][part] = odd.clone();
                others.push(other);
            }
            for part in ["id", "type", "response"] {
                let mut other = right.clone();
                other[part] = odd.clone();
                others.push(other);
            }
            for other in others {
                let reply = core.post(path, answer(options, &other)).await;
                let word = reply.status_word();
                let is_refused = word.starts_with("INVALID_") || word == "CREDENTIAL_NOT_FOUND_ERROR";
                assert!(is_refused, "{path} {word} {other}");
            }
        }
        let mut other = right.clone();
        other["rawId"] = "AAAA".into();
        let reply = core.post(path, answer(options, &other)).await.json();
        assert_eq!(reply["reason"], "credential id and rawId differ");
        assert_eq!(core.post(path, answer(options, right)).await.status_word(), "OK");
    }
    // Padding is no part of base64url as browsers write it, and no second name of a passkey.
    let options = sign_in_options(&core).await;
    let mut other = authenticator.get(&Ceremony::of(&options, ORIGIN));
    other["id"] = format!("{}=", authenticator.id()).into();
    other["rawId"] = other["id"].clone();
    let reply = core.post(SIGN_IN, answer(&options, &other)).await;
    assert_eq!(reply.status_word(), "INVALID_CREDENTIALS_ERROR");
}

#[tokio::test]
async fn no_more_is_kept_of_a_passkey_than_there_is_use_for() {
    let core = TestCore::start().await;
    let options = register_options(&core, EMAIL).await;
    let ceremony = Ceremony::of(&options, ORIGIN);
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    authenticator.ballast = 512;
    let reply = core.post(SIGN_UP, answer(&options, &authenticator.create(&ceremony))).await.json();
    let reason = "credential public key is too long!";
    assert_eq!(reply, json!({"status": "INVALID_CREDENTIALS_ERROR", "reason": reason}));
    let known = json!(["usb", "nfc", "ble", "smart-card", "hybrid", "internal", "of tomorrow"]);
    for (number, (given, kept)) in [
        (known.clone(), known),
        (json!(["x".repeat(33)]), json!(null)),
        (json!(vec!["usb"; 17]), json!(null)),
        (json!([1]), json!(null)),
        (json!({"usb": "x".repeat(10_000)}), json!(null)),
        (json!("usb"), json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        let options = register_options(&core, &format!("{number}@example.com")).await;
        let mut authenticator = Authenticator::new(Algorithm::Es256);
        authenticator.ballast = 400;
        let mut credential = authenticator.create(&Ceremony::of(&options, ORIGIN));
        credential["response"]["transports"] = given.clone();
        assert_eq!(core.post(SIGN_UP, answer(&options, &credential)).await.status_word(), "OK", "{given}");
        let mut tx = core.app.db.read().await.unwrap();
        let sql = "select transports from webauthn_credentials where id = $1";
        let id = authenticator.id();
        let found: Option<(String,)> = tx.fetch_optional(sql, portcullis_db::args![&id]).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&found.unwrap().0).unwrap(), kept, "{given}");
    }
}

#[tokio::test]
async fn verification_of_the_user_is_asked_for_or_not() {
    let core = TestCore::start().await;
    for (level, needs) in [("required", true), ("preferred", false), ("discouraged", false)] {
        for algorithm in ALGORITHMS {
            let mut authenticator = Authenticator::new(algorithm);
            let mut body = register_body(&format!("{level}{algorithm:?}@example.com"));
            body["userVerification"] = level.into();
            let options = core.post(REGISTER_OPTIONS, body).await.json();
            let present = Ceremony::of(&options, ORIGIN);
            let verified = Ceremony { flags: USER_PRESENT | USER_VERIFIED, ..present.clone() };
            if needs {
                let reply = core.post(SIGN_UP, answer(&options, &authenticator.create(&present))).await;
                assert_eq!(reply.status_word(), "INVALID_AUTHENTICATOR_ERROR", "{level}");
            }
            let reply = core.post(SIGN_UP, answer(&options, &authenticator.create(&verified))).await;
            assert_eq!(reply.status_word(), "OK", "{level}");
            let mut body = sign_in_body();
            body["userVerification"] = level.into();
            let options = core.post("/recipe/webauthn/options/signin", body).await.json();
            let reply = core
                .post(SIGN_IN, answer(&options, &authenticator.get(&Ceremony::of(&options, ORIGIN))))
                .await;
            let word = if needs { "INVALID_AUTHENTICATOR_ERROR" } else { "OK" };
            assert_eq!(reply.status_word(), word, "{level}");
        }
    }
}

#[tokio::test]
async fn a_counter_that_does_not_grow_is_a_copied_key() {
    for version in ["5.4", "5.6"] {
        for algorithm in ALGORITHMS {
            let core = TestCore::start().await.cdi(version);
            let mut authenticator = Authenticator::new(algorithm);
            (authenticator.counter, authenticator.step) = (5, 0);
            sign_up(&core, EMAIL, &mut authenticator).await;
            for (counter, word) in [
                (5, "INVALID_AUTHENTICATOR_ERROR"),
                (4, "INVALID_AUTHENTICATOR_ERROR"),
                (0, "INVALID_AUTHENTICATOR_ERROR"),
                (6, "OK"),
                (6, "INVALID_AUTHENTICATOR_ERROR"),
                (u32::MAX, "OK"),
                (6, "INVALID_AUTHENTICATOR_ERROR"),
            ] {
                authenticator.counter = counter;
                let reply = sign_in(&core, &mut authenticator).await;
                assert_eq!(reply["status"], word, "{version} {algorithm:?} {counter}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_to_one_challenge_answers_no_other() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    sign_up(&core, EMAIL, &mut authenticator).await;
    let (first, second) = (sign_in_options(&core).await, sign_in_options(&core).await);
    let credential = authenticator.get(&Ceremony::of(&first, ORIGIN));
    let reply = core.post(SIGN_IN, answer(&second, &credential)).await;
    assert_eq!(reply.status_word(), "INVALID_AUTHENTICATOR_ERROR");
    // A passkey of another relying party has another name there.
    let mut body = sign_in_body();
    (body["relyingPartyId"], body["origin"]) = ("example.org".into(), "https://example.org".into());
    let other = core.post("/recipe/webauthn/options/signin", body).await.json();
    let credential = authenticator.get(&Ceremony::of(&other, "https://example.org"));
    let reply = core.post(SIGN_IN, answer(&other, &credential)).await;
    assert_eq!(reply.status_word(), "CREDENTIAL_NOT_FOUND_ERROR");
}

#[tokio::test]
async fn an_android_app_is_an_origin_of_its_own() {
    let core = TestCore::start().await;
    let app = format!("android:apk-key-hash:{}", URL_SAFE_NO_PAD.encode([9; 32]));
    let mut body = register_body(EMAIL);
    body["origin"] = app.clone().into();
    let options = core.post(REGISTER_OPTIONS, body).await.json();
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let other = format!("android:apk-key-hash:{}", URL_SAFE_NO_PAD.encode([8; 32]));
    for (origin, word) in [
        (ORIGIN, "INVALID_AUTHENTICATOR_ERROR"),
        (other.as_str(), "INVALID_AUTHENTICATOR_ERROR"),
        (app.as_str(), "OK"),
    ] {
        let credential = authenticator.create(&Ceremony::of(&options, origin));
        assert_eq!(core.post(SIGN_UP, answer(&options, &credential)).await.status_word(), word, "{origin}");
    }
}

/// Makes a call fifty times at once; answers the status words.
async fn at_once(core: &TestCore, path: &'static str, body: &Value) -> Vec<String> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (core, body) = (core.clone(), body.clone());
        tasks.spawn(async move { core.post(path, body).await.status_word() });
    }
    tasks.join_all().await
}

fn count(words: &[String], word: &str) -> usize {
    words.iter().filter(|other| *other == word).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn options_answered_fifty_times_at_once_sign_in_once() {
    let core = TestCore::start().await;
    for step in [0, 1] {
        let mut authenticator = Authenticator::new(Algorithm::Es256);
        (authenticator.counter, authenticator.step) = (0, step);
        sign_up(&core, &format!("{step}@example.com"), &mut authenticator).await;
        let options = sign_in_options(&core).await;
        let body = answer(&options, &authenticator.get(&Ceremony::of(&options, ORIGIN)));
        let words = at_once(&core, SIGN_IN, &body).await;
        assert_eq!(count(&words, "OK"), 1, "{words:?}");
        let refused = count(&words, "OPTIONS_NOT_FOUND_ERROR") + count(&words, "INVALID_AUTHENTICATOR_ERROR");
        assert_eq!(refused, 49, "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn before_5_5_one_answer_given_fifty_times_at_once_is_taken_twice_at_most() {
    let core = TestCore::start().await.cdi("5.4");
    for step in [0, 1] {
        let mut authenticator = Authenticator::new(Algorithm::Es256);
        (authenticator.counter, authenticator.step) = (0, step);
        sign_up(&core, &format!("{step}@example.com"), &mut authenticator).await;
        let options = sign_in_options(&core).await;
        let body = answer(&options, &authenticator.get(&Ceremony::of(&options, ORIGIN)));
        let words = at_once(&core, SIGN_IN, &body).await;
        let taken = count(&words, "OK");
        assert!([1, 2].contains(&taken), "{words:?}");
        assert_eq!(count(&words, "INVALID_AUTHENTICATOR_ERROR"), 50 - taken, "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_passkey_signed_up_fifty_times_at_once_gives_one_user() {
    let core = TestCore::start().await;
    let options = register_options(&core, EMAIL).await;
    let credential = Authenticator::new(Algorithm::Es256).create(&Ceremony::of(&options, ORIGIN));
    let words = at_once(&core, SIGN_UP, &answer(&options, &credential)).await;
    assert_eq!(count(&words, "OK"), 1, "{words:?}");
    assert_eq!(core.get("/users/count").await.json()["count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_passkey_added_fifty_times_at_once_is_added_once() {
    let core = TestCore::start().await;
    let id = sign_up(&core, EMAIL, &mut Authenticator::new(Algorithm::Es256)).await["recipeUserId"].clone();
    let options = register_options(&core, EMAIL).await;
    let credential = Authenticator::new(Algorithm::Es256).create(&Ceremony::of(&options, ORIGIN));
    let mut body = answer(&options, &credential);
    body["recipeUserId"] = id;
    let words = at_once(&core, "/recipe/webauthn/user/credential/register", &body).await;
    assert_eq!((count(&words, "OK"), count(&words, "CREDENTIAL_ALREADY_EXISTS_ERROR")), (1, 49), "{words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_recovery_token_consumed_fifty_times_at_once_works_once() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    let body = json!({"email": EMAIL, "userId": id});
    let token = core.post("/recipe/webauthn/user/recover/token", body).await.json()["token"].clone();
    let words = at_once(&core, "/recipe/webauthn/user/recover/token/consume", &json!({"token": token})).await;
    assert_eq!((count(&words, "OK"), count(&words, "RECOVER_ACCOUNT_TOKEN_INVALID_ERROR")), (1, 49));
}
