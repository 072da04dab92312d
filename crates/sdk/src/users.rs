//! Users of every recipe.

use crate::{Cx, Error, PUBLIC_TENANT, Portcullis, Result};
use portcullis_wire::users as wire;

pub use portcullis_wire::users::{FullUser as User, LoginMethod, ThirdParty};

/// Which users a page holds.
///
/// ```
/// use portcullis::{Cx, Portcullis, Result, UserQuery};
///
/// /// The ids of everybody, page by page.
/// async fn everybody(sdk: &Portcullis) -> Result<Vec<String>> {
///     let cx = Cx::new(sdk);
///     let mut ids = Vec::new();
///     let mut query = UserQuery::in_tenant("public").limit(100);
///     loop {
///         let page = sdk.users_oldest_first(&cx, &query).await?;
///         ids.extend(page.users.into_iter().map(|user| user.id));
///         let Some(next) = page.next else { return Ok(ids) };
///         query = query.from(next);
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct UserQuery {
    tenant: String,
    request: wire::ListRequest,
}

impl UserQuery {
    /// Every user of a tenant.
    pub fn in_tenant(tenant: impl Into<String>) -> Self {
        let request = wire::ListRequest {
            include_recipe_ids: None,
            limit: None,
            time_joined_order: None,
            pagination_token: None,
            email: None,
            phone: None,
            provider: None,
        };
        Self { tenant: tenant.into(), request }
    }

    /// So many on a page; 100 by default.
    pub fn limit(mut self, limit: i32) -> Self {
        self.request.limit = Some(limit);
        self
    }

    /// The page that [`UserPage::next`] names.
    pub fn from(mut self, page: impl Into<String>) -> Self {
        self.request.pagination_token = Some(page.into());
        self
    }

    /// Only those with a login method of one of these recipes.
    pub fn recipes(mut self, recipes: &[&str]) -> Self {
        self.request.include_recipe_ids = Some(recipes.join(","));
        self
    }

    /// Only those whose e-mail address, or its domain, begins so; several beginnings with `;` between
    /// them. A search answers one page.
    pub fn email(mut self, beginning: impl Into<String>) -> Self {
        self.request.email = Some(beginning.into());
        self
    }

    /// Only those whose phone number begins so.
    pub fn phone(mut self, beginning: impl Into<String>) -> Self {
        self.request.phone = Some(beginning.into());
        self
    }

    /// Only those with a provider whose name begins so.
    pub fn provider(mut self, beginning: impl Into<String>) -> Self {
        self.request.provider = Some(beginning.into());
        self
    }
}

/// A page of users.
#[derive(Clone, Debug)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// Names the next page, if there is one.
    pub next: Option<String>,
}

/// What a login method is known by.
#[derive(Clone, Debug, Default)]
pub struct AccountInfo {
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone_number: Option<String>,
    /// The user of a provider.
    pub third_party: Option<ThirdParty>,
    /// The passkey.
    pub webauthn_credential_id: Option<String>,
}

impl AccountInfo {
    /// What a login method is known by, but for its passkeys, which are nobody else's.
    pub(crate) fn of(method: &LoginMethod) -> Self {
        Self {
            email: method.email.clone(),
            phone_number: method.phone_number.clone(),
            third_party: method.third_party.clone(),
            webauthn_credential_id: None,
        }
    }
}

impl Portcullis {
    /// The user with an id of the user or of one of its login methods.
    pub async fn find_user(&self, cx: &Cx, id: &str) -> Result<Option<User>> {
        self.account_linking().functions.find_user(cx, id).await
    }

    /// How many users there are with a login method of one of these recipes, or of any if none is named;
    /// in one tenant, or in all of them.
    pub async fn user_count(&self, cx: &Cx, recipes: &[&str], tenant: Option<&str>) -> Result<i64> {
        let request = wire::CountRequest {
            include_recipe_ids: (!recipes.is_empty()).then(|| recipes.join(",")),
            include_all_tenants: Some(tenant.is_none()),
            allow_approximate: None,
        };
        let tenant = tenant.or(Some(PUBLIC_TENANT));
        Ok(self.core().call::<wire::CountUsers>(cx, tenant, &request).await?.count)
    }

    /// A page of users, those first who joined last.
    pub async fn users_newest_first(&self, cx: &Cx, query: &UserQuery) -> Result<UserPage> {
        self.account_linking().functions.list_users(cx, query, true).await
    }

    /// A page of users, those first who joined first.
    pub async fn users_oldest_first(&self, cx: &Cx, query: &UserQuery) -> Result<UserPage> {
        self.account_linking().functions.list_users(cx, query, false).await
    }

    /// The users of a tenant with a login method that fits.
    pub async fn list_users_by_account_info(
        &self,
        cx: &Cx,
        tenant: &str,
        info: &AccountInfo,
        any_will_do: bool,
    ) -> Result<Vec<User>> {
        self.account_linking().functions.list_users_by_account_info(cx, tenant, info, any_will_do).await
    }

