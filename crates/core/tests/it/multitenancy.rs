//! Tenants: what can be asked about them.

use portcullis_testkit::TestCore;
use serde_json::json;

#[tokio::test]
async fn the_public_tenant_leaves_the_factors_to_the_sdk() {
    let core = TestCore::start().await;
    let public =
        json!({"status": "OK", "tenantId": "public", "thirdParty": {"providers": []}, "coreConfig": {}});
    for path in ["/recipe/multitenancy/tenant/v2", "/public/recipe/multitenancy/tenant/v2"] {
        assert_eq!(core.get(path).await.json(), public, "{path}");
    }
    let unknown = core.get("/t1/recipe/multitenancy/tenant/v2").await;
    assert_eq!(unknown.status, 400);
}
