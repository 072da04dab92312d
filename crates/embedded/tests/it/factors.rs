//! Codes and passkeys as the factors of sign-ins in several steps.

use crate::app::{Mails, Messages, Reply, TestApp};
use crate::webauthn::{REGISTER_OPTIONS, answer, options, passkey, sign_up};
use http::Method;
use portcullis::Cx;
use portcullis::email::EmailSubject;
use portcullis::recipes::accountlinking::{AccountLinking, AutomaticLinking};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::multifactorauth::MultiFactorAuth;
use portcullis::recipes::multitenancy::TenantConfig;
use portcullis::recipes::passwordless::{ContactMethod, FlowType, LoginCode, Passwordless};
use portcullis::recipes::session::{SessionRecipe, VerifyOptions};
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::sms::SmsSubject;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};

const ANN: [(&str, &str); 2] = [("email", "ann@example.com"), ("password", "correct1horse")];
const CREATE: &str = "/auth/signinup/code";
const CONSUME: &str = "/auth/signinup/code/consume";

/// An app that knows passwords, codes, links and passkeys, and what it sends.
struct World {
    app: TestApp,
    mails: Mails,
    messages: Messages,
}

impl World {
    async fn new(shape: Shape, recipe: MultiFactorAuth) -> Self {
        let (mails, messages) = (Mails::default(), Messages::default());
        let linking = AccountLinking::new()
            .should_do_automatic_account_linking(|_, _| async { Ok(AutomaticLinking::EvenUnverified) });
        let app = TestApp::new(shape, |builder| {
            let codes = Passwordless::new(ContactMethod::EmailOrPhone, FlowType::UserInputCodeAndMagicLink);
            let builder = builder.email_delivery(mails.clone()).sms_delivery(messages.clone());
            let builder = builder.recipe(EmailPassword::new()).recipe(linking).recipe(codes);
            builder.recipe(WebAuthn::new()).recipe(recipe).recipe(SessionRecipe::new())
        })
        .await;
        Self { app, mails, messages }
    }

    /// The tenant asks everybody for a factor.
    async fn require(&self, factor: &str) {
        let config = TenantConfig::new().required_secondary_factors([factor]);
        let tenants = self.app.sdk.multitenancy();
        tenants.create_or_update_tenant(&Cx::new(&self.app.sdk), "public", config).await.unwrap();
    }

    async fn sign_up(&self) -> String {
        token(&self.app.form("/auth/signup", &ANN).await)
    }

    async fn sign_in(&self) -> String {
        token(&self.app.form("/auth/signin", &ANN).await)
    }

    /// A call of a frontend API that builds on the session of a token, which is renewed if that changes it.
    async fn go_on(&self, token: &mut String, method: Method, path: &str, body: &Value) -> Reply {
        let mut body = body.clone();
        body["shouldTryLinkingWithSessionUser"] = json!(true);
        let reply = self.app.with_session(method, path, token, &body).await;
        if reply.headers.contains_key("st-access-token") {
            reply.access_token().clone_into(token);
        }
        reply
    }

    /// What the session's user goes through next, has set up, and may set up.
    async fn factors(&self, token: &mut String) -> [Value; 3] {
        let info = self.go_on(token, Method::PUT, "/auth/mfa/info", &json!({})).await;
        assert_eq!(info.body["status"], "OK", "{info:?}");
        ["next", "alreadySetup", "allowedToSetup"].map(|name| info.body["factors"][name].clone())
    }

    /// Whether a session has gone through all that signing in asks.
    async fn has_come_far_enough(&self, token: &str) -> bool {
        let (cx, sessions) = (Cx::new(&self.app.sdk), self.app.sdk.session().unwrap());
        sessions.verify_without_request(&cx, token, None, &VerifyOptions::new()).await.is_ok()
    }

    fn message(&self) -> LoginCode {
        let [(sms, _)] = self.messages.take().try_into().expect("one message");
        let SmsSubject::PasswordlessLogin(code) = sms.subject else { panic!("{sms:?}") };
        code
    }

    async fn mail(&self) -> LoginCode {
        let (email, _) = self.mails.one().await;
        let EmailSubject::PasswordlessLogin(code) = email.subject else { panic!("{email:?}") };
        code
    }
}

fn token(reply: &Reply) -> String {
    assert_eq!(reply.body["status"], "OK", "{reply:?}");
    reply.access_token().to_owned()
}

fn entered(device: &Reply, code: &LoginCode) -> Value {
    json!({
        "preAuthSessionId": device.body["preAuthSessionId"],
        "deviceId": device.body["deviceId"],
        "userInputCode": code.user_input_code,
    })
}

