//! E-mails and text messages that the app itself sends, each in the way of a recipe.

use crate::app::{Mails, Messages, TestApp};
use portcullis::Cx;
use portcullis::email::{Email, EmailSubject};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::passwordless::{ContactMethod, FlowType, LoginCode, Passwordless};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::sms::{Sms, SmsSubject};
use portcullis_testkit::Shape;
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn each_recipe_sends_in_its_own_way(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let (common, passwords, proofs, codes, passkeys) =
        (Mails::default(), Mails::default(), Mails::default(), Mails::default(), Mails::default());
    let (common_sms, sms) = (Messages::default(), Messages::default());
    let recipe = Passwordless::new(ContactMethod::EmailOrPhone, FlowType::MagicLink);
    let recipe = recipe.email_delivery(codes.clone()).sms_delivery(sms.clone());
    let app = TestApp::new(shape, |builder| {
        let builder = builder.email_delivery(common.clone()).sms_delivery(common_sms.clone());
        let builder = builder.recipe(EmailPassword::new().email_delivery(passwords.clone()));
        let builder = builder.recipe(EmailVerification::optional().email_delivery(proofs.clone()));
        let builder = builder.recipe(WebAuthn::new().email_delivery(passkeys.clone()));
        builder.recipe(recipe).recipe(SessionRecipe::new())
    })
    .await;
    let (cx, sdk) = (Cx::new(&app.sdk), &app.sdk);
    let link = || "http://localhost:3000/auth/page?token=t".to_owned();
    let code = LoginCode {
        link: Some(link()),
        user_input_code: None,
        code_lifetime: 900_000,
        pre_auth_session_id: "p".to_owned(),
        is_first_factor: true,
    };
    let email = |subject: EmailSubject| Email::new("ann@example.com", subject, "public");
    let reset = email(EmailSubject::PasswordReset { link: link() }).of_user("u", Some("r"));
    sdk.email_password().unwrap().send_email(&cx, &reset).await.unwrap();
    let (sent, content) = passwords.one().await;
    assert_eq!((sent.to.as_str(), sent.user_id.as_deref()), ("ann@example.com", Some("u")));
    assert!(content.text.contains(&link()), "{}", content.text);
    let proof = email(EmailSubject::EmailVerification { link: link() });
    sdk.email_verification().unwrap().send_email(&cx, &proof).await.unwrap();
    assert_eq!(proofs.one().await.0.subject, proof.subject);
    let login = email(EmailSubject::PasswordlessLogin(code.clone()));
    sdk.passwordless().unwrap().send_email(&cx, &login).await.unwrap();
    assert_eq!(codes.one().await.0.subject, login.subject);
    let recovery = email(EmailSubject::RecoverAccount { link: link() });
    sdk.webauthn().unwrap().send_email(&cx, &recovery).await.unwrap();
    assert_eq!(passkeys.one().await.0.subject, recovery.subject);

    let message = Sms::new("+442071838750", SmsSubject::PasswordlessLogin(code), "public");
    sdk.passwordless().unwrap().send_sms(&cx, &message).await.unwrap();
    let [(sent, text)] = sms.take().try_into().unwrap();
    assert_eq!(sent.to, "+442071838750");
    assert!(text.contains(&link()), "{text}");
    assert!(common.take().is_empty() && common_sms.take().is_empty());
}
