//! Sign-up and sign-in with an e-mail address and a password.

mod apis;
mod config;
mod form;
mod functions;
mod reset;
mod types;

pub use apis::{Api, Apis, FormInput, PasswordResetOutcome, ResetTokenOutcome, SignInOutcome, SignUpOutcome};
pub use config::EmailPassword;
pub use form::{FormField, FormValues};
pub use functions::Functions;
pub use types::{Attempt, Change, Changed, ConsumedToken, Reset, SignIn, SignUp};

pub(crate) use apis::routes;
pub(crate) use functions::check_email_change;

use crate::email::{self, Email, EmailDelivery, EmailSubject};
use crate::users::has_password_for;
use crate::{Cx, LoginMethod, Result};
use config::Forms;
use form::{EMAIL, PASSWORD};
use std::collections::HashSet;
use std::sync::Arc;

/// The emailpassword recipe at work.
#[derive(Debug)]
pub struct Passwords {
    pub(crate) forms: Forms,
    pub(crate) delivery: Option<Arc<dyn EmailDelivery>>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    pub(crate) disabled: HashSet<Api>,
}

impl Passwords {
    /// Makes a user. Makes no session, and asks nothing of the password.
    pub async fn sign_up(&self, cx: &Cx, tenant: &str, email: &str, password: &str) -> Result<SignUp> {
        self.functions.sign_up(cx, &Attempt::new(tenant, email, password)).await
    }

    /// Finds the user who signs in. Makes no session.
    pub async fn sign_in(&self, cx: &Cx, tenant: &str, email: &str, password: &str) -> Result<SignIn> {
        self.functions.sign_in(cx, &Attempt::new(tenant, email, password)).await
    }

    /// Makes a user as the attempt says, which may link it to the user of a session. Makes no session.
    pub async fn sign_up_as(&self, cx: &Cx, attempt: &Attempt) -> Result<SignUp> {
        self.functions.sign_up(cx, attempt).await
    }

    /// Finds the user as the attempt says, which may link it to the user of a session. Makes no session.
    pub async fn sign_in_as(&self, cx: &Cx, attempt: &Attempt) -> Result<SignIn> {
        self.functions.sign_in(cx, attempt).await
    }

    /// Whether address and password fit. Not for signing in: it passes over what a sign-in must look at.
    pub async fn verify_credentials(
        &self,
        cx: &Cx,
        tenant: &str,
        email: &str,
        password: &str,
    ) -> Result<bool> {
        let outcome = self.functions.verify_credentials(cx, tenant, email, password).await?;
        Ok(matches!(outcome, SignIn::Ok { .. }))
    }

    /// Makes a user, and nothing else.
    pub async fn create_new_recipe_user(
        &self,
        cx: &Cx,
        tenant: &str,
        email: &str,
        password: &str,
    ) -> Result<SignUp> {
        self.functions.create_new_recipe_user(cx, tenant, email, password).await
    }

    /// Makes a token that resets the password of a user, or of one of the user's login methods. `None` if
    /// there is no such user.
    pub async fn create_reset_password_token(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        self.functions.create_reset_password_token(cx, tenant, user_id, email).await
    }

    /// Makes a link to the page that asks for a new password. `None` if there is no such user.
    pub async fn create_reset_password_link(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        let token = self.create_reset_password_token(cx, tenant, user_id, email).await?;
        Ok(token.map(|token| reset::reset_link(cx, &token, tenant)))
    }

    /// Sends such a link to one of a user's addresses; false if the user has no password for it.
    pub async fn send_reset_password_email(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<bool> {
        let Some(user) = cx.sdk().find_user(cx, user_id).await? else { return Ok(false) };
        let Some(LoginMethod { recipe_user_id, email: Some(own_email), .. }) = has_password_for(&user, email)
        else {
            return Ok(false);
        };
        let link = self.create_reset_password_link(cx, tenant, user_id, own_email).await?;
        let Some(link) = link else { return Ok(false) };
        let email = Email::new(own_email, EmailSubject::PasswordReset { link }, tenant);
        self.send_email(cx, &email.of_user(&user.id, Some(recipe_user_id))).await?;
        Ok(true)
    }

    /// Sends an e-mail in this recipe's way.
    pub async fn send_email(&self, cx: &Cx, email: &Email) -> Result<()> {
        email::send(cx, self.delivery.as_ref(), email).await
    }

    /// Uses a reset token up, without changing the password.
    pub async fn consume_password_reset_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<ConsumedToken> {
        self.functions.consume_password_reset_token(cx, tenant, token).await
    }

    /// Uses a reset token up and changes the password.
    pub async fn reset_password_using_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        new_password: &str,
    ) -> Result<Reset> {
        let ConsumedToken::Ok { user_id, .. } = self.consume_password_reset_token(cx, tenant, token).await?
        else {
            return Ok(Reset::InvalidToken);
        };
        let change = Change::of(user_id).password(new_password).policy_of_tenant(tenant);
        Ok(match self.update_email_or_password(cx, &change).await? {
            Changed::PolicyViolated { reason } => Reset::PolicyViolated { reason },
            Changed::UnknownUser => Reset::UnknownUser,
            // The address stays as it is, so that nothing can speak against it.
            Changed::Ok | Changed::EmailAlreadyExists | Changed::EmailChangeNotAllowed { .. } => Reset::Ok,
        })
    }

    /// The rule of the sign-up form that an address breaks.
    pub(crate) async fn email_fault(&self, cx: &Cx, tenant: &str, email: &str) -> Result<Option<String>> {
        self.forms.fault(cx, tenant, EMAIL, email).await
    }

    /// The rule of the sign-up form that a password breaks.
    pub(crate) async fn password_fault(
        &self,
        cx: &Cx,
        tenant: &str,
        password: &str,
    ) -> Result<Option<String>> {
        self.forms.fault(cx, tenant, PASSWORD, password).await
    }

    /// Changes address or password.
    pub async fn update_email_or_password(&self, cx: &Cx, change: &Change) -> Result<Changed> {
        self.functions.update_email_or_password(cx, change).await
    }
}
