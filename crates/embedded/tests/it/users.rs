//! Users of every recipe, and tenants.

use crate::app::TestApp;
use async_trait::async_trait;
use portcullis::recipes::emailpassword::{EmailPassword, SignUp};
use portcullis::recipes::multitenancy::{Functions, Multitenancy, Tenant, TenantConfig};
use portcullis::recipes::session::SessionRecipe;
use portcullis::{AccountInfo, Cx, Result, User, UserQuery};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;
use std::sync::Arc;

async fn app(shape: Shape) -> TestApp {
    TestApp::new(shape, |builder| builder.recipe(EmailPassword::new()).recipe(SessionRecipe::new())).await
}

async fn sign_up(app: &TestApp, tenant: &str, email: &str) -> String {
    let cx = Cx::new(&app.sdk);
    let made = app.sdk.email_password().unwrap().sign_up(&cx, tenant, email, "correct1horse").await.unwrap();
    let SignUp::Ok { user, .. } = made else { unreachable!("the address is new") };
    user.id
}

fn emails(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.emails[0].as_str()).collect()
}

#[rstest]
#[tokio::test]
async fn users_are_counted_listed_searched_found_and_deleted(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape).await;
    let cx = || Cx::new(&app.sdk);
    let mut ids = Vec::new();
    for email in ["ann@a.com", "bob@b.com", "cy@a.com"] {
        ids.push(sign_up(&app, "public", email).await);
        // Users who joined in the same millisecond have no order.
        app.advance(1);
    }
    assert_eq!(app.sdk.user_count(&cx(), &[], None).await.unwrap(), 3);
    assert_eq!(app.sdk.user_count(&cx(), &["emailpassword"], Some("public")).await.unwrap(), 3);
    assert_eq!(app.sdk.user_count(&cx(), &["thirdparty", "passwordless"], None).await.unwrap(), 0);

    let query = UserQuery::in_tenant("public").limit(2);
    let first = app.sdk.users_oldest_first(&cx(), &query).await.unwrap();
    assert_eq!(emails(&first.users), ["ann@a.com", "bob@b.com"]);
    let rest = app.sdk.users_oldest_first(&cx(), &query.clone().from(first.next.unwrap())).await.unwrap();
    assert_eq!((emails(&rest.users), rest.next), (vec!["cy@a.com"], None));
    let newest = app.sdk.users_newest_first(&cx(), &query).await.unwrap();
    assert_eq!(emails(&newest.users), ["cy@a.com", "bob@b.com"]);
    let of_others = query.recipes(&["passwordless"]);
    assert!(app.sdk.users_newest_first(&cx(), &of_others).await.unwrap().users.is_empty());
    let search = UserQuery::in_tenant("public").email("a.com");
    let found = app.sdk.users_newest_first(&cx(), &search).await.unwrap();
    assert_eq!(emails(&found.users), ["cy@a.com", "ann@a.com"]);
    let by_phone = UserQuery::in_tenant("public").phone("+49");
    assert!(app.sdk.users_newest_first(&cx(), &by_phone).await.unwrap().users.is_empty());

    let info = |email: &str, phone: Option<&str>| AccountInfo {
        email: Some(email.to_owned()),
        phone_number: phone.map(str::to_owned),
        ..AccountInfo::default()
    };
    let known = async |info: &AccountInfo, any| {
        app.sdk.list_users_by_account_info(&cx(), "public", info, any).await.unwrap().len()
    };
    assert_eq!(known(&info("BOB@b.com", None), false).await, 1);
    assert_eq!(known(&info("bob@b.com", Some("+491701234567")), true).await, 1);
    assert_eq!(known(&info("bob@b.com", Some("+491701234567")), false).await, 0);
    assert_eq!(known(&info("nobody@b.com", None), true).await, 0);

    let cy = app.sdk.find_user(&cx(), &ids[2]).await.unwrap().unwrap();
    assert_eq!(cy.login_methods[0].recipe_user_id, ids[2]);
    app.sdk.delete_user(&cx(), &ids[2], true).await.unwrap();
    assert!(app.sdk.find_user(&cx(), &ids[2]).await.unwrap().is_none());
    app.sdk.delete_user(&cx(), &ids[2], true).await.unwrap();
    assert_eq!(app.sdk.user_count(&cx(), &[], None).await.unwrap(), 2);
}

#[rstest]
#[tokio::test]
async fn a_change_is_seen_by_the_call_that_made_it(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape).await;
    let cx = Cx::new(&app.sdk);
    let id = sign_up(&app, "public", "ann@a.com").await;
    assert!(app.sdk.find_user(&cx, &id).await.unwrap().is_some());
    app.sdk.delete_user(&cx, &id, true).await.unwrap();
    assert!(app.sdk.find_user(&cx, &id).await.unwrap().is_none(), "not the answer from before");
}

#[rstest]
#[tokio::test]
async fn tenants_are_made_changed_listed_and_deleted(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape).await;
    let cx = Cx::new(&app.sdk);
    let tenants = app.sdk.multitenancy();
    assert!(tenants.get_tenant(&cx, "t1").await.unwrap().is_none());
    let only_passwords = TenantConfig::new().first_factors(["emailpassword"]);
    assert!(tenants.create_or_update_tenant(&cx, "t1", only_passwords).await.unwrap());
    let allowed = async || tenants.get_tenant(&cx, "t1").await.unwrap().unwrap().first_factors;
    assert_eq!(allowed().await, Some(vec!["emailpassword".to_owned()]));
    let any = TenantConfig::new().any_first_factor();
    assert!(!tenants.create_or_update_tenant(&cx, "t1", any).await.unwrap());
    assert_eq!(allowed().await, None);
    let ids: Vec<_> = tenants.list_all_tenants(&cx).await.unwrap().into_iter().map(|t| t.tenant_id).collect();
    assert_eq!(ids, ["public", "t1"]);

    sign_up(&app, "public", "ann@a.com").await;
    sign_up(&app, "t1", "bob@b.com").await;
    assert_eq!(app.sdk.user_count(&cx, &[], None).await.unwrap(), 2);
    assert_eq!(app.sdk.user_count(&cx, &[], Some("t1")).await.unwrap(), 1);
    let of_tenant = app.sdk.users_oldest_first(&cx, &UserQuery::in_tenant("t1")).await.unwrap();
    assert_eq!(emails(&of_tenant.users), ["bob@b.com"]);

    assert!(tenants.delete_tenant(&cx, "t1").await.unwrap());
    assert!(!tenants.delete_tenant(&cx, "t1").await.unwrap());
    assert!(tenants.get_tenant(&cx, "t1").await.unwrap().is_none());
}

/// Nobody signs in with a password.
struct NoPasswords(Arc<dyn Functions>);

#[async_trait]
impl Functions for NoPasswords {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn get_tenant(&self, cx: &Cx, tenant: &str) -> Result<Option<Tenant>> {
        let mut found = self.original().get_tenant(cx, tenant).await?;
        if let Some(tenant) = &mut found {
            tenant.first_factors = Some(vec!["otp-email".to_owned()]);
        }
        Ok(found)
    }
}

#[rstest]
#[tokio::test]
async fn sign_in_asks_the_tenant_that_the_app_replaced(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = TestApp::new(shape, |builder| {
        let builder = builder.recipe(Multitenancy::new().override_functions(NoPasswords));
        builder.recipe(EmailPassword::new()).recipe(SessionRecipe::new())
    })
    .await;
    let reply = app.form("/auth/signup", &[("email", "ann@a.com"), ("password", "correct1horse")]).await;
    assert_eq!(reply.seen(), (401, json!({"message": "unauthorised"})));
}