#[rstest]
#[tokio::test]
async fn a_code_by_phone_is_a_second_factor(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, MultiFactorAuth::new()).await;
    let mut ann = world.sign_up().await;
    let [next, set_up, allowed] = world.factors(&mut ann).await;
    assert_eq!((next, set_up), (json!([]), json!(["emailpassword"])));
    let all = ["emailpassword", "otp-email", "otp-phone", "link-email", "link-phone", "webauthn"];
    assert_eq!(allowed, json!(all));

    world.require("otp-phone").await;
    let number = json!({"phoneNumber": "+442071838750"});
    for is_set_up in [false, true] {
        let mut ann = world.sign_in().await;
        let [next, set_up, allowed] = world.factors(&mut ann).await;
        assert_eq!(next, json!(["otp-phone"]));
        assert!(!world.has_come_far_enough(&ann).await);
        if is_set_up {
            assert_eq!(set_up, json!(["emailpassword", "otp-phone", "link-phone"]));
            assert_eq!(allowed, json!([]), "who has only the password adds nothing");
        } else {
            assert_eq!((set_up, allowed), (json!(["emailpassword"]), json!(["otp-phone"])));
        }
        let device = world.go_on(&mut ann, Method::POST, CREATE, &number).await;
        assert_eq!(device.body["flowType"], "USER_INPUT_CODE", "{device:?}");
        let code = world.message();
        assert!(!code.is_first_factor && code.link.is_none());
        let reply = world.go_on(&mut ann, Method::POST, CONSUME, &entered(&device, &code)).await;
        assert_eq!(reply.body["status"], "OK", "{reply:?}");
        assert_eq!(reply.body["createdNewRecipeUser"], !is_set_up);
        assert_eq!(reply.body["user"]["emails"], json!(["ann@example.com"]));
        assert!(world.has_come_far_enough(&ann).await);
        let [next, _, allowed] = world.factors(&mut ann).await;
        assert_eq!((next, allowed), (json!([]), json!(all)));
    }
}

#[rstest]
#[tokio::test]
async fn a_passkey_is_a_second_factor(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, MultiFactorAuth::new()).await;
    world.sign_up().await;
    world.require("webauthn").await;
    let mut own = passkey();
    let mut ann = world.sign_in().await;
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"email": "ann@example.com"})).await;
    let added = world.go_on(&mut ann, Method::POST, "/auth/webauthn/signup", &answer(&made, &mut own)).await;
    assert_eq!(added.body["user"]["emails"], json!(["ann@example.com"]), "{added:?}");
    assert!(world.has_come_far_enough(&ann).await);

    let mut ann = world.sign_in().await;
    let [next, set_up, allowed] = world.factors(&mut ann).await;
    assert_eq!((next, allowed), (json!(["webauthn"]), json!([])));
    assert_eq!(set_up, json!(["emailpassword", "webauthn"]));
    // A thief of the password makes no passkey.
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"email": "thief@example.com"})).await;
    let body = answer(&made, &mut passkey());
    let refused = world.go_on(&mut ann, Method::POST, "/auth/webauthn/signup", &body).await;
    let reason = "Completed factors in the session does not satisfy the MFA requirements for auth";
    assert_eq!(
        refused.seen(),
        (
            403,
            json!({"message": "invalid claim", "claimValidationErrors": [{"id": "st-mfa", "reason": reason}]})
        )
    );
    assert!(!world.has_come_far_enough(&ann).await);
    let made = options(&world.app, "/auth/webauthn/options/signin", &json!({})).await;
    let shown = world.go_on(&mut ann, Method::POST, "/auth/webauthn/signin", &answer(&made, &mut own)).await;
    assert_eq!(shown.body["status"], "OK", "{shown:?}");
    assert!(world.has_come_far_enough(&ann).await);
}

#[rstest]
#[tokio::test]
async fn only_what_is_a_first_factor_begins_a_sign_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = MultiFactorAuth::new().first_factors(["otp-email", "webauthn"]);
    let world = World::new(shape, recipe).await;
    let device = world.app.post(CREATE, &json!({"email": "ann@example.com"})).await;
    assert_eq!(device.body["flowType"], "USER_INPUT_CODE", "{device:?}");
    let code = world.mail().await;
    assert!(code.is_first_factor && code.link.is_none(), "a link would lead nowhere");
    let made = world.app.post(CONSUME, &entered(&device, &code)).await;
    assert_eq!(made.body["createdNewRecipeUser"], true, "{made:?}");
    assert_eq!(sign_up(&world.app, "bob@example.com", &mut passkey()).await.body["status"], "OK");

    let unauthorised = (401, json!({"message": "unauthorised"}));
    let phone = world.app.post(CREATE, &json!({"phoneNumber": "+442071838750"})).await;
    assert_eq!(phone.seen(), unauthorised);
    assert!(world.messages.take().is_empty());
    assert_eq!(world.app.form("/auth/signup", &ANN).await.seen(), unauthorised);
    let by_link = json!({"email": "cy@example.com"});
    let made = world.app.core(Method::POST, "/recipe/signinup/code", &by_link).await;
    let followed = json!({"preAuthSessionId": made["preAuthSessionId"], "linkCode": made["linkCode"]});
    assert_eq!(world.app.post(CONSUME, &followed).await.seen(), unauthorised);
    assert_eq!(world.app.sdk.user_count(&Cx::new(&world.app.sdk), &[], None).await.unwrap(), 2);
}
