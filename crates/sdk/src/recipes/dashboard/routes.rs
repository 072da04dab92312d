//! Which calls there are, and what each needs.

use super::access::{Needs, guarded};
use super::{page, providers, roles, sessions, tenants, user, users};
use crate::handle::ApiMethod::{self, Delete, Get, Post, Put};
use crate::handle::{Handler, Route};
use std::future::ready;

/// Calls that are served to those alone who may do what they need.
macro_rules! guarded {
    ($($method:ident $path:literal $needs:ident, $cx:ident $(, $tenant:ident)? => $api:expr;)*) => {
        [$((
            $method,
            concat!("/dashboard/api", $path),
            guarded!(@handler $needs, $cx $(, $tenant)? => $api),
        )),*]
    };
    (@handler $needs:ident, $cx:ident => $api:expr) => {
        (|$cx, _| Box::pin(guarded($cx, Needs::$needs, $api))) as Handler
    };
    (@handler $needs:ident, $cx:ident, $tenant:ident => $api:expr) => {
        (|$cx, $tenant| Box::pin(guarded($cx, Needs::$needs, $api))) as Handler
    };
}

/// All of them.
pub(crate) fn routes() -> Vec<Route> {
    let page: Handler = |cx, _| Box::pin(page::dashboard(cx));
    let open: [(ApiMethod, &'static str, Handler); 5] = [
        (Get, "/dashboard", page),
        (Get, "/dashboard/roles", page),
        (Get, "/dashboard/tenants", page),
        (Post, "/dashboard/api/signin", |cx, _| Box::pin(sessions::sign_in(cx))),
        (Post, "/dashboard/api/key/validate", |cx, _| Box::pin(ready(sessions::validate_key(cx)))),
    ];
    let closed = guarded! {
        Post "/signout" OwnSession, cx => sessions::sign_out(cx);
        Post "/analytics" OwnSession, cx => ready(sessions::analytics());
        Get "/users" Read, cx, tenant => users::list(cx, tenant);
        Get "/users/count" Read, cx, tenant => users::count(cx, tenant);
        Get "/search/tags" Read, cx => users::search_tags(cx);
        Get "/user" Read, cx => users::get(cx);
        Put "/user" Change, cx, tenant => user::put(cx, tenant);
        Delete "/user" Change, cx => users::delete(cx);
        Post "/user/emailpassword" Change, cx, tenant => users::create_with_password(cx, tenant);
        Post "/user/passwordless" Change, cx, tenant => users::create_passwordless(cx, tenant);
        Get "/user/email/verify" Read, cx => user::get_proof(cx);
        Put "/user/email/verify" Change, cx, tenant => user::put_proof(cx, tenant);
        Post "/user/email/verify/token" Change, cx, tenant => user::send_proof(cx, tenant);
        Get "/user/metadata" Read, cx => user::get_metadata(cx);
        Put "/user/metadata" Change, cx => user::put_metadata(cx);
        Get "/user/sessions" Read, cx => user::get_sessions(cx);
        Post "/user/sessions" Change, cx => user::revoke_sessions(cx);
        Put "/user/password" Change, cx, tenant => user::put_password(cx, tenant);
        Get "/user/unlink" Change, cx => user::unlink(cx);
        Get "/userroles/roles" Read, cx => roles::list(cx);
        Put "/userroles/role" Change, cx => roles::put(cx);
        Delete "/userroles/role" Change, cx => roles::delete(cx);
        Get "/userroles/role/permissions" Read, cx => roles::get_permissions(cx);
        Put "/userroles/role/permissions/remove" Change, cx => roles::remove_permissions(cx);
        Get "/userroles/user/roles" Read, cx, tenant => roles::of_user(cx, tenant);
        Put "/userroles/user/roles" Change, cx, tenant => roles::add_to_user(cx, tenant);
        Delete "/userroles/user/roles" Change, cx, tenant => roles::remove_from_user(cx, tenant);
        Get "/tenants" Read, cx => tenants::list(cx);
        Get "/tenant" Read, cx, tenant => tenants::get(cx, tenant);
        Post "/tenant" Change, cx => tenants::create(cx);
        Delete "/tenant" Change, cx, tenant => tenants::delete(cx, tenant);
        Put "/tenant/first-factor" Change, cx, tenant => tenants::put_first_factor(cx, tenant);
        Put "/tenant/required-secondary-factor" Change, cx, tenant => tenants::put_required_factor(cx, tenant);
        Put "/tenant/core-config" Change, cx, tenant => tenants::put_setting(cx, tenant);
        Get "/thirdparty/config" Read, cx, tenant => providers::get(cx, tenant);
        Put "/thirdparty/config" Change, cx, tenant => providers::put(cx, tenant);
        Delete "/thirdparty/config" Change, cx, tenant => providers::delete(cx, tenant);
    };
    let route = |(method, path, handler)| Route { rid: "dashboard", method, path, handler };
    open.into_iter().chain(closed).map(route).collect()
}
