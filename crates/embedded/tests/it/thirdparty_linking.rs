//! Users of providers who are linked to others: by themselves, because of a proven address, and to a session's
//! user.

use crate::accountlinking::code;
use crate::app::{Mails, Reply, TestApp};
use crate::thirdparty::{World, client, method};
use http::{Method, Request};
use portcullis::Cx;
use portcullis::recipes::accountlinking::{AccountLinking, AutomaticLinking};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::{ProviderConfig, ThirdPartyRecipe};
use portcullis_embedded::Clock;
use portcullis_testkit::provider::{Person, TestProvider};
use portcullis_testkit::{START, Shape};
use rstest::rstest;
use serde_json::{Value, json};

const ANN: [(&str, &str); 2] = [("email", "ann@example.com"), ("password", "correct1horse")];

async fn world(shape: Shape, how: AutomaticLinking) -> World {
    let provider = TestProvider::start(Clock::fixed(START)).await;
    let config = ProviderConfig::new("own").discovery_endpoint(provider.discovery_endpoint());
    let recipe = ThirdPartyRecipe::new().provider(config.client(client()));
    let linking =
        AccountLinking::new().should_do_automatic_account_linking(move |_, _| async move { Ok(how) });
    let app = TestApp::new(shape, |builder| {
        let builder = builder.recipe(EmailPassword::new()).recipe(recipe).recipe(linking);
        let builder = builder.email_delivery(Mails::default());
        builder.recipe(EmailVerification::optional()).recipe(SessionRecipe::new())
    })
    .await;
    World { app, provider }
}

fn unverified(id: &str, email: &str) -> Person {
    Person { id: id.to_owned(), email: Some(email.to_owned()), email_verified: Some(false) }
}

impl World {
    /// Ann proves the address of a login method.
    async fn prove(&self, id: &str, email: &str) {
        let to = json!({"userId": id, "email": email});
        let token =
            self.app.core(Method::POST, "/recipe/user/email/verify/token", &to).await["token"].clone();
        let proof = json!({"method": "token", "token": token});
        self.app.core(Method::POST, "/recipe/user/email/verify", &proof).await;
    }

    /// The whole way, with a session to which the frontend wants it linked.
    async fn add_to(&self, session: &Reply) -> Reply {
        let mut body = self.came_back().await;
        body["shouldTryLinkingWithSessionUser"] = json!(true);
        let request = Request::post("/auth/signinup");
        let request = request.header("authorization", format!("Bearer {}", session.access_token()));
        self.app.send(request, body.to_string()).await
    }

    async fn methods_of(&self, id: &Value) -> usize {
        let found = self.app.sdk.find_user(&Cx::new(&self.app.sdk), id.as_str().unwrap()).await.unwrap();
        found.unwrap().login_methods.len()
    }
}

#[rstest]
#[tokio::test]
async fn a_proven_address_makes_one_user_of_two(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = world(shape, AutomaticLinking::IfVerified).await;
    let with_password = world.app.form("/auth/signup", &ANN).await;
    let id = with_password.body["user"]["id"].clone();
    world.prove(id.as_str().unwrap(), "ann@example.com").await;
    world.app.advance(1000);
    let made = world.sign_in().await;
    assert_eq!((&made.body["user"]["id"], &made.body["createdNewRecipeUser"]), (&id, &json!(true)));
    assert_eq!(world.methods_of(&id).await, 2);
    let again = world.sign_in().await;
    assert_eq!((&again.body["user"]["id"], &again.body["createdNewRecipeUser"]), (&id, &json!(false)));
    assert_eq!(world.app.form("/auth/signin", &ANN).await.body["user"]["id"], id);
}

