//! The recipe's endpoints.

use super::model::{Credential, Options, Refusal, Wishes};
use super::service::{self, EmailUpdate, NewOptions, Registration, SignIn, SignUp};
use crate::ground::users::model::normalise_email;
use crate::ground::users::routes::to_wire;
use crate::http::Routes;
use crate::{Cx, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_wire::{Field as _, Status, webauthn as wire};
use serde_json::Value;

/// Milliseconds; the reference's, which is short.
const TIMEOUT: i64 = 6000;
/// EdDSA, ES256 and RS256, by their COSE numbers.
const ALGORITHMS: [i64; 3] = [-8, -7, -257];

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CreateRegisterOptions>(create_register_options)
        .at::<wire::CreateSignInOptions>(create_sign_in_options)
        .at::<wire::GetOptions>(get_options)
        .at::<wire::RemoveOptions>(remove_options)
        .at::<wire::SignUp>(sign_up)
        .at::<wire::SignIn>(sign_in)
        .at::<wire::RegisterCredential>(register_credential)
        .at::<wire::GetCredential>(get_credential)
        .at::<wire::ListCredentials>(list_credentials)
        .at::<wire::RemoveCredential>(remove_credential)
        .at::<wire::CreateRecoveryToken>(create_recovery_token)
        .at::<wire::ConsumeRecoveryToken>(consume_recovery_token)
        .at::<wire::GetRecoveringUser>(get_recovering_user)
        .at::<wire::UpdateEmail>(update_email)
}

/// An empty text is as good as none.
fn or_default(text: Option<String>, default: &str) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
}

async fn create_register_options(
    cx: Cx,
    input: wire::RegisterOptionsRequest,
) -> Result<wire::RegisterOptionsResponse> {
    let email = normalise_email(&input.email);
    let display_name = or_default(input.display_name, &email);
    let timeout = input.timeout.unwrap_or(TIMEOUT);
    let attestation = or_default(input.attestation, "none");
    let resident_key = or_default(input.resident_key, "required");
    let user_verification = or_default(input.user_verification, "preferred");
    let wishes = Wishes {
        origin: &input.origin,
        relying_party_id: &input.relying_party_id,
        timeout,
        user_verification: &user_verification,
        attestation: &attestation,
        resident_key: &resident_key,
    };
    let algorithms = match wishes.check().and_then(|()| algorithms(input.supported_algorithm_ids)) {
        Ok(algorithms) => algorithms,
        Err(reason) => return Ok(wire::RegisterOptionsResponse::InvalidOptions { reason }),
    };
    let known_user = service::find_known_user(&cx, &email).await?;
    let new = NewOptions {
        email: Some(email.clone()),
        relying_party_id: input.relying_party_id,
        relying_party_name: input.relying_party_name,
        origin: input.origin,
        timeout,
        user_verification,
        user_presence: input.user_presence.unwrap_or(false),
    };
    let options = service::create_options(&cx, new).await?;
    let user_handle = URL_SAFE_NO_PAD.encode(known_user.as_ref().unwrap_or(&options.id));
    let parameter = |alg| wire::CredentialParameter { alg, kind: "public-key".to_owned() };
    Ok(wire::RegisterOptionsResponse::Ok(Box::new(wire::RegisterOptions {
        webauthn_generated_options_id: options.id,
        rp: wire::RelyingParty { id: options.relying_party_id, name: options.relying_party_name },
        user: wire::UserEntity { id: user_handle, name: email.clone(), display_name },
        email,
        timeout,
        challenge: options.challenge,
        attestation,
        created_at: options.created_at,
        expires_at: options.expires_at,
        pub_key_cred_params: algorithms.into_iter().map(parameter).collect(),
        exclude_credentials: Vec::new(),
        authenticator_selection: wire::AuthenticatorSelection {
            require_resident_key: resident_key == "required",
            resident_key,
            user_verification: options.user_verification,
        },
    })))
}

fn algorithms(given: Option<Vec<Value>>) -> std::result::Result<Vec<i64>, String> {
    let Some(given) = given else { return Ok(ALGORITHMS.to_vec()) };
    let numbers: Option<Vec<i64>> = given.into_iter().map(|number| i64::from_json(Some(number))).collect();
    numbers.ok_or_else(|| "supportedAlgorithmIds has to be a JsonArray".to_owned())
}

