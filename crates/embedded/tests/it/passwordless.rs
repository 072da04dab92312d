//! Sign-up and sign-in with codes and links, as frontends go about it.

use crate::app::{Mails, Messages, Reply, TestApp};
use async_trait::async_trait;
use http::{Method, Request};
use portcullis::email::{Email, EmailDelivery, EmailSubject};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::passwordless::{
    Api, Apis, Attempt, CodeRequest, ConsumeCodeOutcome, ContactMethod, CreateCodeOutcome, FlowType,
    LoginCode, Passwordless, ResendCodeInput, ResendCodeOutcome,
};
use portcullis::recipes::session::{SessionRecipe, VerifyOptions};
use portcullis::sms::SmsSubject;
use portcullis::{Cx, Error};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const CREATE: &str = "/auth/signinup/code";
const RESEND: &str = "/auth/signinup/code/resend";
const CONSUME: &str = "/auth/signinup/code/consume";

/// An app, and what it sends.
pub(crate) struct Sent {
    pub(crate) app: TestApp,
    mails: Mails,
    messages: Messages,
}

impl Sent {
    pub(crate) async fn new(shape: Shape, recipe: Passwordless) -> Self {
        let (mails, messages) = (Mails::default(), Messages::default());
        let app = TestApp::new(shape, |builder| {
            let builder = builder.email_delivery(mails.clone()).sms_delivery(messages.clone());
            let builder = builder.recipe(EmailPassword::new()).recipe(EmailVerification::optional());
            builder.recipe(recipe).recipe(SessionRecipe::new())
        })
        .await;
        Self { app, mails, messages }
    }

    /// The e-mail that was sent, and the code in it.
    pub(crate) async fn mail(&self) -> (Email, LoginCode) {
        let (email, content) = self.mails.one().await;
        let EmailSubject::PasswordlessLogin(code) = email.subject.clone() else { panic!("{email:?}") };
        for secret in [&code.user_input_code, &code.link].into_iter().flatten() {
            assert!(content.text.contains(secret), "{}", content.text);
            assert!(content.html.contains(&secret.replace('&', "&#38;")), "{}", content.html);
        }
        assert!(content.text.contains("15 minutes"), "{}", content.text);
        (email, code)
    }

    /// The text message that was sent: to whom, the code in it, and its words.
    fn message(&self) -> (String, LoginCode, String) {
        let [(sms, text)] = self.messages.take().try_into().expect("one message");
        let SmsSubject::PasswordlessLogin(code) = sms.subject else { panic!("{sms:?}") };
        (sms.to, code, text)
    }

    fn has_sent_nothing(&self) -> bool {
        self.mails.take().is_empty() && self.messages.take().is_empty()
    }

    /// Asks for a code for an address, and answers what the device got.
    async fn ask(&self, email: &str) -> Value {
        let asked = self.app.post(CREATE, &json!({"email": email})).await;
        assert_eq!((asked.status, &asked.body["status"]), (200, &json!("OK")), "{asked:?}");
        asked.body
    }

    async fn enter(&self, device: &Value, code: &str) -> Reply {
        self.app.post(CONSUME, &entered(device, code)).await
    }
}

fn any() -> Passwordless {
    Passwordless::new(ContactMethod::EmailOrPhone, FlowType::UserInputCodeAndMagicLink)
}

fn entered(device: &Value, code: &str) -> Value {
    json!({
        "preAuthSessionId": device["preAuthSessionId"],
        "deviceId": device["deviceId"],
        "userInputCode": code,
    })
}

/// What the page `/verify` makes of a link, for the public tenant.
pub(crate) fn followed(link: &str) -> Value {
    let query = link.strip_prefix("http://localhost:3000/auth/verify?preAuthSessionId=").expect(link);
    let (id, link_code) = query.split_once("&tenantId=public#").expect(link);
    json!({"preAuthSessionId": id, "linkCode": link_code})
}

fn general(text: &str) -> (u16, Value) {
    (200, json!({"status": "GENERAL_ERROR", "message": text}))
}

fn restart() -> (u16, Value) {
    (200, json!({"status": "RESTART_FLOW_ERROR"}))
}

