//! What every way of signing in goes through.
//!
//! A frontend API that signs somebody in or up calls, in this order,
//! 1. [`session_to_link`] with the flag of its body ([`crate::fdi::linking_flag`]). The tenant of the session
//!    that it answers stands for that of the path. Tenant, session and flag make the [`Caller`];
//! 2. [`authenticating_user`], which finds the login method that signs in by what it is known by. Nobody: it is
//!    a sign-up, if the recipe lets people sign up so;
//! 3. [`before`], which says whether they may go on, which of the factors are valid, and whether it is a first
//!    factor. A recipe whose credentials come in a second request (a code that is sent) calls it in the first
//!    one too, with `only_asks`;
//! 4. its recipe's function (`sign_up`, `sign_in`, `consume_code`, …), which the app may have replaced, and
//!    which calls [`link`] once the credentials are right and the login method is there;
//! 5. [`after`], which answers the session.
//!
//! [`Before::NotAllowed`] has a reason of the recipe's own, [`LinkingFailure`] its four codes in a row:
//! `failure.reason(9)` where the codes are 009 to 012. A new recipe names its first factors in
//! [`super::factors`].
//!
//! The [`multifactorauth`](super::multifactorauth) recipe, if the app has it, says which first factors there are,
//! which factors may be set up now, and notes those that are completed.

use super::accountlinking::{
    AutomaticLinking, CreatePrimaryUser, Entry, LinkAccounts, LinkingFailure, LinkingQuestion, LoginInfo,
    TRIES, has_proven,
};
use super::emailverification;
use super::multitenancy::AssociateUser;
use super::session::{NewSession, Session, VerifyOptions};
use crate::users::{AccountInfo, is_known_by};
use crate::{Cx, Error, LoginMethod, Result, SessionError, User};
use std::future::Future;

/// Who asks to sign in or up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) tenant: &'a str,
    /// The session that the request shows, if it was asked for.
    pub(crate) session: Option<&'a Session>,
    /// Whether the login method is to be linked to the session's user; `None` if the frontend is too old to say
    /// so, and the presence of a session says it.
    pub(crate) linking: Option<bool>,
}

/// A sign-in or sign-up before its credentials are used.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// The login method. It is `verified` also if it will be once this is done, as with a code that was mailed.
    pub(crate) login: LoginInfo,
    /// Who signs in, of [`authenticating_user`]; `None` for a sign-up.
    pub(crate) user: Option<&'a User>,
    /// The factor, or those among which the caller will choose.
    pub(crate) factors: &'a [&'a str],
    /// Whether nothing may be changed yet, since nobody has shown credentials.
    pub(crate) only_asks: bool,
}

/// Whether a sign-in or sign-up may go on.
#[derive(Debug)]
pub(crate) enum Before {
    /// It may.
    Ok {
        /// The factors that are valid: at least one.
        factors: Vec<String>,
        /// Whether nothing will be linked to the session's user.
        is_first_factor: bool,
    },
    /// It would put somebody's account at risk.
    NotAllowed,
    /// The session's user cannot have anything linked to it.
    LinkingFailed(LinkingFailure),
}

/// The outcome of [`link`].
#[derive(Debug)]
pub(crate) enum Linked {
    /// The user that it is now.
    Ok(User),
    /// It could not be linked to the session's user.
    Failed(LinkingFailure),
}

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