async fn create_sign_in_options(
    cx: Cx,
    input: wire::SignInOptionsRequest,
) -> Result<wire::SignInOptionsResponse> {
    let timeout = input.timeout.unwrap_or(TIMEOUT);
    let user_verification = or_default(input.user_verification, "preferred");
    let wishes = Wishes {
        origin: &input.origin,
        relying_party_id: &input.relying_party_id,
        timeout,
        user_verification: &user_verification,
        attestation: "none",
        resident_key: "required",
    };
    if let Err(reason) = wishes.check() {
        return Ok(wire::SignInOptionsResponse::InvalidOptions { reason });
    }
    let new = NewOptions {
        email: None,
        relying_party_id: input.relying_party_id,
        relying_party_name: input.relying_party_name,
        origin: input.origin,
        timeout,
        user_verification,
        user_presence: input.user_presence.unwrap_or(false),
    };
    let options = service::create_options(&cx, new).await?;
    Ok(wire::SignInOptionsResponse::Ok(wire::SignInOptions {
        webauthn_generated_options_id: options.id,
        relying_party_id: options.relying_party_id,
        challenge: options.challenge,
        timeout,
        user_verification: options.user_verification,
        user_presence: options.user_presence,
        created_at: options.created_at,
        expires_at: options.expires_at,
    }))
}

async fn get_options(cx: Cx, input: wire::OptionsIdRequest) -> Result<wire::OptionsResponse> {
    let options = service::find_options(&cx, &input.options_id).await?;
    Ok(options.map_or(wire::OptionsResponse::NotFound, |options| {
        wire::OptionsResponse::Ok(Box::new(stored_options(options)))
    }))
}

fn stored_options(options: Options) -> wire::StoredOptions {
    wire::StoredOptions {
        webauthn_generated_options_id: options.id,
        relying_party_id: options.relying_party_id,
        relying_party_name: options.relying_party_name,
        challenge: options.challenge,
        timeout: options.expires_at - options.created_at,
        origin: options.origin,
        email: options.email,
        created_at: options.created_at,
        expires_at: options.expires_at,
        user_verification: options.user_verification,
        user_presence: options.user_presence,
    }
}

async fn remove_options(cx: Cx, input: wire::OptionsIdRequest) -> Result<wire::RemoveOptionsResponse> {
    let was_there = service::remove_options(&cx, &input.options_id).await?;
    Ok(if was_there { wire::RemoveOptionsResponse::Ok } else { wire::RemoveOptionsResponse::NotFound })
}

async fn sign_up(cx: Cx, input: wire::CredentialRequest) -> Result<wire::SignUpResponse> {
    use wire::SignUpResponse as Response;
    Ok(match service::sign_up(&cx, &input.options_id, &input.credential).await? {
        SignUp::Done { found, credential_id, options } => Response::Ok {
            user: Box::new(to_wire(&found.user, cx.cdi)),
            webauthn_credential_id: credential_id,
            relying_party_id: options.relying_party_id,
            relying_party_name: options.relying_party_name,
            recipe_user_id: found.recipe_user_id,
        },
        SignUp::OptionsNotFound => Response::OptionsNotFound,
        SignUp::EmailTaken => Response::EmailAlreadyExists,
        SignUp::Refused(Refusal::Options(reason)) => Response::InvalidOptions { reason },
        SignUp::Refused(Refusal::Credentials(reason)) => Response::InvalidCredentials { reason },
        SignUp::Refused(Refusal::Authenticator(reason)) => Response::InvalidAuthenticator { reason },
    })
}

async fn sign_in(cx: Cx, input: wire::CredentialRequest) -> Result<wire::SignInResponse> {
    use wire::SignInResponse as Response;
    Ok(match service::sign_in(&cx, &input.options_id, &input.credential).await? {
        SignIn::Done(found) => Response::Ok {
            user: Box::new(to_wire(&found.user, cx.cdi)),
            recipe_user_id: found.recipe_user_id,
        },
        SignIn::OptionsNotFound => Response::OptionsNotFound,
        SignIn::CredentialNotFound => Response::CredentialNotFound,
        SignIn::Refused(Refusal::Options(reason)) => Response::InvalidOptions { reason },
        SignIn::Refused(Refusal::Credentials(reason)) => Response::InvalidCredentials { reason },
        SignIn::Refused(Refusal::Authenticator(reason)) => Response::InvalidAuthenticator { reason },
    })
}