#[rstest]
#[tokio::test]
async fn a_code_signs_up_and_then_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any()).await;
    let device = sent.ask(" Ann@Example.com ").await;
    let flow = json!("USER_INPUT_CODE_AND_MAGIC_LINK");
    assert_eq!(device["flowType"], flow);
    let (email, code) = sent.mail().await;
    assert_eq!(
        (email.to.as_str(), email.tenant.as_str(), email.user_id),
        ("ann@example.com", "public", None)
    );
    assert_eq!(device["preAuthSessionId"], code.pre_auth_session_id.as_str());
    assert_eq!((code.code_lifetime, code.is_first_factor), (900_000, true));
    let user_input_code = code.user_input_code.unwrap();
    assert_eq!(user_input_code.len(), 6);

    let made = sent.enter(&device, &user_input_code).await;
    let user = made.body["user"].clone();
    let expected = json!({"status": "OK", "createdNewRecipeUser": true, "user": user});
    assert_eq!(made.seen(), (200, expected));
    assert_eq!(user["emails"], json!(["ann@example.com"]));
    let method = &user["loginMethods"][0];
    assert_eq!((&method["recipeId"], &method["verified"]), (&json!("passwordless"), &json!(true)));
    let (cx, sessions) = (Cx::new(&sent.app.sdk), sent.app.sdk.session().unwrap());
    let session =
        sessions.verify_without_request(&cx, made.access_token(), None, &VerifyOptions::new()).await;
    assert_eq!(session.unwrap().unwrap().user_id(), user["id"].as_str().unwrap());

    let again = sent.enter(&device, &user_input_code).await;
    assert_eq!(again.seen(), restart(), "a code works once");
    let link = followed(&code.link.unwrap());
    assert_eq!(sent.app.post(CONSUME, &link).await.seen(), restart(), "and takes its link along");

    sent.ask("ann@example.com").await;
    let (_, code) = sent.mail().await;
    let found = sent.app.post(CONSUME, &followed(&code.link.unwrap())).await;
    assert_eq!((&found.body["createdNewRecipeUser"], &found.body["user"]), (&json!(false), &user));
    assert_ne!(found.access_token(), made.access_token());
}

#[rstest]
#[tokio::test]
async fn codes_come_by_phone_too(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any()).await;
    let asked = sent.app.post(CREATE, &json!({"phoneNumber": " +44 (0) 20 7183-8750"})).await;
    let (to, code, text) = sent.message();
    let (number, link) = (code.user_input_code.unwrap(), code.link.unwrap());
    assert_eq!(to, "+442071838750");
    assert_eq!(
        text,
        format!("{number} is your code for Demo. Or sign in here: {link}\nBoth work for 15 minutes.")
    );
    let made = sent.enter(&asked.body, &number).await;
    assert_eq!(made.body["user"]["phoneNumbers"], json!(["+442071838750"]), "{made:?}");
    assert!(sent.has_sent_nothing(), "no e-mail");
}

