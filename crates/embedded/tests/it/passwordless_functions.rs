//! Codes and links, from the app's own code.

use crate::passwordless::{Sent, followed};
use async_trait::async_trait;
use portcullis::email::{Email, EmailSubject};
use portcullis::recipes::passwordless::{
    Attempt, Change, Changed, CodeFault, CodeProof, CodeRequest, Contact, ContactMethod, Device, FlowType,
    Functions, LoginCode, NewCode, Passwordless, Revocation, SignInUp,
};
use portcullis::sms::{Sms, SmsSubject};
use portcullis::{Cx, User};
use portcullis_testkit::Shape;
use rstest::rstest;
use std::sync::Arc;

const T: &str = "public";

fn ann() -> Contact {
    Contact::Email("ann@example.com".to_owned())
}

fn phone() -> Contact {
    Contact::PhoneNumber("+442071838750".to_owned())
}

fn any(flow: FlowType) -> Passwordless {
    Passwordless::new(ContactMethod::EmailOrPhone, flow)
}

fn signed_in(outcome: SignInUp) -> (User, String, bool) {
    match outcome {
        SignInUp::Ok { user, recipe_user_id, is_new, .. } => (user, recipe_user_id, is_new),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn a_code_s_whole_life(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any(FlowType::UserInputCodeAndMagicLink)).await;
    let (cx, codes) = (Cx::new(&sent.app.sdk), sent.app.sdk.passwordless().unwrap());
    let request = CodeRequest::new(T, ann()).user_input_code("my own");
    let code = codes.create_code(&cx, &request).await.unwrap();
    assert_eq!((code.user_input_code.as_str(), code.code_lifetime), ("my own", 900_000));
    let id = code.pre_auth_session_id.as_str();
    assert!(!format!("{code:?} {request:?}").contains("my own"));

    sent.app.advance(1);
    let again = codes.create_new_code_for_device(&cx, T, &code.device_id, Some("my own")).await.unwrap();
    assert!(matches!(again, NewCode::UserInputCodeAlreadyUsed), "{again:?}");
    let further = codes.create_new_code_for_device(&cx, T, &code.device_id, None).await.unwrap();
    let NewCode::Ok(further) = further else { panic!("{further:?}") };

    let by_id = codes.list_codes_by_pre_auth_session_id(&cx, T, id).await.unwrap().unwrap();
    assert_eq!((by_id.email.as_deref(), by_id.phone_number.as_deref()), (Some("ann@example.com"), None));
    let ids = |device: &Device| device.codes.iter().map(|code| code.code_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&by_id), [code.code_id.clone(), further.code_id.clone()]);
    let by_device = codes.list_codes_by_device_id(&cx, T, &code.device_id).await.unwrap().unwrap();
    let by_email = codes.list_codes_by_email(&cx, T, "ANN@example.com").await.unwrap();
    assert_eq!((ids(&by_device), ids(&by_email[0])), (ids(&by_id), ids(&by_id)));
    assert!(codes.list_codes_by_phone_number(&cx, T, "+442071838750").await.unwrap().is_empty());

    let wrong = CodeProof::Entered { device_id: code.device_id.clone(), user_input_code: "x".to_owned() };
    let fault = codes.check_code(&cx, T, id, &wrong).await.unwrap().unwrap_err();
    assert_eq!(fault, CodeFault::Incorrect { failed_attempts: 1, max_attempts: 5 });
    let right =
        CodeProof::Entered { device_id: code.device_id.clone(), user_input_code: "my own".to_owned() };
    for _ in 0..2 {
        let device = codes.check_code(&cx, T, id, &right).await.unwrap().unwrap();
        assert_eq!(device.email.as_deref(), Some("ann@example.com"), "it stays");
    }
    codes.revoke_code(&cx, T, &Revocation::Code { code_id: further.code_id }).await.unwrap();
    let link = CodeProof::Link { link_code: further.link_code };
    let fault = codes.check_code(&cx, T, id, &link).await.unwrap().unwrap_err();
    assert_eq!(fault, CodeFault::RestartFlow);
    let used = codes.consume_code(&cx, &Attempt::new(T, id, right.clone())).await.unwrap();
    let (user, recipe_user_id, is_new) = signed_in(used);
    assert_eq!((user.id, is_new), (recipe_user_id, true));
    let used = codes.consume_code(&cx, &Attempt::new(T, id, right)).await.unwrap();
    assert!(matches!(used, SignInUp::Refused(CodeFault::RestartFlow)), "{used:?}");
    let gone = codes.create_new_code_for_device(&cx, T, &code.device_id, None).await.unwrap();
    assert!(matches!(gone, NewCode::RestartFlow), "{gone:?}");
}

#[rstest]
#[tokio::test]
async fn codes_are_revoked(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any(FlowType::UserInputCode)).await;
    let (cx, codes) = (Cx::new(&sent.app.sdk), sent.app.sdk.passwordless().unwrap());
    for contact in [ann(), phone()] {
        let code = codes.create_code(&cx, &CodeRequest::new(T, contact.clone())).await.unwrap();
        let id = &code.pre_auth_session_id;
        let device = Revocation::Device { pre_auth_session_id: id.clone() };
        codes.revoke_code(&cx, T, &device).await.unwrap();
        assert!(codes.list_codes_by_pre_auth_session_id(&cx, T, id).await.unwrap().is_none());
        for _ in 0..2 {
            codes.create_code(&cx, &CodeRequest::new(T, contact.clone())).await.unwrap();
        }
        let left = async || match &contact {
            Contact::Email(email) => codes.list_codes_by_email(&cx, T, email).await.unwrap().len(),
            Contact::PhoneNumber(number) => {
                codes.list_codes_by_phone_number(&cx, T, number).await.unwrap().len()
            }
        };
        assert_eq!(left().await, 2);
        codes.revoke_all_codes(&cx, T, &contact).await.unwrap();
        assert_eq!(left().await, 0);
    }
}

