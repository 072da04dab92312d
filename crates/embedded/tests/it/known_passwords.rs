//! Passwords that the core refuses because everybody knows them.

use crate::app::{Mails, TestApp, info};
use portcullis::Cx;
use portcullis::recipes::emailpassword::{Change, Changed, EmailPassword};
use portcullis::recipes::session::SessionRecipe;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

const ANN: [(&str, &str); 2] = [("email", "ann@example.com"), ("password", "correct1horse")];

#[rstest]
#[tokio::test]
async fn a_password_that_the_core_refuses_is_an_error_of_its_field(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let mails = Mails::default();
    let recipe = EmailPassword::new().email_delivery(mails.clone());
    let settings = json!({"refuse_common_passwords": true});
    let describe = |builder: portcullis::Builder| builder.recipe(recipe).recipe(SessionRecipe::new());
    let app = TestApp::of(info(), shape, &settings, describe).await;
    let reason = "This password is one of the most common ones. Please choose another one.";
    let fields = json!([{"id": "password", "error": reason}]);
    let refused = (200, json!({"status": "FIELD_ERROR", "formFields": fields}));
    let common = [("email", "ann@example.com"), ("password", "password1")];
    assert_eq!(app.form("/auth/signup", &common).await.seen(), refused);
    app.form("/auth/signup", &ANN).await;

    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.email_password().unwrap());
    let policy = Changed::PolicyViolated { reason: reason.to_owned() };
    let id = app.sdk.users_by_email(&cx, "public", "ann@example.com").await.unwrap()[0].id.clone();
    let change = Change::of(&id).password("password1");
    assert_eq!(recipe.update_email_or_password(&cx, &change).await.unwrap(), policy);
    assert!(recipe.send_reset_password_email(&cx, "public", &id, "ann@example.com").await.unwrap());
    let token = mails.token("reset-password").await;
    let reset =
        json!({"method": "token", "token": token, "formFields": [{"id": "password", "value": "password1"}]});
    assert_eq!(app.post("/auth/user/password/reset", &reset).await.seen(), refused);
    assert_eq!(app.form("/auth/signin", &ANN).await.body["status"], "OK");
}
