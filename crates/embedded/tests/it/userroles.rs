//! Roles and permissions.

use crate::app::{TestApp, info};
use async_trait::async_trait;
use portcullis::recipes::session::{NewSession, SessionRecipe, VerifyOptions};
use portcullis::recipes::userroles::{
    self, AddRole, Functions, Permissions, RemoveRole, RoleUsers, Stripped, UserRoles,
};
use portcullis::{BuildError, Cx, Error, Portcullis, Result, SessionError};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

async fn app(shape: Shape, recipe: UserRoles) -> TestApp {
    TestApp::new(shape, |builder| builder.recipe(recipe).recipe(SessionRecipe::new())).await
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[rstest]
#[tokio::test]
async fn roles_are_made_given_and_taken(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, UserRoles::new()).await;
    let (cx, roles) = (Cx::new(&app.sdk), app.sdk.user_roles().unwrap());
    assert!(roles.create_or_add_permissions(&cx, "admin", &["read", "write"]).await.unwrap());
    assert!(!roles.create_or_add_permissions(&cx, "admin", &["delete"]).await.unwrap());
    assert!(roles.create_or_add_permissions(&cx, "reader", &["read"]).await.unwrap());
    assert_eq!(sorted(roles.all(&cx).await.unwrap()), ["admin", "reader"]);
    assert_eq!(sorted(roles.with_permission(&cx, "read").await.unwrap()), ["admin", "reader"]);
    assert_eq!(roles.with_permission(&cx, "delete").await.unwrap(), ["admin"]);
    let Permissions::Ok(permissions) = roles.permissions_of(&cx, "admin").await.unwrap() else {
        panic!("the role is there");
    };
    assert_eq!(sorted(permissions), ["delete", "read", "write"]);
    assert_eq!(roles.remove_permissions(&cx, "admin", &["read", "write"]).await.unwrap(), Stripped::Ok);
    let left = roles.permissions_of(&cx, "admin").await.unwrap();
    assert_eq!(left, Permissions::Ok(vec!["delete".to_owned()]));

    let give = async || roles.add_to_user(&cx, "public", "ann", "admin").await.unwrap();
    assert_eq!(give().await, AddRole::Ok { had_already: false });
    assert_eq!(give().await, AddRole::Ok { had_already: true });
    assert_eq!(roles.of_user(&cx, "public", "ann").await.unwrap(), ["admin"]);
    let holders = roles.users_with(&cx, "public", "admin").await.unwrap();
    assert_eq!(holders, RoleUsers::Ok(vec!["ann".to_owned()]));
    let take = async || roles.remove_from_user(&cx, "public", "ann", "admin").await.unwrap();
    assert_eq!(take().await, RemoveRole::Ok { had_it: true });
    assert_eq!(take().await, RemoveRole::Ok { had_it: false });
    assert!(roles.of_user(&cx, "public", "ann").await.unwrap().is_empty());

    give().await;
    assert!(roles.delete(&cx, "admin").await.unwrap());
    assert!(!roles.delete(&cx, "admin").await.unwrap());
    assert!(roles.of_user(&cx, "public", "ann").await.unwrap().is_empty(), "taken from everybody");
}

#[rstest]
#[tokio::test]
async fn a_role_that_is_not_there_is_said_to_be_unknown(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape, UserRoles::new()).await;
    let (cx, roles) = (Cx::new(&app.sdk), app.sdk.user_roles().unwrap());
    assert_eq!(roles.add_to_user(&cx, "public", "ann", "x").await.unwrap(), AddRole::UnknownRole);
    assert_eq!(roles.remove_from_user(&cx, "public", "ann", "x").await.unwrap(), RemoveRole::UnknownRole);
    assert_eq!(roles.users_with(&cx, "public", "x").await.unwrap(), RoleUsers::UnknownRole);
    assert_eq!(roles.permissions_of(&cx, "x").await.unwrap(), Permissions::UnknownRole);
    assert_eq!(roles.remove_permissions(&cx, "x", &["read"]).await.unwrap(), Stripped::UnknownRole);
}

