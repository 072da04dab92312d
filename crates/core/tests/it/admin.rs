//! The core about itself: what apps use, and how often each of them calls.

use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const DAY: i64 = 86_400_000;

async fn usage(core: &TestCore, app: &str) -> Value {
    core.get(&format!("{app}/ee/featureflag")).await.json()["usageStats"].clone()
}

#[tokio::test]
async fn what_an_app_uses_is_told_by_feature() {
    let core = TestCore::start().await;
    let tenant = |id: &str, users: i64, further: Value| {
        let mut tenant = json!({"tenantId": id, "usersCount": users, "hasUsersOrSessions": users > 0,
            "userPoolId": "default", "hasEnterpriseLogin": false});
        tenant.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        tenant
    };
    assert_eq!(
        usage(&core, "").await,
        json!({
            "maus": vec![0; 31], "dashboard_login": {"user_count": 0},
            "multi_tenancy": {"connectionUriDomain": "", "appId": "public",
                "tenants": [tenant("public", 0, json!({}))]},
            "account_linking": {"usesAccountLinking": false}, "mfa": {}, "security": {},
        })
    );
    let factors = json!({"tenantId": "t1", "firstFactors": ["emailpassword"],
        "requiredSecondaryFactors": ["totp"]});
    core.put("/recipe/multitenancy/tenant/v2", factors).await.json();
    for id in ["t2", "t3", "t4"] {
        core.put("/recipe/multitenancy/tenant", json!({"tenantId": id})).await.json();
    }
    let ann = core.sign_up("ann@example.com", "password1").await["id"].clone();
    let bob = core.sign_up("bob@example.com", "password1").await["id"].clone();
    for user in [&ann, &bob] {
        core.post("/t1/recipe/multitenancy/tenant/user", json!({"recipeUserId": user})).await.json();
    }
    core.post("/recipe/accountlinking/user/primary", json!({"recipeUserId": ann})).await.json();
    let both = json!({"recipeUserId": bob, "primaryUserId": ann});
    core.post("/recipe/accountlinking/user/link", both).await.json();
    let session =
        json!({"userId": "u", "userDataInJWT": {}, "userDataInDatabase": {}, "enableAntiCsrf": false});
    assert_eq!(core.post("/t2/recipe/session", session).await.status_word(), "OK");
    let okta = json!({"config": {"thirdPartyId": "okta-2"}});
    core.put("/t3/recipe/multitenancy/config/thirdparty", okta).await.json();
    let own = json!({"config": {"thirdPartyId": "github"}});
    core.put("/t4/recipe/multitenancy/config/thirdparty", own).await.json();
    let user = json!({"email": "staff@example.com", "password": "password1"});
    assert_eq!(core.post("/recipe/dashboard/user", user).await.status_word(), "OK");
    let used = usage(&core, "").await;
    assert_eq!(used["dashboard_login"], json!({"user_count": 1}));
    assert_eq!(used["account_linking"], json!({"usesAccountLinking": true}));
    let factors = json!({"firstFactors": ["emailpassword"], "requiredSecondaryFactors": ["totp"]});
    assert_eq!(
        used["multi_tenancy"]["tenants"],
        json!([
            tenant("public", 1, json!({})),
            tenant("t1", 1, factors),
            tenant("t2", 0, json!({"hasUsersOrSessions": true})),
            tenant("t3", 0, json!({"hasEnterpriseLogin": true})),
            tenant("t4", 0, json!({})),
        ])
    );
    core.put("/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await.json();
    let other = usage(&core, "/appid-a1").await;
    assert_eq!(other["multi_tenancy"]["appId"], "a1");
    assert_eq!(other["multi_tenancy"]["tenants"], json!([tenant("public", 0, json!({}))]));
    assert_eq!((&other["maus"][30], &other["dashboard_login"]["user_count"]), (&json!(0), &json!(0)));
    let refused = core.get("/t1/ee/featureflag").await;
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (403, "Only public tenantId can call this app specific API\n")
    );
}

#[tokio::test]
async fn active_users_are_told_for_each_of_thirty_one_days() {
    let core = TestCore::start().await;
    for (days, email) in [(0, "a"), (1, "b"), (3, "c")] {
        core.advance(days * DAY);
        core.sign_up(&format!("{email}@example.com"), "password1").await;
    }
    let active = usage(&core, "").await["maus"].clone();
    let active = active.as_array().unwrap();
    assert_eq!(active.len(), 31);
    assert_eq!(active[..5], [json!(1), json!(1), json!(2), json!(3), json!(3)]);
    assert_eq!(active[30], 3);
    core.advance(28 * DAY + 1);
    let active = usage(&core, "").await["maus"].clone();
    assert_eq!((&active[27], &active[28], &active[30]), (&json!(0), &json!(1), &json!(1)));
    for days in [1_i64, 28, 29, 31] {
        let since = core.clock.now() - days * DAY;
        let count = core.get(&format!("/users/count/active?since={since}")).await.json()["count"].clone();
        assert_eq!(active[usize::try_from(days - 1).unwrap()], count, "{days}");
    }
}

#[tokio::test]
async fn requests_are_counted_for_each_app_minute_by_minute() {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await.json();
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.json();
    core.put("/appid-a1/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.json();
    core.advance(3 * 60_000);
    for second in 0..3 {
        for _ in 0..=second {
            core.get("/appid-a1/t1/users").await.json();
        }
        core.advance(1000);
    }
    assert_eq!(core.get("/appid-a1/nowhere/users").await.status, 400);
    assert_eq!(core.get("/appid-none/users").await.status, 400);
    core.advance(60_000);
    let stats = core.get("/appid-a1/requests/stats").await.json();
    assert_eq!(stats.as_object().unwrap().len(), 4);
    assert_eq!((&stats["status"], &stats["atMinute"]), (&json!("OK"), &json!(core.clock.now() / 60_000)));
    let last = |name: &str| stats[name].as_array().unwrap()[1434..].to_vec();
    let none = json!(-1);
    assert_eq!(last("peakRequestsPerSecond"), [none, json!(-1), json!(1), json!(0), json!(0), json!(3)]);
    let average = last("averageRequestsPerSecond");
    assert_eq!(average[..5], [json!(-1.0), json!(-1.0), json!(1.0 / 60.0), json!(0.0), json!(0.0)]);
    assert_eq!(average[5], json!(7.0 / 60.0));
    for name in ["peakRequestsPerSecond", "averageRequestsPerSecond"] {
        assert_eq!(stats[name].as_array().unwrap().len(), 1440);
    }
    let of_default = core.get("/requests/stats").await.json();
    assert_eq!(of_default["peakRequestsPerSecond"].as_array().unwrap()[1436..], [2, 0, 0, 0]);
    let refused = core.get("/t1/requests/stats").await;
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (403, "Only public tenantId can call this app specific API\n")
    );
}
