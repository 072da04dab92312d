//! `import --from` each system: its users sign in under the ids that they had there, with a hash that is renewed, and
//! who cannot be brought along is refused with the reason.
//!
//! The files in `testdata/import` have the form that the system documents. Hashes are of `testPass123`: bcrypt's is
//! SuperTokens' documented one, Firebase's its own example, PBKDF2 and scrypt are by Python's `hashlib` with the
//! system's settings, argon2 by the bindings of its reference implementation, or that one's own vector, of `password`.
//! Firebase's hashes in files of other systems are by `hashlib` and OpenSSL's AES, which give its own example too.

use crate::caller::Caller;
use crate::place::{Place, Running};
use aws_lc_rs::hmac;
use portcullis_core::Clock;
use serde_json::{Value, json};
use std::path::Path;

const FIREBASE_KEY: &str =
    "gRhC3eDeQOdyEn4bMd9c6kxguWVmcIVq/SKa0JDPFeM6TcEevkaW56sIWfx88OHbJKnCXdWscZx0l2WbCJ1wbg==";
/// What `JBSWY3DPEHPK3PXP` stands for in base32.
const TOTP_SECRET: &[u8] = b"Hello!\xde\xad\xbe\xef";
const PASSWORD: &str = "testPass123";

/// A core whose users were imported.
struct Imported {
    place: Place,
    core: Running,
    caller: Caller,
}

fn import(system: &str, file: &str, more: &[&str], said: &str) -> Imported {
    let name: &'static str = Box::leak(format!("from_{}", system.replace('-', "_")).into_boxed_str());
    let settings = [
        ("TEST_MODE", "true"),
        ("BCRYPT_LOG_ROUNDS", "4"),
        ("FIREBASE_PASSWORD_HASHING_SIGNER_KEY", FIREBASE_KEY),
    ];
    let place = Place::new(name, &settings);
    let core = place.start();
    let caller = Caller::new(&core.address);
    let imported = Imported { place, core, caller };
    imported.again(system, file, more, said);
    imported
}

fn testdata(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/import").join(file).display().to_string()
}

impl Imported {
    fn again(&self, system: &str, file: &str, more: &[&str], said: &str) {
        let refused = self.place.path("refused.jsonl").display().to_string();
        let file = testdata(file);
        let arguments = [&["import", "--from", system, "--refused", &refused, &file], more].concat();
        let (_, told) = self.place.run(&arguments);
        assert!(told.starts_with(said), "{told}");
    }

    /// Why rows were refused, by their numbers.
    fn refused(&self) -> Vec<(u64, Vec<String>)> {
        let text = std::fs::read_to_string(self.place.path("refused.jsonl")).expect("a file");
        let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        rows.map(|row| {
            let reasons = serde_json::from_value(row["reasons"].clone()).expect("texts");
            (row["row"].as_u64().expect("a number"), reasons)
        })
        .collect()
    }

    fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.caller.get(path).expect("answers").text).expect("JSON")
    }

    fn user(&self, id: &str) -> Value {
        let id = id.replace('|', "%7C");
        self.get(&format!("/user/id?userId={id}"))["user"].clone()
    }

    fn metadata(&self, id: &str) -> Value {
        let id = id.replace('|', "%7C");
        self.get(&format!("/recipe/user/metadata?userId={id}"))["metadata"].clone()
    }

    /// The user signs in, and no other password does; the hash is the core's own then.
    fn signs_in(&self, email: &str, password: &str, id: &str) {
        for (password, word) in [("wrong", "WRONG_CREDENTIALS_ERROR"), (password, "OK"), (password, "OK")] {
            let body = json!({"email": email, "password": password});
            let answer = self.caller.post("5.4", "/recipe/signin", &body).expect("answers");
            assert_eq!(answer["status"], word, "{email}: {answer}");
            if word == "OK" {
                assert_eq!(answer["user"]["id"], id, "{answer}");
            }
        }
    }

    /// The user's authenticator app goes on showing the right codes.
    fn shows_codes(&self, id: &str, secret: &[u8]) {
        for (secret, word) in [(&b"another one"[..], "INVALID_TOTP_ERROR"), (secret, "OK")] {
            let body = json!({"userId": id, "totp": totp(secret)});
            let answer = self.caller.post("5.4", "/recipe/totp/verify", &body).expect("answers");
            assert_eq!(answer["status"], word, "{id}: {answer}");
        }
    }

    /// Whether nobody's password but those of some is still in a form of the other system.
    fn ends(self, unused: usize) {
        let file = self.place.path("users.jsonl").display().to_string();
        let (succeeded, said) = self.place.run(&["export", &file]);
        assert!(succeeded, "{said}");
        let text = std::fs::read_to_string(file).expect("a file");
        let users = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let methods: Vec<Value> =
            users.flat_map(|user| user["loginMethods"].as_array().cloned().unwrap_or_default()).collect();
        let hashes = methods.iter().filter_map(|method| method["passwordHash"].as_str());
        let old: Vec<&str> = hashes.filter(|hash| !hash.starts_with("$2a$04$")).collect();
        assert_eq!(old.len(), unused, "{old:?}");
        let (clean, log) = self.core.stop();
        assert!(clean, "{log}");
    }
}

/// The code of now, by RFC 6238.
fn totp(secret: &[u8]) -> String {
    let now = u64::try_from(Clock::system().now()).expect("a time") / 1000;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &(now / 30).to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().expect("four")) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// The kinds of a user's login methods, the verified ones marked.
fn methods(user: &Value) -> Vec<String> {
    let methods = user["loginMethods"].as_array().cloned().unwrap_or_default();
    let mut kinds: Vec<String> = methods
        .iter()
        .map(|method| {
            let mark = if method["verified"] == true { " verified" } else { "" };
            let info = [&method["email"], &method["phoneNumber"]].into_iter().find_map(Value::as_str);
            let provider = method["thirdParty"]["id"].as_str().unwrap_or_default();
            format!("{}{provider} {}{mark}", method["recipeId"].as_str().unwrap_or("?"), info.unwrap_or("?"))
        })
        .collect();
    kinds.sort_unstable();
    kinds
}

fn reasons(expected: &[(u64, &str)]) -> Vec<(u64, Vec<String>)> {
    expected.iter().map(|(row, reason)| (*row, vec![(*reason).to_owned()])).collect()
}

