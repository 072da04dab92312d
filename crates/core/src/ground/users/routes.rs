//! The endpoints about users of any recipe, and the user object in the shape of each version.

use super::counts::{self, Approximate};
use super::model::{
    Cursor, LoginMethod, Search, ThirdParty, User, WEBAUTHN, normalise_email, normalise_phone_number,
};
use super::service::{self, UserFilter, Wanted};
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::Status;
use portcullis_wire::admin::StatusOk;
use portcullis_wire::{Cdi, users as wire};

const RECIPES: [&str; 4] = ["emailpassword", "thirdparty", "passwordless", WEBAUTHN];

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::GetUser>(get_user)
        .at::<wire::RemoveUser>(remove_user)
        .at::<wire::CountUsers>(count_users)
        .at::<wire::ListUsers>(list_users)
        .at::<wire::SearchTags>(search_tags)
        .at::<wire::UsersByAccountInfo>(users_by_account_info)
}

async fn get_user(cx: Cx, input: wire::UserIdRequest) -> Result<wire::UserResponse> {
    let cx = cx.of_user(&input.user_id).await?;
    let user = service::find(&cx, &input.user_id).await?;
    Ok(user.map_or(wire::UserResponse::UnknownUserId, |user| wire::UserResponse::Ok {
        user: full_user(&user, cx.cdi),
    }))
}

async fn remove_user(cx: Cx, input: wire::RemoveUserRequest) -> Result<StatusOk> {
    let cx = cx.of_user(&input.user_id).await?;
    service::remove(&cx, &input.user_id, input.remove_all_linked_accounts.unwrap_or(true)).await?;
    Ok(StatusOk::default())
}

async fn count_users(cx: Cx, input: wire::CountRequest) -> Result<wire::CountResponse> {
    let all_tenants = input.include_all_tenants.unwrap_or(false);
    if all_tenants {
        cx.require_public_tenant()?;
    }
    let recipe_ids = recipe_ids(input.include_recipe_ids.as_deref())?;
    let allowed = input.allow_approximate.flatten().unwrap_or(false);
    if allowed && !all_tenants && recipe_ids.is_empty() {
        let Approximate { count, as_of } = counts::approximate(&cx).await?;
        let (approximate, as_of) = (Some(true), Some(as_of));
        return Ok(wire::CountResponse { status: Status::Ok, count, approximate, as_of });
    }
    let count = service::count(&cx, &UserFilter { recipe_ids, all_tenants }).await?;
    // Who would have taken less is told that it is exact.
    let (approximate, as_of) = (allowed.then_some(false), allowed.then_some(cx.now));
    Ok(wire::CountResponse { status: Status::Ok, count, approximate, as_of })
}

async fn list_users(cx: Cx, input: wire::ListRequest) -> Result<wire::UserPageResponse> {
    let recipe_ids = recipe_ids(input.include_recipe_ids.as_deref())?;
    let ascending = match input.time_joined_order.as_deref() {
        None | Some("ASC") => true,
        Some("DESC") => false,
        Some(_) => return Err(Error::bad_input("timeJoinedOrder can be either ASC OR DESC")),
    };
    let search = Search::parse(input.email.as_deref(), input.phone.as_deref(), input.provider.as_deref());
    if search.as_ref().is_some_and(Search::is_too_long) {
        let text = format!("email, phone and provider can have at most {} terms each", Search::TERMS_MAX);
        return Err(Error::BadInput(text));
    }
    let limit = i64::from(input.limit.unwrap_or(100));
    if limit > 500 && search.is_none() {
        return Err(Error::bad_input("max limit allowed is 500"));
    }
    if limit < 1 {
        return Err(Error::bad_input("limit must a positive integer with min value 1"));
    }
    let from = input.pagination_token.map(|token| decode(&token)).transpose()?;
    let filter = UserFilter { recipe_ids, all_tenants: false };
    let (users, next) = match search {
        Some(search) => (service::search(&cx, &search, ascending).await?, None),
        None => service::list(&cx, &filter, limit, ascending, from.as_ref()).await?,
    };
    let next_pagination_token = next.map(|cursor| cursor.to_token());
    let users = users.iter().map(|user| listed(user, cx.cdi)).collect();
    Ok(wire::UserPageResponse { status: Status::Ok, users, next_pagination_token })
}

fn listed(user: &User, cdi: Cdi) -> wire::ListedUser {
    if cdi >= Cdi::V4_0 {
        return wire::ListedUser::Full(full_user(user, cdi));
    }
    let recipe_id = user.login_methods.first().map(|method| method.recipe_id.clone()).unwrap_or_default();
    wire::ListedUser::Old { recipe_id, user: old_user(user, cdi) }
}

async fn search_tags(_: Cx, (): ()) -> Result<wire::SearchTagsResponse> {
    Ok(wire::SearchTagsResponse {
        status: Status::Ok,
        tags: ["email", "phone", "provider"].map(str::to_owned).to_vec(),
    })
}

