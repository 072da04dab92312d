//! Whether someone may sign in or up, or change an address, without putting anybody's account at risk.
//!
//! Where linking asks for proofs, an unproven login method with the address of somebody else's is a trap: when
//! the owner of the address proves it, by mistake or at the app's request, the two become one user, and whoever
//! set the trap has the account. So the second of two login methods with the same address is not let in before
//! both are proven.

use super::Accounts;
use super::linking::{has_proven, only_method, primary_of};
use super::types::{AutomaticLinking, EmailChange, LinkingQuestion, LoginInfo, NewEmail};
use crate::recipes::session::Session;
use crate::users::has_same_email;
use crate::{AccountInfo, Cx, Error, Result, User};

impl Accounts {
    /// Whether a login method may be made.
    pub async fn is_sign_up_allowed(
        &self,
        cx: &Cx,
        tenant: &str,
        login: &LoginInfo,
        session: Option<&Session>,
    ) -> Result<bool> {
        tracing::debug!("may someone sign up?");
        if login.account.email.is_some() && login.account.phone_number.is_some() {
            return Err(Error::Internal("Please pass one of email or phone number, not both".to_owned()));
        }
        self.is_allowed(cx, Entry { tenant, login, user: None, session }).await
    }

    /// Whether a login method that exists may sign in.
    pub async fn is_sign_in_allowed(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        session: Option<&Session>,
    ) -> Result<bool> {
        let user = self.known_user(cx, recipe_user_id).await?;
        let mut methods = user.login_methods.iter();
        let method = methods.find(|method| method.recipe_user_id == recipe_user_id);
        let method =
            method.ok_or_else(|| Error::Internal(format!("'{recipe_user_id}' is no login method")))?;
        self.may_sign_in(cx, Entry { tenant, login: &method.into(), user: Some(&user), session }).await
    }

    /// Whether a login method may get another address.
    pub async fn is_email_change_allowed(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        new: NewEmail<'_>,
        session: Option<&Session>,
    ) -> Result<bool> {
        let user = self.known_user(cx, recipe_user_id).await?;
        Ok(self.check_email_change(cx, &user, new, session).await? == EmailChange::Allowed)
    }

    /// Whether the user of an entry may sign in. The entry's `verified` tells what will be proven once that is
    /// done.
    pub(crate) async fn may_sign_in(&self, cx: &Cx, entry: Entry<'_>) -> Result<bool> {
        tracing::debug!("may someone sign in?");
        let is_settled = entry.user.is_some_and(|user| {
            user.is_primary_user || user.login_methods.first().is_some_and(|method| method.verified)
        });
        if is_settled || entry.login.verified {
            return Ok(true);
        }
        self.is_allowed(cx, entry).await
    }

    async fn is_allowed(&self, cx: &Cx, entry: Entry<'_>) -> Result<bool> {
        tracing::debug!("who else is known by the same?");
        let Entry { tenant, login, user, session } = entry;
        let users = self.users_known_by(cx, tenant, &login.account).await?;
        let is_alone = |other: &User| users.len() == 1 && user.is_some_and(|user| user.id == other.id);
        if users.first().is_none_or(is_alone) {
            return Ok(true);
        }
        let is_session_s = |user: &User| session.is_some_and(|session| session.user_id() == user.id);
        let question = |primary: Option<&User>| LinkingQuestion {
            login: login.clone(),
            user: primary.cloned(),
            session: session.cloned(),
            tenant: tenant.to_owned(),
        };
        let Some(primary) = primary_of(&users)? else {
            // It would become the primary user, and the others would be linked to it once they are proven.
            return Ok(match self.ask(cx, question(None)).await? {
                AutomaticLinking::No | AutomaticLinking::EvenUnverified => true,
                AutomaticLinking::IfVerified => {
                    tracing::debug!("no primary user is known by the same");
                    users.iter().filter(|user| !is_session_s(user)).all(|user| has_proven(user, login))
                }
            });
        };
        Ok(match self.ask(cx, question(Some(primary))).await? {
            AutomaticLinking::No | AutomaticLinking::EvenUnverified => true,
            AutomaticLinking::IfVerified => {
                login.verified && (is_session_s(primary) || has_proven(primary, login))
            }
        })
    }

    /// Whether a user's login method may get another address, in each of the user's tenants.
    pub(crate) async fn check_email_change(
        &self,
        cx: &Cx,
        user: &User,
        new: NewEmail<'_>,
        session: Option<&Session>,
    ) -> Result<EmailChange> {
        for tenant in &user.tenant_ids {
            let change = self.check_email_change_in(cx, tenant, user, new, session).await?;
            if change != EmailChange::Allowed {
                return Ok(change);
            }
        }
        Ok(EmailChange::Allowed)
    }

    #[expect(clippy::too_many_arguments, reason = "what is asked, and where")]
    async fn check_email_change_in(
        &self,
        cx: &Cx,
        tenant: &str,
        user: &User,
        new: NewEmail<'_>,
        session: Option<&Session>,
    ) -> Result<EmailChange> {
        let info = AccountInfo { email: Some(new.email.to_owned()), ..AccountInfo::default() };
        let mut others = self.functions.list_users_by_account_info(cx, tenant, &info, false).await?;
        others.retain(|other| other.id != user.id);
        let primary = primary_of(&others)?;
        if user.is_primary_user && primary.is_some() {
            return Ok(EmailChange::PrimaryUserConflict);
        }
        if new.is_verified {
            return Ok(EmailChange::Allowed);
        }
        let (login, target) = if user.is_primary_user {
            // Whoever has the address already would be linked to this user on proving it.
            let is_proven = user.login_methods.iter().any(|m| m.verified && has_same_email(m, new.email));
            let Some(other) = others.first().filter(|_| !is_proven) else {
                return Ok(EmailChange::Allowed);
            };
            (only_method(other)?, user)
        } else {
            // This user would be linked to the primary one, once its owner falls for a mail that asks for proof.
            let own = only_method(user)?;
            let Some(primary) = primary.filter(|_| !has_same_email(own, new.email)) else {
                return Ok(EmailChange::Allowed);
            };
            (own, primary)
        };
        let question = LinkingQuestion {
            login: login.into(),
            user: Some(target.clone()),
            session: session.cloned(),
            tenant: tenant.to_owned(),
        };
        Ok(match self.ask(cx, question).await? {
            AutomaticLinking::No | AutomaticLinking::EvenUnverified => EmailChange::Allowed,
            AutomaticLinking::IfVerified => EmailChange::TakeoverRisk,
        })
    }
}

/// Someone who wants in.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) login: &'a LoginInfo,
    /// The user that signs in; `None` for a sign-up.
    pub(crate) user: Option<&'a User>,
    pub(crate) session: Option<&'a Session>,
}