/// The login method that signs in, and its user. One that the session's user has in other tenants only joins
/// this one if `fits` says that the credentials are right in a tenant where it is: no second one is made.
pub(crate) async fn authenticating_user<F>(
    cx: &Cx,
    caller: &Caller<'_>,
    recipe_id: &str,
    account: &AccountInfo,
    fits: impl Fn(String) -> F,
) -> Result<Option<(User, LoginMethod)>>
where
    F: Future<Output = Result<bool>> + Send,
{
    let functions = &cx.sdk().account_linking().functions;
    let is_it = |method: &LoginMethod| method.recipe_id == recipe_id && is_known_by(method, account);
    'anew: for _ in 0..TRIES {
        let users = functions.list_users_by_account_info(cx, caller.tenant, account, true).await?;
        let mut found = users.into_iter().filter_map(|user| {
            let method = user.login_methods.iter().find(|method| is_it(method))?.clone();
            Some((user, method))
        });
        if let Some(first) = found.next() {
            return match found.next() {
                None => Ok(Some(first)),
                Some(_) => Err(Error::Internal("two users are known by the same in one recipe".to_owned())),
            };
        }
        let Some(session) = caller.session else { return Ok(None) };
        let user = session_user(cx, session).await?;
        if !user.is_primary_user {
            // Its one login method is in the session's tenant, and was not found.
            return Ok(None);
        }
        let is_here = |method: &LoginMethod| method.tenant_ids.iter().any(|tenant| tenant == caller.tenant);
        let own: Vec<_> = user.login_methods.iter().filter(|method| is_it(method)).cloned().collect();
        if let Some(method) = own.iter().find(|method| is_here(method)) {
            // It has joined since the users were listed.
            let method = method.clone();
            return Ok(Some((user, method)));
        }
        for method in own {
            let Some(elsewhere) = method.tenant_ids.first() else { continue };
            if fits(elsewhere.clone()).await? {
                match join(cx, caller.tenant, &method).await? {
                    Joined::Yes => return Ok(Some(joined(user, method, caller.tenant))),
                    Joined::AskAnew => continue 'anew,
                }
            }
        }
        return Ok(None);
    }
    Err(Error::Internal("a login method changes faster than it can be read".to_owned()))
}

enum Joined {
    Yes,
    AskAnew,
}

async fn join(cx: &Cx, tenant: &str, method: &LoginMethod) -> Result<Joined> {
    let functions = &cx.sdk().multitenancy().functions;
    match functions.associate_user_to_tenant(cx, tenant, &method.recipe_user_id).await? {
        AssociateUser::Ok { .. } => Ok(Joined::Yes),
        AssociateUser::NotAllowed { .. } => {
            // The session's user is no longer in the session's tenant, and somebody else is known there by the
            // same.
            Err(SessionError::over("Session user not associated with the session tenant").into())
        }
        _ => Ok(Joined::AskAnew),
    }
}

/// A user whose login method has joined a tenant.
fn joined(mut user: User, mut method: LoginMethod, tenant: &str) -> (User, LoginMethod) {
    method.tenant_ids.push(tenant.to_owned());
    for known in &mut user.login_methods {
        if known.recipe_user_id == method.recipe_user_id {
            *known = method.clone();
        }
    }
    (user, method)
}

/// Whether a sign-in or sign-up may go on, before its credentials are used.
pub(crate) async fn before(cx: &Cx, caller: &Caller<'_>, attempt: Attempt<'_>) -> Result<Before> {
    let Caller { tenant, session, .. } = *caller;
    let Attempt { mut login, user, factors, only_asks } = attempt;
    let kind = kind_of(cx, caller, &login, user, only_asks).await?;
    if session.is_none() {
        // Not only when the session is made: by then there would be a user.
        cx.session()?.check_request(cx)?;
    }
    let factors = match &kind {
        Kind::FirstFactor => valid_first_factors(cx, tenant, factors, session.is_some()).await?,
        Kind::Linked => owned(factors),
        Kind::ToLink { session_user, .. } => match (cx.sdk().multi_factor_auth(), session) {
            // To whoever counts factors, this is one that is set up.
            (Ok(mfa), Some(session)) => mfa.allowed_to_setup(cx, session, session_user, factors).await?,
            _ => owned(factors),
        },
        Kind::SessionUserInfoTaken => {
            return Ok(Before::LinkingFailed(LinkingFailure::SessionUserInfoTaken));
        }
    };
    let accounts = cx.sdk().account_linking();
    let is_allowed = if user.is_some() {
        accounts.may_sign_in(cx, Entry { tenant, login: &login, user, session }).await?
    } else {
        // Who has proven an address and adds, say, a password for it proves nothing again.
        if let Kind::ToLink { session_user, .. } = &kind {
            login.verified |= has_proven(session_user, &login);
        }
        accounts.is_sign_up_allowed(cx, tenant, &login, session).await?
    };
    if !is_allowed {
        return Ok(Before::NotAllowed);
    }
    Ok(Before::Ok { factors, is_first_factor: matches!(kind, Kind::FirstFactor) })
}

