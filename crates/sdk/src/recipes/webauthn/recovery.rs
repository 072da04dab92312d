//! Accounts whose passkeys are gone: a link is sent, and a new passkey comes back.

use super::apis::{RecoverAccountInput, RecoverAccountOutcome, RecoverTokenOutcome, made_to_sign_in};
use super::types::{ConsumedToken, CredentialFault, Registration, SignUp};
use crate::email::{Email, EmailSubject, link};
use crate::recipes::addressee::{Addressee, addressee, is_risky, is_takeover_risk};
use crate::recipes::factors::WEBAUTHN;
use crate::users::has_same_email;
use crate::{Cx, Error, LoginMethod, Result, User};

/// The address of the page that adds a passkey.
pub(super) fn recovery_link(cx: &Cx, token: &str, tenant: &str) -> String {
    link(cx, "/webauthn/recover", token, tenant)
}

/// Sends a link to whoever may have a passkey for this address: a user who has one, or a primary user who would
/// get one. Who asks does not learn whether there is such a user.
pub(super) async fn send_link(cx: &Cx, tenant: &str, email: &str) -> Result<RecoverTokenOutcome> {
    let users = cx.sdk().users_by_email(cx, tenant, email).await?;
    if is_risky(cx, WEBAUTHN, tenant, email, &users).await? {
        return Ok(RecoverTokenOutcome::NotAllowed {
            reason: "Recover account link was not created because of account take over risk. Please contact support. (ERR_CODE_001)".to_owned(),
        });
    }
    deliver(cx.clone(), tenant.to_owned(), email.to_owned(), users);
    Ok(RecoverTokenOutcome::Ok)
}

/// Makes a link and sends it while the answer is already on its way: neither the time that this takes nor a
/// failure tells a stranger who is known.
#[expect(
    clippy::disallowed_methods,
    reason = "an SDK lives as long as its app, which knows no end to wait for"
)]
fn deliver(cx: Cx, tenant: String, email: String, users: Vec<User>) {
    tokio::spawn(async move {
        let sent = async {
            let Some(to) = addressee(&cx, WEBAUTHN, &tenant, &email, &users).await? else {
                tracing::debug!("nobody may have a passkey for the address: no link is sent");
                return Ok(());
            };
            make_and_send(&cx, &tenant, to).await
        };
        if let Err(error) = sent.await {
            tracing::error!(%error, "a link to get an account back could not be sent");
        }
    });
}

async fn make_and_send(cx: &Cx, tenant: &str, to: Addressee) -> Result<()> {
    let Addressee { email, user_id, recipe_user_id } = to;
    let recipe = cx.sdk().webauthn()?;
    let id = recipe_user_id.as_ref().unwrap_or(&user_id);
    let made = recipe.create_recover_account_link(cx, tenant, id, &email).await?;
    // The user may have been deleted meanwhile.
    let Some(link) = made else { return Ok(()) };
    let email = Email::new(email, EmailSubject::RecoverAccount { link }, tenant);
    recipe.send_email(cx, &email.of_user(user_id, recipe_user_id.as_deref())).await
}

