//! Sign-up and sign-in with a password.

use crate::app::{Mails, TestApp, info, token_of};
use async_trait::async_trait;
use http::{Method, Request};
use portcullis::email::{Email, EmailDelivery};
use portcullis::recipes::emailpassword::{
    Api, Apis, Attempt, Change, Changed, ConsumedToken, EmailPassword, FormField, FormInput, Functions,
    Reset, SignIn, SignInOutcome, SignUp, SignUpOutcome,
};
use portcullis::recipes::session::SessionRecipe;
use portcullis::{BuildError, Cx, Error, Portcullis};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

const ANN: [(&str, &str); 2] = [("email", "Ann@Example.com "), ("password", "correct1horse")];

async fn app(shape: Shape, recipe: EmailPassword) -> TestApp {
    TestApp::new(shape, |builder| builder.recipe(recipe).recipe(SessionRecipe::new())).await
}

fn field_error(fields: &[(&str, &str)]) -> (u16, Value) {
    let fields: Vec<_> = fields.iter().map(|(id, error)| json!({"id": id, "error": error})).collect();
    (200, json!({"status": "FIELD_ERROR", "formFields": fields}))
}

#[rstest]
#[tokio::test]
async fn a_user_signs_up_and_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, EmailPassword::new()).await;
    let made = app.form("/auth/signup", &ANN).await;
    let user = made.body["user"].clone();
    let id = user["id"].as_str().unwrap();
    assert_eq!(
        made.seen(),
        (
            200,
            json!({"status": "OK", "user": {
                "id": id,
                "isPrimaryUser": false,
                "tenantIds": ["public"],
                "emails": ["ann@example.com"],
                "phoneNumbers": [],
                "thirdParty": [],
                "webauthn": {"credentialIds": []},
                "timeJoined": user["timeJoined"],
                "loginMethods": [{
                    "recipeId": "emailpassword",
                    "recipeUserId": id,
                    "tenantIds": ["public"],
                    "email": "ann@example.com",
                    "verified": false,
                    "timeJoined": user["timeJoined"],
                }],
            }})
        )
    );
    let session = app.sdk.session().unwrap();
    let cx = Cx::new(&app.sdk);
    let options = portcullis::recipes::session::VerifyOptions::new();
    let verified = session.verify_without_request(&cx, made.access_token(), None, &options).await.unwrap();
    assert_eq!(verified.unwrap().user_id(), id);

    let again = app.form("/auth/signup", &ANN).await;
    assert_eq!(again.seen(), field_error(&[("email", "This email already exists. Please sign in instead.")]));
    assert!(again.headers.get("st-access-token").is_none());

    let found = app.form("/auth/signin", &ANN).await;
    assert_eq!((found.status, &found.body["user"]), (200, &user));
    assert_ne!(found.access_token(), made.access_token());
    for wrong in
        [("ann@example.com", "wrong"), ("bob@example.com", "correct1horse"), ("x@a.fakeemail.com", "y")]
    {
        let reply = app.form("/auth/signin", &[("email", wrong.0), ("password", wrong.1)]).await;
        assert_eq!(reply.seen(), (200, json!({"status": "WRONG_CREDENTIALS_ERROR"})));
    }
    let fake = [("email", "x@stfakeemail.supertokens.com"), ("password", "correct1horse")];
    assert_eq!(
        app.form("/auth/signup", &fake).await.seen(),
        field_error(&[("email", "This email already exists. Please sign in instead.")])
    );
}

