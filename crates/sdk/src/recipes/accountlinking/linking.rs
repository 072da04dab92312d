//! Linking by what login methods are known by: an address, a number, a provider's user.

use super::Accounts;
use super::types::{AutomaticLinking, CreatePrimaryUser, LinkAccounts, LinkingQuestion, LoginInfo};
use crate::recipes::session::Session;
use crate::users::{AccountInfo, has_same_email_or_number};
use crate::{Cx, Error, LoginMethod, Result, User};

/// How often something is begun anew that another call has got in the way of.
pub(crate) const TRIES: u32 = 20;

impl Accounts {
    /// Links a user with one login method to the primary user that is known by the same; or else makes the
    /// oldest such user a primary one and links the two; or else makes this one a primary user. Each only if
    /// the app wants it, and what is to be proven is. Answers the user that it then is.
    pub(crate) async fn link_by_account_info(
        &self,
        cx: &Cx,
        tenant: &str,
        user: User,
        session: Option<&Session>,
    ) -> Result<User> {
        if !self.is_automatic() || user.is_primary_user {
            return Ok(user);
        }
        for _ in 0..TRIES {
            if let Some(linked) = self.try_to_link(cx, tenant, &user, session).await? {
                return Ok(linked);
            }
        }
        tracing::warn!(user = user.id, "a user cannot be linked, as others have what it is known by");
        Ok(user)
    }

    /// `None` if another call was faster, so that things are to be looked at anew.
    async fn try_to_link(
        &self,
        cx: &Cx,
        tenant: &str,
        user: &User,
        session: Option<&Session>,
    ) -> Result<Option<User>> {
        let method = only_method(user)?;
        let question = |user: &User| LinkingQuestion {
            login: method.into(),
            user: Some(user.clone()),
            session: session.cloned(),
            tenant: tenant.to_owned(),
        };
        let users = self.users_like(cx, tenant, user).await?;
        if let Some(primary) = primary_of(&users)? {
            if primary.login_methods.iter().any(|known| known.recipe_user_id == method.recipe_user_id) {
                return Ok(Some(primary.clone()));
            }
            let is_proven = || method.verified && has_proven(primary, &method.into());
            return match self.ask(cx, question(primary)).await? {
                AutomaticLinking::No => Ok(Some(user.clone())),
                AutomaticLinking::IfVerified if !is_proven() => Ok(Some(user.clone())),
                _ => self.link_to(cx, method, primary).await,
            };
        }
        let oldest = users.iter().min_by_key(|user| user.time_joined);
        if let Some(oldest) = oldest.filter(|oldest| oldest.id != user.id)
            && self.should_become_primary(cx, tenant, oldest, session).await?
        {
            let Some(primary) = self.make_primary(cx, oldest).await? else { return Ok(None) };
            return match self.ask(cx, question(&primary)).await? {
                AutomaticLinking::No => Ok(Some(user.clone())),
                AutomaticLinking::IfVerified if !method.verified => Ok(Some(user.clone())),
                _ => self.link_to(cx, method, &primary).await,
            };
        }
        if self.should_become_primary(cx, tenant, user, session).await? {
            self.make_primary(cx, user).await
        } else {
            Ok(Some(user.clone()))
        }
    }

    async fn link_to(&self, cx: &Cx, method: &LoginMethod, primary: &User) -> Result<Option<User>> {
        Ok(match self.functions.link_accounts(cx, &method.recipe_user_id, &primary.id).await? {
            // Whoever it was linked to meanwhile, it is that user's now.
            LinkAccounts::Ok { user, .. } | LinkAccounts::Linked { user, .. } => Some(user),
            LinkAccounts::NotPrimary | LinkAccounts::AccountInfoTaken { .. } => None,
        })
    }

    async fn make_primary(&self, cx: &Cx, user: &User) -> Result<Option<User>> {
        let recipe_user_id = &only_method(user)?.recipe_user_id;
        Ok(match self.functions.create_primary_user(cx, recipe_user_id).await? {
            CreatePrimaryUser::Ok { user, .. } => Some(user),
            CreatePrimaryUser::Linked { .. } | CreatePrimaryUser::AccountInfoTaken { .. } => None,
        })
    }