#[rstest]
#[tokio::test]
async fn only_what_was_chosen_is_sent(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    for (flow, name) in [(FlowType::UserInputCode, "USER_INPUT_CODE"), (FlowType::MagicLink, "MAGIC_LINK")] {
        let sent = Sent::new(shape, Passwordless::new(ContactMethod::EmailOrPhone, flow)).await;
        let has_code = flow == FlowType::UserInputCode;
        for further in [false, true] {
            let (device, phone) =
                (sent.ask("ann@example.com").await, json!({"phoneNumber": "+442071838750"}));
            assert_eq!(device["flowType"], name);
            let (_, mut code) = sent.mail().await;
            if further {
                assert_eq!(sent.app.post(RESEND, &device).await.seen(), (200, json!({"status": "OK"})));
                (_, code) = sent.mail().await;
            }
            assert_eq!((code.user_input_code.is_some(), code.link.is_some()), (has_code, !has_code));
            sent.app.post(CREATE, &phone).await;
            let (_, code, text) = sent.message();
            assert_eq!((code.user_input_code.is_some(), code.link.is_some()), (has_code, !has_code));
            assert!(text.ends_with("for 15 minutes."), "{text}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn requests_that_are_none(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any()).await;
    let bad = |text: &str| (400, json!({"message": text}));
    let one = "Please provide exactly one of email or phoneNumber";
    let proof = "Please provide one of (linkCode) or (deviceId+userInputCode) and not both";
    let both = "Please provide both deviceId and userInputCode";
    let bug = |name| general(&format!("Development bug: Please make sure the {name} field is a string"));
    for (path, body, expected) in [
        (CREATE, json!({}), bad(one)),
        (CREATE, json!({"email": "ann@example.com", "phoneNumber": null}), bad(one)),
        (CREATE, json!({"email": 1}), bug("email")),
        (CREATE, json!({"phoneNumber": ["+442071838750"]}), bug("phoneNumber")),
        (CREATE, json!({"email": "ann"}), general("Email is invalid")),
        (CREATE, json!({"email": ""}), general("Email is invalid")),
        (CREATE, json!({"phoneNumber": "020 7183 8750"}), general("Phone number is invalid")),
        (CREATE, json!({"phoneNumber": "+44 1"}), general("Phone number is invalid")),
        (RESEND, json!({}), bad("Please provide preAuthSessionId")),
        (RESEND, json!({"preAuthSessionId": "x"}), bad("Please provide a deviceId")),
        (RESEND, json!({"preAuthSessionId": "x", "deviceId": 1}), bad("deviceId must be a string")),
        (CONSUME, json!({"linkCode": "x"}), bad("Please provide preAuthSessionId")),
        (CONSUME, json!({"preAuthSessionId": 1, "linkCode": "x"}), bad("preAuthSessionId must be a string")),
        (CONSUME, json!({"preAuthSessionId": "x"}), bad(proof)),
        (CONSUME, json!({"preAuthSessionId": "x", "linkCode": "x", "deviceId": "x"}), bad(proof)),
        (CONSUME, json!({"preAuthSessionId": "x", "deviceId": "x"}), bad(both)),
        (CONSUME, json!({"preAuthSessionId": "x", "userInputCode": "x"}), bad(both)),
        (CONSUME, json!({"preAuthSessionId": "x", "linkCode": {}}), bad("linkCode must be a string")),
        // Nobody has asked for a code there.
        (CONSUME, json!({"preAuthSessionId": "x", "linkCode": "x"}), restart()),
    ] {
        assert_eq!(sent.app.post(path, &body).await.seen(), expected, "{path} {body}");
    }
    // What cannot be decoded is the caller's fault.
    let garbage = json!({"preAuthSessionId": "x", "deviceId": "\u{1}"});
    assert_eq!(sent.app.post(RESEND, &garbage).await.status, 400);
    let device = sent.ask("ann@example.com").await;
    sent.mail().await;
    let link = json!({"preAuthSessionId": device["preAuthSessionId"], "linkCode": "\u{1}"});
    assert_eq!(sent.app.post(CONSUME, &link).await.status, 400);
    assert!(sent.has_sent_nothing());
}

#[rstest]
#[case(ContactMethod::Email, "phoneNumber", "an email since you have set the contactMethod to \"EMAIL\"")]
#[case(ContactMethod::Phone, "email", "a phoneNumber since you have set the contactMethod to \"PHONE\"")]
#[tokio::test]
async fn the_app_says_where_codes_may_go(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[case] method: ContactMethod,
    #[case] other: &str,
    #[case] text: &str,
) {
    let sent = Sent::new(shape, Passwordless::new(method, FlowType::UserInputCode)).await;
    let refused = sent.app.post(CREATE, &json!({other: "+442071838750"})).await;
    assert_eq!(refused.seen(), (400, json!({"message": format!("Please provide {text}")})));
    // Nor does a device from the time when they might.
    let contact = if method == ContactMethod::Email { "+442071838750" } else { "ann@example.com" };
    let made = sent.app.core(Method::POST, "/recipe/signinup/code", &json!({other: contact})).await;
    assert_eq!(sent.app.post(RESEND, &made).await.seen(), restart());
    assert!(sent.has_sent_nothing());
}

#[rstest]
#[tokio::test]
async fn wrong_and_old_codes_are_counted(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any()).await;
    let device = sent.ask("ann@example.com").await;
    let (_, code) = sent.mail().await;
    let told = |status: &str, failed: i64| {
        let fields =
            json!({"status": status, "failedCodeInputAttemptCount": failed, "maximumCodeInputAttempts": 5});
        (200, fields)
    };
    for failed in 1..=3 {
        let wrong = sent.enter(&device, "wrong").await;
        assert_eq!(wrong.seen(), told("INCORRECT_USER_INPUT_CODE_ERROR", failed));
        assert!(wrong.headers.get("st-access-token").is_none());
    }
    sent.app.advance(900_001);
    let old = sent.enter(&device, &code.user_input_code.unwrap()).await;
    assert_eq!(old.seen(), told("EXPIRED_USER_INPUT_CODE_ERROR", 4));
    assert_eq!(sent.enter(&device, "wrong").await.seen(), restart(), "the fifth was the last");
    let link = followed(&code.link.unwrap());
    assert_eq!(sent.app.post(CONSUME, &link).await.seen(), restart());
}

#[rstest]
#[tokio::test]
async fn a_further_code_is_for_the_same_device(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any()).await;
    let device = sent.ask("ann@example.com").await;
    let (_, first) = sent.mail().await;
    assert_eq!(sent.app.post(RESEND, &device).await.seen(), (200, json!({"status": "OK"})));
    let (email, second) = sent.mail().await;
    assert_eq!(email.to, "ann@example.com");
    assert_ne!(first.user_input_code, second.user_input_code);
    assert_eq!(first.pre_auth_session_id, second.pre_auth_session_id);
    // Either of them works.
    let made = sent.enter(&device, &first.user_input_code.unwrap()).await;
    assert_eq!(made.body["status"], "OK", "{made:?}");
    assert_eq!(sent.app.post(RESEND, &device).await.seen(), restart(), "the device is gone");
    assert!(sent.has_sent_nothing());
}

#[rstest]
#[tokio::test]
async fn a_code_goes_to_the_address_of_the_account_whatever_was_typed(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    // The Kelvin sign is another letter, and another mailbox, but its lower case is a `k`.
    let sent = Sent::new(shape, any()).await;
    sent.ask("mi\u{212A}e@example.com").await;
    assert_eq!(sent.mail().await.0.to, "mike@example.com");
}

#[rstest]
#[tokio::test]
async fn a_tenant_s_first_factors_decide_what_is_sent(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any()).await;
    let tenant = async |id: &str, factors: Value| {
        let tenant = json!({"tenantId": id, "firstFactors": factors});
        sent.app.core(Method::PUT, "/recipe/multitenancy/tenant/v2", &tenant).await;
    };
    tenant("codes", json!(["otp-email", "link-phone"])).await;
    tenant("passwords", json!(["emailpassword"])).await;
    let path = |id: &str, path: &str| path.replace("/auth/", &format!("/auth/{id}/"));
    let asked = sent.app.post(&path("codes", CREATE), &json!({"email": "ann@example.com"})).await;
    assert_eq!(asked.body["flowType"], "USER_INPUT_CODE");
    let (email, code) = sent.mail().await;
    assert_eq!((email.tenant.as_str(), code.link), ("codes", None));
    assert_eq!(sent.app.post(&path("codes", RESEND), &asked.body).await.body, json!({"status": "OK"}));
    let (_, code) = sent.mail().await;
    assert_eq!(code.link, None, "a further code goes by the same");
    let entered = entered(&asked.body, &code.user_input_code.unwrap());
    let made = sent.app.post(&path("codes", CONSUME), &entered).await;
    assert_eq!(made.body["user"]["tenantIds"], json!(["codes"]), "{made:?}");

    let refused = sent.app.post(&path("passwords", CREATE), &json!({"email": "ann@example.com"})).await;
    assert_eq!(refused.seen(), (401, json!({"message": "unauthorised"})));
    assert!(sent.has_sent_nothing());
    // A link that the tenant does not allow does not sign in, wherever it came from.
    let made =
        sent.app.core(Method::POST, "/codes/recipe/signinup/code", &json!({"email": "a@example.com"})).await;
    let link = json!({"preAuthSessionId": made["preAuthSessionId"], "linkCode": made["linkCode"]});
    assert_eq!(sent.app.post(&path("codes", CONSUME), &link).await.status, 401);
}

