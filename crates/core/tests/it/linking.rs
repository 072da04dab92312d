//! Users who are linked, who have external ids, and who are members of several tenants.

use super::accountlinking::{id_of, link as link_two, make_primary};
use portcullis_testkit::TestCore;
use serde_json::{Value, json};

/// Makes the users one, who is named after the first of them and is primary.
pub(super) async fn link(core: &TestCore, users: &[&Value]) {
    let ids: Vec<String> = users.iter().map(|user| id_of(user)).collect();
    assert_eq!(make_primary(core, &ids[0]).await["status"], "OK");
    for id in &ids[1..] {
        assert_eq!(link_two(core, id, &ids[0]).await["status"], "OK");
    }
}

/// Gives a user an external id.
pub(super) async fn map_id(core: &TestCore, id: &Value, external: &str) {
    let body = json!({"superTokensUserId": id, "externalUserId": external});
    assert_eq!(core.post("/recipe/userid/map", body).await.status_word(), "OK");
}

/// Makes a user a member of another tenant as well.
pub(super) async fn join(core: &TestCore, id: &Value, tenant: &str) {
    let path = format!("/{tenant}/recipe/multitenancy/tenant/user");
    assert_eq!(core.post(&path, json!({"recipeUserId": id})).await.status_word(), "OK");
}
