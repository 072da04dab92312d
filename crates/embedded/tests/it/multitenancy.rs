//! Who is in a tenant, with which ways of signing in, and how a request finds its tenant.

use crate::app::TestApp;
use async_trait::async_trait;
use http::Request;
use portcullis::recipes::emailpassword::{EmailPassword, SignUp};
use portcullis::recipes::multitenancy::{
    Api, Apis, AssociateUser, DisassociateUser, Functions, LoginMethods, LoginProvider, Multitenancy,
    Provider, ProviderClient, TenantConfig, allowed_domains_claim,
};
use portcullis::recipes::session::{NewSession, SessionRecipe, VerifyOptions};
use portcullis::{CoreError, Cx, Error, Result, SessionError};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;
use std::sync::Arc;

async fn app(shape: Shape, recipe: Multitenancy) -> TestApp {
    TestApp::new(shape, |builder| {
        builder.recipe(EmailPassword::new()).recipe(recipe).recipe(SessionRecipe::new())
    })
    .await
}

async fn sign_up(app: &TestApp, tenant: &str, email: &str) -> String {
    let (cx, passwords) = (Cx::new(&app.sdk), app.sdk.email_password().unwrap());
    let made = passwords.sign_up(&cx, tenant, email, "correct1horse").await.unwrap();
    let SignUp::Ok { recipe_user_id, .. } = made else { panic!("{made:?}") };
    recipe_user_id
}

#[rstest]
#[tokio::test]
async fn a_login_method_joins_and_leaves_tenants(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, Multitenancy::new()).await;
    let (cx, tenants) = (Cx::new(&app.sdk), app.sdk.multitenancy());
    tenants.create_or_update_tenant(&cx, "t1", TenantConfig::new().any_first_factor()).await.unwrap();
    let ann = sign_up(&app, "public", "ann@example.com").await;
    let join = async |id: &str| tenants.associate_user_to_tenant(&cx, "t1", id).await.unwrap();
    assert_eq!(join(&ann).await, AssociateUser::Ok { was_already_associated: false });
    assert_eq!(join(&ann).await, AssociateUser::Ok { was_already_associated: true });
    assert_eq!(join("nobody").await, AssociateUser::UnknownUser);
    let fields = [("email", "ann@example.com"), ("password", "correct1horse")];
    assert_eq!(app.form("/auth/t1/signin", &fields).await.body["user"]["id"], ann.as_str());

    let leave = async |id: &str| tenants.disassociate_user_from_tenant(&cx, "t1", id).await.unwrap();
    assert_eq!(leave(&ann).await, DisassociateUser::Ok { was_associated: true });
    assert_eq!(leave(&ann).await, DisassociateUser::Ok { was_associated: false });
    assert_eq!(leave("nobody").await, DisassociateUser::UnknownUser);
    assert_eq!(app.form("/auth/t1/signin", &fields).await.body["status"], "WRONG_CREDENTIALS_ERROR");

    // Somebody else has the address there, or what primary users are known by.
    sign_up(&app, "t1", "ann@example.com").await;
    assert_eq!(join(&ann).await, AssociateUser::EmailAlreadyExists);
    let (here, there) = (sign_up(&app, "public", "bob@example.com").await, "google's bob");
    let body = json!({
        "thirdPartyId": "google", "thirdPartyUserId": there,
        "email": {"id": "bob@example.com", "isVerified": true},
    });
    let made = app.core(http::Method::POST, "/t1/recipe/signinup", &body).await;
    for id in [here.as_str(), made["recipeUserId"].as_str().unwrap()] {
        app.sdk.account_linking().create_primary_user(&cx, id).await.unwrap();
    }
    assert!(matches!(join(&here).await, AssociateUser::NotAllowed { .. }));
}

