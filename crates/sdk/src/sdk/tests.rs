//! Every mistake in the description of an app: which error it is, and what the error says to change.
//!
//! The Node SDK's `init` reports the same mistakes, but for those that Rust's types leave no room for: a
//! missing address, an empty item in the list of recipes, an unknown word for anti-CSRF or `SameSite`. It
//! does not see an empty name, a missing core, a key that is no header, a missing recipe, a status code that
//! refuses nothing or a form field that is there twice before a request comes.

use super::*;
use crate::email::Smtp;
use crate::recipes::emailpassword::{EmailPassword, FormField};
use crate::recipes::emailverification::EmailVerification;
use crate::recipes::jwt::Jwt;
use crate::recipes::multitenancy::Multitenancy;
use crate::recipes::openid::OpenId;
use crate::recipes::passwordless::{ContactMethod, FlowType, Passwordless};
use crate::recipes::session::SessionRecipe;
use crate::recipes::usermetadata::UserMetadata;
use crate::recipes::userroles::UserRoles;
use crate::recipes::webauthn::WebAuthn;
use crate::sms::Twilio;
use std::collections::BTreeSet;
use std::process::Command;

const API: &str = "http://localhost:3001";
const WEBSITE: &str = "http://localhost:3000";
const CORE: &str = "http://localhost:3567";

fn info() -> AppInfo {
    AppInfo::new("Demo", API, WEBSITE)
}

fn fault(builder: Builder) -> BuildError {
    builder.build().unwrap_err()
}

fn of_app(app: AppInfo) -> BuildError {
    fault(Portcullis::builder(app).core(CORE).recipe(SessionRecipe::new()))
}

fn of_core(address: &str) -> BuildError {
    fault(Portcullis::builder(info()).core(address).recipe(SessionRecipe::new()))
}

fn of_key(key: &str) -> BuildError {
    fault(Portcullis::builder(info()).core(CORE).api_key(key).recipe(SessionRecipe::new()))
}

fn of_session(recipe: SessionRecipe) -> BuildError {
    fault(Portcullis::builder(info()).core(CORE).recipe(recipe))
}

/// Of an app with only these.
fn of_recipes(describe: impl FnOnce(Builder) -> Builder) -> BuildError {
    fault(describe(Portcullis::builder(info()).core(CORE)))
}

fn of_mail(server: &str, sender: &str) -> BuildError {
    Smtp::new(server, sender).unwrap_err()
}

/// A variant's name. A new one does not compile until it is named here, and then wants a case.
fn name(error: &BuildError) -> &'static str {
    match error {
        BuildError::MissingAppName => "MissingAppName",
        BuildError::InvalidDomain { .. } => "InvalidDomain",
        BuildError::InvalidPath { .. } => "InvalidPath",
        BuildError::MissingCore => "MissingCore",
        BuildError::InvalidCore(_) => "InvalidCore",
        BuildError::InvalidApiKey => "InvalidApiKey",
        BuildError::NoTimeForCore => "NoTimeForCore",
        BuildError::NoCertificates(_) => "NoCertificates",
        BuildError::InvalidMailServer(_) => "InvalidMailServer",
        BuildError::InvalidSender(_) => "InvalidSender",
        BuildError::InvalidTwilio(_) => "InvalidTwilio",
        BuildError::NoRecipe => "NoRecipe",
        BuildError::DuplicateRecipe(_) => "DuplicateRecipe",
        BuildError::MissingRecipe { .. } => "MissingRecipe",
        BuildError::Recipe { .. } => "Recipe",
    }
}

/// All but `NoCertificates`, which has a test of its own.
const TOLD_BY_THE_TABLE: usize = 14;

#[test]
fn every_mistake_is_named_and_says_what_to_change() {
    let cases =
        [of_addresses(), of_the_core(), of_the_recipes(), of_the_session_recipe(), of_mails()].concat();
    for (told, name_of_variant, text) in &cases {
        assert_eq!((name(told), told.to_string().as_str()), (*name_of_variant, *text), "{told:?}");
    }
    let variants: BTreeSet<_> = cases.iter().map(|(told, ..)| name(told)).collect();
    assert_eq!(variants.len(), TOLD_BY_THE_TABLE, "{variants:?}");
}

type Case = (BuildError, &'static str, &'static str);