#[test]
fn users_come_from_auth0() {
    let hashes = testdata("auth0-hashes.jsonl");
    let more = ["--hashes", &hashes];
    let core = import("auth0", "auth0.jsonl", &more, "12 imported, 0 there before, 5 refused");
    let ann = "auth0|5dea9f9c82dd7c0e76e4ec93";
    let expected = ["emailpassword ann@example.com verified", "thirdpartygoogle ann@gmail.com verified"];
    let user = core.user(ann);
    assert_eq!(
        (methods(&user), &user["timeJoined"]),
        (expected.map(str::to_owned).into(), &json!(1_575_657_372_412_i64))
    );
    let metadata = core.metadata(ann);
    assert_eq!((&metadata["plan"], &metadata["app_metadata"]["roles"][0]), (&json!("free"), &json!("admin")));
    assert_eq!(methods(&core.user("github|42")), ["thirdpartygithub bob@example.com verified"]);
    assert_eq!(methods(&core.user("sms|5f0")), ["passwordless +442071838750 verified"]);
    // What Auth0 begins an id with is not what the provider will tell.
    for (id, provider, told) in
        [("oidc|corp|77", "corp", "77"), ("waad|acme|sub-1", "active-directory", "sub-1")]
    {
        let third_party = core.user(id)["loginMethods"][0]["thirdParty"].clone();
        assert_eq!(third_party, json!({"id": provider, "userId": told}), "{id}");
    }
    // What users can write of themselves is not taken for what an administrator has written.
    let own = json!({"name": "G.", "app_metadata": {"roles": ["admin"]}, "_supertokens": {"requiredSecondaryFactors": []}});
    assert_eq!(
        core.metadata("auth0|gil"),
        json!({"plan": "free", "name": "Gil", "nickname": "gilly", "username": "gil", "phone_number": "+442071838751", "user_metadata": own})
    );
    core.shows_codes("auth0|gil", TOTP_SECRET);
    assert_eq!(methods(&core.user("auth0|Shop|5")), ["emailpassword leo@example.com"]);
    for (email, password, id) in [
        ("ann@example.com", PASSWORD, ann),
        ("cleo@example.com", PASSWORD, "auth0|cleo"),
        ("dan@example.com", PASSWORD, "auth0|dan"),
        ("gil@example.com", PASSWORD, "auth0|gil"),
        ("cora@example.com", PASSWORD, "auth0|cora"),
        ("hal@example.com", PASSWORD, "auth0|hal"),
        ("ivy.old@example.com", PASSWORD, "google-oauth2|109"),
        ("leo@example.com", PASSWORD, "auth0|Shop|5"),
    ] {
        core.signs_in(email, password, id);
    }
    let factor = "a second factor cannot be brought along; --drop-second-factors imports the user without it";
    let missing = "the user has a password whose hash is not in the row: ask Auth0 for the export, and give it with --hashes";
    assert_eq!(
        core.refused(),
        reasons(&[
            (6, missing),
            (7, "the password's hash is of a form that is not taken: md5"),
            (8, "the user is blocked there, and the core knows no such users"),
            (9, "the password's hash is of a form that is not taken: bcrypt with a salt of its own"),
            (16, factor),
        ])
    );
    // The hashes alone are users too.
    core.again("auth0", "auth0-hashes.jsonl", &[], "1 imported, 0 there before, 2 refused");
    core.signs_in("euclid@example.com", PASSWORD, "auth0|euclid");
    core.again("auth0", "auth0.jsonl", &more, "0 imported, 12 there before, 5 refused");
    core.ends(0);
}

#[test]
fn users_come_from_firebase() {
    let core = import("firebase", "firebase.json", &[], "7 imported, 0 there before, 5 refused");
    let expected = ["emailpassword ann@example.com verified", "thirdpartygoogle ann@gmail.com"];
    let ann = core.user("Aa1Bb2Cc3");
    assert_eq!(
        (methods(&ann), &ann["timeJoined"]),
        (expected.map(str::to_owned).into(), &json!(1_600_000_000_000_i64))
    );
    assert_eq!(
        core.metadata("Aa1Bb2Cc3"),
        json!({"name": "Ann", "picture": "https://example.com/ann.png", "custom_claims": {"admin": true}})
    );
    assert_eq!(methods(&core.user("Bb")), ["passwordless +442071838750 verified"]);
    assert_eq!(methods(&core.user("Dd")), ["passwordless dan@example.com verified"]);
    core.signs_in("ann@example.com", PASSWORD, "Aa1Bb2Cc3");
    core.signs_in("cleo@example.com", PASSWORD, "Cc");
    core.signs_in("leo@example.com", PASSWORD, "Ll");
    let expected = ["passwordless +442071838752 verified", "passwordless ida@example.com verified"];
    assert_eq!(methods(&core.user("Ii")), expected);
    // An address of somebody else's lets nobody in.
    assert_eq!(methods(&core.user("Jj")), ["passwordless +442071838753 verified"]);
    assert_eq!(core.metadata("Jj"), json!({"email": "jo@example.com"}));
    let cut = "the password's hash, `$f_scrypt$…`, is cut off, or costs too much to verify: nobody could sign in with it";
    let factor = "a second factor cannot be brought along; --drop-second-factors imports the user without it";
    assert_eq!(
        core.refused(),
        reasons(&[
            (5, "the user has a password whose hash the export does not hold"),
            (6, "the user is disabled there, and the core knows no such users"),
            (7, "the user has no way to sign in that the core knows"),
            (8, factor),
            (11, cut),
        ])
    );
    let without = ["--drop-second-factors"];
    core.again("firebase", "firebase.json", &without, "1 imported, 7 there before, 4 refused");
    core.signs_in("hal@example.com", PASSWORD, "Hh");
    // Another cost gives another hash.
    core.again("firebase", "firebase.json", &["--mem-cost", "13"], "0 imported, 4 there before, 8 refused");
    core.ends(0);
}