#[rstest]
#[tokio::test]
async fn providers_are_kept_for_a_tenant(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, Multitenancy::new()).await;
    let (cx, tenants) = (Cx::new(&app.sdk), app.sdk.multitenancy());
    let client = |kind: Option<&str>| ProviderClient {
        client_type: kind.map(str::to_owned),
        client_id: "id".to_owned(),
        ..ProviderClient::default()
    };
    let provider = |id: &str, clients| Provider {
        third_party_id: id.to_owned(),
        name: Some(format!("Our {id}")),
        clients,
        ..Provider::default()
    };
    let put =
        async |provider| tenants.create_or_update_third_party_config(&cx, "public", provider).await.unwrap();
    assert!(put(provider("custom", vec![client(None)])).await);
    assert!(!put(provider("custom", vec![client(Some("web"))])).await);
    assert!(put(provider("several", vec![client(Some("web")), client(Some("ios"))])).await);
    let kept = tenants.get_tenant(&cx, "public").await.unwrap().unwrap().third_party.providers;
    assert_eq!(kept[0], provider("custom", vec![client(Some("web"))]));
    assert_eq!(kept.len(), 2);

    // Apple needs a key.
    let apple = || provider("apple", vec![client(None)]);
    let refused = tenants.create_or_update_third_party_config(&cx, "public", apple()).await.unwrap_err();
    assert!(matches!(&refused, Error::Core(CoreError::Refused { status: 400, .. })), "{refused:?}");
    let unchecked = tenants.create_or_update_third_party_config_without_validation(&cx, "public", apple());
    assert!(unchecked.await.unwrap());
    assert!(tenants.delete_third_party_config(&cx, "public", "apple").await.unwrap());

    assert!(tenants.delete_third_party_config(&cx, "public", "custom").await.unwrap());
    assert!(!tenants.delete_third_party_config(&cx, "public", "custom").await.unwrap());
    assert_eq!(tenants.get_tenant(&cx, "public").await.unwrap().unwrap().third_party.providers.len(), 1);
}

#[rstest]
#[tokio::test]
async fn the_frontend_learns_the_ways_of_signing_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, Multitenancy::new()).await;
    let (cx, tenants) = (Cx::new(&app.sdk), app.sdk.multitenancy());
    let create = async |id, config| tenants.create_or_update_tenant(&cx, id, config).await.unwrap();
    create("any", TenantConfig::new().any_first_factor()).await;
    // Factors of recipes that the app has not are left out; those of its own stay.
    let named = ["otp-email", "emailpassword", "fingerprint", "webauthn"];
    create("own", TenantConfig::new().first_factors(named)).await;
    create("none", TenantConfig::new().first_factors(["thirdparty"])).await;
    for (tenant, factors) in [
        ("any", json!(["emailpassword"])),
        ("own", json!(["emailpassword", "fingerprint"])),
        ("none", json!([])),
        ("public", json!(["emailpassword"])),
    ] {
        let reply = app.send(Request::get(format!("/auth/{tenant}/loginmethods")), "").await;
        let has_passwords = tenant != "none";
        let expected = json!({
            "status": "OK",
            "emailPassword": {"enabled": has_passwords},
            "thirdParty": {"enabled": false, "providers": []},
            "webauthn": {"enabled": false},
            "passwordless": {"enabled": false},
            "firstFactors": factors,
        });
        assert_eq!(reply.seen(), (200, expected), "{tenant}");
        let available = app.sdk.available_first_factors(&cx, tenant).await.unwrap();
        assert_eq!(json!(available), factors, "{tenant}");
    }
    assert_eq!(app.send(Request::get("/auth/unknown/loginmethods"), "").await.status, 500);
    assert!(app.sdk.available_first_factors(&cx, "unknown").await.is_err());
    let fields = [("email", "ann@example.com"), ("password", "correct1horse")];
    assert_eq!(app.form("/auth/own/signup", &fields).await.body["status"], "OK");
    assert_eq!(app.form("/auth/none/signup", &fields).await.status, 401);
}

/// The tenant is that of the host, unless the path names one; one more provider is offered.
struct ByHost(Arc<dyn Functions>);

#[async_trait]
impl Functions for ByHost {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn tenant_id(&self, cx: &Cx, tenant_of_path: &str) -> Result<String> {
        let host = cx.exchange().and_then(|exchange| exchange.header("host"));
        let tenant = host.and_then(|host| host.strip_suffix(".example.com"));
        if tenant_of_path == "forbidden" {
            return Err(Error::bad_input("no such customer"));
        }
        Ok(tenant.filter(|_| tenant_of_path == "public").unwrap_or(tenant_of_path).to_owned())
    }
}

struct OneMore(Arc<dyn Apis>);