async fn users_by_account_info(cx: Cx, input: wire::AccountInfoRequest) -> Result<wire::UsersResponse> {
    let third_party = match (input.third_party_id, input.third_party_user_id) {
        (Some(id), Some(user_id)) => Some((id, user_id)),
        (None, None) => None,
        _ => {
            return Err(Error::bad_input(
                "If 'thirdPartyId' is provided, 'thirdPartyUserId' must also be provided, and vice versa",
            ));
        }
    };
    let any = match input.do_union_of_account_info.as_str() {
        "true" => true,
        "false" => false,
        _ => return Err(Error::bad_input("'doUnionOfAccountInfo' should be either 'true' or 'false'")),
    };
    let email = input.email.as_deref().map(normalise_email);
    let phone_number = input.phone_number.as_deref().map(normalise_phone_number);
    let credential_id = input.webauthn_credential_id;
    let info = Wanted { email, phone_number, third_party, credential_id };
    let users = service::list_by_account_info(&cx, &info, any).await?;
    let users = users.iter().map(|user| full_user(user, cx.cdi)).collect();
    Ok(wire::UsersResponse { status: Status::Ok, users })
}

fn recipe_ids(list: Option<&str>) -> Result<Vec<&'static str>> {
    let names = list.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = |name: &str| {
        let recipe = RECIPES.into_iter().find(|recipe| *recipe == name);
        recipe.ok_or_else(|| Error::BadInput(format!("Unknown recipe ID: {name}")))
    };
    names.map(known).collect()
}

fn decode(token: &str) -> Result<Cursor> {
    Cursor::parse(token).ok_or_else(|| Error::bad_input("invalid pagination token"))
}

/// The user in the shape of a version.
pub(crate) fn to_wire(user: &User, cdi: Cdi) -> wire::User {
    if cdi < Cdi::V4_0 {
        wire::User::Old(old_user(user, cdi))
    } else {
        wire::User::Full(full_user(user, cdi))
    }
}

/// The user in the shape that CDI 4.0 brought, with what the version knows.
pub(crate) fn full_user(user: &User, cdi: Cdi) -> wire::FullUser {
    let methods = &user.login_methods;
    let knows_passkeys = cdi >= Cdi::V5_3;
    // Before, addresses that only passkeys know of were left out.
    let shows_email = |method: &LoginMethod| knows_passkeys || method.recipe_id != WEBAUTHN;
    wire::FullUser {
        id: user.public_id().to_owned(),
        is_primary_user: user.is_primary,
        tenant_ids: unique(methods.iter().flat_map(|method| method.tenant_ids.iter().cloned())),
        time_joined: user.time_joined(),
        emails: unique(
            methods.iter().filter_map(|method| method.email.clone().filter(|_| shows_email(method))),
        ),
        phone_numbers: unique(methods.iter().filter_map(|method| method.phone_number.clone())),
        third_party: unique(methods.iter().filter_map(|method| method.third_party.as_ref().map(third_party))),
        webauthn: knows_passkeys.then(|| passkeys(methods)),
        login_methods: methods.iter().map(|method| login_method(method, knows_passkeys)).collect(),
    }
}

fn login_method(method: &LoginMethod, knows_passkeys: bool) -> wire::LoginMethod {
    wire::LoginMethod {
        tenant_ids: method.tenant_ids.clone(),
        recipe_user_id: method.public_id().to_owned(),
        verified: method.verified,
        time_joined: method.time_joined,
        recipe_id: method.recipe_id.clone(),
        email: method.email.clone(),
        phone_number: method.phone_number.clone(),
        third_party: method.third_party.as_ref().map(third_party),
        webauthn: (knows_passkeys && method.recipe_id == WEBAUTHN)
            .then(|| passkeys(std::slice::from_ref(method))),
    }
}

fn passkeys(methods: &[LoginMethod]) -> wire::Webauthn {
    wire::Webauthn { credential_ids: methods.iter().flat_map(|m| m.credential_ids.iter().cloned()).collect() }
}

/// The oldest login method, by itself: these versions know nothing of linked ones.
fn old_user(user: &User, cdi: Cdi) -> wire::OldUser {
    let oldest = user.login_methods.first();
    wire::OldUser {
        id: oldest.map_or_else(|| user.public_id(), LoginMethod::public_id).to_owned(),
        time_joined: user.time_joined(),
        tenant_ids: (cdi >= Cdi::V3_0).then(|| oldest.map(|m| m.tenant_ids.clone()).unwrap_or_default()),
        email: oldest.and_then(|method| method.email.clone()),
        phone_number: oldest.and_then(|method| method.phone_number.clone()),
        third_party: oldest.and_then(|method| method.third_party.as_ref().map(third_party)),
    }
}

fn third_party(third_party: &ThirdParty) -> wire::ThirdParty {
    wire::ThirdParty { id: third_party.id.clone(), user_id: third_party.user_id.clone() }
}

fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.fold(Vec::new(), |mut seen, item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
        seen
    })
}