    /// Whether the app wants a user with one login method to become a primary one, and what is to be proven
    /// for that is.
    pub(crate) async fn should_become_primary(
        &self,
        cx: &Cx,
        tenant: &str,
        user: &User,
        session: Option<&Session>,
    ) -> Result<bool> {
        let method = only_method(user)?;
        let (session, tenant) = (session.cloned(), tenant.to_owned());
        let question = LinkingQuestion { login: method.into(), user: None, session, tenant };
        Ok(match self.ask(cx, question).await? {
            AutomaticLinking::No => false,
            AutomaticLinking::IfVerified => method.verified,
            AutomaticLinking::EvenUnverified => true,
        })
    }

    /// The users that are known by the same as one of a single login method, itself included.
    pub(super) async fn users_like(&self, cx: &Cx, tenant: &str, user: &User) -> Result<Vec<User>> {
        self.users_known_by(cx, tenant, &AccountInfo::of(only_method(user)?)).await
    }

    /// The users with an address, a number or a provider's user. A passkey is nobody else's.
    pub(super) async fn users_known_by(
        &self,
        cx: &Cx,
        tenant: &str,
        account: &AccountInfo,
    ) -> Result<Vec<User>> {
        let account = AccountInfo { webauthn_credential_id: None, ..account.clone() };
        self.functions.list_users_by_account_info(cx, tenant, &account, true).await
    }

    /// A user whose login method counts as verified if the user has proven its address by another one.
    pub(crate) async fn verified_by_links(&self, cx: &Cx, user: User, recipe_user_id: &str) -> Result<User> {
        let is_unproven = |method: &LoginMethod| method.recipe_user_id == recipe_user_id && !method.verified;
        if !user.is_primary_user || !user.login_methods.iter().any(is_unproven) {
            return Ok(user);
        }
        self.verify_email_if_proven_elsewhere(cx, &user, recipe_user_id).await?;
        let user = self.functions.find_user(cx, recipe_user_id).await?;
        user.ok_or_else(|| Error::Internal("the user was deleted during the sign-in".to_owned()))
    }

    /// Lets the address of a login method count as proven if it is for another login method of the user.
    pub async fn verify_email_if_proven_elsewhere(
        &self,
        cx: &Cx,
        user: &User,
        recipe_user_id: &str,
    ) -> Result<()> {
        let Ok(proofs) = cx.sdk().email_verification() else { return Ok(()) };
        let mut methods = user.login_methods.iter();
        let Some(method) = methods.find(|method| method.recipe_user_id == recipe_user_id) else {
            return Ok(());
        };
        let (Some(email), Some(tenant)) = (&method.email, user.tenant_ids.first()) else { return Ok(()) };
        let is_proof = |other: &LoginMethod| other.verified && other.email.as_deref() == Some(email.as_str());
        if !user.is_primary_user || method.verified || !user.login_methods.iter().any(is_proof) {
            return Ok(());
        }
        // A proof holds in every tenant, whichever its token was made in.
        let token =
            proofs.functions.create_email_verification_token(cx, tenant, recipe_user_id, email).await?;
        if let Some(token) = token {
            proofs.functions.verify_email_using_token(cx, tenant, &token, false).await?;
        }
        Ok(())
    }
}

/// The login method of a user who is linked to nothing.
pub(super) fn only_method(user: &User) -> Result<&LoginMethod> {
    user.login_methods.first().ok_or_else(|| Error::Internal(format!("user {} has no login method", user.id)))
}

/// The one primary user among some that are known by the same.
pub(super) fn primary_of(users: &[User]) -> Result<Option<&User>> {
    let mut primary = users.iter().filter(|user| user.is_primary_user);
    let first = primary.next();
    match primary.next() {
        None => Ok(first),
        Some(_) => Err(Error::Internal("two primary users are known by the same".to_owned())),
    }
}

/// Whether the user has proven the address or number of a login method. Not only that the user has it: it
/// may be a stranger's who waits for its owner.
pub(crate) fn has_proven(user: &User, login: &LoginInfo) -> bool {
    user.login_methods
        .iter()
        .any(|method| method.verified && has_same_email_or_number(method, &login.account))
}