#[rstest]
#[tokio::test]
async fn older_frontends_get_a_flat_user(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, EmailPassword::new()).await;
    app.form("/auth/signup", &ANN).await;
    let body = json!({"formFields": [
        {"id": "email", "value": "ann@example.com"}, {"id": "password", "value": "correct1horse"}]});
    for (versions, is_flat) in [
        ("1.17", true),
        ("1.17,2.0", true),
        ("1.18", false),
        ("1.19,2.0", true),
        ("2.0,3.0", false),
        ("4.2", false),
    ] {
        let request = Request::post("/auth/signin").header("fdi-version", versions);
        let reply = app.send(request, body.to_string()).await;
        let user = reply.body["user"].as_object().unwrap();
        let names: Vec<_> = user.keys().map(String::as_str).collect();
        if is_flat {
            assert_eq!(names, ["id", "timeJoined", "email"], "{versions}");
        } else {
            assert!(user.contains_key("loginMethods"), "{versions}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_session_that_the_request_shows_decides_only_if_it_may(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape, EmailPassword::new()).await;
    let ann = app.form("/auth/signup", &ANN).await;
    app.form("/auth/signup", &[("email", "bob@example.com"), ("password", "correct1horse")]).await;
    let as_ann = |version: &str| {
        Request::post("/auth/signin")
            .header("fdi-version", version)
            .header("authorization", format!("Bearer {}", ann.access_token()))
    };
    let body = |email: &str, flag: Value| {
        json!({"shouldTryLinkingWithSessionUser": flag, "formFields": [
            {"id": "email", "value": email}, {"id": "password", "value": "correct1horse"}]})
        .to_string()
    };
    // Before 3.1 the session counts: the user's own goes on, another user's is replaced.
    let own = app.send(as_ann("3.0"), body("ann@example.com", Value::Null)).await;
    assert_eq!((own.status, own.headers.get("st-access-token")), (200, None));
    let other = app.send(as_ann("3.0"), body("bob@example.com", Value::Null)).await;
    assert_eq!(other.body["user"]["emails"], json!(["bob@example.com"]));
    assert_ne!(other.access_token(), ann.access_token());
    // From then on the flag does.
    let anew = app.send(as_ann("3.1"), body("ann@example.com", json!(false))).await;
    assert_ne!(anew.access_token(), ann.access_token());
    let linking = app.send(as_ann("3.1"), body("ann@example.com", json!(true))).await;
    assert_eq!(linking.status, 500, "accounts are not linked");
    let nobody = app.send(Request::post("/auth/signin"), body("ann@example.com", json!(true))).await;
    assert_eq!(nobody.seen(), (401, json!({"message": "unauthorised"})));
    // A day later the access token is no longer believed.
    app.advance(25 * 3_600_000);
    let expired = app.send(as_ann("3.0"), body("ann@example.com", Value::Null)).await;
    assert_eq!(expired.seen(), (401, json!({"message": "try refresh token"})));
    let anew = app.send(as_ann("3.1"), body("ann@example.com", json!(false))).await;
    assert_eq!(anew.status, 200, "nobody looks at it");
}

#[rstest]
#[tokio::test]
async fn bodies_that_are_no_form(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, EmailPassword::new()).await;
    let field = |field: Value| json!({"formFields": [field]}).to_string();
    let malformed = "API input error: Please make sure to pass a valid JSON input in the request body";
    let no_object = "All elements of formFields must be an object";
    let no_field = "All elements of formFields must contain an 'id' and 'value' field";
    let many =
        json!({"formFields": [{"id": "a", "value": 1}, {"id": "b", "value": 1}, {"id": "c", "value": 1}]});
    for (body, text) in [
        (String::new(), "Missing input param: formFields"),
        ("{}".to_owned(), "Missing input param: formFields"),
        ("[]".to_owned(), "Missing input param: formFields"),
        ("{".to_owned(), malformed),
        (r#"{"formFields": {}}"#.to_owned(), "formFields must be an array"),
        (field(json!("x")), no_object),
        (field(Value::Null), no_object),
        (field(json!([])), no_field),
        (field(json!({"id": "email"})), no_field),
        (field(json!({"id": 1, "value": "x"})), no_field),
        (field(json!({"id": "email", "value": null})), "email value must be a string"),
        (field(json!({"id": "password", "value": 7})), "password value must be a string"),
        (many.to_string(), "Are you sending too many formFields?"),
    ] {
        for path in ["/auth/signup", "/auth/signin", "/auth/t1/signup"] {
            let reply = app.send(Request::post(path), body.clone()).await;
            assert_eq!(reply.seen(), (400, json!({"message": text})), "{path} {body}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn faults_of_fields_come_in_the_form_s_order(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let age = FormField::new("age").validator(|cx: Cx, tenant, value| async move {
        cx.user_context().set("tenant", tenant);
        Ok((value.as_i64() < Some(18)).then(|| "You must be at least 18".to_owned()))
    });
    let recipe = EmailPassword::new().form_field(FormField::new("country").optional()).form_field(age);
    let app = app(shape, recipe).await;
    let missing = "Field is not optional";
    let all = app.post("/auth/signup", &json!({"formFields": []})).await;
    assert_eq!(all.seen(), field_error(&[("age", missing), ("password", missing), ("email", missing)]));
    let fields = |age: Value, email: &str| {
        json!({"formFields": [
            {"id": "email", "value": email}, {"id": "age", "value": age},
            {"id": "password", "value": "short"}, {"id": "country", "value": ""}]})
    };
    let wrong = app.post("/auth/signup", &fields(json!(17), "x")).await;
    let password = "Password must contain at least 8 characters, including a number";
    assert_eq!(
        wrong.seen(),
        field_error(&[
            ("age", "You must be at least 18"),
            ("password", password),
            ("email", "Email is invalid")
        ])
    );
    let short = app.post("/auth/signup", &fields(json!(18), "a@example.com")).await;
    assert_eq!(short.seen(), field_error(&[("password", password)]));
    // Signing in asks nothing of a password but that it is there.
    let signin = app.form("/auth/signin", &[("email", "x"), ("password", "")]).await;
    assert_eq!(signin.seen(), field_error(&[("password", missing), ("email", "Email is invalid")]));
    let signin = app.form("/auth/signin", &[("email", "x@example.com"), ("password", "short")]).await;
    assert_eq!(signin.body["status"], "WRONG_CREDENTIALS_ERROR");
}

#[rstest]
#[tokio::test]
async fn whether_an_address_is_taken(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, EmailPassword::new()).await;
    app.form("/auth/signup", &ANN).await;
    for path in
        ["/auth/emailpassword/email/exists", "/auth/signup/email/exists", "/auth/public/signup/email/exists"]
    {
        for (query, exists) in [("ANN@example.com", true), ("bob@example.com", false)] {
            let reply = app.send(Request::get(format!("{path}?email={query}")), "").await;
            assert_eq!(reply.seen(), (200, json!({"status": "OK", "exists": exists})), "{path} {query}");
        }
        for query in ["", "?email=ann@example.com&email=bob@example.com"] {
            let reply = app.send(Request::get(format!("{path}{query}")), "").await;
            let text = "Please provide the email as a GET param";
            assert_eq!(reply.seen(), (400, json!({"message": text})), "{query}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_tenant_s_first_factors_are_kept_to(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, EmailPassword::new()).await;
    let tenant = |id: &str, factors: Value| json!({"tenantId": id, "firstFactors": factors});
    for (id, factors) in
        [("any", Value::Null), ("own", json!(["emailpassword"])), ("none", json!(["otp-email"]))]
    {
        app.core(Method::PUT, "/recipe/multitenancy/tenant/v2", &tenant(id, factors)).await;
    }
    for id in ["any", "own"] {
        let made = app.form(&format!("/auth/{id}/signup"), &ANN).await;
        assert_eq!(made.body["user"]["tenantIds"], json!([id]));
        assert_eq!(app.form(&format!("/auth/{id}/signin"), &ANN).await.body["status"], "OK");
    }
    let refused = app.form("/auth/none/signup", &ANN).await;
    assert_eq!(refused.seen(), (401, json!({"message": "unauthorised"})));
    let unknown = app.form("/auth/unknown/signup", &ANN).await;
    assert_eq!(unknown.status, 500);
    // With a session of that tenant, which an older frontend shows, it is the caller's mistake.
    let cx = Cx::new(&app.sdk);
    let new = portcullis::recipes::session::NewSession::of("someone").tenant("none");
    let session = app.sdk.session().unwrap().create_without_request(&cx, new).await.unwrap();
    let request = Request::post("/auth/signup")
        .header("fdi-version", "1.19")
        .header("authorization", format!("Bearer {}", session.access_token()));
    let body = json!({"formFields": [
        {"id": "email", "value": "a@example.com"}, {"id": "password", "value": "correct1horse"}]});
    let refused = app.send(request, body.to_string()).await;
    assert_eq!(refused.status, 400, "{refused:?}");
}

/// Counts sign-ins in the user context, and knows a password that is always wrong.
struct Counting(Arc<dyn Functions>);

#[async_trait]
impl Functions for Counting {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn sign_up(&self, cx: &Cx, attempt: &Attempt) -> portcullis::Result<SignUp> {
        let outcome = self.0.sign_up(cx, attempt).await?;
        cx.user_context().set("seen", "by the function");
        Ok(outcome)
    }

    async fn verify_credentials(
        &self,
        cx: &Cx,
        tenant: &str,
        email: &str,
        password: &str,
    ) -> portcullis::Result<SignIn> {
        if password == "revoked" {
            return Ok(SignIn::WrongCredentials);
        }
        self.0.verify_credentials(cx, tenant, email, password).await
    }
}

/// Refuses some, and leaves the rest to the APIs below.
struct Strict(Arc<dyn Apis>);

#[async_trait]
impl Apis for Strict {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn sign_up(&self, cx: &Cx, input: FormInput) -> portcullis::Result<SignUpOutcome> {
        let email = input.values.text("email").unwrap().to_owned();
        if email == "closed@example.com" {
            let reason = "Sign-up is closed".to_owned();
            return Ok(SignUpOutcome::NotAllowed { reason });
        }
        let outcome = self.0.sign_up(cx, input).await?;
        assert_eq!(cx.user_context().named("seen"), Some("by the function".into()));
        if email == "general@example.com" {
            Err(Error::General("Come back later".to_owned()))
        } else {
            Ok(outcome)
        }
    }

    async fn sign_in(&self, _: &Cx, _: FormInput) -> portcullis::Result<SignInOutcome> {
        Ok(SignInOutcome::NotAllowed { reason: "Not today".to_owned() })
    }
}

#[rstest]
#[tokio::test]
async fn functions_and_apis_are_replaced_or_taken_away(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = EmailPassword::new().override_functions(Counting).override_apis(Strict);
    let app = app(shape, recipe.disable(Api::EmailExists)).await;
    let sign_up = async |email: &str| {
        app.form("/auth/signup", &[("email", email), ("password", "correct1horse")]).await.seen()
    };
    assert_eq!(sign_up("ann@example.com").await.1["status"], "OK");
    let reason = "Sign-up is closed";
    assert_eq!(
        sign_up("closed@example.com").await,
        (200, json!({"status": "SIGN_UP_NOT_ALLOWED", "reason": reason}))
    );
    assert_eq!(
        sign_up("general@example.com").await,
        (200, json!({"status": "GENERAL_ERROR", "message": "Come back later"}))
    );
    assert_eq!(
        app.form("/auth/signin", &ANN).await.seen(),
        (200, json!({"status": "SIGN_IN_NOT_ALLOWED", "reason": "Not today"}))
    );
    assert!(!app.serves(&Method::GET, "/auth/emailpassword/email/exists"));
    assert!(!app.serves(&Method::GET, "/auth/signup/email/exists"));
    assert!(!app.serves(&Method::GET, "/auth/signup"));
    assert!(app.serves(&Method::POST, "/auth/signup"));
    // The function that signs in calls the one that was replaced.
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.email_password().unwrap());
    assert!(recipe.verify_credentials(&cx, "public", "ann@example.com", "correct1horse").await.unwrap());
    let found = recipe.sign_in(&cx, "public", "ann@example.com", "correct1horse").await.unwrap();
    assert!(matches!(found, SignIn::Ok { .. }), "{found:?}");
    let refused = recipe.sign_in(&cx, "public", "ann@example.com", "revoked").await.unwrap();
    assert!(matches!(refused, SignIn::WrongCredentials), "{refused:?}");
}

#[rstest]
#[tokio::test]
async fn a_password_is_reset_by_e_mail(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let app = app(shape, EmailPassword::new().email_delivery(mails.clone())).await;
    let id = app.form("/auth/signup", &ANN).await.body["user"]["id"].as_str().unwrap().to_owned();
    let ask = async |email: &str| app.form("/auth/user/password/reset/token", &[("email", email)]).await;
    let reset = async |token: Value, password: &str| {
        let fields = json!([{"id": "password", "value": password}]);
        app.post("/auth/user/password/reset", &json!({"formFields": fields, "token": token})).await.seen()
    };
    assert_eq!(ask("bob@example.com").await.seen(), (200, json!({"status": "OK"})));
    assert!(mails.take().is_empty(), "nobody is written to who is not known");
    assert_eq!(ask("ANN@example.com").await.seen(), (200, json!({"status": "OK"})));
    let (email, content) = mails.one().await;
    assert_eq!((email.to.as_str(), email.user_id.as_ref()), ("ann@example.com", Some(&id)));
    assert_eq!(email.recipe_user_id.as_ref(), Some(&id));
    let link = email.subject.link().unwrap();
    assert!(content.text.contains(link) && content.subject.contains("Demo"), "{content:?}");
    assert!(content.html.contains(&link.replace('&', "&#38;")), "{}", content.html);
    let token = token_of(link, "reset-password");

    let bad = |text: &str| (400, json!({"message": text}));
    let missing = app.form("/auth/user/password/reset", &[("password", "another2horse")]).await;
    assert_eq!(missing.seen(), bad("Please provide the password reset token"));
    assert_eq!(reset(json!(1), "another2horse").await, bad("The password reset token must be a string"));
    let rule = "Password must contain at least one number";
    assert_eq!(reset(json!(token), "no-number-here").await, field_error(&[("password", rule)]));
    assert_eq!(reset(json!(token), "another2horse").await, (200, json!({"status": "OK"})));
    let invalid = (200, json!({"status": "RESET_PASSWORD_INVALID_TOKEN_ERROR"}));
    assert_eq!(reset(json!(token), "another2horse").await, invalid, "a token works once");
    assert_eq!(reset(json!("made up"), "another2horse").await, invalid);
    assert_eq!(app.form("/auth/signin", &ANN).await.body["status"], "WRONG_CREDENTIALS_ERROR");
    let changed =
        app.form("/auth/signin", &[("email", "ann@example.com"), ("password", "another2horse")]).await;
    assert_eq!(changed.body["user"]["loginMethods"][0]["verified"], false, "there is no such recipe");

    assert_eq!(ask("x").await.seen(), field_error(&[("email", "Email is invalid")]));
    // A user who is deleted takes the token along.
    ask("ann@example.com").await;
    let token = mails.token("reset-password").await;
    app.sdk.delete_user(&Cx::new(&app.sdk), &id, true).await.unwrap();
    assert_eq!(reset(json!(token), "another2horse").await, invalid);
}

#[rstest]
#[tokio::test]
async fn a_reset_link_goes_to_the_address_of_the_account_whatever_was_typed(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    // The Kelvin sign is another letter, and another mailbox, but its lower case is a `k`.
    let look_alike = "mi\u{212A}e@example.com";
    let mails = Mails::default();
    let app = app(shape, EmailPassword::new().email_delivery(mails.clone())).await;
    let made =
        app.form("/auth/signup", &[("email", "mike@example.com"), ("password", "correct1horse")]).await;
    let id = made.body["user"]["id"].as_str().unwrap();
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.email_password().unwrap());
    for by_the_app in [false, true] {
        if by_the_app {
            assert!(recipe.send_reset_password_email(&cx, "public", id, look_alike).await.unwrap());
        } else {
            let asked = app.form("/auth/user/password/reset/token", &[("email", look_alike)]).await;
            assert_eq!(asked.seen(), (200, json!({"status": "OK"})));
        }
        let (email, _) = mails.one().await;
        assert_eq!(email.to, "mike@example.com");
        // And it is this address that the link proves.
        let token = token_of(email.subject.link().unwrap(), "reset-password");
        let consumed = recipe.consume_password_reset_token(&cx, "public", &token).await.unwrap();
        let own = ConsumedToken::Ok { user_id: id.to_owned(), email: "mike@example.com".to_owned() };
        assert_eq!(consumed, own);
    }
}

/// A mail server that is down.
struct Down;

#[async_trait]
impl EmailDelivery for Down {
    async fn send(&self, _: &Cx, _: &Email) -> portcullis::Result<()> {
        Err(Error::Delivery("the mail server does not answer".to_owned()))
    }
}

/// A mail server that never answers.
struct Silent;

#[async_trait]
impl EmailDelivery for Silent {
    async fn send(&self, _: &Cx, _: &Email) -> portcullis::Result<()> {
        std::future::pending().await
    }
}

#[rstest]
#[case::down(Arc::new(Down))]
#[case::silent(Arc::new(Silent))]
#[tokio::test]
async fn a_mail_server_does_not_tell_a_stranger_who_is_known(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[case] delivery: Arc<dyn EmailDelivery>,
) {
    let app = app(shape, EmailPassword::new().email_delivery(delivery)).await;
    app.form("/auth/signup", &ANN).await;
    for email in ["ann@example.com", "bob@example.com"] {
        let fields = [("email", email)];
        let asked = app.form("/auth/user/password/reset/token", &fields);
        let asked = tokio::time::timeout(std::time::Duration::from_secs(5), asked).await;
        assert_eq!(asked.unwrap().seen(), (200, json!({"status": "OK"})), "{email}");
    }
}

/// Makes no token, and never says so.
struct Stuck(Arc<dyn Functions>);

#[async_trait]
impl Functions for Stuck {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn create_reset_password_token(
        &self,
        _: &Cx,
        _: &str,
        _: &str,
        _: &str,
    ) -> portcullis::Result<Option<String>> {
        std::future::pending().await
    }
}

#[rstest]
#[tokio::test]
async fn the_token_s_making_does_not_tell_a_stranger_who_is_known(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape, EmailPassword::new().override_functions(Stuck)).await;
    app.form("/auth/signup", &ANN).await;
    let asked = app.form("/auth/user/password/reset/token", &[("email", "ann@example.com")]);
    let asked = tokio::time::timeout(std::time::Duration::from_secs(5), asked).await;
    assert_eq!(asked.unwrap().seen(), (200, json!({"status": "OK"})));
}

#[rstest]
#[tokio::test]
async fn links_lead_to_the_site_that_asked(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let app = TestApp::new(shape, |builder| {
        let builder = builder.email_delivery(mails.clone());
        builder.recipe(EmailPassword::new()).recipe(SessionRecipe::new())
    })
    .await;
    app.form("/auth/signup", &ANN).await;
    let body = json!({"formFields": [{"id": "email", "value": "ann@example.com"}]}).to_string();
    let request = Request::post("/auth/user/password/reset/token").header("origin", "https://evil.example");
    assert_eq!(app.send(request, body).await.status, 200);
    mails.token("reset-password").await;
}

#[rstest]
#[tokio::test]
async fn what_the_app_can_do_itself(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let strict = FormField::new("password").validator(|_, tenant, value| async move {
        Ok((tenant == "strict" && value.as_str().unwrap_or_default().len() < 20).then(|| "longer".to_owned()))
    });
    let app = app(shape, EmailPassword::new().email_delivery(mails.clone()).form_field(strict)).await;
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.email_password().unwrap());
    let made = recipe.create_new_recipe_user(&cx, "public", "ann@example.com", "x").await.unwrap();
    let SignUp::Ok { recipe_user_id: id, .. } = made else { panic!("{made:?}") };
    let again = recipe.sign_up(&cx, "public", "ann@example.com", "x").await.unwrap();
    assert!(matches!(again, SignUp::EmailAlreadyExists), "{again:?}");

    assert!(recipe.send_reset_password_email(&cx, "public", &id, "Ann@example.com").await.unwrap());
    let token = mails.token("reset-password").await;
    for (user, email) in [("unknown", "ann@example.com"), (id.as_str(), "bob@example.com")] {
        assert!(!recipe.send_reset_password_email(&cx, "public", user, email).await.unwrap());
    }
    assert_eq!(recipe.create_reset_password_link(&cx, "public", "unknown", "a@b.co").await.unwrap(), None);
    let link = recipe.create_reset_password_link(&cx, "public", &id, "ann@example.com").await.unwrap();
    let other = token_of(&link.unwrap(), "reset-password");
    let consumed = recipe.consume_password_reset_token(&cx, "public", &other).await.unwrap();
    assert_eq!(consumed, ConsumedToken::Ok { user_id: id.clone(), email: "ann@example.com".to_owned() });
    // One that is used up takes the others of the user along.
    let reset = recipe.reset_password_using_token(&cx, "public", &token, "y").await.unwrap();
    assert_eq!(reset, Reset::InvalidToken);
    let token = recipe.create_reset_password_token(&cx, "public", &id, "ann@example.com").await.unwrap();
    let reset = recipe.reset_password_using_token(&cx, "public", &token.unwrap(), "y").await.unwrap();
    assert_eq!(reset, Reset::Ok);
    assert!(recipe.verify_credentials(&cx, "public", "ann@example.com", "y").await.unwrap());

    recipe.sign_up(&cx, "public", "bob@example.com", "x").await.unwrap();
    let change = async |change: Change| recipe.update_email_or_password(&cx, &change).await.unwrap();
    let longer = Changed::PolicyViolated { reason: "longer".to_owned() };
    assert_eq!(change(Change::of(&id).password("z").policy_of_tenant("strict")).await, longer);
    let any = Change::of(&id).password("z").policy_of_tenant("strict").without_password_policy();
    assert_eq!(change(any).await, Changed::Ok);
    assert_eq!(change(Change::of(&id).email("bob@example.com")).await, Changed::EmailAlreadyExists);
    assert_eq!(change(Change::of(&id).email("new@example.com")).await, Changed::Ok);
    assert_eq!(change(Change::of("unknown").email("new2@example.com")).await, Changed::UnknownUser);
    assert!(recipe.verify_credentials(&cx, "public", "new@example.com", "z").await.unwrap());
}

#[test]
fn what_a_description_may_not_be() {
    let describe =
        |recipe: EmailPassword| Portcullis::builder(info()).core("http://localhost:3567").recipe(recipe);
    let missing = BuildError::MissingRecipe { recipe: "emailpassword", needs: "session" };
    assert_eq!(describe(EmailPassword::new()).build().unwrap_err(), missing);
    let twice = EmailPassword::new().form_field(FormField::new("name")).form_field(FormField::new("name"));
    let error = describe(twice).recipe(SessionRecipe::new()).build().unwrap_err();
    assert!(matches!(error, BuildError::Recipe { recipe: "emailpassword", .. }), "{error}");
}
