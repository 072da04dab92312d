//! What the dashboard does about roles and tenants.

use super::{Desk, status};
use http::Method;
use portcullis::Cx;
use portcullis::recipes::dashboard::Dashboard;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::multifactorauth::{Functions, MultiFactorAuth};
use portcullis::recipes::multitenancy::Tenant;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::totp::Totp;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

#[rstest]
#[tokio::test]
async fn roles_are_made_given_and_taken(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let ask = async |method: Method, api: &str, body: Value| {
        desk.ask(method, &format!("/userroles{api}"), &body).await
    };
    let role = json!({"role": "admin", "permissions": ["read", "write"]});
    assert_eq!(
        ask(Method::PUT, "/role", role.clone()).await,
        json!({"status": "OK", "createdNewRole": true})
    );
    assert_eq!(ask(Method::PUT, "/role", role).await["createdNewRole"], false);
    assert_eq!(ask(Method::GET, "/roles", Value::Null).await, json!({"status": "OK", "roles": ["admin"]}));
    let permissions = ask(Method::GET, "/role/permissions?role=admin", Value::Null).await;
    assert_eq!(permissions["permissions"].as_array().unwrap().len(), 2);
    let gone = json!({"role": "admin", "permissions": ["write"]});
    assert_eq!(ask(Method::PUT, "/role/permissions/remove", gone).await, status("OK"));
    let permissions = ask(Method::GET, "/role/permissions?role=admin", Value::Null).await;
    assert_eq!(permissions, json!({"status": "OK", "permissions": ["read"]}));

    let give = json!({"userId": "ann", "role": "admin"});
    for had_it in [false, true] {
        let told = ask(Method::PUT, "/user/roles", give.clone()).await;
        assert_eq!(told, json!({"status": "OK", "didUserAlreadyHaveRole": had_it}));
    }
    let roles = ask(Method::GET, "/user/roles?userId=ann", Value::Null).await;
    assert_eq!(roles, json!({"status": "OK", "roles": ["admin"]}));
    for had_it in [true, false] {
        let told = ask(Method::DELETE, "/user/roles?userId=ann&role=admin", Value::Null).await;
        assert_eq!(told, json!({"status": "OK", "didUserHaveRole": had_it}));
    }
    for existed in [true, false] {
        let told = ask(Method::DELETE, "/role?role=admin", Value::Null).await;
        assert_eq!(told, json!({"status": "OK", "didRoleExist": existed}));
    }
    for (method, api, body) in [
        (Method::PUT, "/role/permissions/remove", json!({"role": "x", "permissions": []})),
        (Method::GET, "/role/permissions?role=x", Value::Null),
        (Method::PUT, "/user/roles", json!({"userId": "ann", "role": "x"})),
        (Method::DELETE, "/user/roles?userId=ann&role=x", Value::Null),
    ] {
        assert_eq!(ask(method, api, body).await, status("UNKNOWN_ROLE_ERROR"), "{api}");
    }
    for (method, api, body, name) in [
        (Method::PUT, "/role", json!({"role": "x"}), "permissions"),
        (Method::PUT, "/role/permissions/remove", json!({"role": "x"}), "permissions"),
        (Method::GET, "/role/permissions", Value::Null, "role"),
        (Method::DELETE, "/role", Value::Null, "role"),
        (Method::GET, "/user/roles", Value::Null, "userId"),
        (Method::DELETE, "/user/roles", Value::Null, "role"),
        (Method::DELETE, "/user/roles?role=x", Value::Null, "userId"),
    ] {
        let text = desk.fault(method, &format!("/userroles{api}"), &body).await;
        assert_eq!(text, format!("Required parameter '{name}' is missing or has an invalid type"), "{api}");
    }
    for (method, api, body) in [
        (Method::PUT, "/role", json!({"role": "", "permissions": []})),
        (Method::GET, "/role/permissions?role=", Value::Null),
        (Method::DELETE, "/user/roles?userId=ann&role=", Value::Null),
    ] {
        let text = desk.fault(method, &format!("/userroles{api}"), &body).await;
        assert!(text.contains("Field name 'role' cannot be an empty String"), "{text}");
    }
}

/// What the app's own functions ask for need not be what a tenant asks for.
#[derive(Debug)]
struct Own(Arc<dyn Functions>);

impl Functions for Own {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }
}

