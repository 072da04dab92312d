//! Accounts that somebody tries to take over by way of a provider. None of them gets a session, and nothing is
//! made or changed.

use crate::app::{Reply, TestApp};
use crate::thirdparty::{CALLBACK, World, client, method};
use http::Request;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::session::{SessionRecipe, VerifyOptions};
use portcullis::recipes::thirdparty::{Client, ProviderConfig, ThirdPartyRecipe};
use portcullis::{Cx, Error};
use portcullis_embedded::Clock;
use portcullis_testkit::provider::{Fault, Person, TestProvider};
use portcullis_testkit::{START, Shape};
use rstest::rstest;
use serde_json::{Value, json};

fn refused(reason: &str) -> (u16, Value) {
    (400, json!({"message": format!("The provider's user is refused: {reason}")}))
}

fn has_no_session(reply: &Reply) {
    for name in ["st-access-token", "front-token", "set-cookie"] {
        assert!(!reply.headers.contains_key(name), "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn id_tokens_that_are_not_what_they_should_be(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    for (fault, reason) in [
        (Fault::OtherIssuer, "the id token is another issuer's"),
        (Fault::OtherAudience, "the id token is for another app"),
        (Fault::OldIdToken, "the id token has expired"),
        (Fault::OtherKey, "the id token's signature is not the provider's"),
        (Fault::OtherUserInfo, "id token and access token are of two users"),
    ] {
        world.provider.set_fault(fault);
        let reply = world.sign_in().await;
        assert_eq!(reply.seen(), refused(reason), "{fault:?}");
        has_no_session(&reply);
        // The same from a native app.
        let reply = world.show(&world.provider.tokens("app", None)).await;
        assert_eq!(reply.seen(), refused(reason), "{fault:?}");
    }
    assert_eq!(world.users().await, 0);
    world.provider.set_fault(Fault::None);
    assert_eq!(method(&world.sign_in().await)["verified"], true);
}

/// Whoever runs another app at the same provider has tokens of everybody who signs in there.
#[rstest]
#[tokio::test]
async fn tokens_that_were_issued_to_another_app(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let (victim, at_other) = (world.sign_in().await, world.provider.tokens("another-app", None));
    let (id_token, access_token) = (&at_other["id_token"], &at_other["access_token"]);
    world.provider.set_person(Person { id: "eve".to_owned(), email: None, email_verified: None });
    let own = world.provider.tokens("app", None);
    let nothing_shows = "nothing shows that the access token was issued to this app";
    for (tokens, reason) in [
        (at_other.clone(), "the id token is for another app"),
        (json!({"id_token": id_token}), "the id token is for another app"),
        (json!({"access_token": access_token}), nothing_shows),
        (json!({"access_token": access_token, "id_token": ""}), "the id token is none"),
        (json!({"access_token": access_token, "id_token": null}), nothing_shows),
        (json!({"access_token": access_token, "id_token": {"sub": "eve"}}), nothing_shows),
        // Eve's own proof, and what the provider tells about Ann.
        (
            json!({"access_token": access_token, "id_token": own["id_token"]}),
            "id token and access token are of two users",
        ),
    ] {
        let reply = world.show(&tokens).await;
        assert_eq!(reply.seen(), refused(reason), "{tokens}");
        has_no_session(&reply);
    }
    assert_eq!(world.users().await, 1);
    world.provider.set_person(Person::verified("ann-at-provider", "ann@example.com"));
    let own = world.provider.tokens("app", None);
    for tokens in [own.clone(), json!({"id_token": own["id_token"]})] {
        assert_eq!(world.show(&tokens).await.body["user"]["id"], victim.body["user"]["id"], "{tokens}");
    }
}

#[rstest]
#[tokio::test]
async fn an_access_token_alone_needs_somebody_who_knows_it(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::with(shape, |config| {
        config.client(client()).validate_access_token(|_, token, config| async move {
            let is_ours = token == "access-token-1" && config.client.client_id == "app";
            if is_ours { Ok(()) } else { Err(Error::bad_input("not ours")) }
        })
    })
    .await;
    let (first, second) = (world.provider.tokens("app", None), world.provider.tokens("another-app", None));
    let reply = world.show(&json!({"access_token": second["access_token"]})).await;
    assert_eq!(reply.seen(), (400, json!({"message": "not ours"})));
    let made = world.show(&json!({"access_token": first["access_token"]})).await;
    assert_eq!(method(&made)["thirdParty"]["userId"], "ann-at-provider");
}

#[rstest]
#[tokio::test]
async fn conditions_of_the_app_hold_for_every_way_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::with(shape, |config| {
        config.client(client()).validate_id_token(|_, payload, _| async move {
            let is_known = payload["sub"] == "ann-at-provider";
            if is_known { Ok(()) } else { Err(Error::bad_input("not of our company")) }
        })
    })
    .await;
    assert_eq!(method(&world.sign_in().await)["verified"], true);
    let access_token = world.provider.tokens("app", None)["access_token"].clone();
    let without = world.show(&json!({"access_token": access_token})).await;
    assert_eq!(without.seen(), refused("an id token is needed"));
    world.provider.set_person(Person::verified("eve", "eve@example.com"));
    assert_eq!(world.sign_in().await.seen(), (400, json!({"message": "not of our company"})));
    world.provider.set_fault(Fault::NoIdToken);
    assert_eq!(world.sign_in().await.seen(), refused("an id token is needed"));
}

