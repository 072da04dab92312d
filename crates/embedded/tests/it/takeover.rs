//! What a stranger tries in order to get at somebody's account, and does not get.

use crate::accountlinking::{PASSWORD, World, code};
use http::Request;
use portcullis::recipes::accountlinking::AutomaticLinking;
use portcullis::recipes::emailpassword::{Change, Changed};
use portcullis::recipes::session::VerifyOptions;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

const VICTIM: &str = "victim@example.com";

async fn ask_for_reset(world: &World) -> serde_json::Value {
    world.app.form("/auth/user/password/reset/token", &[("email", VICTIM)]).await.body
}

#[rstest]
#[tokio::test]
async fn who_signs_up_first_with_the_victim_s_address_gains_nothing(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[values(AutomaticLinking::No, AutomaticLinking::IfVerified)] how: AutomaticLinking,
) {
    let world = World::new(shape, how).await;
    let theirs = world.sign_up(VICTIM).await;
    let id = theirs.body["user"]["id"].as_str().unwrap().to_owned();
    // The victim finds the address taken, and asks for a new password.
    let taken = world.sign_up(VICTIM).await;
    assert_eq!(taken.body["formFields"][0]["error"], "This email already exists. Please sign in instead.");
    assert_eq!(ask_for_reset(&world).await, json!({"status": "OK"}));
    let token = world.mails.token("reset-password").await;
    let fields = json!([{"id": "password", "value": "the1victim's"}]);
    let reply =
        world.app.post("/auth/user/password/reset", &json!({"formFields": fields, "token": token})).await;
    assert_eq!(reply.body, json!({"status": "OK"}));
    // Neither the stranger's password nor the stranger's session gets at what is the victim's now.
    assert_eq!(world.sign_in(VICTIM).await.body, json!({"status": "WRONG_CREDENTIALS_ERROR"}));
    let request = Request::post("/auth/session/refresh")
        .header("authorization", format!("Bearer {}", theirs.headers["st-refresh-token"].to_str().unwrap()));
    assert_eq!(world.app.send(request, "").await.status, 401);
    let (cx, sessions) = (world.cx(), world.app.sdk.session().unwrap());
    let options = VerifyOptions::new().check_database();
    assert!(sessions.verify_without_request(&cx, theirs.access_token(), None, &options).await.is_err());
    let fields = [("email", VICTIM), ("password", "the1victim's")];
    let signed_in = world.app.form("/auth/signin", &fields).await;
    assert_eq!(signed_in.body["user"]["loginMethods"][0]["verified"], true, "{signed_in:?}");
    assert_eq!(signed_in.body["user"]["id"], id.as_str());
}

#[rstest]
#[tokio::test]
async fn a_second_login_method_with_the_victim_s_address_is_not_let_in(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let victim = world.google(VICTIM, true).await;
    world.primary(&victim).await;
    assert_eq!(code(&world.sign_up(VICTIM).await), ("SIGN_UP_NOT_ALLOWED", 7));
    // Nor does one that is there already: a mail to the victim to prove the address would link it.
    world.password(VICTIM).await;
    assert_eq!(code(&world.sign_in(VICTIM).await), ("SIGN_IN_NOT_ALLOWED", 8));
    // Nor one that takes the address later.
    let stranger = world.password("stranger@example.com").await;
    let passwords = world.app.sdk.email_password().unwrap();
    let change = Change::of(&stranger).email(VICTIM);
    let changed = passwords.update_email_or_password(&world.cx(), &change).await.unwrap();
    assert!(matches!(changed, Changed::EmailChangeNotAllowed { .. }), "{changed:?}");
    let user = world.user(&victim).await;
    assert_eq!((user.login_methods.len(), user.emails.as_slice()), (1, [VICTIM.to_owned()].as_slice()));
}

#[rstest]
#[tokio::test]
async fn an_address_that_a_provider_does_not_vouch_for_never_links(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (cx, accounts) = (world.cx(), world.app.sdk.account_linking());
    let victim = world.password(VICTIM).await;
    world.prove(&victim).await;
    world.primary(&victim).await;
    let theirs = world.google(VICTIM, false).await;
    let user = accounts.create_primary_user_or_link_accounts(&cx, "public", &theirs, None).await.unwrap();
    assert_eq!((user.id.as_str(), user.is_primary_user), (theirs.as_str(), false));
    assert!(!accounts.is_sign_in_allowed(&world.cx(), "public", &theirs, None).await.unwrap());
    assert_eq!(world.user(&victim).await.login_methods.len(), 1);
    // With the victim's session in somebody's hands it is no different: nothing is proven by it.
    let session = world.session(&victim).await;
    let allowed = accounts.is_sign_in_allowed(&world.cx(), "public", &theirs, Some(&session)).await;
    assert!(!allowed.unwrap());
}