#[rstest]
#[tokio::test]
async fn the_dashboard_is_told_of_own_functions(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = MultiFactorAuth::new().override_functions(Own);
    let desk = Desk::with(shape, Dashboard::new(), |builder| {
        builder.recipe(EmailPassword::new()).recipe(recipe).recipe(Totp::new()).recipe(SessionRecipe::new())
    })
    .await;
    let totp = json!({"factorId": "totp", "enable": true});
    assert_eq!(
        desk.ask(Method::PUT, "/tenant/required-secondary-factor", &totp).await,
        json!({"status": "OK", "isMFARequirementsForAuthOverridden": true})
    );
}

#[rstest]
#[tokio::test]
async fn tenants_are_made_changed_and_deleted(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let make = async |body: Value| desk.ask(Method::POST, "/tenant", &body).await;
    let t1 = json!({"tenantId": "t1", "firstFactors": ["emailpassword", "webauthn", "own"]});
    assert_eq!(make(t1).await, json!({"status": "OK", "createdNew": true}));
    assert_eq!(make(json!({"tenantId": "t1"})).await, status("TENANT_ID_ALREADY_EXISTS_ERROR"));
    let invalid = make(json!({"tenantId": "a b"})).await;
    assert_eq!(invalid["status"], "INVALID_TENANT_ID_ERROR");
    assert!(!invalid["message"].as_str().unwrap().is_empty());
    for bad in [json!({}), json!({"tenantId": ""}), json!({"tenantId": 1})] {
        let text = "Missing required parameter 'tenantId'";
        assert_eq!(desk.fault(Method::POST, "/tenant", &bad).await, text);
    }

    let listed = desk.get("/tenants").await;
    let mut tenants = listed["tenants"].as_array().unwrap().clone();
    tenants.sort_by_key(|tenant| tenant["tenantId"].to_string());
    assert_eq!(
        json!(tenants),
        json!([
            {"tenantId": "public", "firstFactors": ["emailpassword"]},
            {"tenantId": "t1", "firstFactors": ["emailpassword", "own"]},
        ])
    );
    let get = async |tenant: &str| desk.of_tenant(tenant, Method::GET, "/tenant", &Value::Null).await;
    let told = get("t1").await;
    let tenant = &told["tenant"];
    assert_eq!(told["status"], "OK");
    assert_eq!((&tenant["tenantId"], &tenant["userCount"]), (&json!("t1"), &json!(0)));
    assert_eq!(tenant["thirdParty"], json!({"providers": []}));
    assert_eq!(tenant.get("requiredSecondaryFactors"), None);
    let settings = tenant["coreConfig"].as_array().unwrap();
    assert!(settings.iter().any(|setting| setting["key"] == "email_verification_token_lifetime"));
    assert_eq!(get("unknown").await, status("UNKNOWN_TENANT_ERROR"));

    let put = async |tenant: &str, api: &str, body: Value| {
        desk.of_tenant(tenant, Method::PUT, &format!("/tenant{api}"), &body).await
    };
    let factor = |id: &str, enable: bool| json!({"factorId": id, "enable": enable});
    assert_eq!(put("t1", "/first-factor", factor("own", false)).await, status("OK"));
    assert_eq!(get("t1").await["tenant"]["firstFactors"], json!(["emailpassword"]));
    assert_eq!(put("t1", "/first-factor", factor("emailpassword", true)).await, status("OK"));
    for (id, text) in [
        ("webauthn", "Please initialise WebAuthn recipe to be able to use this login method"),
        ("otp-email", "Please initialise Passwordless recipe to be able to use this login method"),
        ("thirdparty", "Please initialise ThirdParty recipe to be able to use this login method"),
    ] {
        let told = json!({"status": "RECIPE_NOT_CONFIGURED_ON_BACKEND_SDK_ERROR", "message": text});
        assert_eq!(put("t1", "/first-factor", factor(id, true)).await, told);
        assert_eq!(put("t1", "/required-secondary-factor", factor(id, true)).await, told);
    }
    let done = json!({"status": "OK", "isMFARequirementsForAuthOverridden": false});
    for _ in 0..2 {
        assert_eq!(put("t1", "/required-secondary-factor", factor("totp", true)).await, done);
        assert_eq!(get("t1").await["tenant"]["requiredSecondaryFactors"], json!(["totp"]));
    }
    assert_eq!(put("t1", "/required-secondary-factor", factor("totp", false)).await, done);
    assert_eq!(get("t1").await["tenant"].get("requiredSecondaryFactors"), None);
    let lifetime = json!({"name": "email_verification_token_lifetime", "value": 7_200_000});
    assert_eq!(put("t1", "/core-config", lifetime.clone()).await, status("OK"));
    let settings = get("t1").await["tenant"]["coreConfig"].clone();
    let mut settings = settings.as_array().unwrap().iter();
    let setting = settings.find(|setting| setting["key"] == "email_verification_token_lifetime").unwrap();
    assert_eq!(setting["value"], 7_200_000);
    let wrong = json!({"name": "email_verification_token_lifetime", "value": "long"});
    let told = put("t1", "/core-config", wrong).await;
    assert_eq!(told["status"], "INVALID_CONFIG_ERROR");
    assert!(!told["message"].as_str().unwrap().is_empty());
    for (api, body) in [
        ("/first-factor", factor("emailpassword", true)),
        ("/required-secondary-factor", factor("totp", true)),
        ("/core-config", lifetime),
    ] {
        assert_eq!(put("unknown", api, body).await, status("UNKNOWN_TENANT_ERROR"), "{api}");
    }

    let delete = async |tenant: &str| desk.of_tenant(tenant, Method::DELETE, "/tenant", &Value::Null).await;
    assert_eq!(delete("public").await, status("CANNOT_DELETE_PUBLIC_TENANT_ERROR"));
    for existed in [true, false] {
        assert_eq!(delete("t1").await, json!({"status": "OK", "didExist": existed}));
    }
}