#[rstest]
#[case(FlowType::MagicLink)]
#[case(FlowType::UserInputCode)]
#[tokio::test]
async fn users_without_a_code_that_anybody_received(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[case] flow: FlowType,
) {
    let sent = Sent::new(shape, any(flow)).await;
    let (cx, codes) = (Cx::new(&sent.app.sdk), sent.app.sdk.passwordless().unwrap());
    let (made, _, is_new) = signed_in(codes.sign_in_up(&cx, &CodeRequest::new(T, ann())).await.unwrap());
    assert!(is_new && made.login_methods[0].verified);
    let (found, _, is_new) = signed_in(codes.sign_in_up(&cx, &CodeRequest::new(T, ann())).await.unwrap());
    assert_eq!((found.id, is_new), (made.id.clone(), false));
    let link = codes.create_magic_link(&cx, T, ann()).await.unwrap();
    let used = sent.app.post("/auth/signinup/code/consume", &followed(&link)).await;
    if flow == FlowType::MagicLink {
        assert_eq!(used.body["user"]["id"], made.id.as_str(), "{used:?}");
    } else {
        assert_eq!(used.status, 401, "links are no factor of this app: {used:?}");
    }
}

#[rstest]
#[tokio::test]
async fn addresses_and_numbers_are_changed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any(FlowType::UserInputCode)).await;
    let (cx, codes) = (Cx::new(&sent.app.sdk), sent.app.sdk.passwordless().unwrap());
    let (_, id, _) = signed_in(codes.sign_in_up(&cx, &CodeRequest::new(T, ann())).await.unwrap());
    signed_in(codes.sign_in_up(&cx, &CodeRequest::new(T, phone())).await.unwrap());
    signed_in(
        codes
            .sign_in_up(&cx, &CodeRequest::new(T, Contact::Email("bob@example.com".to_owned())))
            .await
            .unwrap(),
    );
    let change = async |change: Change| codes.update_user(&cx, &change).await.unwrap();
    assert_eq!(change(Change::of("unknown").email("new@example.com")).await, Changed::UnknownUser);
    assert_eq!(change(Change::of(&id).email("bob@example.com")).await, Changed::EmailAlreadyExists);
    let taken = change(Change::of(&id).phone_number("+442071838750")).await;
    assert_eq!(taken, Changed::PhoneNumberAlreadyExists);
    let moved = Change::of(&id).phone_number("+44 20 7183 8751").without_email();
    assert_eq!((moved.new_email(), moved.new_phone_number()), (None, Some("+44 20 7183 8751")));
    assert_eq!(change(moved).await, Changed::Ok);
    let user = sent.app.sdk.find_user(&cx, &id).await.unwrap().unwrap();
    assert_eq!((user.emails, user.phone_numbers), (vec![], vec!["+442071838751".to_owned()]));
    assert_eq!(change(Change::of(&id).email("new@example.com").without_phone_number()).await, Changed::Ok);
    let user = sent.app.sdk.find_user(&cx, &id).await.unwrap().unwrap();
    assert_eq!((user.emails, user.phone_numbers), (vec!["new@example.com".to_owned()], vec![]));
}

#[rstest]
#[tokio::test]
async fn the_app_sends_by_itself(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any(FlowType::UserInputCode)).await;
    let (cx, codes) = (Cx::new(&sent.app.sdk), sent.app.sdk.passwordless().unwrap());
    let code = LoginCode {
        link: None,
        user_input_code: Some("123456".to_owned()),
        code_lifetime: 900_000,
        pre_auth_session_id: "x".to_owned(),
        is_first_factor: false,
    };
    let email = Email::new("ann@example.com", EmailSubject::PasswordlessLogin(code.clone()), T);
    codes.send_email(&cx, &email).await.unwrap();
    assert_eq!(sent.mail().await.1, code);
    let sms = Sms::new("+442071838750", SmsSubject::PasswordlessLogin(code), T);
    codes.send_sms(&cx, &sms).await.unwrap();
    assert_eq!(sms.text(&cx), "123456 is your code for Demo. It works for 15 minutes.");
}

/// Counts what is asked of it, and knows a code that is always wrong.
struct Counting(Arc<dyn Functions>);

#[async_trait]
impl Functions for Counting {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn consume_code(&self, cx: &Cx, attempt: &Attempt) -> portcullis::Result<SignInUp> {
        if matches!(&attempt.proof, CodeProof::Entered { user_input_code, .. } if user_input_code == "revoked")
        {
            return Ok(SignInUp::Refused(CodeFault::RestartFlow));
        }
        self.0.consume_code(cx, attempt).await
    }
}

#[rstest]
#[tokio::test]
async fn functions_are_replaced_for_apis_too(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let sent = Sent::new(shape, any(FlowType::UserInputCode).override_functions(Counting)).await;
    let (cx, codes) = (Cx::new(&sent.app.sdk), sent.app.sdk.passwordless().unwrap());
    let code = codes.create_code(&cx, &CodeRequest::new(T, ann()).user_input_code("revoked")).await.unwrap();
    let body = serde_json::json!({"preAuthSessionId": code.pre_auth_session_id, "deviceId": code.device_id,
        "userInputCode": "revoked"});
    let refused = sent.app.post("/auth/signinup/code/consume", &body).await;
    assert_eq!(refused.body["status"], "RESTART_FLOW_ERROR");
    let listed = codes.list_codes_by_email(&cx, T, "ann@example.com").await.unwrap();
    assert_eq!(listed.len(), 1, "the core was not asked");
}
