//! Account linking: several login methods that are one user.

mod allowed;
mod functions;
mod linking;
mod types;

pub use functions::Functions;
pub use types::{
    AutomaticLinking, CanCreatePrimaryUser, CanLinkAccounts, CreatePrimaryUser, EmailChange, LinkAccounts,
    LinkingFailure, LinkingQuestion, LoginInfo, NewEmail, Unlinked,
};

pub(crate) use allowed::Entry;
pub(crate) use linking::{TRIES, has_proven};

use super::replaceable::replaceable;
use super::session::Session;
use super::{Kind, Recipe, Recipes};
use crate::callback::Callback;
use crate::{BuildError, Cx, Error, LoginMethod, Result, User};
use functions::BaseFunctions;
use std::future::Future;
use std::sync::Arc;

/// Which login methods become one user. The recipe is there also if it is not added; then none do by
/// themselves.
///
/// ```
/// use portcullis::recipes::accountlinking::{AccountLinking, AutomaticLinking};
///
/// let recipe = AccountLinking::new()
///     .should_do_automatic_account_linking(|_cx, _question| async { Ok(AutomaticLinking::IfVerified) })
///     .on_account_linked(|_cx, user, method| async move {
///         println!("{} signs in by way of {} as well", user.id, method.recipe_id);
///         Ok(())
///     });
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct AccountLinking(Accounts);

impl AccountLinking {
    /// Nothing is linked by itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides whether a login method is linked by itself: at each sign-up, at each sign-in, and when an
    /// address is proven. Multi-factor authentication needs this too, as its factors are login methods.
    pub fn should_do_automatic_account_linking<A, F>(mut self, ask: A) -> Self
    where
        A: Fn(Cx, LinkingQuestion) -> F + Send + Sync + 'static,
        F: Future<Output = Result<AutomaticLinking>> + Send + 'static,
    {
        self.0.should_link = Some(Callback::new(ask));
        self
    }

    /// Runs after a login method was linked: gets the user as it is now, and the login method.
    pub fn on_account_linked<A, F>(mut self, act: A) -> Self
    where
        A: Fn(Cx, User, LoginMethod) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.0.on_account_linked = Some(Callback::new(move |cx, (user, method)| act(cx, user, method)));
        self
    }
}

replaceable!(AccountLinking.0: functions);

impl Recipe for AccountLinking {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::AccountLinking)?;
        recipes.account_linking = self.0;
        Ok(())
    }
}

/// The accountlinking recipe at work.
#[derive(Debug)]
pub struct Accounts {
    should_link: Option<Callback<LinkingQuestion, AutomaticLinking>>,
    on_account_linked: Option<Callback<(User, LoginMethod), ()>>,
    pub(crate) functions: Arc<dyn Functions>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { should_link: None, on_account_linked: None, functions: Arc::new(BaseFunctions) }
    }
}

impl Accounts {
    /// Whether a login method can become a primary user.
    pub async fn can_create_primary_user(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
    ) -> Result<CanCreatePrimaryUser> {
        self.functions.can_create_primary_user(cx, recipe_user_id).await
    }

    /// Makes a login method a primary user, to which others can be linked.
    pub async fn create_primary_user(&self, cx: &Cx, recipe_user_id: &str) -> Result<CreatePrimaryUser> {
        self.functions.create_primary_user(cx, recipe_user_id).await
    }

    /// Whether a login method can be linked to a primary user.
    pub async fn can_link_accounts(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        primary_user_id: &str,
    ) -> Result<CanLinkAccounts> {
        self.functions.can_link_accounts(cx, recipe_user_id, primary_user_id).await
    }

    /// Links a login method to a primary user, whatever is proven: the app must know that both are the same
    /// person's. The sessions of the login method end, as they were another user's.
    pub async fn link_accounts(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        primary_user_id: &str,
    ) -> Result<LinkAccounts> {
        self.functions.link_accounts(cx, recipe_user_id, primary_user_id).await
    }

    /// Makes a linked login method a user by itself, and ends its sessions.
    pub async fn unlink_account(&self, cx: &Cx, recipe_user_id: &str) -> Result<Unlinked> {
        self.functions.unlink_account(cx, recipe_user_id).await
    }

    /// Links a login method to the user that it belongs with, or makes it a primary user, as a sign-in
    /// would. Answers the user that it then is.
    pub async fn create_primary_user_or_link_accounts(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        session: Option<&Session>,
    ) -> Result<User> {
        let user = self.known_user(cx, recipe_user_id).await?;
        self.link_by_account_info(cx, tenant, user, session).await
    }

    /// The primary user that a login method would be linked to: its own, or another one that is known by
    /// the same. `None` if it could become a primary user itself.
    pub async fn primary_user_that_can_be_linked(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
    ) -> Result<Option<User>> {
        let user = self.known_user(cx, recipe_user_id).await?;
        if user.is_primary_user {
            return Ok(Some(user));
        }
        let users = self.users_like(cx, tenant, &user).await?;
        Ok(linking::primary_of(&users)?.cloned())
    }

    /// The user of a login method that the app names.
    async fn known_user(&self, cx: &Cx, recipe_user_id: &str) -> Result<User> {
        let user = self.functions.find_user(cx, recipe_user_id).await?;
        user.ok_or_else(|| Error::Internal(format!("there is no login method '{recipe_user_id}'")))
    }

    /// Whether the app has said what is linked by itself.
    pub(crate) fn is_automatic(&self) -> bool {
        self.should_link.is_some()
    }

    /// Asks the app whether a login method is linked by itself.
    pub(crate) async fn ask(&self, cx: &Cx, question: LinkingQuestion) -> Result<AutomaticLinking> {
        match &self.should_link {
            Some(ask) => ask.call(cx, question).await,
            None => Ok(AutomaticLinking::No),
        }
    }
}
