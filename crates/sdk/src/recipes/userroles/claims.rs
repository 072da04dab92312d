//! The claims that carry roles and permissions in the access token.

use super::Permissions;
use crate::recipes::session::{Claim, ClaimSubject};
use crate::{Cx, Result};

/// The roles of the session's user in the session's tenant: `st-role`, a list of texts.
pub fn role_claim() -> Claim {
    Claim::new("st-role", |cx, subject| Box::pin(async move { Ok(Some(roles(&cx, &subject).await?.into())) }))
}

/// The permissions of all those roles, each once: `st-perm`, a list of texts.
pub fn permission_claim() -> Claim {
    Claim::new("st-perm", |cx, subject| {
        Box::pin(async move { Ok(Some(permissions(&cx, &subject).await?.into())) })
    })
}

async fn roles(cx: &Cx, subject: &ClaimSubject) -> Result<Vec<String>> {
    cx.sdk().user_roles()?.functions.of_user(cx, subject.tenant_id(), subject.user_id()).await
}

async fn permissions(cx: &Cx, subject: &ClaimSubject) -> Result<Vec<String>> {
    let functions = &cx.sdk().user_roles()?.functions;
    let mut all: Vec<String> = Vec::new();
    for role in roles(cx, subject).await? {
        // A role that was deleted meanwhile permits nothing.
        let Permissions::Ok(permissions) = functions.permissions_of(cx, &role).await? else { continue };
        for permission in permissions {
            if !all.contains(&permission) {
                all.push(permission);
            }
        }
    }
    Ok(all)
}
