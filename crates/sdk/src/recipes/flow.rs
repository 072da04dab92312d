//! What every way of signing in goes through: before its credentials are looked at, and after they fit.

use super::session::{NewSession, Session, VerifyOptions};
use crate::{Cx, Error, Result, SessionError, User};

/// Addresses that stand for a user without one. Nobody reads them, so that they are no first factor.
pub(crate) fn is_fake_email(email: &str) -> bool {
    email.ends_with("@stfakeemail.supertokens.com") || email.ends_with(".fakeemail.com")
}

/// The session that a sign-in may build upon: required, wanted, or not even looked at.
pub(crate) async fn session_to_link(cx: &Cx, linking: Option<bool>) -> Result<Option<Session>> {
    let options = VerifyOptions::new().without_claims();
    match linking {
        Some(false) => Ok(None),
        Some(true) => cx.session()?.verify(cx, &options).await,
        None => cx.session()?.verify(cx, &options.optional()).await,
    }
}

/// Whether a sign-in may go on, before its credentials are looked at.
pub(crate) async fn before(
    cx: &Cx,
    tenant: &str,
    factor: &str,
    session: Option<&Session>,
    linking: Option<bool>,
) -> Result<()> {
    if linking == Some(true) {
        // Nothing is ever linked to the session, whether it is there or not.
        return Err(match session {
            None => SessionError::over("linking is asked for, but there is no session").into(),
            Some(_) => Error::Internal(
                "shouldTryLinkingWithSessionUser is true, but accounts are not linked in this app".to_owned(),
            ),
        });
    }
    if session.is_none() {
        // Not only when the session is made: by then there would be a user.
        cx.session()?.check_request(cx)?;
    }
    check_first_factor(cx, tenant, factor, session.is_some()).await
}

/// A tenant may allow only some first factors; without a list of its own it allows every recipe of the app.
async fn check_first_factor(cx: &Cx, tenant: &str, factor: &str, has_session: bool) -> Result<()> {
    let tenant = match cx.sdk().multitenancy().functions.get_tenant(cx, tenant).await? {
        Some(tenant) => tenant,
        None if has_session => return Err(SessionError::over("Tenant not found").into()),
        None => {
            return Err(Error::Internal(format!("there is no tenant {tenant}")));
        }
    };
    if tenant.first_factors.is_none_or(|allowed| allowed.iter().any(|allowed| allowed == factor)) {
        return Ok(());
    }
    if has_session {
        return Err(Error::bad_input(
            "First factor sign in/up called for a non-first factor with an active session. This might indicate that you are trying to use this as a secondary factor, but disabled account linking.",
        ));
    }
    Err(SessionError::over("A valid session is required to authenticate with secondary factors").into())
}

/// The session of a user whose credentials fit: the one that the request shows if it is this user's own,
/// else a new one.
pub(crate) async fn after(
    cx: &Cx,
    tenant: &str,
    user: &User,
    recipe_user_id: &str,
    session: Option<Session>,
) -> Result<Session> {
    let is_own = |session: &Session| {
        user.login_methods.iter().any(|method| method.recipe_user_id == session.recipe_user_id())
    };
    match session.filter(is_own) {
        Some(session) => Ok(session),
        None => cx.session()?.create(cx, NewSession::of(recipe_user_id).tenant(tenant)).await,
    }
}