    /// The users of a tenant who have a login method with this address, in any case of its letters.
    pub async fn users_by_email(&self, cx: &Cx, tenant: &str, email: &str) -> Result<Vec<User>> {
        let info = AccountInfo { email: Some(email.to_owned()), ..AccountInfo::default() };
        self.list_users_by_account_info(cx, tenant, &info, false).await
    }

    /// Deletes a user, with all linked login methods or only the one with this id.
    pub async fn delete_user(&self, cx: &Cx, id: &str, all_linked_accounts: bool) -> Result<()> {
        self.account_linking().functions.delete_user(cx, id, all_linked_accounts).await
    }
}

/// The user with an id, as the core knows it.
pub(crate) async fn find(cx: &Cx, id: &str) -> Result<Option<User>> {
    let request = wire::UserIdRequest { user_id: id.to_owned() };
    match cx.sdk().core().call::<wire::GetUser>(cx, None, &request).await? {
        wire::UserResponse::Ok { user } => Ok(Some(user)),
        wire::UserResponse::UnknownUserId => Ok(None),
    }
}

/// A page of the core's users.
pub(crate) async fn page(cx: &Cx, query: &UserQuery, newest_first: bool) -> Result<UserPage> {
    let order = if newest_first { "DESC" } else { "ASC" };
    let request = wire::ListRequest { time_joined_order: Some(order.to_owned()), ..query.request.clone() };
    let page = cx.sdk().core().call::<wire::ListUsers>(cx, Some(&query.tenant), &request).await?;
    let users = page.users.into_iter().map(|user| match user {
        wire::ListedUser::Full(user) => full(wire::User::Full(user)),
        wire::ListedUser::Old { user, .. } => full(wire::User::Old(user)),
    });
    Ok(UserPage { users: users.collect::<Result<_>>()?, next: page.next_pagination_token })
}

/// The core's users who are known by all of this, or by any of it.
pub(crate) async fn by_account_info(
    cx: &Cx,
    tenant: &str,
    info: &AccountInfo,
    any_will_do: bool,
) -> Result<Vec<User>> {
    let third_party = info.third_party.as_ref();
    let request = wire::AccountInfoRequest {
        email: info.email.clone(),
        phone_number: info.phone_number.clone(),
        third_party_id: third_party.map(|user| user.id.clone()),
        third_party_user_id: third_party.map(|user| user.user_id.clone()),
        webauthn_credential_id: info.webauthn_credential_id.clone(),
        do_union_of_account_info: any_will_do.to_string(),
    };
    Ok(cx.sdk().core().call::<wire::UsersByAccountInfo>(cx, Some(tenant), &request).await?.users)
}

/// Deletes one of the core's users.
pub(crate) async fn delete(cx: &Cx, id: &str, all_linked_accounts: bool) -> Result<()> {
    let request = wire::RemoveUserRequest {
        user_id: id.to_owned(),
        remove_all_linked_accounts: Some(all_linked_accounts),
    };
    cx.sdk().core().call::<wire::RemoveUser>(cx, None, &request).await.map(drop)
}

/// Whether a login method's address is this one, as the core compares them.
pub(crate) fn has_same_email(method: &LoginMethod, email: &str) -> bool {
    method.email.as_deref() == Some(email.trim().to_lowercase().as_str())
}

/// Whether a login method's phone number is this one, which is in international form as the core keeps it.
fn has_same_number(method: &LoginMethod, phone_number: &str) -> bool {
    method.phone_number.as_deref() == Some(phone_number.trim())
}

/// Whether a login method is for the address or the number that another one is known by.
pub(crate) fn has_same_email_or_number(method: &LoginMethod, account: &AccountInfo) -> bool {
    account.email.as_deref().is_some_and(|email| has_same_email(method, email))
        || account.phone_number.as_deref().is_some_and(|number| has_same_number(method, number))
}

/// Whether a login method is known by any of this.
pub(crate) fn is_known_by(method: &LoginMethod, account: &AccountInfo) -> bool {
    let credentials = || method.webauthn.iter().flat_map(|webauthn| &webauthn.credential_ids);
    has_same_email_or_number(method, account)
        || account.third_party.is_some() && method.third_party == account.third_party
        || account.webauthn_credential_id.as_ref().is_some_and(|id| credentials().any(|known| known == id))
}

/// The user's login method with this address and a password.
pub(crate) fn has_password_for<'u>(user: &'u User, email: &str) -> Option<&'u LoginMethod> {
    method_of(user, "emailpassword", email)
}

/// The user's login method of a recipe with this address.
pub(crate) fn method_of<'u>(user: &'u User, recipe_id: &str, email: &str) -> Option<&'u LoginMethod> {
    let mut methods = user.login_methods.iter();
    methods.find(|method| method.recipe_id == recipe_id && has_same_email(method, email))
}

/// The user of an answer in a version that the SDK speaks.
pub(crate) fn full(user: wire::User) -> Result<User> {
    match user {
        wire::User::Full(user) => Ok(user),
        wire::User::Old(_) => {
            Err(Error::Internal("the core answered with a user of an old version".to_owned()))
        }
    }
}
