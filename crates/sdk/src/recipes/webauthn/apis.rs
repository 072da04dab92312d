//! What the frontend may ask. Each API can be replaced or taken away.

use super::recovery;
use super::types::{
    Applicant, Attempt, Credential, CredentialFault, RegisterOptionsOutcome, RegisterOptionsRequest,
    Registration, SignIn, SignInOptionsOutcome, SignInOptionsRequest, SignUp,
};
use crate::recipes::accountlinking::LoginInfo;
use crate::recipes::factors::WEBAUTHN;
use crate::recipes::flow::{self, Before, Caller};
use crate::recipes::multifactorauth::has_completed_mfa_requirements_for_auth;
use crate::recipes::session::Session;
use crate::users::{has_same_email, method_of};
use crate::{AccountInfo, Cx, Error, LoginMethod, Result, User};
use async_trait::async_trait;
use portcullis_wire::Object;
use serde_json::Value;

/// The first of the codes of what can fail when a login method is linked to the session's user.
const SIGN_UP_CODES: u8 = 26;
const SIGN_IN_CODES: u8 = 31;

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /webauthn/options/register`
    RegisterOptions,
    /// `POST /webauthn/options/signin`
    SignInOptions,
    /// `POST /webauthn/signup`
    SignUp,
    /// `POST /webauthn/signin`
    SignIn,
    /// `GET /webauthn/email/exists`
    EmailExists,
    /// `POST /user/webauthn/reset/token`
    GenerateRecoverAccountToken,
    /// `POST /user/webauthn/reset`
    RecoverAccount,
    /// `GET /webauthn/credential/list`
    ListCredentials,
    /// `POST /webauthn/credential`
    RegisterCredential,
    /// `POST /webauthn/credential/remove`
    RemoveCredential,
}

/// What `POST /webauthn/signup` answers.
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
    /// The tenant has a user of the recipe with this address.
    EmailAlreadyExists,
    /// The authenticator's answer does not do.
    Refused(CredentialFault),
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// What `POST /webauthn/signin` answers.
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
    /// Not this passkey, whatever is wrong with it.
    InvalidCredentials,
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// What `POST /user/webauthn/reset/token` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoverTokenOutcome {
    /// If the address is known, a link is on its way.
    Ok,
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// A new passkey for the user of a recovery token.
#[derive(Clone)]
pub struct RecoverAccountInput {
    /// The tenant.
    pub tenant: String,
    /// The token.
    pub token: String,
    /// The options' id.
    pub options_id: String,
    /// What the authenticator answered to them.
    pub credential: Object,
}

impl std::fmt::Debug for RecoverAccountInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecoverAccountInput").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// What `POST /user/webauthn/reset` answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RecoverAccountOutcome {
    /// The user has the passkey. The frontend is not told who it is.
    Ok {
        /// The user.
        user: User,
        /// The address that the token was sent to.
        email: String,
    },
    /// The token is unknown, used or expired, or its user is gone.
    InvalidToken,
    /// The authenticator's answer does not do.
    Refused(CredentialFault),
}

/// A further passkey for the user of a session.
#[derive(Clone)]
pub struct RegisterCredentialInput {
    /// The tenant that the options are of.
    pub tenant: String,
    /// The session.
    pub session: Session,
    /// The login method.
    pub recipe_user_id: String,
    /// The options' id.
    pub options_id: String,
    /// What the authenticator answered to them.
    pub credential: Object,
}

impl std::fmt::Debug for RegisterCredentialInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisterCredentialInput")
            .field("recipe_user_id", &self.recipe_user_id)
            .finish_non_exhaustive()
    }
}

/// What `POST /webauthn/credential` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterCredentialOutcome {
    /// The user has one more.
    Ok,
    /// There are no such options, or no more.
    OptionsNotFound,
    /// The options are too old, or of the other kind.
    InvalidOptions,
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// What `POST /webauthn/credential/remove` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoveCredentialOutcome {
    /// It is gone.
    Ok,
    /// It was gone already.
    NotFound,
}

/// The frontend APIs of the webauthn recipe. A replacement implements [`Apis::original`] and what it changes.
/// Any of them may answer [`Error::General`], whose text the frontend shows.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// Makes options to make a passkey with.
    async fn register_options(
        &self,
        cx: &Cx,
        tenant: &str,
        applicant: Applicant,
    ) -> Result<RegisterOptionsOutcome> {
        self.original().register_options(cx, tenant, applicant).await
    }

    /// Makes options to sign in with.
    async fn sign_in_options(&self, cx: &Cx, tenant: &str) -> Result<SignInOptionsOutcome> {
        self.original().sign_in_options(cx, tenant).await
    }

    /// Makes a user with a passkey, and a session.
    async fn sign_up(&self, cx: &Cx, attempt: Attempt) -> Result<SignUpOutcome> {
        self.original().sign_up(cx, attempt).await
    }

    /// Makes a session for a user who is there.
    async fn sign_in(&self, cx: &Cx, attempt: Attempt) -> Result<SignInOutcome> {
        self.original().sign_in(cx, attempt).await
    }

    /// Whether a tenant has a user of the recipe with this address.
    async fn email_exists(&self, cx: &Cx, tenant: &str, email: &str) -> Result<bool> {
        self.original().email_exists(cx, tenant, email).await
    }

    /// Sends a link to add a passkey, if there is such a user.
    async fn generate_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        email: &str,
    ) -> Result<RecoverTokenOutcome> {
        self.original().generate_recover_account_token(cx, tenant, email).await
    }

    /// Gives the user of a token a new passkey. Makes no session.
    async fn recover_account(&self, cx: &Cx, input: RecoverAccountInput) -> Result<RecoverAccountOutcome> {
        self.original().recover_account(cx, input).await
    }

    /// The passkeys of the session's user.
    async fn list_credentials(&self, cx: &Cx, session: &Session) -> Result<Vec<Credential>> {
        self.original().list_credentials(cx, session).await
    }

    /// Adds a passkey to a login method of the session's user.
    async fn register_credential(
        &self,
        cx: &Cx,
        input: RegisterCredentialInput,
    ) -> Result<RegisterCredentialOutcome> {
        self.original().register_credential(cx, input).await
    }

    /// Takes a passkey from the session's user.
    async fn remove_credential(
        &self,
        cx: &Cx,
        session: &Session,
        credential_id: &str,
    ) -> Result<RemoveCredentialOutcome> {
        self.original().remove_credential(cx, session, credential_id).await
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

    async fn register_options(
        &self,
        cx: &Cx,
        tenant: &str,
        applicant: Applicant,
    ) -> Result<RegisterOptionsOutcome> {
        let recipe = cx.sdk().webauthn()?;
        let relying_party = recipe.settings.relying_party(cx, tenant).await?;
        let request = RegisterOptionsRequest::new(tenant, applicant, relying_party);
        recipe.functions.register_options(cx, &request).await
    }

    async fn sign_in_options(&self, cx: &Cx, tenant: &str) -> Result<SignInOptionsOutcome> {
        let recipe = cx.sdk().webauthn()?;
        let relying_party = recipe.settings.relying_party(cx, tenant).await?;
        recipe.functions.sign_in_options(cx, &SignInOptionsRequest::new(tenant, relying_party)).await
    }

    async fn sign_up(&self, cx: &Cx, attempt: Attempt) -> Result<SignUpOutcome> {
        let functions = &cx.sdk().webauthn()?.functions;
        let caller = attempt.caller();
        let Some(options) = functions.generated_options(cx, caller.tenant, &attempt.options_id).await? else {
            return Ok(SignUpOutcome::Refused(CredentialFault::OptionsNotFound));
        };
        let Some(email) = options.email else { return Ok(SignUpOutcome::Refused(made_to_sign_in())) };
        let is_fake = flow::is_fake_email(&email);
        // Nobody could prove a fake one.
        let login = LoginInfo::new(WEBAUTHN).email(email.as_str()).verified(is_fake);
        let entry = flow::Attempt { login, user: None, factors: &[WEBAUTHN], only_asks: false };
        match flow::before(cx, &caller, entry).await? {
            Before::Ok { is_first_factor: true, .. } if is_fake => {
                return Ok(SignUpOutcome::EmailAlreadyExists);
            }
            Before::Ok { .. } => {}
            Before::NotAllowed => {
                let exists = self.email_exists(cx, caller.tenant, &email).await?;
                return Ok(if exists { SignUpOutcome::EmailAlreadyExists } else { sign_up_refused() });
            }
            Before::LinkingFailed(failure) => {
                return Ok(SignUpOutcome::NotAllowed { reason: failure.reason(SIGN_UP_CODES) });
            }
        }
        Ok(match functions.sign_up(cx, &attempt).await? {
            SignUp::Ok { user, recipe_user_id } => {
                let session = flow::after(cx, &caller, WEBAUTHN, &user, &recipe_user_id).await?;
                SignUpOutcome::Ok { user, session }
            }
            SignUp::EmailAlreadyExists => SignUpOutcome::EmailAlreadyExists,
            SignUp::Refused(fault) => SignUpOutcome::Refused(fault),
            SignUp::LinkingFailed(failure) => {
                SignUpOutcome::NotAllowed { reason: failure.reason(SIGN_UP_CODES) }
            }
        })
    }

    async fn sign_in(&self, cx: &Cx, attempt: Attempt) -> Result<SignInOutcome> {
        let functions = &cx.sdk().webauthn()?.functions;
        let (caller, Attempt { tenant, options_id, credential, .. }) = (attempt.caller(), &attempt);
        let Some((user, method)) = find_user(cx, &caller, credential).await? else {
            // The core is to see that somebody tries.
            functions.verify_credentials(cx, tenant, options_id, credential).await?;
            return Ok(SignInOutcome::InvalidCredentials);
        };
        let is_fake = method.email.as_deref().is_some_and(flow::is_fake_email);
        let entry = flow::Attempt {
            login: LoginInfo::from(&method),
            user: Some(&user),
            factors: &[WEBAUTHN],
            only_asks: false,
        };
        match flow::before(cx, &caller, entry).await? {
            Before::Ok { is_first_factor: true, .. } if is_fake => {
                return Ok(SignInOutcome::InvalidCredentials);
            }
            Before::Ok { .. } => {}
            Before::NotAllowed => return Ok(sign_in_refused()),
            Before::LinkingFailed(failure) => {
                return Ok(SignInOutcome::NotAllowed { reason: failure.reason(SIGN_IN_CODES) });
            }
        }
        // Looked at once: the core takes an answer to its options once.
        Ok(match functions.sign_in(cx, &attempt).await? {
            SignIn::Ok { user, recipe_user_id } => {
                let session = flow::after(cx, &caller, WEBAUTHN, &user, &recipe_user_id).await?;
                SignInOutcome::Ok { user, session }
            }
            SignIn::CredentialNotFound | SignIn::Refused(_) => SignInOutcome::InvalidCredentials,
            SignIn::LinkingFailed(failure) => {
                SignInOutcome::NotAllowed { reason: failure.reason(SIGN_IN_CODES) }
            }
        })
    }

    async fn email_exists(&self, cx: &Cx, tenant: &str, email: &str) -> Result<bool> {
        let users = cx.sdk().users_by_email(cx, tenant, email).await?;
        Ok(users.iter().any(|user| method_of(user, WEBAUTHN, email).is_some()))
    }

    async fn generate_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        email: &str,
    ) -> Result<RecoverTokenOutcome> {
        recovery::send_link(cx, tenant, email).await
    }

    async fn recover_account(&self, cx: &Cx, input: RecoverAccountInput) -> Result<RecoverAccountOutcome> {
        recovery::recover(cx, &input).await
    }

    async fn list_credentials(&self, cx: &Cx, session: &Session) -> Result<Vec<Credential>> {
        let functions = &cx.sdk().webauthn()?.functions;
        let mut credentials = Vec::new();
        for method in methods_of_session(cx, session).await? {
            credentials.extend(functions.list_credentials(cx, &method.recipe_user_id).await?);
        }
        Ok(credentials)
    }

    async fn register_credential(
        &self,
        cx: &Cx,
        input: RegisterCredentialInput,
    ) -> Result<RegisterCredentialOutcome> {
        let functions = &cx.sdk().webauthn()?.functions;
        let RegisterCredentialInput { tenant, session, recipe_user_id, options_id, credential } = &input;
        let user = cx.sdk().find_user(cx, session.user_id()).await?.ok_or_else(user_not_found)?;
        if let Ok(factors) = cx.sdk().multi_factor_auth() {
            factors.assert_allowed_to_setup_factor(cx, session, WEBAUTHN).await?;
        }
        let is_own =
            |method: &&LoginMethod| method.recipe_id == WEBAUTHN && method.recipe_user_id == *recipe_user_id;
        let own = user.login_methods.iter().find(is_own).ok_or_else(user_not_found)?;
        let Some(options) = functions.generated_options(cx, tenant, options_id).await? else {
            return Ok(RegisterCredentialOutcome::OptionsNotFound);
        };
        let Some(email) = options.email else { return Ok(RegisterCredentialOutcome::InvalidOptions) };
        if !has_same_email(own, &email) {
            return Err(Error::General("Email mismatch".to_owned()));
        }
        let not_allowed = |reason: &str| RegisterCredentialOutcome::NotAllowed { reason: reason.to_owned() };
        Ok(match functions.register_credential(cx, recipe_user_id, options_id, credential).await? {
            Registration::Ok { .. } => RegisterCredentialOutcome::Ok,
            Registration::UnknownUser => return Err(user_not_found()),
            Registration::CredentialAlreadyExists => not_allowed(
                "Cannot register credential due to security reasons. Please try logging in, use a different login method or contact support. (ERR_CODE_007)",
            ),
            Registration::Refused(CredentialFault::OptionsNotFound) => {
                RegisterCredentialOutcome::OptionsNotFound
            }
            Registration::Refused(CredentialFault::InvalidOptions { .. }) => {
                RegisterCredentialOutcome::InvalidOptions
            }
            Registration::Refused(CredentialFault::InvalidCredentials { .. }) => not_allowed(
                "The credentials are incorrect. Please make sure you are using the correct credentials. (ERR_CODE_025)",
            ),
            Registration::Refused(CredentialFault::InvalidAuthenticator { .. }) => not_allowed(
                "The device used for authentication is not supported. Please use a different device. (ERR_CODE_026)",
            ),
        })
    }

    async fn remove_credential(
        &self,
        cx: &Cx,
        session: &Session,
        credential_id: &str,
    ) -> Result<RemoveCredentialOutcome> {
        if cx.sdk().multi_factor_auth().is_ok() {
            session.assert_claims(cx, &[has_completed_mfa_requirements_for_auth()]).await?;
        }
        let methods = methods_of_session(cx, session).await?;
        let own = methods.iter().find(|method| has_credential(method, credential_id));
        let id = &own.ok_or_else(user_not_found)?.recipe_user_id;
        let was_there = cx.sdk().webauthn()?.functions.remove_credential(cx, id, credential_id).await?;
        Ok(if was_there { RemoveCredentialOutcome::Ok } else { RemoveCredentialOutcome::NotFound })
    }
}

/// What is wrong with options that name no address.
pub(super) fn made_to_sign_in() -> CredentialFault {
    CredentialFault::InvalidOptions { reason: "Options were made to sign in".to_owned() }
}

fn user_not_found() -> Error {
    Error::General("User not found".to_owned())
}

fn has_credential(method: &LoginMethod, id: &str) -> bool {
    method.webauthn.as_ref().is_some_and(|webauthn| webauthn.credential_ids.iter().any(|known| known == id))
}

/// The user whose passkey an answer names. Only the core can tell whether it is theirs, in the tenant that the
/// options are of: one that the session's user has elsewhere does not join the tenant.
async fn find_user(cx: &Cx, caller: &Caller<'_>, credential: &Object) -> Result<Option<(User, LoginMethod)>> {
    let Some(id) = credential.get("id").and_then(Value::as_str) else { return Ok(None) };
    let account = AccountInfo { webauthn_credential_id: Some(id.to_owned()), ..AccountInfo::default() };
    flow::authenticating_user(cx, caller, WEBAUTHN, &account, |_| async { Ok(false) }).await
}

fn sign_up_refused() -> SignUpOutcome {
    let reason = "Cannot sign up due to security reasons. Please try logging in, use a different login method or contact support. (ERR_CODE_025)";
    SignUpOutcome::NotAllowed { reason: reason.to_owned() }
}

fn sign_in_refused() -> SignInOutcome {
    let reason = "Cannot sign in due to security reasons. Please try recovering your account, use a different login method or contact support. (ERR_CODE_030)";
    SignInOutcome::NotAllowed { reason: reason.to_owned() }
}

/// The login methods of the recipe that a session's user has.
async fn methods_of_session(cx: &Cx, session: &Session) -> Result<Vec<LoginMethod>> {
    let user = cx.sdk().find_user(cx, session.user_id()).await?.ok_or_else(user_not_found)?;
    Ok(user.login_methods.into_iter().filter(|method| method.recipe_id == WEBAUTHN).collect())
}