#[rstest]
#[tokio::test]
async fn whether_an_address_or_a_number_is_taken(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any()).await;
    sent.app.form("/auth/signup", &[("email", "bob@example.com"), ("password", "correct1horse")]).await;
    for contact in [json!({"email": "ann@example.com"}), json!({"phoneNumber": "+442071838750"})] {
        let made = sent.app.core(Method::POST, "/recipe/signinup/code", &contact).await;
        sent.app
            .core(
                Method::POST,
                "/recipe/signinup/code/consume",
                &entered(&made, made["userInputCode"].as_str().unwrap()),
            )
            .await;
    }
    let ask =
        async |path: &str| sent.app.send(Request::get(path).header("rid", "passwordless"), "").await.seen();
    for path in ["/auth/passwordless/email/exists", "/auth/signup/email/exists"] {
        for (query, exists) in [
            ("?email=ANN@example.com", true),
            ("?email=bob@example.com", false),
            ("?email=c@example.com", false),
        ] {
            let told = ask(&format!("{path}{query}")).await;
            assert_eq!(told, (200, json!({"status": "OK", "exists": exists})), "{path}{query}");
        }
        assert_eq!(ask(path).await, (400, json!({"message": "Please provide the email as a GET param"})));
    }
    for path in ["/auth/passwordless/phonenumber/exists", "/auth/signup/phonenumber/exists"] {
        for (query, exists) in
            [("?phoneNumber=%2B44%2020%207183%208750", true), ("?phoneNumber=%2B4420", false)]
        {
            let told = ask(&format!("{path}{query}")).await;
            assert_eq!(told, (200, json!({"status": "OK", "exists": exists})), "{path}{query}");
        }
        let missing = json!({"message": "Please provide the phoneNumber as a GET param"});
        assert_eq!(ask(path).await, (400, missing));
    }
}