#[test]
fn users_come_from_keycloak() {
    let core = import("keycloak", "keycloak.json", &[], "5 imported, 0 there before, 4 refused");
    let id = |end: &str| format!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a{end}");
    let ann = core.user(&id("11"));
    let expected = ["emailpassword ann@example.com verified", "thirdpartygoogle ann@example.com verified"];
    assert_eq!(
        (methods(&ann), &ann["timeJoined"]),
        (expected.map(str::to_owned).into(), &json!(1_600_000_000_011_i64))
    );
    let metadata = core.metadata(&id("11"));
    assert_eq!((&metadata["first_name"], &metadata["realmRoles"][1]), (&json!("Ann"), &json!("admin")));
    let devices = core.get(&format!("/recipe/totp/device/list?userId={}", id("11")));
    assert_eq!(devices["devices"], json!([{"name": "phone", "period": 30, "skew": 1, "verified": true}]));
    assert_eq!(methods(&core.user(&id("12"))), ["emailpassword bob@example.com"]);
    for (name, password, end) in [
        ("ann", PASSWORD, "11"),
        ("bob", PASSWORD, "12"),
        ("cleo", "password", "13"),
        ("dan", PASSWORD, "14"),
        ("ida", PASSWORD, "19"),
    ] {
        core.signs_in(&format!("{name}@example.com"), password, &id(end));
    }
    // One secret is the bytes of its text, the other one base32.
    core.shows_codes(&id("11"), b"12345678901234567890");
    core.shows_codes(&id("19"), TOTP_SECRET);
    assert_eq!(core.metadata(&id("19"))["requiredActions"], json!(["UPDATE_PASSWORD"]));
    let factor = "an authenticator app that is not TOTP with SHA-1 and 6 digits cannot be brought along; --drop-second-factors imports the user without it";
    assert_eq!(
        core.refused(),
        reasons(&[
            (5, "the password's hash is of an unknown form: `sha256-salted`"),
            (6, "the user is disabled there, and the core knows no such users"),
            (7, "the user has a password, but no e-mail address to sign in with"),
            (8, factor),
        ])
    );
    core.ends(0);
}