/// A code and what goes with it are good once, together, and for the browser that asked.
#[rstest]
#[tokio::test]
async fn replays(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let refused_there = (400, json!({"message": "The provider refuses what it is shown"}));
    let send = async |body: &Value| world.app.post("/auth/signinup", body).await;
    let used = world.came_back().await;
    assert_eq!(send(&used).await.status, 200);
    assert_eq!(send(&used).await.seen(), refused_there, "a code is good once");

    // Ann's code with the verifier that Eve's browser has kept, with none, or for another address.
    for (name, value) in [
        ("pkceCodeVerifier", world.authorise().await["pkceCodeVerifier"].clone()),
        ("pkceCodeVerifier", Value::Null),
        ("redirectURIOnProviderDashboard", json!("https://evil.example/callback")),
    ] {
        let mut stolen = world.came_back().await;
        stolen["redirectURIInfo"][name] = value;
        let reply = send(&stolen).await;
        assert_eq!(reply.seen(), refused_there, "{name}");
        has_no_session(&reply);
    }

    // A provider that knows nothing of PKCE: the nonce tells.
    world.provider.set_fault(Fault::NoPkce);
    assert_eq!(send(&world.came_back().await).await.status, 200);
    for verifier in [world.authorise().await["pkceCodeVerifier"].clone(), Value::Null, json!("")] {
        let mut stolen = world.came_back().await;
        stolen["redirectURIInfo"]["pkceCodeVerifier"] = verifier;
        assert_eq!(send(&stolen).await.seen(), refused("the id token's nonce is another one"));
    }

    // A code of another provider, as the answer says itself (RFC 9207).
    let mut mixed_up = world.came_back().await;
    mixed_up["redirectURIInfo"]["redirectURIQueryParams"]["iss"] = json!("https://evil.example");
    assert_eq!(send(&mixed_up).await.seen(), refused("the code is another provider's"));
    assert_eq!(world.users().await, 1);
}

/// An id token that was made for a browser with a code does not sign anybody in without the code.
#[rstest]
#[tokio::test]
async fn an_id_token_is_of_no_use_elsewhere(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let asked = world.authorise().await;
    let url = url::Url::parse(asked["urlWithQueryParams"].as_str().unwrap()).unwrap();
    let nonce = url.query_pairs().find(|(name, _)| name == "nonce").unwrap().1.into_owned();
    let leaked = world.provider.tokens("app", Some(&nonce));
    let reason = "the id token's nonce is another one";
    assert_eq!(world.show(&leaked).await.seen(), refused(reason));

    // A native app tells the nonce that it has kept.
    let mut tokens = world.provider.tokens("app", Some("kept"));
    tokens["nonce"] = json!("other");
    assert_eq!(world.show(&tokens).await.seen(), refused(reason));
    tokens["nonce"] = json!("kept");
    assert_eq!(method(&world.show(&tokens).await)["verified"], true);
}

/// Whether the session's user has proven the address.
async fn is_verified(app: &TestApp, made: &Reply) -> Value {
    let (cx, sessions) = (Cx::new(&app.sdk), app.sdk.session().unwrap());
    let session =
        sessions.verify_without_request(&cx, made.access_token(), None, &VerifyOptions::new()).await;
    session.unwrap().unwrap().access_token_payload()["st-ev"]["v"].clone()
}

#[rstest]
#[tokio::test]
async fn an_address_that_the_provider_has_not_verified(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let ann = Person::verified("ann-at-provider", "ann@example.com");
    for unverified in [Some(false), None] {
        world.provider.set_person(Person { email_verified: unverified, ..ann.clone() });
        let made = world.sign_in().await;
        assert_eq!(method(&made)["verified"], false);
        assert_eq!(is_verified(&world.app, &made).await, false);
    }
    // Ann proves it to the app; that the provider still does not know changes nothing.
    let (cx, verifications) = (Cx::new(&world.app.sdk), world.app.sdk.email_verification().unwrap());
    let made = world.sign_in().await;
    let id = made.body["user"]["id"].as_str().unwrap();
    let token = verifications.create_email_verification_token(&cx, "public", id, None).await;
    verifications.verify_email_using_token(&cx, "public", &token.unwrap().unwrap()).await.unwrap();
    assert_eq!(method(&world.sign_in().await)["verified"], true);
    // Another address is another matter.
    world.provider.set_person(Person {
        email: Some("new@example.com".to_owned()),
        email_verified: Some(false),
        ..ann
    });
    let changed = world.sign_in().await;
    assert_eq!(
        (&method(&changed)["email"], &method(&changed)["verified"]),
        (&json!("new@example.com"), &json!(false))
    );
    assert_eq!(is_verified(&world.app, &changed).await, false);
    assert_eq!(world.users().await, 1);
}

