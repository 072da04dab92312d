//! What a stranger tries with codes, links and passkeys in order to get at somebody's account, and does not get.

use crate::app::Reply;
use crate::linked_by_codes::{ANN, CONSUME, CREATE, World, refused};
use crate::webauthn::{
    REGISTER_OPTIONS, SIGN_IN, SIGN_IN_OPTIONS, answer, options, passkey, sign_in, sign_up, status,
};
use http::{Method, Request};
use portcullis::Cx;
use portcullis::recipes::accountlinking::AutomaticLinking;
use portcullis::recipes::emailpassword::{Change as PasswordChange, Changed};
use portcullis::recipes::passwordless::FlowType;
use portcullis::recipes::webauthn::EmailUpdate;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};

const EVE: &str = "eve@example.com";

impl World {
    /// A link that somebody has asked for, as the page that it leads to sends it on.
    async fn link_for(&self, email: &str) -> Value {
        let made = self.app.core(Method::POST, "/recipe/signinup/code", &json!({"email": email})).await;
        json!({"preAuthSessionId": made["preAuthSessionId"], "linkCode": made["linkCode"]})
    }

    /// What a frontend from before 3.1 sends, which does not say whether it wants anything linked.
    async fn send_by_old_frontend(&self, session: &Reply, path: &str, body: &Value) -> Reply {
        let request = Request::post(path).header("fdi-version", "3.0");
        let request = request.header("authorization", format!("Bearer {}", session.access_token()));
        self.app.send(request, body.to_string()).await
    }

    async fn methods_of(&self, id: &str) -> usize {
        let found = self.app.sdk.find_user(&Cx::new(&self.app.sdk), id).await.unwrap();
        found.unwrap().login_methods.len()
    }
}

fn id(reply: &Reply) -> &str {
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("OK")), "{reply:?}");
    reply.body["user"]["id"].as_str().unwrap()
}

/// With one click Eve's address would sign in as Ann. In the Node SDK it does.
#[rstest]
#[tokio::test]
async fn a_stranger_s_link_is_not_linked_to_whoever_opens_it(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let flow = FlowType::UserInputCodeAndMagicLink;
    let world = World::sending(shape, AutomaticLinking::IfVerified, flow).await;
    let (session, ann) = world.proven(ANN).await;
    let opened = world.send_by_old_frontend(&session, CONSUME, &world.link_for(EVE).await).await;
    assert_ne!(id(&opened), ann);
    assert_eq!(opened.body["user"]["emails"], json!([EVE]));
    assert_ne!(opened.access_token(), session.access_token(), "it is Eve's session");
    assert_eq!(world.methods_of(&ann).await, 1);
    // A code that was asked for with the session is what such a frontend links with.
    let device = world.send_by_old_frontend(&session, CREATE, &json!({"email": "work@example.com"})).await;
    let linked = world.send_by_old_frontend(&session, CONSUME, &world.entered(&device).await).await;
    assert_eq!((id(&linked), world.methods_of(&ann).await), (ann.as_str(), 2));
}

#[rstest]
#[tokio::test]
async fn a_code_works_where_it_was_asked_for_and_nowhere_else(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let tenant = json!({"tenantId": "t1"});
    world.app.core(Method::PUT, "/recipe/multitenancy/tenant/v2", &tenant).await;
    let (anns, eves) = (
        world.app.post(CREATE, &json!({"email": ANN})).await,
        world.app.core(Method::POST, "/recipe/signinup/code", &json!({"email": EVE})).await,
    );
    let entered = world.entered(&anns).await;
    // Eve has overheard the code, but has not the device; nor does another tenant know of it.
    let mut stolen = entered.clone();
    stolen["deviceId"] = eves["deviceId"].clone();
    assert_eq!(world.app.post(CONSUME, &stolen).await.status, 400, "the device is another one");
    stolen["preAuthSessionId"] = eves["preAuthSessionId"].clone();
    if stolen["userInputCode"] != eves["userInputCode"] {
        let word = world.app.post(CONSUME, &stolen).await.body["status"].clone();
        assert_eq!(word, "INCORRECT_USER_INPUT_CODE_ERROR");
    }
    let elsewhere = world.app.post("/auth/t1/signinup/code/consume", &entered).await;
    assert_eq!(elsewhere.seen(), status("RESTART_FLOW_ERROR"));
    let signed_in = world.app.post(CONSUME, &entered).await;
    assert_eq!(signed_in.body["user"]["emails"], json!([ANN]), "{signed_in:?}");
    assert_eq!(world.app.post(CONSUME, &entered).await.seen(), status("RESTART_FLOW_ERROR"));
}

