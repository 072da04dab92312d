//! Login methods that are added to the user of the session that a request shows.

use crate::accountlinking::{PASSWORD, World, code};
use crate::app::Reply;
use http::Request;
use portcullis::recipes::accountlinking::AutomaticLinking;
use portcullis::recipes::emailpassword::{Attempt, SignIn, SignUp};
use portcullis::recipes::multitenancy::{AssociateUser, TenantConfig};
use portcullis::recipes::session::Session;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn a_login_method_is_added_to_the_session_s_user(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::EvenUnverified).await;
    let google = world.google("ann@example.com", true).await;
    let session = world.session(&google).await;
    let added = world.with_session(&session, "/auth/signup", "work@example.com", PASSWORD).await;
    let user = &added.body["user"];
    assert_eq!(
        (&user["id"], &user["emails"]),
        (&json!(google), &json!(["ann@example.com", "work@example.com"]))
    );
    assert!(added.headers.get("st-access-token").is_none(), "the session goes on");
    let [(linked_to, method)] = world.take_linked().try_into().unwrap();
    assert_eq!(linked_to, google);
    // Signing in with it is the same user's.
    let again = world.with_session(&session, "/auth/signin", "work@example.com", PASSWORD).await;
    assert_eq!(
        (again.body["user"]["id"].as_str(), again.headers.get("st-access-token")),
        (Some(&*google), None)
    );
    let wrong = world.with_session(&session, "/auth/signin", "work@example.com", "wrong").await;
    assert_eq!(wrong.body, json!({"status": "WRONG_CREDENTIALS_ERROR"}));

    // One that is there, and is nobody else's.
    world.app.sdk.account_linking().unlink_account(&world.cx(), &method).await.unwrap();
    let linked = world.with_session(&session, "/auth/signin", "work@example.com", PASSWORD).await;
    assert_eq!(linked.body["user"]["id"], google.as_str());
    assert_eq!(world.take_linked(), [(google.clone(), method.clone())]);

    // An older frontend says nothing: with a session it means to link.
    let request = Request::post("/auth/signup")
        .header("fdi-version", "3.0")
        .header("authorization", format!("Bearer {}", session.access_token()));
    let fields = json!([{"id": "email", "value": "old@example.com"}, {"id": "password", "value": PASSWORD}]);
    let old = world.app.send(request, json!({"formFields": fields}).to_string()).await;
    assert_eq!(old.body["user"]["id"], google.as_str());
    // The app's own way to do so.
    let (cx, passwords) = (world.cx(), world.app.sdk.email_password().unwrap());
    let attempt = Attempt::new("public", "app@example.com", PASSWORD).linking_to(session.clone());
    let made = passwords.sign_up_as(&cx, &attempt).await.unwrap();
    let SignUp::Ok { user, .. } = made else { panic!("{made:?}") };
    assert_eq!(user.id, google);
    let found = passwords.sign_in_as(&world.cx(), &attempt).await.unwrap();
    let SignIn::Ok { user, .. } = found else { panic!("{found:?}") };
    assert_eq!((user.id.as_str(), user.login_methods.len()), (google.as_str(), 4));
}

#[rstest]
#[tokio::test]
async fn what_can_fail_when_linking_to_a_session(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::EvenUnverified).await;
    let (google, cy) =
        (world.google("ann@example.com", true).await, world.google("cy@example.com", true).await);
    world.primary(&google).await;
    world.primary(&cy).await;
    let session = world.session(&google).await;
    let try_to = async |session: &Session, path: &str, email: &str| {
        world.with_session(session, path, email, PASSWORD).await
    };
    let is_refused = |reply: &Reply, word: &str, number: u16| {
        assert_eq!(code(reply), (word, number));
        assert!(reply.headers.get("st-access-token").is_none());
    };
    // The login method is another primary user's.
    let bob = world.password("bob@example.com").await;
    world.primary(&bob).await;
    is_refused(&try_to(&session, "/auth/signin", "bob@example.com").await, "SIGN_IN_NOT_ALLOWED", 10);
    // Its address is.
    world.password("cy@example.com").await;
    is_refused(&try_to(&session, "/auth/signin", "cy@example.com").await, "SIGN_IN_NOT_ALLOWED", 11);
    let dan = world.google("dan@example.com", true).await;
    world.primary(&dan).await;
    is_refused(&try_to(&session, "/auth/signup", "dan@example.com").await, "SIGN_UP_NOT_ALLOWED", 15);
    // That of the session's user is.
    let twin = world.password("dan@work.example.com").await;
    let of_twin = world.session(&twin).await;
    let dan_at_work = world.google("dan@work.example.com", true).await;
    world.primary(&dan_at_work).await;
    is_refused(&try_to(&of_twin, "/auth/signup", "eve@example.com").await, "SIGN_UP_NOT_ALLOWED", 16);
    is_refused(&try_to(&of_twin, "/auth/signin", "bob@example.com").await, "SIGN_IN_NOT_ALLOWED", 12);
    // The session's user is gone.
    world.app.sdk.delete_user(&world.cx(), &google, true).await.unwrap();
    let gone = try_to(&session, "/auth/signup", "eve@example.com").await;
    assert_eq!(gone.seen(), (401, json!({"message": "unauthorised"})));
    assert!(world.take_linked().is_empty());
}