/// Links a login method, whose credentials were right, to the session's user if that is asked for, and else to
/// the user that it belongs with.
pub(crate) async fn link(cx: &Cx, caller: &Caller<'_>, user: User, recipe_user_id: &str) -> Result<Linked> {
    let mut methods = user.login_methods.iter();
    let method = methods.find(|method| method.recipe_user_id == recipe_user_id);
    let method = method.ok_or_else(|| Error::Internal("a user lacks its login method".to_owned()))?.clone();
    let accounts = cx.sdk().account_linking();
    for _ in 0..TRIES {
        match kind_of(cx, caller, &LoginInfo::from(&method), Some(&user), false).await? {
            Kind::SessionUserInfoTaken => {
                return Ok(Linked::Failed(LinkingFailure::SessionUserInfoTaken));
            }
            Kind::FirstFactor => {
                let user = accounts.link_by_account_info(cx, caller.tenant, user, caller.session).await?;
                return Ok(Linked::Ok(user));
            }
            Kind::Linked => return Ok(Linked::Ok(user)),
            Kind::ToLink { session_user, needs_proof } => {
                let is_proven = || method.verified || has_proven(&session_user, &LoginInfo::from(&method));
                if needs_proof && !is_proven() {
                    return Ok(Linked::Failed(LinkingFailure::EmailVerificationRequired));
                }
                match accounts.functions.link_accounts(cx, recipe_user_id, &session_user.id).await? {
                    LinkAccounts::Ok { user, .. } => return Ok(Linked::Ok(user)),
                    LinkAccounts::Linked { .. } => {
                        return Ok(Linked::Failed(LinkingFailure::RecipeUserLinked));
                    }
                    LinkAccounts::AccountInfoTaken { .. } => {
                        return Ok(Linked::Failed(LinkingFailure::AccountInfoTaken));
                    }
                    // It was unlinked meanwhile.
                    LinkAccounts::NotPrimary => {}
                }
            }
        }
    }
    Err(Error::Internal("the session's user stays no primary user".to_owned()))
}

/// The session of a user whose credentials fit: the one that the request shows if it is this user's own, else a
/// new one. The factor is completed in it.
pub(crate) async fn after(
    cx: &Cx,
    caller: &Caller<'_>,
    factor: &str,
    user: &User,
    recipe_user_id: &str,
) -> Result<Session> {
    let is_own = |session: &&Session| {
        user.login_methods.iter().any(|method| method.recipe_user_id == session.recipe_user_id())
    };
    let session = match caller.session.filter(is_own) {
        Some(session) => session.clone(),
        None => cx.session()?.create(cx, NewSession::of(recipe_user_id).tenant(caller.tenant)).await?,
    };
    if let Ok(mfa) = cx.sdk().multi_factor_auth() {
        mfa.mark_factor_as_complete_in_session(cx, &session, factor).await?;
    }
    Ok(session)
}

/// What a sign-in is to the session that the request shows.
enum Kind {
    /// Nothing: whoever signs in gets a session of their own.
    FirstFactor,
    /// The session's user signs in by way of another login method.
    Linked,
    /// The login method shall be the session's user's.
    ToLink { session_user: User, needs_proof: bool },
    /// The login method should be, but another primary user is known by the same as the session's.
    SessionUserInfoTaken,
}

async fn kind_of(
    cx: &Cx,
    caller: &Caller<'_>,
    login: &LoginInfo,
    user: Option<&User>,
    only_asks: bool,
) -> Result<Kind> {
    let Some(session) = caller.session else {
        if caller.linking == Some(true) {
            return Err(SessionError::over("linking is asked for, but there is no session").into());
        }
        return Ok(Kind::FirstFactor);
    };
    if caller.linking == Some(false) {
        return Ok(Kind::FirstFactor);
    }
    let accounts = cx.sdk().account_linking();
    if !accounts.is_automatic() {
        if caller.linking == Some(true) || cx.sdk().multi_factor_auth().is_ok() {
            return Err(Error::Internal(
                "a login method is to be linked to the session's user: add AccountLinking, and say in should_do_automatic_account_linking which are linked"
                    .to_owned(),
            ));
        }
        return Ok(Kind::FirstFactor);
    }
    if user.is_some_and(|user| user.id == session.user_id()) {
        return Ok(Kind::Linked);
    }
    let unwanted = || {
        if caller.linking == Some(true) {
            return Err(Error::bad_input(
                "shouldDoAutomaticAccountLinking returned false when making the session user primary but shouldTryLinkingWithSessionUser is true",
            ));
        }
        Ok(Kind::FirstFactor)
    };
    let session_user = match primary_session_user(cx, session, only_asks).await? {
        SessionUser::Primary(user) => user,
        SessionUser::StaysAlone => return unwanted(),
        SessionUser::InfoTaken => return Ok(Kind::SessionUserInfoTaken),
    };
    let question = LinkingQuestion {
        login: login.clone(),
        user: Some(session_user.clone()),
        session: Some(session.clone()),
        tenant: session.tenant_id().to_owned(),
    };
    let needs_proof = match accounts.ask(cx, question).await? {
        AutomaticLinking::No => return unwanted(),
        AutomaticLinking::IfVerified => true,
        AutomaticLinking::EvenUnverified => false,
    };
    Ok(Kind::ToLink { session_user, needs_proof })
}