#[rstest]
#[tokio::test]
async fn an_answer_of_a_passkey_is_good_once_and_for_its_options(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::No).await;
    let tenant = json!({"tenantId": "t1"});
    world.app.core(Method::PUT, "/recipe/multitenancy/tenant/v2", &tenant).await;
    let mut anns = passkey();
    assert_eq!(sign_up(&world.app, ANN, &mut anns).await.body["status"], "OK");
    let made = options(&world.app, SIGN_IN_OPTIONS, &json!({})).await;
    let overheard = answer(&made, &mut anns);
    let invalid = status("INVALID_CREDENTIALS_ERROR");
    // With options that Eve has asked for herself.
    let mut swapped = overheard.clone();
    let own = options(&world.app, SIGN_IN_OPTIONS, &json!({})).await;
    swapped["webauthnGeneratedOptionsId"] = own["webauthnGeneratedOptionsId"].clone();
    assert_eq!(world.app.post(SIGN_IN, &swapped).await.seen(), invalid);
    assert_eq!(world.app.post("/auth/t1/webauthn/signin", &overheard).await.seen(), invalid);
    id(&world.app.post(SIGN_IN, &overheard).await);
    assert_eq!(world.app.post(SIGN_IN, &overheard).await.seen(), invalid);
}

#[rstest]
#[tokio::test]
async fn a_session_of_one_user_takes_no_code_and_no_passkey_of_another_s(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[values(AutomaticLinking::IfVerified, AutomaticLinking::EvenUnverified)] how: AutomaticLinking,
) {
    let world = World::new(shape, how).await;
    let (eves, eve) = world.proven(EVE).await;
    // Bob has a code and a passkey.
    let device = world.app.post(CREATE, &json!({"email": "bob@example.com"})).await;
    let bob = id(&world.app.post(CONSUME, &world.entered(&device).await).await).to_owned();
    let mut key = passkey();
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"email": "cy@example.com"})).await;
    let cy = id(&world.app.post("/auth/webauthn/signup", &answer(&made, &mut key)).await).to_owned();
    let to = json!({"userId": cy, "email": "cy@example.com"});
    let token = world.app.core(Method::POST, "/recipe/user/email/verify/token", &to).await["token"].clone();
    let proof = json!({"method": "token", "token": token});
    world.app.core(Method::POST, "/recipe/user/email/verify", &proof).await;
    assert_eq!(sign_in(&world.app, &mut key).await.body["user"]["isPrimaryUser"], true);

    // They sign in in Eve's browser.
    let device = world.linking(&eves, CREATE, &json!({"email": "bob@example.com"})).await;
    let entered = world.entered(&device).await;
    refused("SIGN_IN_UP_NOT_ALLOWED", "017")(&world.linking(&eves, CONSUME, &entered).await);
    let made = options(&world.app, SIGN_IN_OPTIONS, &json!({})).await;
    let answered = answer(&made, &mut key);
    refused("SIGN_IN_NOT_ALLOWED", "032")(&world.linking(&eves, "/auth/webauthn/signin", &answered).await);
    // A new passkey for the address of one of them.
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"email": "bob@example.com"})).await;
    let refusal = world.linking(&eves, "/auth/webauthn/signup", &answer(&made, &mut passkey())).await;
    assert_eq!(refusal.body["status"], "SIGN_UP_NOT_ALLOWED", "{refusal:?}");
    assert!(refusal.headers.get("st-access-token").is_none());
    for user in [&eve, &bob, &cy] {
        assert_eq!(world.methods_of(user).await, 1);
    }
}

#[rstest]
#[tokio::test]
async fn who_was_there_first_gains_nothing_by_a_code(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    // Eve has signed up with Ann's address and a passkey.
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let mut eves = passkey();
    let eve = id(&sign_up(&world.app, ANN, &mut eves).await).to_owned();
    refused("SIGN_IN_UP_NOT_ALLOWED", "002")(&world.app.post(CREATE, &json!({"email": ANN})).await);
    // Nor is a password put into Eve's account.
    let asked = world.app.form("/auth/user/password/reset/token", &[("email", ANN)]).await;
    assert_eq!(asked.body, json!({"status": "OK"}));
    let device = world.app.post(CREATE, &json!({"email": "bob@example.com"})).await;
    world.entered(&device).await;
    assert!(world.mails.take().is_empty(), "nothing but Bob's code was sent");
    assert_eq!(world.methods_of(&eve).await, 1);
    // An app that links nothing lets Ann in, as somebody else.
    let apart = World::new(shape, AutomaticLinking::No).await;
    let eve = id(&sign_up(&apart.app, ANN, &mut eves).await).to_owned();
    let device = apart.app.post(CREATE, &json!({"email": ANN})).await;
    let ann = apart.app.post(CONSUME, &apart.entered(&device).await).await;
    assert_ne!(id(&ann), eve);
    assert_eq!(sign_in(&apart.app, &mut eves).await.body["user"]["id"], eve.as_str());
}

