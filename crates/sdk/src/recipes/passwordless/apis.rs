//! What the frontend may ask. Each API can be replaced or taken away.

use super::config::FlowType;
use super::types::{Attempt, Code, CodeFault, CodeProof, CodeRequest, Contact, LoginCode, NewCode, SignInUp};
use super::{Codes, magic_link};
use crate::recipes::accountlinking::LoginInfo;
use crate::recipes::factors::{LINK_EMAIL, LINK_PHONE, OTP_EMAIL, OTP_PHONE};
use crate::recipes::flow::{self, Before, Caller};
use crate::recipes::session::Session;
use crate::users::{has_same_email, is_known_by, method_of};
use crate::{AccountInfo, Cx, Error, LoginMethod, Result, SessionError, User};
use async_trait::async_trait;
use tokio::sync::OnceCell;

const RECIPE: &str = "passwordless";
/// The first of the codes of what can fail when a login method is linked to the session's user. It is never told:
/// a code that came back proves the address.
const CODES: u8 = 16;

/// How often a code of the app's own making is tried again that the device has already.
const TRIES: usize = 3;

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /signinup/code`
    CreateCode,
    /// `POST /signinup/code/resend`
    ResendCode,
    /// `POST /signinup/code/consume`
    ConsumeCode,
    /// `GET /passwordless/email/exists`, and its older path `/signup/email/exists`
    EmailExists,
    /// `GET /passwordless/phonenumber/exists`, and its older path `/signup/phonenumber/exists`
    PhoneNumberExists,
}

/// What `POST /signinup/code` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateCodeOutcome {
    /// A code, a link or both are on their way.
    Ok {
        /// What the device that asked shows with a code that is entered.
        device_id: String,
        /// The device.
        pre_auth_session_id: String,
        /// What was sent.
        flow_type: FlowType,
    },
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// A device that asks for a further code.
#[derive(Clone)]
pub struct ResendCodeInput {
    /// The tenant.
    pub tenant: String,
    /// What only the device knows.
    pub device_id: String,
    /// The device.
    pub pre_auth_session_id: String,
    /// The session of the request, if it was asked for.
    pub session: Option<Session>,
    /// Whether the login method is to be linked to the session's user; `None` if the frontend is too old
    /// to say so.
    pub link_to_session_user: Option<bool>,
}

impl std::fmt::Debug for ResendCodeInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResendCodeInput").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// What `POST /signinup/code/resend` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResendCodeOutcome {
    /// A further code, link or both are on their way.
    Ok,
    /// Only a sign-in from the start helps.
    RestartFlow,
}

/// What `POST /signinup/code/consume` answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConsumeCodeOutcome {
    /// The user has a session.
    Ok {
        /// The user.
        user: User,
        /// The session, whose tokens are in the response.
        session: Session,
        /// Whether the login method was made by this.
        is_new: bool,
    },
    /// The code does not do.
    Refused(CodeFault),
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// The frontend APIs of the passwordless recipe. A replacement implements [`Apis::original`] and what it
/// changes. Any of them may answer [`Error::General`], whose text the frontend shows.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// Makes a code and sends it.
    async fn create_code(&self, cx: &Cx, request: CodeRequest) -> Result<CreateCodeOutcome> {
        self.original().create_code(cx, request).await
    }

    /// Makes a further code for a device and sends it.
    async fn resend_code(&self, cx: &Cx, input: ResendCodeInput) -> Result<ResendCodeOutcome> {
        self.original().resend_code(cx, input).await
    }

    /// Makes a session for whoever has a code or a link, who may be new.
    async fn consume_code(&self, cx: &Cx, attempt: Attempt) -> Result<ConsumeCodeOutcome> {
        self.original().consume_code(cx, attempt).await
    }

    /// Whether a tenant has a user of the recipe with this address.
    async fn email_exists(&self, cx: &Cx, tenant: &str, email: &str) -> Result<bool> {
        self.original().email_exists(cx, tenant, email).await
    }

    /// Whether a tenant has a user with this number.
    async fn phone_number_exists(&self, cx: &Cx, tenant: &str, number: &str) -> Result<bool> {
        self.original().phone_number_exists(cx, tenant, number).await
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

    async fn create_code(&self, cx: &Cx, request: CodeRequest) -> Result<CreateCodeOutcome> {
        let recipe = cx.sdk().passwordless()?;
        let (caller, contact) = (request.caller(), &request.contact);
        let user = known_user(cx, caller.tenant, contact).await?;
        let (flow_type, is_first_factor) = match before(cx, &caller, contact, user.as_ref()).await? {
            Before::Ok { factors, is_first_factor } => (FlowType::of_factors(&factors), is_first_factor),
            Before::NotAllowed => {
                return Ok(CreateCodeOutcome::NotAllowed { reason: refusal(user.is_none()) });
            }
            Before::LinkingFailed(failure) => {
                return Ok(CreateCodeOutcome::NotAllowed { reason: failure.reason(CODES) });
            }
        };
        let user_input_code = recipe.settings.user_input_code(cx, caller.tenant).await?;
        let request = CodeRequest { user_input_code, ..request.clone() };
        let code = recipe.functions.create_code(cx, &request).await?;
        let sent = login_code(cx, caller.tenant, &code, (flow_type, is_first_factor));
        recipe.send(cx, caller.tenant, contact, sent).await?;
        let Code { device_id, pre_auth_session_id, .. } = code;
        Ok(CreateCodeOutcome::Ok { device_id, pre_auth_session_id, flow_type })
    }

    async fn resend_code(&self, cx: &Cx, input: ResendCodeInput) -> Result<ResendCodeOutcome> {
        let recipe = cx.sdk().passwordless()?;
        let ResendCodeInput { tenant, device_id, session, link_to_session_user, .. } = &input;
        let device = recipe.functions.list_codes_by_device_id(cx, tenant, device_id).await?;
        let contact = device.as_ref().and_then(Contact::of_device);
        let Some(contact) = contact.filter(|contact| recipe.settings.takes(contact)) else {
            return Ok(ResendCodeOutcome::RestartFlow);
        };
        let caller = Caller { tenant, session: session.as_ref(), linking: *link_to_session_user };
        let user = known_user(cx, tenant, &contact).await?;
        let sent = match before(cx, &caller, &contact, user.as_ref()).await? {
            Before::Ok { factors, is_first_factor } => (FlowType::of_factors(&factors), is_first_factor),
            // It was allowed when the first code was made; the frontend learns why when it begins anew.
            Before::NotAllowed | Before::LinkingFailed(_) => return Ok(ResendCodeOutcome::RestartFlow),
        };
        let Some(code) = further_code(cx, recipe, tenant, device_id).await? else {
            return Ok(ResendCodeOutcome::RestartFlow);
        };
        recipe.send(cx, tenant, &contact, login_code(cx, tenant, &code, sent)).await?;
        Ok(ResendCodeOutcome::Ok)
    }

    async fn consume_code(&self, cx: &Cx, attempt: Attempt) -> Result<ConsumeCodeOutcome> {
        let functions = &cx.sdk().passwordless()?.functions;
        let (caller, id) = (attempt.caller(), attempt.pre_auth_session_id.as_str());
        let device = functions.list_codes_by_pre_auth_session_id(cx, caller.tenant, id).await?;
        let Some(contact) = device.as_ref().and_then(Contact::of_device) else {
            return Ok(ConsumeCodeOutcome::Refused(CodeFault::RestartFlow));
        };
        let check = Check { cx, attempt: &attempt, outcome: OnceCell::new() };
        let fits = |_| async { Ok(check.outcome().await?.is_ok()) };
        let found = flow::authenticating_user(cx, &caller, RECIPE, &contact.account(), fits).await?;
        prove_session_email(cx, &check, &contact).await?;
        let factor = factor(&contact, &attempt.proof);
        let entry = flow::Attempt {
            login: login(&contact),
            user: found.as_ref().map(|(user, _)| user),
            factors: &[factor],
            only_asks: false,
        };
        let not_allowed = |reason| Ok(ConsumeCodeOutcome::NotAllowed { reason });
        match flow::before(cx, &caller, entry).await? {
            Before::Ok { .. } => {}
            Before::NotAllowed => return not_allowed(refusal(found.is_none())),
            Before::LinkingFailed(failure) => return not_allowed(failure.reason(CODES)),
        }
        if let Some(Err(fault)) = check.outcome.get() {
            // Not looked at once more, which would count twice.
            return Ok(ConsumeCodeOutcome::Refused(*fault));
        }
        match functions.consume_code(cx, &attempt).await? {
            SignInUp::Ok { user, recipe_user_id, is_new, .. } => {
                let session = flow::after(cx, &caller, factor, &user, &recipe_user_id).await?;
                Ok(ConsumeCodeOutcome::Ok { user, session, is_new })
            }
            SignInUp::Refused(fault) => Ok(ConsumeCodeOutcome::Refused(fault)),
            SignInUp::LinkingFailed(failure) => not_allowed(failure.reason(CODES)),
        }
    }

    async fn email_exists(&self, cx: &Cx, tenant: &str, email: &str) -> Result<bool> {
        let users = cx.sdk().users_by_email(cx, tenant, email).await?;
        Ok(users.iter().any(|user| method_of(user, "passwordless", email).is_some()))
    }

    async fn phone_number_exists(&self, cx: &Cx, tenant: &str, number: &str) -> Result<bool> {
        let info = AccountInfo { phone_number: Some(number.to_owned()), ..AccountInfo::default() };
        Ok(!cx.sdk().list_users_by_account_info(cx, tenant, &info, false).await?.is_empty())
    }
}

fn otp_factor(contact: &Contact) -> &'static str {
    match contact {
        Contact::Email(_) => OTP_EMAIL,
        Contact::PhoneNumber(_) => OTP_PHONE,
    }
}

/// The factor that is shown.
fn factor(contact: &Contact, proof: &CodeProof) -> &'static str {
    match (contact, proof) {
        (_, CodeProof::Entered { .. }) => otp_factor(contact),
        (Contact::Email(_), CodeProof::Link { .. }) => LINK_EMAIL,
        (Contact::PhoneNumber(_), CodeProof::Link { .. }) => LINK_PHONE,
    }
}

/// A login method as it is once the code has come back, which proves address or number.
fn login(contact: &Contact) -> LoginInfo {
    LoginInfo { account: contact.account(), ..LoginInfo::new(RECIPE).verified(true) }
}

/// The text for somebody who may not sign up or in.
fn refusal(is_sign_up: bool) -> String {
    let code = if is_sign_up { "002" } else { "003" };
    format!(
        "Cannot sign in / up due to security reasons. Please try a different login method or contact support. (ERR_CODE_{code})"
    )
}

/// The tenant's user of the recipe with an address or a number.
async fn known_user(cx: &Cx, tenant: &str, contact: &Contact) -> Result<Option<User>> {
    let account = contact.account();
    let users = cx.sdk().list_users_by_account_info(cx, tenant, &account, false).await?;
    let is_it = |method: &LoginMethod| method.recipe_id == RECIPE && is_known_by(method, &account);
    Ok(users.into_iter().find(|user| user.login_methods.iter().any(is_it)))
}

/// Whether a code may be sent. Nobody has shown one yet, so that nothing is changed.
async fn before(cx: &Cx, caller: &Caller<'_>, contact: &Contact, user: Option<&User>) -> Result<Before> {
    let factors = if caller.session.is_some() {
        // Who is signed in and opens a link elsewhere could not go on where it was asked for.
        vec![otp_factor(contact)]
    } else {
        cx.sdk().passwordless()?.settings.factors_of(contact)
    };
    let entry = flow::Attempt { login: login(contact), user, factors: &factors, only_asks: true };
    flow::before(cx, caller, entry).await
}

/// What is told of a code, by what is sent and whether it is a first factor.
fn login_code(
    cx: &Cx,
    tenant: &str,
    code: &Code,
    (flow_type, is_first_factor): (FlowType, bool),
) -> LoginCode {
    LoginCode {
        link: flow_type.has_link().then(|| magic_link(cx, tenant, code)),
        user_input_code: flow_type.has_code().then(|| code.user_input_code.clone()),
        code_lifetime: code.code_lifetime,
        pre_auth_session_id: code.pre_auth_session_id.clone(),
        is_first_factor,
    }
}

/// A further code for a device; `None` if there is no such device any more.
async fn further_code(cx: &Cx, recipe: &Codes, tenant: &str, device_id: &str) -> Result<Option<Code>> {
    for _ in 0..TRIES {
        let wanted = recipe.settings.user_input_code(cx, tenant).await?;
        let wanted = wanted.as_deref();
        match recipe.functions.create_new_code_for_device(cx, tenant, device_id, wanted).await? {
            NewCode::Ok(code) => return Ok(Some(code)),
            NewCode::RestartFlow => return Ok(None),
            NewCode::UserInputCodeAlreadyUsed => {}
        }
    }
    Err(Error::General("Failed to generate a one time code. Please try again".to_owned()))
}

/// Whether a code would do: asked once at most, since a wrong one counts.
struct Check<'a> {
    cx: &'a Cx,
    attempt: &'a Attempt,
    outcome: OnceCell<std::result::Result<(), CodeFault>>,
}

impl Check<'_> {
    async fn outcome(&self) -> Result<std::result::Result<(), CodeFault>> {
        let Attempt { tenant, pre_auth_session_id, proof, .. } = self.attempt;
        let check = async {
            let functions = &self.cx.sdk().passwordless()?.functions;
            let outcome = functions.check_code(self.cx, tenant, pre_auth_session_id, proof).await?;
            Ok::<_, Error>(outcome.map(drop))
        };
        self.outcome.get_or_try_init(|| check).await.copied()
    }
}

/// Who is signed in and has received a code at the address that the session goes by has proven that it is
/// theirs. It counts before anything is linked, which may need the proof.
async fn prove_session_email(cx: &Cx, check: &Check<'_>, contact: &Contact) -> Result<()> {
    let (Some(session), Contact::Email(email)) = (&check.attempt.session, contact) else { return Ok(()) };
    let Ok(proofs) = cx.sdk().email_verification() else { return Ok(()) };
    let user = cx.sdk().find_user(cx, session.user_id()).await?;
    let user = user.ok_or_else(|| SessionError::over("Session user not found"))?;
    let mut methods = user.login_methods.iter();
    let method = methods.find(|method| method.recipe_user_id == session.recipe_user_id());
    let method =
        method.ok_or_else(|| SessionError::over("Session user and session recipeUserId is inconsistent"))?;
    if method.verified || !has_same_email(method, email) || check.outcome().await?.is_err() {
        return Ok(());
    }
    proofs.prove(cx, &check.attempt.tenant, &method.recipe_user_id, email).await
}