fn of_addresses() -> Vec<Case> {
    let missing = "the app needs a name: AppInfo::new(name, …)";
    vec![
        (of_app(AppInfo::new("", API, WEBSITE)), "MissingAppName", missing),
        (of_app(AppInfo::new(" \t", API, WEBSITE)), "MissingAppName", missing),
        (
            of_app(AppInfo::new("Demo", "", WEBSITE)),
            "InvalidDomain",
            "api_domain is not a domain: ''; write for example https://example.com",
        ),
        (
            of_app(AppInfo::new("Demo", API, "/shop")),
            "InvalidDomain",
            "website_domain is not a domain: '/shop'; write for example https://example.com",
        ),
        (
            of_app(info().also_website("shop")),
            "InvalidDomain",
            "website_domain is not a domain: 'shop'; write for example https://example.com",
        ),
        (
            of_app(info().api_base_path("http://")),
            "InvalidPath",
            "api_base_path is not a path: 'http://'; write for example /auth",
        ),
        (
            of_app(info().website_base_path("localhost:x")),
            "InvalidPath",
            "website_base_path is not a path: 'localhost:x'; write for example /auth",
        ),
        (
            of_app(info().api_gateway_path("https://:1")),
            "InvalidPath",
            "api_gateway_path is not a path: 'https://:1'; write for example /auth",
        ),
    ]
}

fn of_the_core() -> Vec<Case> {
    let missing = "no core: call .core(\"http://localhost:3567\") before .build()";
    let key = "the API key cannot be sent in a header: it may hold visible ASCII characters only; look for a line break in what .api_key(…) gets";
    let nowhere = fault(Portcullis::builder(info()).recipe(SessionRecipe::new()));
    let mut cases = vec![
        (
            fault(Portcullis::builder(info()).core(CORE).core_timeout(Duration::ZERO)),
            "NoTimeForCore",
            "core_timeout is zero, in which no core answers; write for example Duration::from_secs(30)",
        ),
        (nowhere, "MissingCore", missing),
        (of_core(""), "MissingCore", missing),
        (of_core(" ; ;"), "MissingCore", missing),
        (of_key("a-secret-key\n"), "InvalidApiKey", key),
        (of_key("a-secret-schlüssel"), "InvalidApiKey", key),
    ];
    for (address, text) in [
        // A name without a dot and a scheme may be anything.
        ("core:3567", "'core:3567' is not the address of a core; write for example http://localhost:3567"),
        ("/core", "'/core' is not the address of a core; write for example http://localhost:3567"),
        (
            "http://a.com;http://b.com:port",
            "'http://b.com:port' is not the address of a core; write for example http://localhost:3567",
        ),
        (
            "HTTP://user:secret@core:port",
            "'http://core:port' is not the address of a core; write for example http://localhost:3567",
        ),
        (
            "user:s/e?c#r@secret@core:port/x",
            "'core:port/x' is not the address of a core; write for example http://localhost:3567",
        ),
        (
            "https://user:sec;ret@core.example.com",
            "'https://…' is not the address of a core; write for example http://localhost:3567",
        ),
    ] {
        cases.push((of_core(address), "InvalidCore", text));
    }
    cases
}

fn codes() -> Passwordless {
    Passwordless::new(ContactMethod::Email, FlowType::MagicLink)
}

fn of_the_recipes() -> Vec<Case> {
    let mut cases = vec![
        (of_recipes(|app| app), "NoRecipe", "no recipe: call .recipe(…) at least once before .build()"),
        (
            of_recipes(|app| app.recipe(EmailPassword::new())),
            "MissingRecipe",
            "the emailpassword recipe needs the session recipe: add it with .recipe(…)",
        ),
        (
            of_recipes(|app| app.recipe(EmailVerification::optional())),
            "MissingRecipe",
            "the emailverification recipe needs the session recipe: add it with .recipe(…)",
        ),
        (
            of_recipes(|app| app.recipe(codes())),
            "MissingRecipe",
            "the passwordless recipe needs the session recipe: add it with .recipe(…)",
        ),
        (
            of_recipes(|app| app.recipe(WebAuthn::new())),
            "MissingRecipe",
            "the webauthn recipe needs the session recipe: add it with .recipe(…)",
        ),
        (
            of_recipes(|app| app.recipe(UserRoles::new())),
            "MissingRecipe",
            "the userroles recipe needs the session recipe: add it with .recipe(…)",
        ),
        (
            of_recipes(|app| {
                let twice = EmailPassword::new()
                    .form_field(FormField::new("city"))
                    .form_field(FormField::new("city"));
                app.recipe(twice).recipe(SessionRecipe::new())
            }),
            "Recipe",
            "emailpassword: the form field 'city' is added twice; remove one of the two",
        ),
    ];
    macro_rules! twice {
        ($($recipe:expr, $text:literal;)*) => {
            $(cases.push((of_recipes(|app| app.recipe($recipe).recipe($recipe)), "DuplicateRecipe", $text));)*
        };
    }
    twice! {
        EmailPassword::new(), "the emailpassword recipe is added twice; remove one of the two";
        EmailVerification::required(), "the emailverification recipe is added twice; remove one of the two";
        Jwt::new(), "the jwt recipe is added twice; remove one of the two";
        Multitenancy::new(), "the multitenancy recipe is added twice; remove one of the two";
        OpenId::new(), "the openid recipe is added twice; remove one of the two";
        codes(), "the passwordless recipe is added twice; remove one of the two";
        SessionRecipe::new(), "the session recipe is added twice; remove one of the two";
        UserMetadata::new(), "the usermetadata recipe is added twice; remove one of the two";
        UserRoles::new(), "the userroles recipe is added twice; remove one of the two";
        WebAuthn::new(), "the webauthn recipe is added twice; remove one of the two";
    }
    cases
}