/// The session's user, to whom something is to be linked.
enum SessionUser {
    /// A primary user, or one that would become one if something were linked now.
    Primary(User),
    /// The app does not want it to become one.
    StaysAlone,
    /// Another primary user is known by the same.
    InfoTaken,
}

async fn primary_session_user(cx: &Cx, session: &Session, only_asks: bool) -> Result<SessionUser> {
    let user = session_user(cx, session).await?;
    if user.is_primary_user {
        return Ok(SessionUser::Primary(user));
    }
    let method = user.login_methods.first();
    let method =
        method.ok_or_else(|| Error::Internal("the session's user has no login method".to_owned()))?;
    let question = LinkingQuestion {
        login: method.into(),
        user: None,
        session: Some(session.clone()),
        tenant: session.tenant_id().to_owned(),
    };
    let accounts = cx.sdk().account_linking();
    match accounts.ask(cx, question).await? {
        AutomaticLinking::No => return Ok(SessionUser::StaysAlone),
        _ if only_asks => return Ok(SessionUser::Primary(user)),
        AutomaticLinking::IfVerified if !method.verified => return Err(unproven(cx, session).await?),
        AutomaticLinking::IfVerified | AutomaticLinking::EvenUnverified => {}
    }
    match accounts.functions.create_primary_user(cx, &method.recipe_user_id).await? {
        CreatePrimaryUser::Ok { user, .. } => Ok(SessionUser::Primary(user)),
        CreatePrimaryUser::AccountInfoTaken { .. } => Ok(SessionUser::InfoTaken),
        // It is another user's since, and so is not the session's any more.
        CreatePrimaryUser::Linked { .. } => Err(SessionError::over("Session user not found").into()),
    }
}

async fn session_user(cx: &Cx, session: &Session) -> Result<User> {
    let user = cx.sdk().find_user(cx, session.user_id()).await?;
    user.ok_or_else(|| SessionError::over("Session user not found").into())
}

/// The error that sends the session's user to prove an address. The session learns that it is not proven.
async fn unproven(cx: &Cx, session: &Session) -> Result<Error> {
    let claim = emailverification::claim();
    if session.claim_value(&claim) != Some(false.into()) {
        session.set_claim_value(cx, &claim, false).await?;
    }
    let proven = emailverification::is_verified(None, None);
    Ok(match session.assert_claims(cx, &[proven]).await {
        Err(error) => error,
        Ok(()) => Error::Internal("an address is proven, but not that of the login method".to_owned()),
    })
}

/// Those of some factors that are first ones in a tenant.
async fn valid_first_factors(
    cx: &Cx,
    tenant: &str,
    factors: &[&str],
    has_session: bool,
) -> Result<Vec<String>> {
    let tenant = match cx.sdk().multitenancy().functions.get_tenant(cx, tenant).await? {
        Some(tenant) => tenant,
        None if has_session => return Err(SessionError::over("Tenant not found").into()),
        None => {
            return Err(Error::Internal(format!("there is no tenant {tenant}")));
        }
    };
    let allowed = cx.sdk().first_factors_of(&tenant);
    let valid: Vec<_> = factors.iter().filter(|factor| allowed.iter().any(|id| id == *factor)).collect();
    if !valid.is_empty() {
        return Ok(valid.into_iter().map(|factor| (*factor).to_owned()).collect());
    }
    if has_session {
        return Err(Error::bad_input(
            "First factor sign in/up called for a non-first factor with an active session. This might indicate that you are trying to use this as a secondary factor, but disabled account linking.",
        ));
    }
    Err(SessionError::over("A valid session is required to authenticate with secondary factors").into())
}

fn owned(factors: &[&str]) -> Vec<String> {
    factors.iter().map(|factor| (*factor).to_owned()).collect()
}