#[test]
fn users_come_from_supabase() {
    let core = import("supabase", "supabase.jsonl", &[], "9 imported, 0 there before, 5 refused");
    let id = |end: &str| format!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a{end}");
    let ann = core.user(&id("21"));
    let expected = [
        "emailpassword ann@example.com verified",
        "passwordless ann@example.com verified",
        "thirdpartygoogle ann@gmail.com verified",
    ];
    assert_eq!(
        (methods(&ann), &ann["timeJoined"]),
        (expected.map(str::to_owned).into(), &json!(1_704_164_645_678_i64))
    );
    assert_eq!(core.metadata(&id("21"))["name"], "Ann");
    let devices = core.get(&format!("/recipe/totp/device/list?userId={}", id("21")));
    assert_eq!(devices["devices"], json!([{"name": "phone", "period": 30, "skew": 1, "verified": true}]));
    assert_eq!(methods(&core.user(&id("22"))), ["passwordless bob@example.com"]);
    assert_eq!(methods(&core.user(&id("23"))), ["passwordless +442071838750 verified"]);
    core.signs_in("ann@example.com", PASSWORD, &id("21"));
    core.signs_in("gus@example.com", PASSWORD, &id("27"));
    core.shows_codes(&id("21"), TOTP_SECRET);
    // Whoever signs up with a code has a password that nobody knows.
    assert_eq!(methods(&core.user(&id("29"))), ["passwordless +442071838751 verified"]);
    // Whoever has the password of an unconfirmed address may not be who has the address.
    assert_eq!(methods(&core.user(&id("2a"))), ["emailpassword jo@example.com"]);
    for (name, password, end) in
        [("jo", PASSWORD, "2a"), ("kim", PASSWORD, "2b"), ("leo", PASSWORD, "2c"), ("max", PASSWORD, "2d")]
    {
        core.signs_in(&format!("{name}@example.com"), password, &id(end));
    }
    let expected = json!({
        "name": "Max", "app_metadata": {"provider": "email", "providers": ["email"]}, "phone_number": "+442071838752",
        "user_metadata": {"app_metadata": {"role": "admin"}},
    });
    assert_eq!(core.metadata(&id("2d")), expected);
    let key = "the password's hash is Firebase's, and its signer key is not the core's firebase_password_hashing_signer_key";
    let factor =
        "the factor `webauthn` cannot be brought along; --drop-second-factors imports the user without it";
    assert_eq!(
        core.refused(),
        reasons(&[
            (4, key),
            (5, "the user is deleted there, and the core knows no such users"),
            (6, "the user is banned there, and the core knows no such users"),
            (8, factor),
            (14, "the user is banned there, and the core knows no such users"),
        ])
    );
    core.ends(0);
}

#[test]
fn users_come_from_ory_kratos() {
    let core = import("kratos", "kratos.json", &[], "10 imported, 0 there before, 8 refused");
    let id = |end: &str| format!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a{end}");
    let ann = core.user(&id("31"));
    let expected = ["emailpassword ann@example.com verified", "thirdpartygoogle ann@example.com verified"];
    assert_eq!(
        (methods(&ann), &ann["timeJoined"]),
        (expected.map(str::to_owned).into(), &json!(1_704_164_645_678_i64))
    );
    let metadata = core.metadata(&id("31"));
    assert_eq!(
        (&metadata["traits"]["name"], &metadata["metadata_public"]["plan"]),
        (&json!("Ann"), &json!("free"))
    );
    let devices = core.get(&format!("/recipe/totp/device/list?userId={}", id("31")));
    assert_eq!(devices["devices"].as_array().map(Vec::len), Some(1), "{devices}");
    assert_eq!(methods(&core.user(&id("33"))), ["emailpassword cleo@example.com"]);
    assert_eq!(methods(&core.user(&id("37"))), ["passwordless gus@example.com verified"]);
    for (name, password, end) in [
        ("ann", PASSWORD, "31"),
        ("bob", PASSWORD, "32"),
        ("cleo", PASSWORD, "33"),
        ("dan", "password", "34"),
        ("leo", PASSWORD, "3c"),
        ("max", PASSWORD, "3d"),
        ("ned", PASSWORD, "3e"),
    ] {
        core.signs_in(&format!("{name}@example.com"), password, &id(end));
    }
    core.shows_codes(&id("31"), TOTP_SECRET);
    // A schema makes credentials for everybody; they are empty for who signs in otherwise.
    assert_eq!(methods(&core.user(&id("3a"))), ["thirdpartygoogle jo@example.com verified"]);
    assert_eq!(core.metadata(&id("3a"))["external_id"], "crm-7");
    assert_eq!(methods(&core.user(&id("41"))), ["thirdpartycorp quin@example.com verified"]);
    let sha3 = "the password's hash is of a form that is not taken: what Kratos calls PBKDF2 with SHA-224 or SHA-384 is with SHA-3";
    let lost =
        |what| format!("{what} cannot be brought along; --drop-second-factors imports the user without it");
    let factor = "an authenticator app that is not TOTP with SHA-1 and 6 digits, or whose secret is not in the row, cannot be brought along; --drop-second-factors imports the user without it";
    let missing = "the user may have a password, but its hash is not in the row: list identities with include_credential=password";
    assert_eq!(
        core.refused(),
        reasons(&[
            (5, "the password's hash is of an unknown form: `$md5$…`"),
            (6, "the user is inactive there, and the core knows no such users"),
            (8, factor),
            (9, missing),
            (11, sha3),
            (15, &lost("a security key")),
            (16, "the user's password was never told to Kratos: its migration hook knows it"),
            (18, &lost("the key of a device")),
        ])
    );
    core.ends(0);
}