#[rstest]
#[tokio::test]
async fn a_new_session_says_what_its_user_may_do(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, UserRoles::new()).await;
    let (cx, roles) = (Cx::new(&app.sdk), app.sdk.user_roles().unwrap());
    for (role, permissions) in [("admin", ["read", "write"]), ("editor", ["read", "edit"])] {
        roles.create_or_add_permissions(&cx, role, &permissions).await.unwrap();
        roles.add_to_user(&cx, "public", "ann", role).await.unwrap();
    }
    let sessions = app.sdk.session().unwrap();
    let made = sessions.create_without_request(&cx, NewSession::of("ann")).await.unwrap();
    let texts = |value: Option<Value>| sorted(serde_json::from_value(value.unwrap()).unwrap());
    assert_eq!(texts(made.claim_value(&userroles::role_claim())), ["admin", "editor"]);
    assert_eq!(texts(made.claim_value(&userroles::permission_claim())), ["edit", "read", "write"]);

    let ask = async |options: VerifyOptions| {
        sessions.verify_without_request(&cx, &made.access_token(), None, &options).await
    };
    let needs = |role: &str| VerifyOptions::new().also(userroles::role_claim().includes(role, None));
    assert!(ask(needs("admin")).await.unwrap().is_some());
    let Err(Error::Session(SessionError::InvalidClaims(failures))) = ask(needs("owner")).await else {
        panic!("the role is missing");
    };
    assert_eq!((failures.len(), failures[0].id.as_str()), (1, "st-role"));
    assert_eq!(failures[0].reason["expectedToInclude"], "owner");
    let may = |permission: &str| {
        VerifyOptions::new().also(userroles::permission_claim().includes_all(vec![permission.into()], None))
    };
    assert!(ask(may("edit")).await.unwrap().is_some());
    assert!(ask(may("delete")).await.is_err());
    let stranger = sessions.create_without_request(&cx, NewSession::of("bob")).await.unwrap();
    assert_eq!(stranger.claim_value(&userroles::role_claim()), Some(json!([])));
}

#[rstest]
#[tokio::test]
async fn claims_are_switched_off_one_by_one(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    for (roles, permissions) in [(true, false), (false, true), (false, false)] {
        let recipe = UserRoles::new().roles_in_token(roles).permissions_in_token(permissions);
        let app = app(shape, recipe).await;
        let cx = Cx::new(&app.sdk);
        let made = app.sdk.session().unwrap().create_without_request(&cx, NewSession::of("ann")).await;
        let payload = made.unwrap().access_token_payload();
        assert_eq!((payload.contains_key("st-role"), payload.contains_key("st-perm")), (roles, permissions));
    }
}

/// Everybody is a guest.
struct Guests(Arc<dyn Functions>);

#[async_trait]
impl Functions for Guests {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn of_user(&self, cx: &Cx, tenant: &str, user_id: &str) -> Result<Vec<String>> {
        let mut roles = self.original().of_user(cx, tenant, user_id).await?;
        roles.push("guest".to_owned());
        Ok(roles)
    }
}

#[rstest]
#[tokio::test]
async fn the_claims_ask_the_functions_that_the_app_replaced(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape, UserRoles::new().override_functions(Guests)).await;
    let cx = Cx::new(&app.sdk);
    let roles = app.sdk.user_roles().unwrap();
    roles.create_or_add_permissions(&cx, "guest", &["look"]).await.unwrap();
    let made = app.sdk.session().unwrap().create_without_request(&cx, NewSession::of("ann")).await.unwrap();
    assert_eq!(made.claim_value(&userroles::role_claim()), Some(json!(["guest"])));
    assert_eq!(made.claim_value(&userroles::permission_claim()), Some(json!(["look"])));
}

#[rstest]
#[tokio::test]
async fn the_recipe_needs_sessions_and_is_not_there_unless_added(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let alone = Portcullis::builder(info()).core("http://localhost:3567").recipe(UserRoles::new()).build();
    assert_eq!(alone.err(), Some(BuildError::MissingRecipe { recipe: "userroles", needs: "session" }));
    let without = TestApp::new(shape, |builder| builder.recipe(SessionRecipe::new())).await;
    assert!(matches!(without.sdk.user_roles().err(), Some(Error::NoSuchRecipe("userroles"))));
}