#[rstest]
#[tokio::test]
async fn both_sides_prove_their_addresses_first(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::IfVerified).await;
    let ann = world.password("ann@example.com").await;
    let session = world.session(&ann).await;
    // The session's user has proven nothing: the frontend sends it to do so.
    let sent = world.with_session(&session, "/auth/signup", "work@example.com", PASSWORD).await;
    assert_eq!(sent.status, 403);
    assert_eq!(sent.body["claimValidationErrors"][0]["id"], "st-ev");
    world.prove(&ann).await;
    // The new login method has not.
    let refused = world.with_session(&session, "/auth/signup", "work@example.com", PASSWORD).await;
    assert_eq!(code(&refused), ("SIGN_UP_NOT_ALLOWED", 13));
    let refused = world.with_session(&session, "/auth/signin", "work@example.com", PASSWORD).await;
    assert_eq!(code(&refused), ("SIGN_IN_NOT_ALLOWED", 9));
    let work = world.app.sdk.users_by_email(&world.cx(), "public", "work@example.com").await.unwrap();
    world.prove(&work[0].id).await;
    let linked = world.with_session(&session, "/auth/signin", "work@example.com", PASSWORD).await;
    assert_eq!(linked.body["user"]["id"], ann.as_str());

    // An address that the session's user has proven need not be proven again.
    let google = world.google("bob@example.com", true).await;
    world.primary(&google).await;
    let session = world.session(&google).await;
    let added = world.with_session(&session, "/auth/signup", "bob@example.com", PASSWORD).await;
    assert_eq!(added.body["user"]["id"], google.as_str());
    assert_eq!(added.body["user"]["loginMethods"][1]["verified"], true);
}

#[rstest]
#[tokio::test]
async fn an_app_that_does_not_link(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::No).await;
    let google = world.google("ann@example.com", true).await;
    let session = world.session(&google).await;
    let refused = world.with_session(&session, "/auth/signup", "work@example.com", PASSWORD).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    // Addresses are nobody's in particular.
    let made = world.sign_up("ann@example.com").await;
    assert_eq!(made.body["user"]["isPrimaryUser"], false);
    assert_ne!(made.body["user"]["id"], google.as_str());
    assert!(world.take_linked().is_empty());
}

#[rstest]
#[tokio::test]
async fn a_password_of_another_tenant_joins_this_one(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, AutomaticLinking::EvenUnverified).await;
    let (sdk, cx) = (&world.app.sdk, world.cx());
    sdk.multitenancy().create_or_update_tenant(&cx, "t2", TenantConfig::new()).await.unwrap();
    let google = world.google("ann@example.com", true).await;
    let password = world.password("work@example.com").await;
    world.primary(&google).await;
    sdk.account_linking().link_accounts(&cx, &password, &google).await.unwrap();
    let joined = sdk.multitenancy().associate_user_to_tenant(&cx, "t2", &google).await.unwrap();
    assert_eq!(joined, AssociateUser::Ok { was_already_associated: false });

    let session = world.session_in("t2", &google).await;
    let tenants = async || {
        let user = world.user(&google).await;
        let method = user.login_methods.into_iter().find(|method| method.recipe_user_id == password);
        method.unwrap().tenant_ids
    };
    // The session says the tenant, whatever the path does.
    let wrong = world.with_session(&session, "/auth/signin", "work@example.com", "wrong").await;
    assert_eq!(wrong.body, json!({"status": "WRONG_CREDENTIALS_ERROR"}));
    assert_eq!(tenants().await, ["public"]);
    let found = world.with_session(&session, "/auth/signin", "work@example.com", PASSWORD).await;
    assert_eq!(found.body["status"], "OK", "{found:?}");
    let mut joined = tenants().await;
    joined.sort();
    assert_eq!(joined, ["public", "t2"]);
    // Without a session nobody gets there from another tenant.
    sdk.multitenancy().disassociate_user_from_tenant(&cx, "t2", &password).await.unwrap();
    let alone = [("email", "work@example.com"), ("password", PASSWORD)];
    assert_eq!(world.app.form("/auth/t2/signin", &alone).await.body["status"], "WRONG_CREDENTIALS_ERROR");
}
