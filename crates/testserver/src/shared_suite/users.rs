//! Users, whatever they sign in with.

use crate::body::{Body, unknown};
use portcullis::{AccountInfo, Cx, Result, ThirdParty, UserPage, UserQuery};
use serde_json::{Value, json};

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let sdk = cx.sdk();
    Ok(match function {
        "getuser" => json!(sdk.find_user(cx, body.text("userId")).await?),
        "deleteuser" => {
            let all = body.flag("removeAllLinkedAccounts").unwrap_or(true);
            sdk.delete_user(cx, body.text("userId"), all).await?;
            json!({"status": "OK"})
        }
        "listusersbyaccountinfo" => {
            let info = account_info(&body.inner("accountInfo"));
            let any_will_do = body.flag("doUnionOfAccountInfo").unwrap_or(false);
            json!(sdk.list_users_by_account_info(cx, body.tenant(), &info, any_will_do).await?)
        }
        "getusersnewestfirst" => page(&sdk.users_newest_first(cx, &query(body)).await?),
        "getusersoldestfirst" => page(&sdk.users_oldest_first(cx, &query(body)).await?),
        _ => return Err(unknown(function)),
    })
}

/// What login methods are known by.
pub(crate) fn account_info(told: &Body) -> AccountInfo {
    let third_party = told.inner("thirdParty");
    AccountInfo {
        email: told.optional("email").map(str::to_owned),
        phone_number: told.optional("phoneNumber").map(str::to_owned),
        third_party: third_party.has("id").then(|| ThirdParty {
            id: third_party.text("id").to_owned(),
            user_id: third_party.text("userId").to_owned(),
        }),
        webauthn_credential_id: told.inner("webauthn").optional("credentialId").map(str::to_owned),
    }
}

fn query(body: &Body) -> UserQuery {
    let mut query = UserQuery::in_tenant(body.tenant());
    if let Some(limit) = body.number("limit").and_then(|limit| i32::try_from(limit).ok()) {
        query = query.limit(limit);
    }
    if let Some(page) = body.optional("paginationToken") {
        query = query.from(page);
    }
    query
}

fn page(page: &UserPage) -> Value {
    json!({"users": page.users, "nextPaginationToken": page.next})
}
