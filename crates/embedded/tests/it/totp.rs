//! Codes of authenticator apps.

use crate::app::TestApp;
use async_trait::async_trait;
use http::Method;
use portcullis::recipes::emailpassword::{EmailPassword, SignUp};
use portcullis::recipes::multifactorauth::MultiFactorAuth;
use portcullis::recipes::session::{NewSession, Session, SessionRecipe};
use portcullis::recipes::totp::{
    Api, Apis, CreatedDevice, DeviceCode, DeviceSecret, Functions, NewDevice, Totp, UpdatedDevice,
    UserIdentifierInfo, VerifiedDevice, VerifiedTotp,
};
use portcullis::{Cx, Error, Result};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

async fn app(shape: Shape, recipe: Totp) -> TestApp {
    TestApp::new(shape, |builder| {
        let builder = builder.recipe(EmailPassword::new()).recipe(MultiFactorAuth::new()).recipe(recipe);
        builder.recipe(SessionRecipe::new())
    })
    .await
}

async fn ann(app: &TestApp) -> String {
    let passwords = app.sdk.email_password().unwrap();
    let made = passwords.sign_up(&Cx::new(&app.sdk), "public", "ann@example.com", "correct1horse").await;
    let SignUp::Ok { user, .. } = made.unwrap() else { panic!("she is new") };
    user.id
}

async fn create(app: &TestApp, device: NewDevice) -> DeviceSecret {
    let made = app.sdk.totp().unwrap().create_device(&Cx::new(&app.sdk), &device).await.unwrap();
    let CreatedDevice::Ok(secret) = made else { panic!("{made:?}") };
    secret
}

#[rstest]
#[tokio::test]
async fn devices_are_made_verified_renamed_and_removed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, Totp::new()).await;
    let (ann, cx, totp) = (ann(&app).await, Cx::new(&app.sdk), app.sdk.totp().unwrap());
    let phone = create(&app, NewDevice::of(&ann).name("phone")).await;
    let address =
        format!("otpauth://totp/Demo:ann@example.com?secret={}&issuer=Demo&digits=6&period=30", phone.secret);
    assert_eq!((phone.device_name.as_str(), phone.qr_code_string), ("phone", address));
    app.advance(1);
    let named = create(&app, NewDevice::of(&ann)).await;
    app.advance(1);
    assert_eq!(named.device_name, "TOTP Device 0");
    let other = NewDevice::of(&ann).name("other").period(60).skew(0).user_identifier_info("Ann's");
    let other = create(&app, other).await;
    assert!(other.qr_code_string.contains("/Demo:Ann's?") && other.qr_code_string.ends_with("&period=60"));

    let verify = async |name: &str, code: &str| {
        totp.verify_device(&cx, &DeviceCode::new("public", &ann, name, code)).await.unwrap()
    };
    let code = app.totp(&phone.secret);
    let VerifiedDevice::InvalidTotp(attempts) = verify("phone", "wrong").await else { panic!("it is") };
    assert_eq!((attempts.current, attempts.max), (1, 5));
    assert!(matches!(verify("phone", &code).await, VerifiedDevice::Ok { was_already_verified: false }));
    assert!(matches!(verify("phone", "wrong").await, VerifiedDevice::Ok { was_already_verified: true }));
    assert!(matches!(verify("unknown", &code).await, VerifiedDevice::UnknownDevice));
    let again = totp.create_device(&cx, &NewDevice::of(&ann).name("phone")).await.unwrap();
    assert_eq!(again, CreatedDevice::DeviceAlreadyExists);

    let rename = async |from: &str, to: &str| totp.update_device(&cx, &ann, from, to).await.unwrap();
    assert_eq!(rename("phone", "other").await, UpdatedDevice::DeviceAlreadyExists);
    assert_eq!(rename("unknown", "mine").await, UpdatedDevice::UnknownDevice);
    assert_eq!(rename("phone", "mine").await, UpdatedDevice::Ok);
    let listed = totp.list_devices(&cx, &ann).await.unwrap();
    let seen: Vec<_> = listed.iter().map(|d| (d.name.as_str(), d.period, d.skew, d.verified)).collect();
    let expected = [("mine", 30, 1, true), ("TOTP Device 0", 30, 1, false), ("other", 60, 0, false)];
    assert_eq!(seen, expected);
    assert!(totp.remove_device(&cx, &ann, "mine").await.unwrap());
    assert!(!totp.remove_device(&cx, &ann, "mine").await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_code_works_once_and_few_may_be_wrong(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, Totp::new()).await;
    let (ann, cx, totp) = (ann(&app).await, Cx::new(&app.sdk), app.sdk.totp().unwrap());
    let verify = async |code: &str| totp.verify_totp(&cx, "public", &ann, code).await.unwrap();
    assert!(matches!(verify("000000").await, VerifiedTotp::UnknownUser));
    let secret = create(&app, NewDevice::of(&ann).name("phone")).await.secret;
    let first = DeviceCode::new("public", &ann, "phone", app.totp(&secret));
    totp.verify_device(&cx, &first).await.unwrap();
    app.advance(90_000);
    let code = app.totp(&secret);
    assert!(matches!(verify(&code).await, VerifiedTotp::Ok));
    for current in 1..=5 {
        let VerifiedTotp::InvalidTotp(attempts) = verify(&code).await else { panic!("it was used") };
        assert_eq!((attempts.current, attempts.max), (current, 5));
    }
    let VerifiedTotp::LimitReached { retry_after_ms } = verify(&app.totp(&secret)).await else {
        panic!("too many were wrong");
    };
    // Codes of one moment count as if a millisecond lay between them.
    assert!((900_000..900_010).contains(&retry_after_ms), "{retry_after_ms}");
}