#[async_trait]
impl Apis for OneMore {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn login_methods(&self, cx: &Cx, tenant: &str, client_type: Option<&str>) -> Result<LoginMethods> {
        let mut found = self.0.login_methods(cx, tenant, client_type).await?;
        let name = Some(format!("{tenant} for {}", client_type.unwrap_or("everybody")));
        found.providers.push(LoginProvider { id: "one-more".to_owned(), name });
        Ok(found)
    }
}

#[rstest]
#[tokio::test]
async fn the_app_finds_the_tenant_of_a_request(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = Multitenancy::new().override_functions(ByHost).override_apis(OneMore);
    let app = app(shape, recipe).await;
    let (cx, tenants) = (Cx::new(&app.sdk), app.sdk.multitenancy());
    tenants.create_or_update_tenant(&cx, "acme", TenantConfig::new().any_first_factor()).await.unwrap();
    let body = json!({"formFields": [
        {"id": "email", "value": "ann@example.com"}, {"id": "password", "value": "correct1horse"}]});
    let of_host = Request::post("/auth/signup").header("host", "acme.example.com");
    let made = app.send(of_host, body.to_string()).await;
    assert_eq!(made.body["user"]["tenantIds"], json!(["acme"]));
    let methods = async |path: &str| {
        let request = Request::get(path).header("host", "acme.example.com");
        app.send(request, "").await.body["thirdParty"]["providers"].clone()
    };
    let one = |name: &str| json!([{"id": "one-more", "name": name}]);
    assert_eq!(methods("/auth/loginmethods").await, one("acme for everybody"));
    assert_eq!(methods("/auth/loginmethods?clientType=web").await, one("acme for web"));
    let refused = app.send(Request::get("/auth/forbidden/loginmethods"), "").await;
    assert_eq!(refused.seen(), (400, json!({"message": "no such customer"})));
}

#[rstest]
#[tokio::test]
async fn sessions_carry_the_domains_of_their_tenant(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let domains = |_: Cx, tenant: String| async move {
        Ok((tenant != "public").then(|| vec![format!("{tenant}.example.com"), "example.com".to_owned()]))
    };
    let app = app(shape, Multitenancy::new().allowed_domains(domains).disable(Api::LoginMethods)).await;
    assert!(!app.serves(&http::Method::GET, "/auth/loginmethods"));
    let (cx, sessions) = (Cx::new(&app.sdk), app.sdk.session().unwrap());
    app.sdk
        .multitenancy()
        .create_or_update_tenant(&cx, "acme", TenantConfig::new().any_first_factor())
        .await
        .unwrap();
    let ann = sign_up(&app, "acme", "ann@example.com").await;
    let only = |domain: &str| VerifyOptions::new().also(allowed_domains_claim().includes(domain, None));
    let new = NewSession::of(&ann).tenant("acme");
    let token = sessions.create_without_request(&cx, new).await.unwrap().access_token();
    let verify =
        async |token: &str, domain| sessions.verify_without_request(&cx, token, None, &only(domain)).await;
    let session = verify(&token, "acme.example.com").await.unwrap().unwrap();
    let expected = json!(["acme.example.com", "example.com"]);
    assert_eq!(session.claim_value(&allowed_domains_claim()), Some(expected));
    let refused = verify(&token, "other.example.com").await.unwrap_err();
    assert!(matches!(refused, Error::Session(SessionError::InvalidClaims(_))), "{refused:?}");
    // The public tenant has none, and so no page is allowed there.
    let token = sessions.create_without_request(&cx, NewSession::of(&ann)).await.unwrap();
    assert_eq!(token.claim_value(&allowed_domains_claim()), None);
    assert!(verify(&token.access_token(), "example.com").await.is_err());
}

#[tokio::test]
async fn which_recipes_an_app_has() {
    let app = app(Shape::Embedded, Multitenancy::new()).await;
    for id in ["accountlinking", "emailpassword", "jwt", "multitenancy", "openid", "session", "usermetadata"]
    {
        assert!(app.sdk.has_recipe(id), "{id}");
    }
    for id in ["emailverification", "userroles", "thirdparty", ""] {
        assert!(!app.sdk.has_recipe(id), "{id}");
    }
}