async fn register_credential(
    cx: Cx,
    input: wire::RegisterCredentialRequest,
) -> Result<wire::RegisterCredentialResponse> {
    use wire::RegisterCredentialResponse as Response;
    let id = input.recipe_user_id;
    Ok(match service::register_credential(&cx, &id, &input.options_id, &input.credential).await? {
        Registration::Done { credential_id, email, options } => Response::Ok {
            webauthn_credential_id: credential_id,
            recipe_user_id: id,
            email,
            relying_party_id: options.relying_party_id,
            relying_party_name: options.relying_party_name,
        },
        Registration::OptionsNotFound => Response::OptionsNotFound,
        Registration::CredentialTaken => Response::CredentialAlreadyExists,
        Registration::UnknownUser => Response::UnknownUserId,
        Registration::Refused(Refusal::Options(reason)) => Response::InvalidOptions { reason },
        Registration::Refused(Refusal::Credentials(reason)) => Response::InvalidCredentials { reason },
        Registration::Refused(Refusal::Authenticator(reason)) => Response::InvalidAuthenticator { reason },
    })
}

/// The user is named as the caller did.
fn listed(credential: Credential, user_id: &str) -> wire::ListedCredential {
    wire::ListedCredential {
        webauthn_credential_id: credential.id,
        recipe_user_id: user_id.to_owned(),
        relying_party_id: credential.relying_party_id,
        created_at: credential.created_at,
    }
}

async fn get_credential(cx: Cx, input: wire::UserCredentialRequest) -> Result<wire::CredentialResponse> {
    let id = input.recipe_user_id;
    let found = service::find_credential(&cx, &id, &input.credential_id).await?;
    Ok(found.map_or(wire::CredentialResponse::NotFound, |credential| {
        let updated_at = credential.updated_at;
        wire::CredentialResponse::Ok { credential: listed(credential, &id), updated_at }
    }))
}

async fn list_credentials(cx: Cx, input: wire::ListCredentialsRequest) -> Result<wire::CredentialsResponse> {
    let id = input.recipe_user_id;
    let credentials = service::list_credentials(&cx, &id).await?;
    let credentials = credentials.into_iter().map(|credential| listed(credential, &id)).collect();
    Ok(wire::CredentialsResponse { status: Status::Ok, credentials })
}

async fn remove_credential(
    cx: Cx,
    input: wire::UserCredentialRequest,
) -> Result<wire::RemoveCredentialResponse> {
    let was_there = service::remove_credential(&cx, &input.recipe_user_id, &input.credential_id).await?;
    Ok(if was_there { wire::RemoveCredentialResponse::Ok } else { wire::RemoveCredentialResponse::NotFound })
}

async fn create_recovery_token(
    cx: Cx,
    input: wire::CreateRecoveryTokenRequest,
) -> Result<wire::CreateRecoveryTokenResponse> {
    let email = normalise_email(&input.email);
    Ok(match service::create_recovery_token(&cx, &input.user_id, email).await? {
        Some(token) => wire::CreateRecoveryTokenResponse::Ok { token },
        None => wire::CreateRecoveryTokenResponse::UnknownUserId,
    })
}

async fn consume_recovery_token(
    cx: Cx,
    input: wire::RecoveryTokenRequest,
) -> Result<wire::ConsumeRecoveryTokenResponse> {
    Ok(match service::consume_recovery_token(&cx, &input.token).await? {
        Some((user_id, email)) => wire::ConsumeRecoveryTokenResponse::Ok { user_id, email },
        None => wire::ConsumeRecoveryTokenResponse::InvalidToken,
    })
}

async fn get_recovering_user(
    cx: Cx,
    input: wire::RecoveryTokenRequest,
) -> Result<wire::RecoveringUserResponse> {
    Ok(match service::find_recovering_user(&cx, &input.token).await? {
        Some((user, recipe_user_id)) => {
            wire::RecoveringUserResponse::Ok { user: Box::new(to_wire(&user, cx.cdi)), recipe_user_id }
        }
        None => wire::RecoveringUserResponse::InvalidToken,
    })
}

async fn update_email(cx: Cx, input: wire::UpdateEmailRequest) -> Result<wire::UpdateEmailResponse> {
    Ok(match service::update_email(&cx, &input.recipe_user_id, &input.email).await? {
        EmailUpdate::Updated => wire::UpdateEmailResponse::Ok,
        EmailUpdate::UnknownUser => wire::UpdateEmailResponse::UnknownUserId,
        EmailUpdate::Taken => wire::UpdateEmailResponse::EmailAlreadyExists,
        EmailUpdate::NotAllowed => wire::UpdateEmailResponse::UserWithEmailAlreadyExists,
    })
}
