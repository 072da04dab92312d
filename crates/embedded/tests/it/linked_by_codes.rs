//! Codes and passkeys that become login methods of users who are there.

use crate::app::{Mails, Messages, Reply, TestApp};
use crate::webauthn::{REGISTER_OPTIONS, answer, options, passkey, sign_in, sign_up, status};
use http::{Method, Request};
use portcullis::Cx;
use portcullis::recipes::accountlinking::{AccountLinking, AutomaticLinking};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::passwordless::{
    Change, Changed, CodeRequest, Contact, ContactMethod, FlowType, Passwordless, SignInUp,
};
use portcullis::recipes::session::{SessionRecipe, VerifyOptions};
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::sms::SmsSubject;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};

pub(crate) const ANN: &str = "ann@example.com";
pub(crate) const CREATE: &str = "/auth/signinup/code";
pub(crate) const CONSUME: &str = "/auth/signinup/code/consume";

pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) mails: Mails,
    messages: Messages,
}

impl World {
    pub(crate) async fn new(shape: Shape, how: AutomaticLinking) -> Self {
        Self::sending(shape, how, FlowType::UserInputCode).await
    }

    pub(crate) async fn sending(shape: Shape, how: AutomaticLinking, flow: FlowType) -> Self {
        let (mails, messages) = (Mails::default(), Messages::default());
        let linking =
            AccountLinking::new().should_do_automatic_account_linking(move |_, _| async move { Ok(how) });
        let app = TestApp::new(shape, |builder| {
            let codes = Passwordless::new(ContactMethod::EmailOrPhone, flow);
            let builder = builder.email_delivery(mails.clone()).sms_delivery(messages.clone());
            let builder = builder.recipe(EmailPassword::new()).recipe(EmailVerification::optional());
            builder.recipe(linking).recipe(codes).recipe(WebAuthn::new()).recipe(SessionRecipe::new())
        })
        .await;
        Self { app, mails, messages }
    }

    /// A user with a password.
    pub(crate) async fn password(&self, email: &str) -> Reply {
        let made = self.app.form("/auth/signup", &[("email", email), ("password", "correct1horse")]).await;
        assert_eq!(made.body["status"], "OK", "{made:?}");
        made
    }

    /// A user with a password and an address that is proven, and so a primary user.
    pub(crate) async fn proven(&self, email: &str) -> (Reply, String) {
        let id = self.password(email).await.body["user"]["id"].as_str().unwrap().to_owned();
        let to = json!({"userId": id, "email": email});
        let token =
            self.app.core(Method::POST, "/recipe/user/email/verify/token", &to).await["token"].clone();
        let proof = json!({"method": "token", "token": token});
        self.app.core(Method::POST, "/recipe/user/email/verify", &proof).await;
        let form = [("email", email), ("password", "correct1horse")];
        let found = self.app.form("/auth/signin", &form).await;
        assert_eq!(found.body["user"]["isPrimaryUser"], true, "{found:?}");
        (found, id)
    }

    /// A request that asks to link to the session's user.
    pub(crate) async fn linking(&self, session: &Reply, path: &str, body: &Value) -> Reply {
        let mut body = body.clone();
        body["shouldTryLinkingWithSessionUser"] = json!(true);
        let request = Request::post(path).header("fdi-version", "4.2");
        let request = request.header("authorization", format!("Bearer {}", session.access_token()));
        self.app.send(request, body.to_string()).await
    }

    /// The code that was sent.
    async fn code(&self) -> String {
        if let Some((sms, _)) = self.messages.take().pop() {
            let SmsSubject::PasswordlessLogin(code) = sms.subject else { panic!("{sms:?}") };
            return code.user_input_code.unwrap();
        }
        self.mails.one().await.0.subject.user_input_code().unwrap().to_owned()
    }

    pub(crate) async fn entered(&self, device: &Reply) -> Value {
        json!({
            "preAuthSessionId": device.body["preAuthSessionId"],
            "deviceId": device.body["deviceId"],
            "userInputCode": self.code().await,
        })
    }
}

