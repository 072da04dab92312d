//! Which recipe serves a path that two of them know.

use crate::app::TestApp;
use http::{Method, Request};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::passwordless::{
    CodeRequest, Contact, ContactMethod, FlowType, Passwordless, SignInUp,
};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::ThirdPartyRecipe;
use portcullis::{Builder, Cx};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

fn passwords_first(builder: Builder) -> Builder {
    builder.recipe(EmailPassword::new()).recipe(codes())
}

fn codes_first(builder: Builder) -> Builder {
    builder.recipe(codes()).recipe(EmailPassword::new())
}

fn codes() -> Passwordless {
    Passwordless::new(ContactMethod::Email, FlowType::UserInputCode)
}

/// Frontends before FDI 3.0 knew recipes that were two in one, and name them still.
#[rstest]
#[case::passwords_first(passwords_first, "passwords")]
#[case::codes_first(codes_first, "codes")]
#[tokio::test]
async fn a_rid_chooses_among_recipes(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[case] describe: fn(Builder) -> Builder,
    #[case] first: &str,
) {
    let app = TestApp::new(shape, |builder| {
        describe(builder).recipe(ThirdPartyRecipe::new()).recipe(SessionRecipe::new())
    })
    .await;
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.passwordless().unwrap());
    let contact = Contact::Email("codes@example.com".to_owned());
    let made = recipe.sign_in_up(&cx, &CodeRequest::new("public", contact)).await.unwrap();
    assert!(matches!(made, SignInUp::Ok { is_new: true, .. }), "{made:?}");
    let passwords = app.sdk.email_password().unwrap();
    passwords.sign_up(&cx, "public", "passwords@example.com", "correct1horse").await.unwrap();
    for (rid, asked) in [
        (None, first),
        (Some("anti-csrf"), first),
        (Some("emailpassword"), "passwords"),
        (Some("passwordless"), "codes"),
        (Some("thirdpartyemailpassword"), "passwords"),
        (Some("thirdpartypasswordless"), "codes"),
        (Some("thirdparty"), first),
        (Some("thirdpartyelse"), first),
    ] {
        for path in ["/auth/signup/email/exists", "/auth/public/signup/email/exists"] {
            for known in ["passwords", "codes"] {
                let mut request = Request::get(format!("{path}?email={known}@example.com"));
                if let Some(rid) = rid {
                    request = request.header("rid", rid);
                }
                let told = app.send(request, "").await;
                let expected = json!({"status": "OK", "exists": known == asked});
                assert_eq!(told.seen(), (200, expected), "{rid:?} {path} {known}");
            }
        }
    }
    // What only the other recipe serves is served all the same.
    for (rid, path) in
        [("thirdpartyemailpassword", "/auth/signinup/code"), ("thirdpartypasswordless", "/auth/signin")]
    {
        assert!(app.sdk.is_for(&Method::POST, path, Some(rid)), "{rid} {path}");
    }
    assert!(app.sdk.is_for(&Method::POST, "/auth/signinup", Some("thirdpartypasswordless")));
}