/// Uses a token up, and gives its user the new passkey.
pub(super) async fn recover(cx: &Cx, input: &RecoverAccountInput) -> Result<RecoverAccountOutcome> {
    let RecoverAccountInput { tenant, token, options_id, credential } = input;
    let functions = &cx.sdk().webauthn()?.functions;
    // Before the token is used up, so that the user can try once more.
    let Some(options) = functions.generated_options(cx, tenant, options_id).await? else {
        return Ok(RecoverAccountOutcome::Refused(CredentialFault::OptionsNotFound));
    };
    let Some(made_for) = options.email else {
        return Ok(RecoverAccountOutcome::Refused(made_to_sign_in()));
    };
    let consumed = functions.consume_recover_account_token(cx, tenant, token).await?;
    let ConsumedToken::Ok { user_id, email } = consumed else {
        return Ok(RecoverAccountOutcome::InvalidToken);
    };
    // The user may have been deleted since the token was made.
    let Some(user) = cx.sdk().find_user(cx, &user_id).await? else {
        return Ok(RecoverAccountOutcome::InvalidToken);
    };
    let is_own = |method: &&LoginMethod| method.recipe_user_id == user_id && method.recipe_id == WEBAUTHN;
    if let Some(own) = user.login_methods.iter().find(is_own) {
        if !has_same_email(own, &made_for) {
            return Ok(RecoverAccountOutcome::Refused(of_another()));
        }
        if user.is_primary_user && is_takeover_risk(&user, &email) {
            return Ok(RecoverAccountOutcome::InvalidToken);
        }
        return match functions.register_credential(cx, &user_id, options_id, credential).await? {
            Registration::Ok { credential_id, .. } => {
                if !own.verified {
                    forget_strangers(cx, &user_id, &credential_id).await?;
                }
                let user = proven(cx, tenant, &user_id, &email).await?;
                Ok(RecoverAccountOutcome::Ok { user, email })
            }
            Registration::UnknownUser => Ok(RecoverAccountOutcome::InvalidToken),
            Registration::CredentialAlreadyExists => {
                Ok(RecoverAccountOutcome::Refused(CredentialFault::InvalidCredentials {
                    reason: "The credential is registered already".to_owned(),
                }))
            }
            Registration::Refused(fault) => Ok(RecoverAccountOutcome::Refused(fault)),
        };
    }
    if !made_for.eq_ignore_ascii_case(&email) && !is_known(&user, &made_for) {
        return Ok(RecoverAccountOutcome::Refused(of_another()));
    }
    // The token's user has no passkey yet: a login method with one is made.
    match functions.create_new_recipe_user(cx, tenant, options_id, credential).await? {
        SignUp::Ok { recipe_user_id, .. } => {
            // It has the address that options are made for, which need not be the token's. Whoever reads the mail of
            // one address that the user has proven is the user, and so is who has proven the other one.
            let is_user_s = is_known(&user, &email) && is_known(&user, &made_for);
            let address = if is_user_s { &made_for } else { &email };
            let user = proven(cx, tenant, &recipe_user_id, address).await?;
            Ok(RecoverAccountOutcome::Ok { user, email })
        }
        SignUp::EmailAlreadyExists => Ok(RecoverAccountOutcome::InvalidToken),
        SignUp::Refused(fault) => Ok(RecoverAccountOutcome::Refused(fault)),
        SignUp::LinkingFailed(_) => {
            Err(Error::Internal("a login method by itself was not to be linked".to_owned()))
        }
    }
}

/// Nobody has proven the address yet, so that whoever made the account need not be its owner. With a new
/// password that person would be shut out; with a new passkey the old ones must go, and the sessions.
async fn forget_strangers(cx: &Cx, recipe_user_id: &str, new: &str) -> Result<()> {
    let functions = &cx.sdk().webauthn()?.functions;
    for old in functions.list_credentials(cx, recipe_user_id).await? {
        if old.webauthn_credential_id != new {
            functions.remove_credential(cx, recipe_user_id, &old.webauthn_credential_id).await?;
        }
    }
    cx.session()?.revoke_all_of_user(cx, recipe_user_id, false, None).await.map(drop)
}

fn is_known(user: &User, email: &str) -> bool {
    user.login_methods.iter().any(|method| method.verified && has_same_email(method, email))
}

/// Options for one person are no use to another one's token.
fn of_another() -> CredentialFault {
    CredentialFault::InvalidOptions { reason: "Options were made for another address".to_owned() }
}

/// Who had the token reads the address's mail, which proves that it is theirs, and so may link the login method
/// to others. Only after the passkey was added: before, those that there are may be a stranger's.
async fn proven(cx: &Cx, tenant: &str, recipe_user_id: &str, email: &str) -> Result<User> {
    let user = cx.sdk().find_user(cx, recipe_user_id).await?;
    let user = user.ok_or_else(|| Error::Internal("the user was deleted meanwhile".to_owned()))?;
    let mut methods = user.login_methods.iter();
    let is_own =
        methods.any(|method| method.recipe_user_id == recipe_user_id && has_same_email(method, email));
    let user = match cx.sdk().email_verification() {
        Ok(recipe) if is_own => {
            recipe.prove(cx, tenant, recipe_user_id, email).await?;
            cx.sdk().find_user(cx, recipe_user_id).await?.unwrap_or(user)
        }
        _ => user,
    };
    cx.sdk().account_linking().link_by_account_info(cx, tenant, user, None).await
}