pub(crate) fn refused(word: &str, code: &str) -> impl Fn(&Reply) {
    let (word, code) = (word.to_owned(), format!("(ERR_CODE_{code})"));
    move |reply| {
        assert_eq!((reply.status, &reply.body["status"]), (200, &json!(word)), "{reply:?}");
        assert!(reply.body["reason"].as_str().unwrap().ends_with(&code), "{reply:?}");
        assert!(reply.headers.get("st-access-token").is_none());
    }
}

#[rstest]
#[tokio::test]
async fn a_code_is_linked_to_whoever_has_proven_the_address(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (_, ann) = world.proven(ANN).await;
    for is_new in [true, false] {
        let device = world.app.post(CREATE, &json!({"email": ANN})).await;
        let signed_in = world.app.post(CONSUME, &world.entered(&device).await).await;
        assert_eq!(signed_in.body["user"]["id"], ann.as_str(), "{signed_in:?}");
        assert_eq!(signed_in.body["user"]["loginMethods"].as_array().unwrap().len(), 2);
        assert_eq!(signed_in.body["createdNewRecipeUser"], is_new);
    }
}

#[rstest]
#[tokio::test]
async fn a_code_is_not_sent_where_somebody_may_have_set_a_trap(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    world.password(ANN).await;
    let not_allowed = refused("SIGN_IN_UP_NOT_ALLOWED", "002");
    not_allowed(&world.app.post(CREATE, &json!({"email": ANN})).await);
    assert!(world.mails.take().is_empty());
    // Nor does one work that came from elsewhere.
    let made = world.app.core(Method::POST, "/recipe/signinup/code", &json!({"email": ANN})).await;
    let link = json!({"preAuthSessionId": made["preAuthSessionId"], "deviceId": made["deviceId"],
        "userInputCode": made["userInputCode"]});
    not_allowed(&world.app.post(CONSUME, &link).await);
    assert_eq!(world.app.sdk.user_count(&Cx::new(&world.app.sdk), &[], None).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn a_session_s_user_adds_a_phone_number(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (session, ann) = world.proven(ANN).await;
    let number = json!({"phoneNumber": "+442071838750"});
    let device = world.linking(&session, CREATE, &number).await;
    assert_eq!(device.body["flowType"], "USER_INPUT_CODE");
    let linked = world.linking(&session, CONSUME, &world.entered(&device).await).await;
    let user = &linked.body["user"];
    assert_eq!((&user["id"], &user["phoneNumbers"]), (&json!(ann), &json!(["+442071838750"])), "{linked:?}");
    assert!(linked.headers.get("st-access-token").is_none(), "the session goes on");
    // Another user cannot have it as well.
    let (bobs, bob) = world.proven("bob@example.com").await;
    let device = world.linking(&bobs, CREATE, &number).await;
    refused("SIGN_IN_UP_NOT_ALLOWED", "017")(
        &world.linking(&bobs, CONSUME, &world.entered(&device).await).await,
    );
    let bob = world.app.sdk.find_user(&Cx::new(&world.app.sdk), &bob).await.unwrap().unwrap();
    assert!(bob.phone_numbers.is_empty());
    // And without a session there is nothing to link to.
    let nobody = json!({"phoneNumber": "+442071838750", "shouldTryLinkingWithSessionUser": true});
    assert_eq!(world.app.post(CREATE, &nobody).await.status, 401);
}

#[rstest]
#[tokio::test]
async fn a_code_proves_the_address_before_anything_is_linked(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let session = world.password(ANN).await;
    let id = session.body["user"]["id"].clone();
    // Another way does not help the user, whose address is not proven.
    let device = world.linking(&session, CREATE, &json!({"phoneNumber": "+442071838750"})).await;
    let unproven = world.linking(&session, CONSUME, &world.entered(&device).await).await;
    assert_eq!((unproven.status, &unproven.body["claimValidationErrors"][0]["id"]), (403, &json!("st-ev")));

    let device = world.linking(&session, CREATE, &json!({"email": ANN})).await;
    let entered = world.entered(&device).await;
    let mut wrong = entered.clone();
    wrong["userInputCode"] = json!("wrong");
    let told = world.linking(&session, CONSUME, &wrong).await;
    assert_eq!(told.status, 403, "the address is not proven by that: {told:?}");
    let linked = world.linking(&session, CONSUME, &entered).await;
    assert_eq!((&linked.body["status"], &linked.body["user"]["id"]), (&json!("OK"), &id), "{linked:?}");
    assert_eq!(linked.body["user"]["loginMethods"].as_array().unwrap().len(), 2);
}

#[rstest]
#[tokio::test]
async fn a_passkey_with_another_s_address_is_not_let_in(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    // One that was there before.
    let mut early = passkey();
    assert_eq!(sign_up(&world.app, ANN, &mut early).await.body["status"], "OK");
    let info = json!({"thirdPartyId": "google", "thirdPartyUserId": "ann", "email": {"id": ANN, "isVerified": true}});
    let google = world.app.core(Method::POST, "/recipe/signinup", &info).await;
    let google = json!({"recipeUserId": google["user"]["id"]});
    world.app.core(Method::POST, "/recipe/accountlinking/user/primary", &google).await;
    // Where the Node SDK breaks down.
    refused("SIGN_IN_NOT_ALLOWED", "030")(&sign_in(&world.app, &mut early).await);
    let again = sign_up(&world.app, ANN, &mut passkey()).await;
    assert_eq!(again.seen(), status("EMAIL_ALREADY_EXISTS_ERROR"));
    // One that comes later.
    world.proven("bob@example.com").await;
    refused("SIGN_UP_NOT_ALLOWED", "025")(&sign_up(&world.app, "bob@example.com", &mut passkey()).await);
}

#[rstest]
#[tokio::test]
async fn a_session_s_user_adds_a_passkey(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (session, ann) = world.proven(ANN).await;
    let (mut own, mut bobs) = (passkey(), passkey());
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"email": ANN})).await;
    let linked = world.linking(&session, "/auth/webauthn/signup", &answer(&made, &mut own)).await;
    assert_eq!(
        (&linked.body["status"], &linked.body["user"]["id"]),
        (&json!("OK"), &json!(ann)),
        "{linked:?}"
    );
    assert_eq!(linked.body["user"]["webauthn"]["credentialIds"], json!([own.id()]));
    assert!(linked.headers.get("st-access-token").is_none(), "the session goes on");
    assert_eq!(sign_in(&world.app, &mut own).await.body["user"]["id"], ann.as_str());
    // An address that she has not proven is not linked.
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"email": "bob@example.com"})).await;
    let unproven = world.linking(&session, "/auth/webauthn/signup", &answer(&made, &mut bobs)).await;
    refused("SIGN_UP_NOT_ALLOWED", "026")(&unproven);
    let made = options(&world.app, "/auth/webauthn/options/signin", &json!({})).await;
    let unproven = world.linking(&session, "/auth/webauthn/signin", &answer(&made, &mut bobs)).await;
    refused("SIGN_IN_NOT_ALLOWED", "031")(&unproven);
}