#[rstest]
#[tokio::test]
async fn a_provider_that_tells_no_address(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let nobody = |email: Option<&str>| Person {
        id: "ann-at-provider".to_owned(),
        email: email.map(str::to_owned),
        email_verified: Some(true),
    };
    let world = World::new(shape).await;
    for email in [None, Some("")] {
        world.provider.set_person(nobody(email));
        let reply = world.sign_in().await;
        assert_eq!(reply.seen(), (200, json!({"status": "NO_EMAIL_GIVEN_BY_PROVIDER"})));
        has_no_session(&reply);
    }
    assert_eq!(world.users().await, 0);

    let world = World::with(shape, |config| config.client(client()).email_optional()).await;
    world.provider.set_person(nobody(None));
    let made = world.sign_in().await;
    let own = method(&made);
    assert_eq!(own["email"], "ann-at-provider.own@stfakeemail.supertokens.com");
    assert_eq!(own["verified"], true, "it is nobody's, and nobody else's");
    world.provider.set_person(nobody(Some("ann@example.com")));
    assert_eq!(method(&world.sign_in().await)["email"], "ann@example.com");

    let world = World::with(shape, |config| {
        let config = config.client(client()).email_optional();
        config.fake_email(|_, tenant, id| async move { Ok(format!("{id}@{tenant}.example.com")) })
    })
    .await;
    world.provider.set_person(nobody(None));
    assert_eq!(method(&world.sign_in().await)["email"], "ann-at-provider@public.example.com");
}

/// Who comes with an address that another account has is somebody else, as long as accounts are not linked.
#[rstest]
#[tokio::test]
async fn an_address_of_another_account(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let provider = TestProvider::start(Clock::fixed(START)).await;
    let config = ProviderConfig::new("own").discovery_endpoint(provider.discovery_endpoint());
    let recipe = ThirdPartyRecipe::new().provider(config.client(client()));
    let app = TestApp::new(shape, |builder| {
        let builder = builder.recipe(EmailPassword::new()).recipe(recipe);
        builder.recipe(EmailVerification::optional()).recipe(SessionRecipe::new())
    })
    .await;
    let world = World { app, provider };
    let form = [("email", "ann@example.com"), ("password", "correct1horse")];
    let with_password = world.app.form("/auth/signup", &form).await;
    let ann = Person::verified("eve-at-provider", "ann@example.com");
    let mut ids = vec![with_password.body["user"]["id"].clone()];
    for (id, email_verified) in [("eve-1", Some(true)), ("eve-2", Some(false)), ("eve-3", None)] {
        world.provider.set_person(Person { id: id.to_owned(), email_verified, ..ann.clone() });
        let made = world.sign_in().await;
        assert_eq!(made.body["createdNewRecipeUser"], true);
        assert!(!ids.contains(&made.body["user"]["id"]), "{id}");
        ids.push(made.body["user"]["id"].clone());
    }
    // What a provider proves, it proves for its own user alone.
    let users = world.app.sdk.users_by_email(&Cx::new(&world.app.sdk), "public", "ann@example.com").await;
    let users = users.unwrap();
    let is_verified = |id: &Value| {
        let user = users.iter().find(|user| *id == *user.id).unwrap();
        user.login_methods[0].verified
    };
    assert_eq!(ids.iter().map(is_verified).collect::<Vec<_>>(), [false, true, false, false]);
    // The other one's password opens nothing but the other one's account.
    let again = world.app.form("/auth/signin", &form).await;
    assert_eq!(again.body["user"]["id"], ids[0]);
}

/// A public client's code is good for nobody who has not the verifier.
#[rstest]
#[tokio::test]
async fn a_client_without_a_secret(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world =
        World::with(shape, |config| config.client(Client::new("spa").scope(["openid", "email"]))).await;
    let mut back = world.came_back().await;
    let verifier = back["redirectURIInfo"]["pkceCodeVerifier"].take();
    let request = || Request::post("/auth/signinup");
    let without = world.app.send(request(), back.to_string()).await;
    assert_eq!(without.status, 400);
    let mut back = world.came_back().await;
    back["redirectURIInfo"]["pkceCodeVerifier"] = verifier;
    assert_eq!(world.app.send(request(), back.to_string()).await.status, 400);
    assert_eq!(back["redirectURIInfo"]["redirectURIOnProviderDashboard"], CALLBACK);
    assert_eq!(method(&world.sign_in().await)["verified"], true);
}