fn of_the_session_recipe() -> Vec<Case> {
    let recipe = SessionRecipe::new;
    let cases = [
        (
            recipe().session_expired_status(403),
            "session: session_expired_status and invalid_claim_status must be different",
        ),
        (
            recipe().session_expired_status(200),
            "session: session_expired_status is 200, which refuses nothing; write for example 401",
        ),
        (
            recipe().invalid_claim_status(1000),
            "session: invalid_claim_status is 1000, which refuses nothing; write for example 401",
        ),
        (
            recipe().cookie_domain("a b"),
            "session: cookie_domain is not a domain: 'a b'; write for example .example.com",
        ),
        (
            recipe().cookie_domain("a;b.com"),
            "session: cookie_domain is not a domain: 'a;b.com'; write for example .example.com",
        ),
        (
            recipe().older_cookie_domain("http://"),
            "session: older_cookie_domain is not a domain: 'http://'; write for example .example.com",
        ),
        (
            recipe().access_token_path("http://"),
            "session: access_token_path is not a path of cookies: 'http://'; write for example /",
        ),
        (
            recipe().access_token_path("/app;v=1"),
            "session: access_token_path is not a path of cookies: '/app;v=1'; write for example /",
        ),
    ];
    cases.into_iter().map(|(recipe, text)| (of_session(recipe), "Recipe", text)).collect()
}

fn of_mails() -> Vec<Case> {
    let sender = "Demo <no-reply@example.com>";
    vec![
        (
            of_mail("smtp.example.com", sender),
            "InvalidMailServer",
            "the mail server's address cannot be used (Connection error: relative URL without a base); write for example smtps://smtp.example.com",
        ),
        (
            of_mail("smtp://smtp.example.com", "Demo"),
            "InvalidSender",
            "'Demo' cannot be a sender; write for example Demo <no-reply@example.com>",
        ),
        (
            Twilio::from_number("", "token", "+15005550006").unwrap_err(),
            "InvalidTwilio",
            "Twilio: the account's SID is letters and digits; see the console at twilio.com",
        ),
        (
            Twilio::from_messaging_service("AC1", "token", "").unwrap_err(),
            "InvalidTwilio",
            "Twilio: the auth token and the sender must not be empty; see the console at twilio.com",
        ),
    ]
}

#[test]
fn what_is_right_is_no_mistake() {
    for core in ["localhost:3567", "http://core:3567;https://10.0.0.1/appid-a/", "core.example.com;"] {
        let app = Portcullis::builder(info()).core(core).api_key("a key=").recipe(SessionRecipe::new());
        assert!(app.build().is_ok(), "{core}");
    }
    let recipe =
        SessionRecipe::new().session_expired_status(440).invalid_claim_status(300).cookie_domain("a.b");
    assert!(Portcullis::builder(info()).core(CORE).recipe(recipe).build().is_ok());
}

/// Runs itself again as on a machine without certificates: what is there is found by the environment.
#[test]
fn only_cores_with_tls_need_certificates() {
    const SETTING: &str = "SSL_CERT_FILE";
    const NOWHERE: &str = "/nowhere/certificates.pem";
    if std::env::var(SETTING).as_deref() != Ok(NOWHERE) {
        let test = "sdk::tests::only_cores_with_tls_need_certificates";
        let mut again = Command::new(std::env::current_exe().unwrap());
        let again =
            again.args(["--exact", test, "--nocapture"]).env(SETTING, NOWHERE).env_remove("SSL_CERT_DIR");
        let output = again.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let told = of_core("http://localhost:3567;https://core.example.com");
    assert_eq!(name(&told), "NoCertificates");
    assert!(told.to_string().contains("install ca-certificates"), "{told}");
    assert!(Portcullis::builder(info()).core(CORE).recipe(SessionRecipe::new()).build().is_ok());
}
