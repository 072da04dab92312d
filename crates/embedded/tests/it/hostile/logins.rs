//! Callers who should not get far with codes and passkeys.

use super::{Case, World, general, status};
use serde_json::json;

pub(super) fn cases_of_codes() -> Vec<Case> {
    let free = (200, json!({"status": "OK", "exists": false}));
    let query = "?email=nobody@example.com";
    let number = "?phoneNumber=%2B442071838750";
    vec![
        Case::form(
            "POST /auth/signinup/code",
            &general("Email is invalid"),
            json!({"email": "ann"}),
            json!({"email": "ann@example.com", "phoneNumber": []}),
            "Please provide exactly one of email or phoneNumber",
        ),
        Case::form(
            "POST /auth/signinup/code/resend",
            &status("RESTART_FLOW_ERROR"),
            json!({"preAuthSessionId": "made-up", "deviceId": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
            json!({"preAuthSessionId": ["made-up"], "deviceId": "made-up"}),
            "preAuthSessionId must be a string",
        ),
        Case::form(
            "POST /auth/signinup/code/consume",
            &status("RESTART_FLOW_ERROR"),
            json!({"preAuthSessionId": "made-up", "linkCode": "made-up"}),
            json!({"preAuthSessionId": "made-up", "linkCode": {"made": "up"}}),
            "linkCode must be a string",
        ),
        Case { query, ..Case::open("GET /auth/passwordless/email/exists", &free) },
        Case { query: number, ..Case::open("GET /auth/passwordless/phonenumber/exists", &free) },
        Case { query: number, ..Case::open("GET /auth/signup/phonenumber/exists", &free) },
    ]
}

pub(super) fn cases_of_passkeys(world: &World) -> Vec<Case> {
    let free = (200, json!({"status": "OK", "exists": false}));
    let query = "?email=nobody@example.com";
    let passkey = json!({"webauthnGeneratedOptionsId": "made-up", "credential": {"id": "made-up"},
        "token": "made-up", "webauthnCredentialId": "made-up"});
    let no_passkey = json!({"webauthnGeneratedOptionsId": "made-up", "credential": "made-up"});
    let no_object = "credential must be an object";
    vec![
        Case::form(
            "POST /auth/webauthn/options/register",
            &(200, json!({"status": "INVALID_EMAIL_ERROR", "err": "Email is invalid"})),
            json!({"email": "ann"}),
            json!({"email": ["ann@example.com"]}),
            "Please provide the email or the recover account token",
        ),
        Case::open("POST /auth/webauthn/options/signin", &world.sign_in_options),
        Case::form(
            "POST /auth/webauthn/signup",
            &status("OPTIONS_NOT_FOUND_ERROR"),
            passkey.clone(),
            no_passkey.clone(),
            no_object,
        ),
        Case::form(
            "POST /auth/webauthn/signin",
            &status("INVALID_CREDENTIALS_ERROR"),
            passkey.clone(),
            no_passkey.clone(),
            no_object,
        ),
        Case { query, ..Case::open("GET /auth/webauthn/email/exists", &free) },
        Case::form(
            "POST /auth/user/webauthn/reset/token",
            &status("OK"),
            json!({"email": "nobody@example.com"}),
            json!({"email": ["ann@example.com"]}),
            "Please provide the email",
        ),
        Case::form(
            "POST /auth/user/webauthn/reset",
            &status("OPTIONS_NOT_FOUND_ERROR"),
            passkey.clone(),
            no_passkey,
            no_object,
        ),
        Case::closed("GET /auth/webauthn/credential/list", (200, json!({"status": "OK", "credentials": []}))),
        Case {
            body: passkey.clone(),
            ..Case::closed("POST /auth/webauthn/credential", general("User not found"))
        },
        Case {
            body: passkey,
            ..Case::closed("POST /auth/webauthn/credential/remove", general("User not found"))
        },
    ]
}