#[rstest]
#[tokio::test]
async fn a_user_without_a_passkey_gets_one_by_a_link(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (_, ann) = world.proven(ANN).await;
    let asked = world.app.post("/auth/user/webauthn/reset/token", &json!({"email": ANN})).await;
    assert_eq!(asked.seen(), status("OK"));
    let (email, _) = world.mails.one().await;
    assert_eq!(
        (email.to.as_str(), email.user_id.as_deref(), email.recipe_user_id),
        (ANN, Some(ann.as_str()), None)
    );
    let token = crate::app::token_of(email.subject.link().unwrap(), "webauthn/recover");
    let mut new = passkey();
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"recoverAccountToken": token})).await;
    let mut body = answer(&made, &mut new);
    body["token"] = json!(token);
    assert_eq!(world.app.post("/auth/user/webauthn/reset", &body).await.seen(), status("OK"));
    let found = sign_in(&world.app, &mut new).await;
    assert_eq!(
        (&found.body["user"]["id"], &found.body["user"]["emails"]),
        (&json!(ann), &json!([ANN])),
        "{found:?}"
    );
    // Options for somebody else make no login method with that person's address.
    world.proven("bob@example.com").await;
    world.app.post("/auth/user/webauthn/reset/token", &json!({"email": "bob@example.com"})).await;
    let token = world.mails.token("webauthn/recover").await;
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"email": "cy@example.com"})).await;
    let mut body = answer(&made, &mut passkey());
    body["token"] = json!(token);
    assert_eq!(
        world.app.post("/auth/user/webauthn/reset", &body).await.seen(),
        status("INVALID_OPTIONS_ERROR")
    );
}