#[rstest]
#[tokio::test]
async fn older_frontends_get_a_flat_user(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any()).await;
    for (version, is_new) in [("1.17", true), ("2.0", false)] {
        let asked = sent.app.post(CREATE, &json!({"phoneNumber": "+442071838750"})).await;
        let body = entered(&asked.body, &sent.message().1.user_input_code.unwrap());
        let reply =
            sent.app.send(Request::post(CONSUME).header("fdi-version", version), body.to_string()).await;
        let user = reply.body["user"].clone();
        let names: Vec<_> = user.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["id", "timeJoined", "phoneNumber"]);
        assert_eq!(reply.body, json!({"status": "OK", "user": user, "createdNewUser": is_new}));
    }
}

#[rstest]
#[tokio::test]
async fn a_code_proves_the_address_of_the_session_that_asked(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let sent = Sent::new(shape, any()).await;
    let form = [("email", "ann@example.com"), ("password", "correct1horse")];
    let ann = sent.app.form("/auth/signup", &form).await;
    let id = ann.body["user"]["id"].as_str().unwrap();
    // Before 3.1 a session that is shown counts.
    let as_ann = async |path: &str, body: &Value| {
        let request = Request::post(path).header("fdi-version", "3.0");
        let request = request.header("authorization", format!("Bearer {}", ann.access_token()));
        sent.app.send(request, body.to_string()).await
    };
    let is_proven = async || {
        let user = sent.app.sdk.find_user(&Cx::new(&sent.app.sdk), id).await.unwrap().unwrap();
        user.login_methods[0].verified
    };
    let asked = as_ann(CREATE, &json!({"email": "ann@example.com"})).await;
    assert_eq!(asked.body["flowType"], "USER_INPUT_CODE", "a link may be opened elsewhere");
    let (_, code) = sent.mail().await;
    let wrong = as_ann(CONSUME, &entered(&asked.body, "wrong")).await;
    assert_eq!(wrong.body["failedCodeInputAttemptCount"], 1, "it counts once: {wrong:?}");
    assert!(!is_proven().await);
    let right = as_ann(CONSUME, &entered(&asked.body, &code.user_input_code.unwrap())).await;
    assert_eq!(right.body["status"], "OK", "{right:?}");
    assert!(is_proven().await);
}

