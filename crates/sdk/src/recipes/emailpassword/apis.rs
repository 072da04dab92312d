//! What the frontend may ask. Each API can be replaced or taken away.

use super::form::{self, EMAIL, FormField, FormValues, PASSWORD};
use super::{Attempt, Passwords, SignIn, SignUp, reset};
use crate::fdi;
use crate::handle::{ApiMethod, ApiRoute, Handler, Route, enabled_routes, json_body, ok};
use crate::recipes::accountlinking::LoginInfo;
use crate::recipes::factors::EMAIL_PASSWORD;
use crate::recipes::flow::{self, Before};
use crate::recipes::session::Session;
use crate::users::has_password_for;
use crate::{AccountInfo, Cx, Error, FieldError, Result, User};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use serde_json::json;

/// The recipe's id is that of its factor.
const FACTOR: &str = EMAIL_PASSWORD;
/// The first of the codes of what can fail when a login method is linked to the session's user.
const SIGN_IN_CODES: u8 = 9;
const SIGN_UP_CODES: u8 = 13;

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /signup`
    SignUp,
    /// `POST /signin`
    SignIn,
    /// `GET /emailpassword/email/exists`, and its older path `/signup/email/exists`
    EmailExists,
    /// `POST /user/password/reset/token`
    GeneratePasswordResetToken,
    /// `POST /user/password/reset`
    PasswordReset,
}

/// A form that was sent, and is valid.
#[derive(Clone, Debug)]
pub struct FormInput {
    /// The tenant.
    pub tenant: String,
    /// The values.
    pub values: FormValues,
    /// The session of the request, if it was asked for.
    pub session: Option<Session>,
    /// Whether the login method is to be linked to the session's user; `None` if the frontend is too old
    /// to say so.
    pub link_to_session_user: Option<bool>,
}

/// What `POST /signup` answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignUpOutcome {
    /// The user was made and has a session.
    Ok {
        /// The user.
        user: User,
        /// The session, whose tokens are in the response.
        session: Session,
    },
    /// The tenant has such a user: an error of the form's field.
    EmailAlreadyExists,
    /// The core refuses the password: an error of the form's field.
    PolicyViolated {
        /// Why, for the user to read.
        reason: String,
    },
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// What `POST /signin` answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignInOutcome {
    /// The user has a session.
    Ok {
        /// The user.
        user: User,
        /// The session, whose tokens are in the response.
        session: Session,
    },
    /// Address and password do not fit.
    WrongCredentials,
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// What `POST /user/password/reset/token` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetTokenOutcome {
    /// If the address is known, a link is on its way.
    Ok,
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// What `POST /user/password/reset` answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PasswordResetOutcome {
    /// The password was changed. The frontend is not told whose.
    Ok {
        /// The user.
        user: User,
        /// The address that the token was sent to.
        email: String,
    },
    /// The token is unknown, used or expired.
    InvalidToken,
    /// The password breaks the form's rule: an error of the form's field.
    PolicyViolated {
        /// The rule, for the user to read.
        reason: String,
    },
}

/// The frontend APIs of the emailpassword recipe. A replacement implements [`Apis::original`] and what it
/// changes. Any of them may answer [`Error::General`], whose text the frontend shows.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// Makes a user, and a session.
    async fn sign_up(&self, cx: &Cx, input: FormInput) -> Result<SignUpOutcome> {
        self.original().sign_up(cx, input).await
    }

    /// Makes a session for a user who is there.
    async fn sign_in(&self, cx: &Cx, input: FormInput) -> Result<SignInOutcome> {
        self.original().sign_in(cx, input).await
    }

    /// Whether a tenant has a user with this address and a password.
    async fn email_exists(&self, cx: &Cx, tenant: &str, email: &str) -> Result<bool> {
        self.original().email_exists(cx, tenant, email).await
    }

    /// Sends a link to choose a new password, if there is such a user.
    async fn generate_password_reset_token(
        &self,
        cx: &Cx,
        tenant: &str,
        values: &FormValues,
    ) -> Result<ResetTokenOutcome> {
        self.original().generate_password_reset_token(cx, tenant, values).await
    }

    /// Gives the user of a token a new password. Makes no session.
    async fn password_reset(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        values: &FormValues,
    ) -> Result<PasswordResetOutcome> {
        self.original().password_reset(cx, tenant, token, values).await
    }
}

/// What the APIs do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseApis;

#[async_trait]
impl Apis for BaseApis {
    fn original(&self) -> &dyn Apis {
        self
    }

    async fn sign_up(&self, cx: &Cx, input: FormInput) -> Result<SignUpOutcome> {
        let attempt = attempt(input)?;
        let (caller, email) = (attempt.caller(), attempt.email.as_str());
        let is_fake = flow::is_fake_email(email);
        // Nobody could prove a fake one.
        let login = LoginInfo::new(FACTOR).email(email).verified(is_fake);
        let entry = flow::Attempt { login, user: None, factors: &[FACTOR], only_asks: false };
        match flow::before(cx, &caller, entry).await? {
            Before::Ok { is_first_factor: true, .. } if is_fake => {
                return Ok(SignUpOutcome::EmailAlreadyExists);
            }
            Before::Ok { .. } => {}
            Before::NotAllowed => {
                let exists = self.email_exists(cx, caller.tenant, email).await?;
                return Ok(if exists { SignUpOutcome::EmailAlreadyExists } else { sign_up_refused() });
            }
            Before::LinkingFailed(failure) => {
                return Ok(SignUpOutcome::NotAllowed { reason: failure.reason(SIGN_UP_CODES) });
            }
        }
        Ok(match cx.sdk().email_password()?.functions.sign_up(cx, &attempt).await? {
            SignUp::Ok { user, recipe_user_id } => {
                let session = flow::after(cx, &caller, FACTOR, &user, &recipe_user_id).await?;
                SignUpOutcome::Ok { user, session }
            }
            SignUp::EmailAlreadyExists => SignUpOutcome::EmailAlreadyExists,
            SignUp::PolicyViolated { reason } => SignUpOutcome::PolicyViolated { reason },
            SignUp::LinkingFailed(failure) => {
                SignUpOutcome::NotAllowed { reason: failure.reason(SIGN_UP_CODES) }
            }
        })
    }

    async fn sign_in(&self, cx: &Cx, input: FormInput) -> Result<SignInOutcome> {
        let attempt = attempt(input)?;
        let Attempt { tenant, email, password, .. } = &attempt;
        let (caller, is_fake) = (attempt.caller(), flow::is_fake_email(email));
        if is_fake && caller.session.is_none() {
            return Ok(SignInOutcome::WrongCredentials);
        }
        let functions = &cx.sdk().email_password()?.functions;
        let account = AccountInfo { email: Some(email.clone()), ..AccountInfo::default() };
        let fits = |tenant: String| async move {
            let outcome = functions.verify_credentials(cx, &tenant, email, password).await?;
            Ok(matches!(outcome, SignIn::Ok { .. }))
        };
        let Some((user, method)) = flow::authenticating_user(cx, &caller, FACTOR, &account, fits).await?
        else {
            // The core hashes the password all the same, so that the time does not tell who is known.
            functions.verify_credentials(cx, tenant, email, password).await?;
            return Ok(SignInOutcome::WrongCredentials);
        };
        let login = LoginInfo::new(FACTOR).email(email).verified(method.verified);
        let entry = flow::Attempt { login, user: Some(&user), factors: &[FACTOR], only_asks: false };
        match flow::before(cx, &caller, entry).await? {
            Before::Ok { is_first_factor: true, .. } if is_fake => {
                return Ok(SignInOutcome::WrongCredentials);
            }
            Before::Ok { .. } => {}
            Before::NotAllowed => return Ok(sign_in_refused()),
            Before::LinkingFailed(failure) => {
                return Ok(SignInOutcome::NotAllowed { reason: failure.reason(SIGN_IN_CODES) });
            }
        }
        Ok(match functions.sign_in(cx, &attempt).await? {
            SignIn::Ok { user, recipe_user_id } => {
                let session = flow::after(cx, &caller, FACTOR, &user, &recipe_user_id).await?;
                SignInOutcome::Ok { user, session }
            }
            SignIn::WrongCredentials => SignInOutcome::WrongCredentials,
            SignIn::LinkingFailed(failure) => {
                SignInOutcome::NotAllowed { reason: failure.reason(SIGN_IN_CODES) }
            }
        })
    }

    async fn email_exists(&self, cx: &Cx, tenant: &str, email: &str) -> Result<bool> {
        let users = cx.sdk().users_by_email(cx, tenant, email).await?;
        Ok(users.iter().any(|user| has_password_for(user, email).is_some()))
    }

    async fn generate_password_reset_token(
        &self,
        cx: &Cx,
        tenant: &str,
        values: &FormValues,
    ) -> Result<ResetTokenOutcome> {
        reset::send_link(cx, tenant, values.required(EMAIL)?).await
    }

    async fn password_reset(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        values: &FormValues,
    ) -> Result<PasswordResetOutcome> {
        reset::reset(cx, tenant, token, values.required(PASSWORD)?).await
    }
}

fn sign_up_refused() -> SignUpOutcome {
    let reason = "Cannot sign up due to security reasons. Please try logging in, use a different login method or contact support. (ERR_CODE_007)";
    SignUpOutcome::NotAllowed { reason: reason.to_owned() }
}

fn sign_in_refused() -> SignInOutcome {
    let reason = "Cannot sign in due to security reasons. Please try resetting your password, use a different login method or contact support. (ERR_CODE_008)";
    SignInOutcome::NotAllowed { reason: reason.to_owned() }
}

fn attempt(input: FormInput) -> Result<Attempt> {
    Ok(Attempt {
        email: input.values.required(EMAIL)?.to_owned(),
        password: input.values.required(PASSWORD)?.to_owned(),
        tenant: input.tenant,
        session: input.session,
        link_to_session_user: input.link_to_session_user,
    })
}

/// The form of the call's request. A session decides about the tenant, if the request is to build on it.
async fn read_form(cx: &Cx, tenant: &str, fields: &[FormField]) -> Result<FormInput> {
    let body = json_body(cx)?;
    let values = form::read(cx, tenant, fields, &body).await?;
    let link_to_session_user = fdi::linking_flag(cx, &body);
    let session = flow::session_to_link(cx, link_to_session_user).await?;
    let tenant = session.as_ref().map_or(tenant, Session::tenant_id).to_owned();
    Ok(FormInput { tenant, values, session, link_to_session_user })
}

async fn sign_up(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let recipe = cx.sdk().email_password()?;
    let input = read_form(cx, tenant, &recipe.forms.sign_up).await?;
    match recipe.apis.sign_up(cx, input).await? {
        SignUpOutcome::Ok { user, session } => fdi::signed_in(cx, &user, &session),
        SignUpOutcome::EmailAlreadyExists => {
            Err(field_error(EMAIL, "This email already exists. Please sign in instead."))
        }
        SignUpOutcome::PolicyViolated { reason } => Err(field_error(PASSWORD, &reason)),
        SignUpOutcome::NotAllowed { reason } => {
            fdi::turned_away(cx, ok(&json!({"status": "SIGN_UP_NOT_ALLOWED", "reason": reason})))
        }
    }
}

async fn sign_in(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let recipe = cx.sdk().email_password()?;
    let input = read_form(cx, tenant, &recipe.forms.sign_in).await?;
    match recipe.apis.sign_in(cx, input).await? {
        SignInOutcome::Ok { user, session } => fdi::signed_in(cx, &user, &session),
        SignInOutcome::WrongCredentials => {
            fdi::turned_away(cx, ok(&json!({"status": "WRONG_CREDENTIALS_ERROR"})))
        }
        SignInOutcome::NotAllowed { reason } => {
            fdi::turned_away(cx, ok(&json!({"status": "SIGN_IN_NOT_ALLOWED", "reason": reason})))
        }
    }
}

async fn email_exists(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let email = cx.exchange().and_then(|exchange| exchange.query("email"));
    let email = email.ok_or_else(|| Error::bad_input("Please provide the email as a GET param"))?;
    let exists = cx.sdk().email_password()?.apis.email_exists(cx, tenant, &email).await?;
    ok(&json!({"status": "OK", "exists": exists}))
}

async fn generate_password_reset_token(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let recipe = cx.sdk().email_password()?;
    let values = form::read(cx, tenant, &recipe.forms.reset_token, &json_body(cx)?).await?;
    match recipe.apis.generate_password_reset_token(cx, tenant, &values).await? {
        ResetTokenOutcome::Ok => ok(&json!({"status": "OK"})),
        ResetTokenOutcome::NotAllowed { reason } => {
            ok(&json!({"status": "PASSWORD_RESET_NOT_ALLOWED", "reason": reason}))
        }
    }
}

async fn password_reset(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let recipe = cx.sdk().email_password()?;
    let body = json_body(cx)?;
    // Before the token is used up, so that the user can try another password.
    let values = form::read(cx, tenant, &recipe.forms.reset, &body).await?;
    let token = body.get("token");
    let token = token.ok_or_else(|| Error::bad_input("Please provide the password reset token"))?;
    let token =
        token.as_str().ok_or_else(|| Error::bad_input("The password reset token must be a string"))?;
    match recipe.apis.password_reset(cx, tenant, token, &values).await? {
        PasswordResetOutcome::Ok { .. } => ok(&json!({"status": "OK"})),
        PasswordResetOutcome::InvalidToken => ok(&json!({"status": "RESET_PASSWORD_INVALID_TOKEN_ERROR"})),
        PasswordResetOutcome::PolicyViolated { reason } => Err(field_error(PASSWORD, &reason)),
    }
}

fn field_error(id: &str, error: &str) -> Error {
    Error::Fields(vec![FieldError { id: id.to_owned(), error: error.to_owned() }])
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Passwords) -> Vec<Route> {
    use ApiMethod::{Get, Post};
    let exists: Handler = |cx, tenant| Box::pin(email_exists(cx, tenant));
    let all: [ApiRoute<Api>; 6] = [
        (Api::SignUp, Post, "/signup", |cx, tenant| Box::pin(sign_up(cx, tenant))),
        (Api::SignIn, Post, "/signin", |cx, tenant| Box::pin(sign_in(cx, tenant))),
        (Api::EmailExists, Get, "/emailpassword/email/exists", exists),
        (Api::EmailExists, Get, "/signup/email/exists", exists),
        (Api::GeneratePasswordResetToken, Post, "/user/password/reset/token", |cx, tenant| {
            Box::pin(generate_password_reset_token(cx, tenant))
        }),
        (Api::PasswordReset, Post, "/user/password/reset", |cx, tenant| Box::pin(password_reset(cx, tenant))),
    ];
    enabled_routes(&recipe.disabled, FACTOR, all)
}