#[test]
fn users_come_from_better_auth() {
    let core = import("better-auth", "better-auth.jsonl", &[], "7 imported, 0 there before, 5 refused");
    let expected = ["emailpassword ann@example.com verified", "thirdpartygoogle ann@example.com verified"];
    let ann = core.user("u1");
    assert_eq!(
        (methods(&ann), &ann["timeJoined"]),
        (expected.map(str::to_owned).into(), &json!(1_704_164_645_678_i64))
    );
    assert_eq!(core.metadata("u1"), json!({"name": "Ann"}));
    assert_eq!(methods(&core.user("u2")), ["thirdpartygithub bob@example.com verified"]);
    let expected = ["emailpassword cleo@example.com verified", "passwordless +442071838750 verified"];
    assert_eq!(methods(&core.user("u3")), expected);
    assert_eq!(methods(&core.user("u4")), ["passwordless dan@example.com verified"]);
    core.signs_in("ann@example.com", PASSWORD, "u1");
    core.signs_in("cleo@example.com", PASSWORD, "u3");
    // The password has another letter for each of these there, of which NFKC makes the same.
    core.signs_in("hal@example.com", "fin1\u{c5}", "u8");
    assert_eq!(
        core.metadata("u8"),
        json!({"name": "Hal", "username": "hal", "display_username": "Hal", "phone_number": "+442071838751"})
    );
    assert_eq!(methods(&core.user("u10")), ["passwordless +442071838752 verified"]);
    assert_eq!(core.metadata("u10")["email"], "temp-44207@example.com");
    core.signs_in("leo@example.com", PASSWORD, "u12");
    assert_eq!(core.user("u12")["timeJoined"], 1_704_164_645_000_i64);
    let factor =
        "the second factor cannot be brought along; --drop-second-factors imports the user without it";
    assert_eq!(
        core.refused(),
        reasons(&[
            (5, "the password's hash is of an unknown form: 13 characters"),
            (6, "the user is banned there, and the core knows no such users"),
            (7, factor),
            (9, "the user is anonymous there, and the core knows no such users"),
            (11, "the user is banned there, and the core knows no such users"),
        ])
    );
    core.ends(0);
}

#[test]
fn users_of_another_system_come_into_the_tenants_that_are_named() {
    let place = Place::new("from_tenants", &[("TEST_MODE", "true"), ("BCRYPT_LOG_ROUNDS", "4")]);
    let core = place.start();
    let caller = Caller::new(&core.address);
    let tenant = json!({"tenantId": "t1"});
    assert_eq!(
        caller.put("5.4", "/recipe/multitenancy/tenant/v2", &tenant).expect("answers")["status"],
        "OK"
    );
    let file = testdata("better-auth.jsonl");
    let refused = place.path("refused.jsonl").display().to_string();
    let arguments = ["import", "--from", "better-auth", "--tenant", "t1", "--refused", &refused, &file];
    let (succeeded, said) = place.run(&arguments);
    assert!(!succeeded && said.starts_with("7 imported, 0 there before, 5 refused"), "{said}");
    let credentials = json!({"email": "ann@example.com", "password": PASSWORD});
    for (path, word) in [("/t1/recipe/signin", "OK"), ("/recipe/signin", "WRONG_CREDENTIALS_ERROR")] {
        assert_eq!(caller.post("5.4", path, &credentials).expect("answers")["status"], word, "{path}");
    }
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
}