#[rstest]
#[tokio::test]
async fn the_app_makes_codes_itself(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let made = Arc::new(AtomicUsize::new(0));
    let number = Arc::clone(&made);
    let recipe = any().custom_user_input_code(move |_, tenant| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        async move { Ok(format!("{tenant} {}", number / 4)) }
    });
    let sent = Sent::new(shape, recipe).await;
    let device = sent.ask("ann@example.com").await;
    assert_eq!(sent.mail().await.1.user_input_code.as_deref(), Some("public 0"));
    // The device has this one. Then it is tried three times at most.
    let failed = sent.app.post(RESEND, &device).await;
    assert_eq!(failed.seen(), general("Failed to generate a one time code. Please try again"));
    assert_eq!(made.load(Ordering::Relaxed), 4);
    assert!(sent.has_sent_nothing());
    assert_eq!(sent.app.post(RESEND, &device).await.body, json!({"status": "OK"}));
    assert_eq!(sent.mail().await.1.user_input_code.as_deref(), Some("public 1"));
    let made = sent.enter(&device, "public 1").await;
    assert_eq!(made.body["status"], "OK", "{made:?}");
}

#[rstest]
#[tokio::test]
async fn the_app_s_own_rules(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = any()
        .validate_email(|_, tenant, email| async move {
            Ok((!email.ends_with("@example.com")).then(|| format!("not at {tenant}")))
        })
        .validate_phone_number(|_, _, number| async move {
            Ok((number != " 110 ").then(|| "only the police".to_owned()))
        });
    let sent = Sent::new(shape, recipe).await;
    let ask = async |body: Value| sent.app.post(CREATE, &body).await.seen();
    assert_eq!(ask(json!({"email": "ann@example.org"})).await, general("not at public"));
    assert_eq!(ask(json!({"phoneNumber": "+442071838750"})).await, general("only the police"));
    assert_eq!(ask(json!({"phoneNumber": " 110 "})).await.1["status"], "OK");
    assert_eq!(sent.message().0, "110", "what is no number to Google is only trimmed");
}

/// A mail server that is down.
struct Down;

#[async_trait]
impl EmailDelivery for Down {
    async fn send(&self, _: &Cx, _: &Email) -> portcullis::Result<()> {
        Err(Error::Delivery("the mail server does not answer".to_owned()))
    }
}

/// Refuses some, and leaves the rest to the APIs below.
struct Strict(Arc<dyn Apis>);

#[async_trait]
impl Apis for Strict {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn create_code(&self, cx: &Cx, request: CodeRequest) -> portcullis::Result<CreateCodeOutcome> {
        if cx.exchange().is_some_and(|exchange| exchange.query("closed").is_some()) {
            return Ok(CreateCodeOutcome::NotAllowed { reason: "closed".to_owned() });
        }
        self.0.create_code(cx, request).await
    }

    async fn resend_code(&self, _: &Cx, _: ResendCodeInput) -> portcullis::Result<ResendCodeOutcome> {
        Err(Error::General("one is enough".to_owned()))
    }

    async fn consume_code(&self, _: &Cx, _: Attempt) -> portcullis::Result<ConsumeCodeOutcome> {
        Ok(ConsumeCodeOutcome::NotAllowed { reason: "not today".to_owned() })
    }
}

#[rstest]
#[tokio::test]
async fn apis_are_replaced_or_taken_away_and_a_failure_to_send_is_told(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let recipe = any().override_apis(Strict).email_delivery(Down).disable(Api::PhoneNumberExists);
    let sent = Sent::new(shape, recipe).await;
    let body = json!({"email": "ann@example.com"});
    assert_eq!(sent.app.post(CREATE, &body).await.status, 500);
    let not_allowed = |reason: &str| (200, json!({"status": "SIGN_IN_UP_NOT_ALLOWED", "reason": reason}));
    let closed = sent.app.post(&format!("{CREATE}?closed=1"), &body).await;
    assert_eq!(closed.seen(), not_allowed("closed"));
    let device = json!({"preAuthSessionId": "x", "deviceId": "x"});
    assert_eq!(sent.app.post(RESEND, &device).await.seen(), general("one is enough"));
    assert_eq!(sent.enter(&device, "x").await.seen(), not_allowed("not today"));
    for path in ["/auth/passwordless/phonenumber/exists", "/auth/signup/phonenumber/exists"] {
        assert!(!sent.app.serves(&Method::GET, path));
    }
    assert!(sent.app.serves(&Method::GET, "/auth/passwordless/email/exists"));
}