#[rstest]
#[tokio::test]
async fn an_address_that_is_not_proven_links_nobody(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = world(shape, AutomaticLinking::IfVerified).await;
    let ann = world.sign_in().await;
    assert_eq!(ann.body["user"]["isPrimaryUser"], true);
    // Eve has written Ann's address into an account at the provider.
    world.provider.set_person(unverified("eve", "ann@example.com"));
    let refused = world.sign_in().await;
    assert_eq!(code(&refused), ("SIGN_IN_UP_NOT_ALLOWED", 6));
    assert!(!refused.headers.contains_key("st-access-token"));
    // Eve was there before, with an address of her own.
    world.provider.set_person(unverified("eve", "eve@example.com"));
    let eve = world.sign_in().await;
    assert_eq!(method(&eve)["verified"], false);
    world.provider.set_person(unverified("eve", "ann@example.com"));
    let refused = world.sign_in().await;
    assert_eq!(refused.body["status"], "SIGN_IN_UP_NOT_ALLOWED");
    assert!(!refused.headers.contains_key("st-access-token"));
    for reply in [&ann, &eve] {
        assert_eq!(world.methods_of(&reply.body["user"]["id"]).await, 1);
    }
    let cx = Cx::new(&world.app.sdk);
    let found = world.app.sdk.find_user(&cx, eve.body["user"]["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(found.unwrap().emails, ["eve@example.com"], "the address stays as it was");
}

/// Eve signs up with Ann's address first, and waits for Ann to come by way of the provider.
#[rstest]
#[tokio::test]
async fn who_was_there_first_gains_nothing(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = world(shape, AutomaticLinking::IfVerified).await;
    let eve = world.app.form("/auth/signup", &ANN).await;
    let id = eve.body["user"]["id"].clone();
    let ann = world.sign_in().await;
    assert_eq!(code(&ann), ("SIGN_IN_UP_NOT_ALLOWED", 6));
    assert_eq!(world.methods_of(&id).await, 1);
    // An app that does not link lets Ann in, as somebody else.
    let apart = self::world(shape, AutomaticLinking::No).await;
    let eve = apart.app.form("/auth/signup", &ANN).await;
    let ann = apart.sign_in().await;
    assert_eq!(method(&ann)["verified"], true);
    assert_ne!(ann.body["user"]["id"], eve.body["user"]["id"]);
}

#[rstest]
#[tokio::test]
async fn a_provider_s_user_is_added_to_the_session_s(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = world(shape, AutomaticLinking::EvenUnverified).await;
    let fields = [("email", "work@example.com"), ("password", "correct1horse")];
    let session = world.app.form("/auth/signup", &fields).await;
    let added = world.add_to(&session).await;
    let id = session.body["user"]["id"].clone();
    assert_eq!((&added.body["user"]["id"], &added.body["createdNewRecipeUser"]), (&id, &json!(true)));
    assert_eq!(world.methods_of(&id).await, 2);
    assert!(!added.headers.contains_key("st-access-token"), "the session goes on");
    assert_eq!(world.sign_in().await.body["user"]["id"], id, "from now on it is the same user");
    let mut body = world.came_back().await;
    body["shouldTryLinkingWithSessionUser"] = json!(true);
    let without = world.app.post("/auth/signinup", &body).await;
    assert_eq!(without.seen(), (401, json!({"message": "unauthorised"})));
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_added_to_the_session_s_user(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    // Bob's own account at the provider is Bob's: a session of Ann's does not get it, nor Bob Ann's session.
    let world = world(shape, AutomaticLinking::IfVerified).await;
    let ann = world.sign_in().await;
    world.provider.set_person(Person::verified("bob", "bob@example.com"));
    let bob = world.sign_in().await;
    let refused = world.add_to(&ann).await;
    assert_eq!(code(&refused), ("SIGN_IN_UP_NOT_ALLOWED", 21));
    // A new one with Bob's address.
    world.provider.set_person(Person::verified("eve", "bob@example.com"));
    let refused_too = world.add_to(&ann).await;
    assert_eq!(refused_too.body["status"], "SIGN_IN_UP_NOT_ALLOWED");
    // One whose address nobody has proven.
    world.provider.set_person(unverified("new", "new@example.com"));
    assert_eq!(code(&world.add_to(&ann).await), ("SIGN_IN_UP_NOT_ALLOWED", 20));
    for reply in [refused, refused_too] {
        assert!(!reply.headers.contains_key("st-access-token"));
    }
    for reply in [&ann, &bob] {
        assert_eq!(world.methods_of(&reply.body["user"]["id"]).await, 1);
    }
}

/// Ids tell upper and lower case apart, addresses do not.
#[rstest]
#[tokio::test]
async fn users_without_an_address_are_linked_to_nobody(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let provider = TestProvider::start(Clock::fixed(START)).await;
    let config = ProviderConfig::new("own").discovery_endpoint(provider.discovery_endpoint());
    let recipe = ThirdPartyRecipe::new().provider(config.client(client()).email_optional());
    let linking = AccountLinking::new()
        .should_do_automatic_account_linking(|_, _| async { Ok(AutomaticLinking::IfVerified) });
    let app = TestApp::new(shape, |builder| {
        let builder = builder.recipe(recipe).recipe(linking).email_delivery(Mails::default());
        builder.recipe(EmailVerification::optional()).recipe(SessionRecipe::new())
    })
    .await;
    let world = World { app, provider };
    let mut ids = Vec::new();
    for id in ["ann", "Ann", "ANN", "^41^nn"] {
        let nameless = Person { id: id.to_owned(), email: None, email_verified: None };
        world.provider.set_person(nameless);
        let made = world.sign_in().await;
        assert_eq!(method(&made)["thirdParty"]["userId"], id);
        ids.push(made.body["user"]["id"].clone());
        assert_eq!(world.sign_in().await.body["user"]["id"], made.body["user"]["id"]);
    }
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "{ids:?}");
        assert_eq!(world.methods_of(id).await, 1);
    }
}

/// The Kelvin sign is another letter, and another mailbox, but its lower case is a `k`.
#[rstest]
#[tokio::test]
async fn an_address_that_becomes_another_one_is_not_verified(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = world(shape, AutomaticLinking::IfVerified).await;
    world.provider.set_person(Person::verified("mike", "Mike@example.com"));
    let mike = world.sign_in().await;
    assert_eq!(method(&mike)["verified"], true);
    world.provider.set_person(Person::verified("eve", "mi\u{212A}e@example.com"));
    let refused = world.sign_in().await;
    assert_eq!(code(&refused), ("SIGN_IN_UP_NOT_ALLOWED", 6));
    assert!(!refused.headers.contains_key("st-access-token"));
    assert_eq!(world.methods_of(&mike.body["user"]["id"]).await, 1);
    // With no Mike around it is nobody's proof.
    world.provider.set_person(Person::verified("eve", "\u{212A}im@example.com"));
    assert_eq!(method(&world.sign_in().await)["verified"], false);
}