#[rstest]
#[tokio::test]
async fn an_account_is_called_by_what_is_known_of_its_user(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape, Totp::new().issuer("Acme & Sons").default_period(45).default_skew(3)).await;
    let (cx, totp) = (Cx::new(&app.sdk), app.sdk.totp().unwrap());
    let unknown = totp.create_device(&cx, &NewDevice::of("nobody")).await.unwrap();
    assert_eq!(unknown, CreatedDevice::UnknownUser);
    // The core knows no such user either, but whoever names the account need not be known.
    let named = create(&app, NewDevice::of("nobody").user_identifier_info("Nobody")).await;
    assert_eq!(
        named.qr_code_string,
        format!(
            "otpauth://totp/Acme%20%26%20Sons:Nobody?secret={}&issuer=Acme%20%26%20Sons&digits=6&period=45",
            named.secret
        )
    );
    assert_eq!(totp.list_devices(&cx, "nobody").await.unwrap()[0].skew, 3);
    let code = json!({"phoneNumber": "+4917612345678"});
    let code = app.core(Method::POST, "/recipe/signinup/code", &code).await;
    let consumed = app
        .core(
            Method::POST,
            "/recipe/signinup/code/consume",
            &json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]}),
        )
        .await;
    let by_phone = create(&app, NewDevice::of(consumed["user"]["id"].as_str().unwrap())).await;
    assert!(by_phone.qr_code_string.contains(":%2B4917612345678?"), "{}", by_phone.qr_code_string);
}

#[test]
fn a_secret_is_in_no_debug_text() {
    let secret = DeviceSecret {
        device_name: "phone".to_owned(),
        secret: "hidden".to_owned(),
        qr_code_string: "hidden too".to_owned(),
    };
    for text in [format!("{secret:?}"), format!("{:?}", CreatedDevice::Ok(secret.clone()))] {
        assert!(text.contains("phone") && !text.contains("hidden"), "{text}");
    }
}

/// Everybody is called by a number.
struct Numbers(Arc<dyn Functions>);

#[async_trait]
impl Functions for Numbers {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn user_identifier_info(&self, _: &Cx, _: &str) -> Result<UserIdentifierInfo> {
        Ok(UserIdentifierInfo::Known("4711".to_owned()))
    }
}

struct OneDevice(Arc<dyn Apis>);

#[async_trait]
impl Apis for OneDevice {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn remove_device(&self, _: &Cx, _: &Session, _: &str) -> Result<bool> {
        Err(Error::General("ask the support".to_owned()))
    }
}

#[rstest]
#[tokio::test]
async fn functions_and_apis_are_replaced(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = Totp::new().override_functions(Numbers).override_apis(OneDevice).disable(Api::ListDevices);
    let app = app(shape, recipe).await;
    let ann = ann(&app).await;
    let device = create(&app, NewDevice::of(&ann)).await;
    assert!(device.qr_code_string.contains("/Demo:4711?"));
    let new = NewSession::of(&ann);
    let session = app.sdk.session().unwrap().create_without_request(&Cx::new(&app.sdk), new).await.unwrap();
    let post = async |path: &str, body: &Value| {
        app.with_session(Method::POST, path, &session.access_token(), body).await.seen()
    };
    let told = post("/auth/totp/device/remove", &json!({"deviceName": "x"})).await;
    assert_eq!(told, (200, json!({"status": "GENERAL_ERROR", "message": "ask the support"})));
    assert!(!app.serves(&Method::GET, "/auth/totp/device/list"));
}

#[rstest]
#[tokio::test]
async fn input_of_the_wrong_kind_is_the_caller_s_fault(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, Totp::new()).await;
    let new = NewSession::of(ann(&app).await);
    let session = app.sdk.session().unwrap().create_without_request(&Cx::new(&app.sdk), new).await.unwrap();
    let removed = "deviceName is required and must be a non-empty string";
    let named = "deviceName is required and must be a string";
    let code = "totp is required and must be a string";
    for (path, body, text) in [
        ("", json!({"deviceName": 1}), "deviceName must be a string"),
        ("", json!({"deviceName": null}), "deviceName must be a string"),
        ("/remove", json!({}), removed),
        ("/remove", json!({"deviceName": ""}), removed),
        ("/remove", json!({"deviceName": ["x"]}), removed),
        ("/verify", json!({"totp": "123456"}), named),
        ("/verify", json!({"deviceName": {}, "totp": "123456"}), named),
        ("/verify", json!({"deviceName": "x"}), code),
        ("/verify", json!({"deviceName": "x", "totp": 123_456}), code),
    ] {
        let path = format!("/auth/totp/device{path}");
        let reply = app.with_session(Method::POST, &path, &session.access_token(), &body).await;
        assert_eq!(reply.seen(), (400, json!({"message": text})), "{path} {body}");
    }
    for body in [json!({}), json!({"totp": 123_456}), json!({"totp": null})] {
        let path = "/auth/totp/verify";
        let reply = app.with_session(Method::POST, path, &session.access_token(), &body).await;
        assert_eq!(reply.seen(), (400, json!({"message": code})), "{body}");
    }
}