/// What a user's id goes by may be another address than the one that the link was asked for at, or none.
#[rstest]
#[tokio::test]
async fn a_link_to_any_address_that_a_user_has_proven_gives_a_passkey_that_works(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (by_address, ann) = world.proven(ANN).await;
    let device = world.app.post(CREATE, &json!({"phoneNumber": "+442071838750"})).await;
    let by_phone = world.app.post(CONSUME, &world.entered(&device).await).await;
    let bob = by_phone.body["user"]["id"].as_str().unwrap().to_owned();
    // The app has said that this is Bob, which proves no address.
    let old = world.password("bob@old.example.com").await.body["user"]["id"].as_str().unwrap().to_owned();
    let sdk = &world.app.sdk;
    sdk.account_linking().link_accounts(&Cx::new(sdk), &old, &bob).await.unwrap();
    world.app.advance(1);
    for (session, id, email, methods) in
        [(&by_address, &ann, "ann@work.example.com", 3), (&by_phone, &bob, "bob@work.example.com", 4)]
    {
        let device = world.linking(session, CREATE, &json!({"email": email})).await;
        let linked = world.linking(session, CONSUME, &world.entered(&device).await).await;
        assert_eq!(linked.body["user"]["id"], id.as_str(), "{linked:?}");
        world.app.post("/auth/user/webauthn/reset/token", &json!({"email": email})).await;
        let token = world.mails.token("webauthn/recover").await;
        let mut new = passkey();
        let made = options(&world.app, REGISTER_OPTIONS, &json!({"recoverAccountToken": token})).await;
        let mut body = answer(&made, &mut new);
        body["token"] = json!(token);
        assert_eq!(world.app.post("/auth/user/webauthn/reset", &body).await.seen(), status("OK"));
        let found = sign_in(&world.app, &mut new).await;
        assert_eq!(found.body["user"]["id"], id.as_str(), "{found:?}");
        assert_eq!(found.body["user"]["loginMethods"].as_array().unwrap().len(), methods);
    }
}

#[rstest]
#[tokio::test]
async fn from_the_app_s_own_code(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (session, ann) = world.proven(ANN).await;
    let (cx, codes) = (Cx::new(&world.app.sdk), world.app.sdk.passwordless().unwrap());
    let sessions = world.app.sdk.session().unwrap();
    let session =
        sessions.verify_without_request(&cx, session.access_token(), None, &VerifyOptions::new()).await;
    let phone = Contact::PhoneNumber("+442071838750".to_owned());
    let request = CodeRequest::new("public", phone).linking_to(session.unwrap().unwrap());
    let linked = codes.sign_in_up(&cx, &request).await.unwrap();
    let SignInUp::Ok { user, .. } = linked else { panic!("{linked:?}") };
    assert_eq!((user.id, user.login_methods.len()), (ann, 2));
    // An address that is a primary user's is nobody else's.
    let bob = Contact::Email("bob@example.com".to_owned());
    let made = codes.sign_in_up(&cx, &CodeRequest::new("public", bob)).await.unwrap();
    let SignInUp::Ok { recipe_user_id, .. } = made else { panic!("{made:?}") };
    let changed = codes.update_user(&cx, &Change::of(&recipe_user_id).email(ANN)).await.unwrap();
    assert!(matches!(changed, Changed::EmailChangeNotAllowed { .. }), "{changed:?}");
}