/// In the Node SDK a primary user's address counts as proven as soon as the user has it.
#[rstest]
#[tokio::test]
async fn nobody_is_linked_to_a_primary_user_who_has_not_proven_the_address(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (cx, accounts) = (world.cx(), world.app.sdk.account_linking());
    // The stranger's account is a primary one, with the victim's address beside a proven one.
    let (theirs, trap) = (world.google("stranger@example.com", true).await, world.password(VICTIM).await);
    world.primary(&theirs).await;
    accounts.link_accounts(&cx, &trap, &theirs).await.unwrap();
    let victim = world.google(VICTIM, true).await;
    let user = accounts.create_primary_user_or_link_accounts(&cx, "public", &victim, None).await.unwrap();
    assert_eq!(user.id, victim);
    assert_eq!(world.user(&theirs).await.login_methods.len(), 2);
    // A proof of the address by another login method does not do it either.
    let (cx, proofs) = (world.cx(), world.app.sdk.email_verification().unwrap());
    assert!(proofs.is_email_verified(&cx, &victim, None).await.unwrap());
    // The victim's new password would be in the stranger's account.
    let refused = ask_for_reset(&world).await;
    assert_eq!(refused["status"], "PASSWORD_RESET_NOT_ALLOWED");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.ends_with("(ERR_CODE_001)"), "{reason}");
    assert!(world.mails.take().is_empty());
}

#[rstest]
#[tokio::test]
async fn a_token_from_before_the_trap_was_set_does_not_spring_it(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let (cx, accounts) = (world.cx(), world.app.sdk.account_linking());
    let trap = world.password(VICTIM).await;
    assert_eq!(ask_for_reset(&world).await, json!({"status": "OK"}));
    let token = world.mails.token("reset-password").await;
    let theirs = world.google("stranger@example.com", true).await;
    world.primary(&theirs).await;
    accounts.link_accounts(&cx, &trap, &theirs).await.unwrap();
    let fields = json!([{"id": "password", "value": "the1victim's"}]);
    let reply =
        world.app.post("/auth/user/password/reset", &json!({"formFields": fields, "token": token})).await;
    assert_eq!(reply.body, json!({"status": "RESET_PASSWORD_INVALID_TOKEN_ERROR"}));
    assert!(world.user(&theirs).await.login_methods.iter().any(|m| m.recipe_user_id == trap && !m.verified));
}

#[rstest]
#[tokio::test]
async fn a_session_of_one_user_takes_nothing_of_another_s(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[values(AutomaticLinking::IfVerified, AutomaticLinking::EvenUnverified)] how: AutomaticLinking,
) {
    let world = World::new(shape, how).await;
    let stranger = world.google("stranger@example.com", true).await;
    world.primary(&stranger).await;
    let victim = world.password(VICTIM).await;
    world.prove(&victim).await;
    let session = world.session(&stranger).await;
    // Without the victim's password.
    let wrong = world.with_session(&session, "/auth/signin", VICTIM, "guessed1pass").await;
    assert_eq!(wrong.body, json!({"status": "WRONG_CREDENTIALS_ERROR"}));
    // With it, as when the victim is made to sign in in the stranger's browser: a user of its own stays one.
    world.primary(&victim).await;
    let refused = world.with_session(&session, "/auth/signin", VICTIM, PASSWORD).await;
    assert_eq!(code(&refused), ("SIGN_IN_NOT_ALLOWED", 10));
    // With a new password for the victim's address.
    let refused = world.with_session(&session, "/auth/signup", VICTIM, "guessed1pass").await;
    assert_eq!(refused.body["status"], "FIELD_ERROR", "{refused:?}");
    assert!([wrong, refused].iter().all(|reply| reply.headers.get("st-access-token").is_none()));
    for (id, count) in [(&stranger, 1), (&victim, 1)] {
        assert_eq!(world.user(id).await.login_methods.len(), count);
    }
    // The victim's own session is what the victim's frontend shows, and no other.
    let request = Request::post("/auth/signin").header("authorization", "Bearer made.up.token");
    let fields = json!([{"id": "email", "value": VICTIM}, {"id": "password", "value": PASSWORD}]);
    let body = json!({"formFields": fields, "shouldTryLinkingWithSessionUser": true});
    let unknown = world.app.send(request, body.to_string()).await;
    assert_eq!(unknown.seen(), (401, json!({"message": "unauthorised"})));
}