/// Whoever reads the old mailbox gets no further with what came there.
#[rstest]
#[tokio::test]
async fn what_was_sent_to_an_address_is_of_no_use_once_it_is_changed(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (cx, passwords) = (Cx::new(&world.app.sdk), world.app.sdk.email_password().unwrap());
    let reset = async |token: &str| {
        let fields = json!([{"id": "password", "value": "the1stranger's"}]);
        let body = json!({"formFields": fields, "token": token});
        world.app.post("/auth/user/password/reset", &body).await.body
    };
    let (_, ann) = world.proven(ANN).await;
    for (email, change) in [
        (ANN, PasswordChange::of(&ann).email("new@example.com")),
        ("new@example.com", PasswordChange::of(&ann).password("another2horse")),
    ] {
        world.app.form("/auth/user/password/reset/token", &[("email", email)]).await;
        let token = world.mails.token("reset-password").await;
        assert_eq!(passwords.update_email_or_password(&cx, &change).await.unwrap(), Changed::Ok);
        assert_eq!(reset(&token).await, json!({"status": "RESET_PASSWORD_INVALID_TOKEN_ERROR"}));
    }
    let mut key = passkey();
    let cy = id(&sign_up(&world.app, "cy@example.com", &mut key).await).to_owned();
    world.app.post("/auth/user/webauthn/reset/token", &json!({"email": "cy@example.com"})).await;
    let token = world.mails.token("webauthn/recover").await;
    let passkeys = world.app.sdk.webauthn().unwrap();
    let changed = passkeys.update_user_email(&cx, "public", &cy, "newcy@example.com").await;
    assert_eq!(changed.unwrap(), EmailUpdate::Ok);
    let told = world.app.post(REGISTER_OPTIONS, &json!({"recoverAccountToken": token})).await;
    assert_eq!(told.seen(), status("RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"));
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"email": "newcy@example.com"})).await;
    let mut body = answer(&made, &mut passkey());
    body["token"] = json!(token);
    let told = world.app.post("/auth/user/webauthn/reset", &body).await;
    assert_eq!(told.seen(), status("RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"));
}

/// Eve proves an address of her own with a token from before she took Ann's.
#[rstest]
#[tokio::test]
async fn a_proof_is_of_the_address_that_it_was_asked_for(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (cx, passwords) = (Cx::new(&world.app.sdk), world.app.sdk.email_password().unwrap());
    let session = world.password(EVE).await;
    let eve = session.body["user"]["id"].as_str().unwrap().to_owned();
    let with_session = async |method: Method, path: &str, body: &Value| {
        world.app.with_session(method, path, session.access_token(), body).await
    };
    with_session(Method::POST, "/auth/user/email/verify/token", &Value::Null).await;
    let token = world.mails.token("verify-email").await;
    let change = PasswordChange::of(&eve).email(ANN);
    assert_eq!(passwords.update_email_or_password(&cx, &change).await.unwrap(), Changed::Ok);
    // Ann comes by way of a provider.
    let info = json!({"thirdPartyId": "google", "thirdPartyUserId": "ann", "email": {"id": ANN, "isVerified": true}});
    let ann = world.app.core(Method::POST, "/recipe/signinup", &info).await;
    let ann = json!({"recipeUserId": ann["user"]["id"]});
    world.app.core(Method::POST, "/recipe/accountlinking/user/primary", &ann).await;

    let proof = json!({"method": "token", "token": token});
    let told = with_session(Method::POST, "/auth/user/email/verify", &proof).await;
    assert_eq!(told.seen(), status("OK"));
    let told = with_session(Method::GET, "/auth/user/email/verify", &Value::Null).await;
    assert_eq!(told.seen(), (200, json!({"status": "OK", "isVerified": false})));
    let user = world.app.sdk.find_user(&Cx::new(&world.app.sdk), &eve).await.unwrap().unwrap();
    assert!(user.id == eve && !user.login_methods[0].verified, "{user:?}");
    assert_eq!(world.methods_of(ann["recipeUserId"].as_str().unwrap()).await, 1);
}

/// Ann's passkey would be in Eve's account, as options for the token are for the address that Eve has proven.
#[rstest]
#[tokio::test]
async fn a_token_for_an_address_that_its_user_has_not_proven_links_nobody(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (_, eve) = world.proven(EVE).await;
    let trap = json!({"recipeUserId": id(&world.password(ANN).await), "primaryUserId": eve});
    world.app.core(Method::POST, "/recipe/accountlinking/user/link", &trap).await;
    let (cx, passkeys) = (Cx::new(&world.app.sdk), world.app.sdk.webauthn().unwrap());
    let token = passkeys.generate_recover_account_token(&cx, "public", &eve, ANN).await.unwrap().unwrap();
    let made = options(&world.app, REGISTER_OPTIONS, &json!({"recoverAccountToken": token})).await;
    assert_eq!(made["user"]["name"], EVE);
    let mut body = answer(&made, &mut passkey());
    body["token"] = json!(token);
    assert_eq!(world.app.post("/auth/user/webauthn/reset", &body).await.seen(), status("OK"));
    assert_eq!(world.methods_of(&eve).await, 2);
}
