//! Users: listed, counted, looked at, made and deleted.

use super::input::{optional_query, query, text};
use crate::handle::{json_body, ok};
use crate::recipes::emailpassword::SignUp;
use crate::recipes::passwordless::{CodeRequest, Contact, SignInUp};
use crate::{Cx, Error, Result, User, UserQuery};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::Response;
use portcullis_wire::users as wire;
use serde_json::{Value, json};

/// How many users' names are asked for at a time.
const NAMES_AT_A_TIME: usize = 5;

/// `GET /dashboard/api/users`
pub(super) async fn list(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let limit = query(cx, "limit")?;
    let limit: i32 = limit.parse().map_err(|_| Error::bad_input("Invalid value recieved for 'limit'"))?;
    let mut users = UserQuery::in_tenant(tenant).limit(limit);
    if let Some(page) = optional_query(cx, "paginationToken") {
        users = users.from(page);
    }
    if let Some(beginning) = optional_query(cx, "email") {
        users = users.email(beginning);
    }
    if let Some(beginning) = optional_query(cx, "phone") {
        users = users.phone(beginning);
    }
    if let Some(beginning) = optional_query(cx, "provider") {
        users = users.provider(beginning);
    }
    let page = match optional_query(cx, "timeJoinedOrder").as_deref() {
        None | Some("DESC") => cx.sdk().users_newest_first(cx, &users).await?,
        Some("ASC") => cx.sdk().users_oldest_first(cx, &users).await?,
        Some(_) => return Err(Error::bad_input("Invalid value recieved for 'timeJoinedOrder'")),
    };
    let named = stream::iter(page.users).map(|user| with_names(cx, user)).buffered(NAMES_AT_A_TIME);
    let named: Vec<Value> = named.try_collect().await?;
    let mut answer = json!({"status": "OK", "users": named});
    if let Some(next) = page.next {
        answer["nextPaginationToken"] = next.into();
    }
    ok(&answer)
}

/// A user with what the metadata call them.
async fn with_names(cx: &Cx, user: User) -> Result<Value> {
    let metadata = cx.sdk().user_metadata().functions.get(cx, &user.id).await?;
    let mut user = json!(user);
    for (name, kept) in [("firstName", "first_name"), ("lastName", "last_name")] {
        if let Some(value) = metadata.get(kept) {
            user[name] = value.clone();
        }
    }
    Ok(user)
}

/// `GET /dashboard/api/users/count`
pub(super) async fn count(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let count = cx.sdk().user_count(cx, &[], Some(tenant)).await?;
    ok(&json!({"status": "OK", "count": count}))
}

/// `GET /dashboard/api/search/tags`
pub(super) async fn search_tags(cx: &Cx) -> Result<Response<Bytes>> {
    ok(&cx.sdk().core().call::<wire::SearchTags>(cx, None, &()).await?)
}

/// `GET /dashboard/api/user`
pub(super) async fn get(cx: &Cx) -> Result<Response<Bytes>> {
    let Some(user) = cx.sdk().find_user(cx, &query(cx, "userId")?).await? else {
        return ok(&json!({"status": "NO_USER_FOUND_ERROR"}));
    };
    let mut user = with_names(cx, user).await?;
    for name in ["firstName", "lastName"] {
        if user.get(name).is_none() {
            user[name] = "".into();
        }
    }
    ok(&json!({"status": "OK", "user": user}))
}

/// `DELETE /dashboard/api/user`
pub(super) async fn delete(cx: &Cx) -> Result<Response<Bytes>> {
    let id = query(cx, "userId")?;
    let all = optional_query(cx, "removeAllLinkedAccounts");
    let all = all.is_none_or(|all| all.trim().eq_ignore_ascii_case("true"));
    cx.sdk().delete_user(cx, &id, all).await?;
    ok(&json!({"status": "OK"}))
}

/// `POST /dashboard/api/user/emailpassword`
pub(super) async fn create_with_password(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let Ok(recipe) = cx.sdk().email_password() else {
        return ok(&json!({"status": "FEATURE_NOT_ENABLED_ERROR"}));
    };
    let body = json_body(cx)?;
    let (email, password) = (text(&body, "email")?.trim(), text(&body, "password")?);
    if let Some(fault) = recipe.email_fault(cx, tenant, email).await? {
        return ok(&json!({"status": "EMAIL_VALIDATION_ERROR", "message": fault}));
    }
    if let Some(fault) = recipe.password_fault(cx, tenant, password).await? {
        return ok(&json!({"status": "PASSWORD_VALIDATION_ERROR", "message": fault}));
    }
    ok(&match recipe.sign_up(cx, tenant, email, password).await? {
        SignUp::Ok { user, recipe_user_id } => {
            json!({"status": "OK", "user": user, "recipeUserId": recipe_user_id})
        }
        SignUp::EmailAlreadyExists => json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}),
        SignUp::PolicyViolated { reason } => {
            json!({"status": "PASSWORD_VALIDATION_ERROR", "message": reason})
        }
        SignUp::LinkingFailed(_) => {
            return Err(Error::Internal("there is no session to link anybody to".to_owned()));
        }
    })
}

/// `POST /dashboard/api/user/passwordless`: the user of an address or a number, as if a code had come back.
pub(super) async fn create_passwordless(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let Ok(recipe) = cx.sdk().passwordless() else {
        return ok(&json!({"status": "FEATURE_NOT_ENABLED_ERROR"}));
    };
    let body = json_body(cx)?;
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    let contact = match (given("email"), given("phoneNumber")) {
        (Some(_), None) => Contact::Email(text(&body, "email")?.trim().to_owned()),
        (None, Some(_)) => Contact::PhoneNumber(text(&body, "phoneNumber")?.trim().to_owned()),
        _ => return Err(Error::bad_input("Please provide exactly one of email or phoneNumber")),
    };
    if let Some(fault) = recipe.settings.fault(cx, tenant, &contact).await? {
        let status = match contact {
            Contact::Email(_) => "EMAIL_VALIDATION_ERROR",
            Contact::PhoneNumber(_) => "PHONE_VALIDATION_ERROR",
        };
        return ok(&json!({"status": status, "message": fault}));
    }
    match recipe.sign_in_up(cx, &CodeRequest::new(tenant, contact.normalised())).await? {
        SignInUp::Ok { user, recipe_user_id, is_new, .. } => ok(&json!({
            "status": "OK",
            "createdNewRecipeUser": is_new,
            "user": user,
            "recipeUserId": recipe_user_id,
        })),
        outcome => Err(Error::Internal(format!("a code that was just made does not do: {outcome:?}"))),
    }
}