#[rstest]
#[tokio::test]
async fn a_tenant_s_providers_are_kept_shown_and_removed(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let desk = Desk::new(shape).await;
    let new = json!({"tenantId": "t1", "firstFactors": ["thirdparty", "emailpassword"]});
    desk.ask(Method::POST, "/tenant", &new).await;
    let api = |query: &str| format!("/thirdparty/config{query}");
    let ask = async |tenant: &str, method: Method, query: &str, body: Value| {
        desk.of_tenant(tenant, method, &api(query), &body).await
    };
    let form = ask("t1", Method::GET, "?thirdPartyId=okta&oktaDomain=dev.okta.com", Value::Null).await;
    let client =
        json!({"clientId": "", "clientSecret": "", "additionalConfig": {"oktaDomain": "dev.okta.com"}});
    assert_eq!((&form["status"], &form["providerConfig"]["clients"]), (&json!("OK"), &json!([client])));
    assert_eq!(form["providerConfig"]["isGetUserInfoOverridden"], false);

    let google = json!({"thirdPartyId": "google", "name": "Google", "clients": [{"clientId": "id", "clientSecret": "s"}]});
    for is_new in [true, false] {
        let told = ask("t1", Method::PUT, "", json!({"providerConfig": google})).await;
        assert_eq!(told, json!({"status": "OK", "createdNew": is_new}));
    }
    let kept = ask("t1", Method::GET, "?thirdPartyId=google", Value::Null).await;
    assert_eq!(kept["providerConfig"]["clients"], google["clients"]);
    let tenant = desk.of_tenant("t1", Method::GET, "/tenant", &Value::Null).await;
    let providers = json!([{"thirdPartyId": "google", "name": "Google"}]);
    assert_eq!(tenant["tenant"]["thirdParty"]["providers"], providers);
    assert!(desk.fault(Method::PUT, "/thirdparty/config", &json!({})).await.starts_with("providerConfig is"));

    for existed in [true, false] {
        let told = ask("t1", Method::DELETE, "?thirdPartyId=google", Value::Null).await;
        assert_eq!(told, json!({"status": "OK", "didConfigExist": existed}));
    }
    let (cx, tenants) = (Cx::new(&desk.app.sdk), desk.app.sdk.multitenancy());
    let first = |tenant: Option<Tenant>| tenant.unwrap().first_factors;
    assert_eq!(first(tenants.get_tenant(&cx, "t1").await.unwrap()), Some(vec!["emailpassword".to_owned()]));
    // A tenant that lists none allows all but this one from now on.
    desk.ask(Method::PUT, "/thirdparty/config", &json!({"providerConfig": google})).await;
    desk.ask(Method::DELETE, "/thirdparty/config?thirdPartyId=google", &Value::Null).await;
    let public = tenants.get_tenant(&Cx::new(&desk.app.sdk), "public").await.unwrap();
    assert_eq!(first(public), Some(vec!["emailpassword".to_owned()]));
    for (method, body) in [
        (Method::GET, Value::Null),
        (Method::PUT, json!({"providerConfig": google})),
        (Method::DELETE, Value::Null),
    ] {
        assert_eq!(
            ask("unknown", method, "?thirdPartyId=google", body).await,
            status("UNKNOWN_TENANT_ERROR")
        );
    }
}
