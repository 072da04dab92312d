//! The recipe's endpoints.

use super::model;
use super::service::{self, Alone, UpdateOutcome};
use crate::crypto::digest::Secret;
use crate::ground::tenancy::{LoginRecipe, service as tenancy};
use crate::ground::users::model::{User, normalise_email};
use crate::ground::users::routes::to_wire;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::{Cdi, emailpassword as wire};

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::SignUp>(sign_up)
        .at::<wire::SignIn>(sign_in)
        .at::<wire::CreateResetToken>(create_reset_token)
        .at::<wire::ConsumeResetToken>(consume_reset_token)
        .at::<wire::ResetPassword>(reset_password)
        .at::<wire::UpdateUser>(update_user)
        .at::<wire::CheckPassword>(check_password)
        .at::<wire::GetUser>(get_user)
        .at::<wire::ImportUser>(import_user)
}

fn check_enabled(cx: &Cx) -> Result<()> {
    if cx.tenant.stored.serves(LoginRecipe::EmailPassword, cx.cdi) {
        return Ok(());
    }
    Err(Error::forbidden("Email password login not enabled for tenant"))
}

fn from_v4(cx: &Cx, recipe_user_id: String) -> Option<String> {
    (cx.cdi >= Cdi::V4_0).then_some(recipe_user_id)
}

async fn sign_up(cx: Cx, input: wire::CredentialsRequest) -> Result<wire::SignUpResponse> {
    if input.password.is_empty() {
        return Err(Error::bad_input("Password cannot be an empty string"));
    }
    check_enabled(&cx)?;
    if let Some(failure_reason) = service::fault_of_password(&cx, &input.password) {
        return Ok(wire::SignUpResponse::PasswordPolicyViolated { failure_reason });
    }
    let email = normalise_email(&input.email);
    Ok(match service::sign_up(&cx, &email, Secret::new(input.password)).await? {
        Some(found) => wire::SignUpResponse::Ok {
            user: to_wire(&found.user, cx.cdi),
            recipe_user_id: from_v4(&cx, found.recipe_user_id),
        },
        None => wire::SignUpResponse::EmailAlreadyExists,
    })
}

async fn sign_in(cx: Cx, input: wire::CredentialsRequest) -> Result<wire::SignInResponse> {
    check_enabled(&cx)?;
    let email = normalise_email(&input.email);
    Ok(match service::sign_in(&cx, &email, Secret::new(input.password)).await? {
        Some(found) => wire::SignInResponse::Ok {
            user: to_wire(&found.user, cx.cdi),
            recipe_user_id: from_v4(&cx, found.recipe_user_id),
        },
        None => wire::SignInResponse::WrongCredentials,
    })
}

async fn create_reset_token(cx: Cx, input: wire::ResetTokenRequest) -> Result<wire::ResetTokenResponse> {
    check_enabled(&cx)?;
    let (user_id, email) = if cx.cdi < Cdi::V4_0 {
        match service::find_alone(&cx, &input.user_id).await? {
            Alone::User { user_id, email } => (user_id, email),
            Alone::Unknown => return Ok(wire::ResetTokenResponse::UnknownUserId),
            Alone::Linked => return Err(Error::bad_input("Please use CDI version >= 4.0")),
        }
    } else {
        let Some(user_id) = service::find_user_id(&cx, &input.user_id).await? else {
            return Ok(wire::ResetTokenResponse::UnknownUserId);
        };
        let missing = || Error::bad_input("Field name 'email' is invalid in JSON input");
        (user_id, Some(input.email.flatten().ok_or_else(missing)?))
    };
    let token = service::create_reset_token(&cx, user_id, email).await?;
    Ok(wire::ResetTokenResponse::Ok { token })
}

async fn consume_reset_token(cx: Cx, input: wire::ConsumeTokenRequest) -> Result<wire::ConsumeTokenResponse> {
    Ok(match service::consume_reset_token(&cx, &input.token).await? {
        Some((user_id, email)) => wire::ConsumeTokenResponse::Ok { user_id, email },
        None => wire::ConsumeTokenResponse::InvalidToken,
    })
}

async fn reset_password(cx: Cx, input: wire::ResetRequest) -> Result<wire::ResetResponse> {
    if input.method != "token" {
        return Err(Error::bad_input("Unsupported method for password reset"));
    }
    if input.new_password.is_empty() {
        return Err(Error::bad_input("Password cannot be an empty string"));
    }
    if let Some(failure_reason) = service::fault_of_password(&cx, &input.new_password) {
        return Ok(wire::ResetResponse::PasswordPolicyViolated { failure_reason });
    }
    Ok(match service::reset_password(&cx, &input.token, Secret::new(input.new_password)).await? {
        Some(user_id) => wire::ResetResponse::Ok { user_id: (cx.cdi >= Cdi::V2_12).then_some(user_id) },
        None => wire::ResetResponse::InvalidToken,
    })
}

async fn update_user(cx: Cx, input: wire::UpdateRequest) -> Result<wire::UpdateResponse> {
    if input.email.is_none() && input.password.is_none() {
        return Err(Error::bad_input("You have to provide either email or password."));
    }
    let fault = input.password.as_deref().and_then(|password| service::fault_of_password(&cx, password));
    if let Some(failure_reason) = fault {
        return Ok(wire::UpdateResponse::PasswordPolicyViolated { failure_reason });
    }
    let id = input.recipe_user_id.or(input.user_id).unwrap_or_default();
    let email = input.email.as_deref().map(normalise_email);
    let cx = cx.of_user(&id).await?;
    let outcome = service::update_user(&cx, &id, email.as_deref(), input.password.map(Secret::new)).await?;
    Ok(match outcome {
        UpdateOutcome::Updated => wire::UpdateResponse::Ok,
        UpdateOutcome::UnknownUser => wire::UpdateResponse::UnknownUserId,
        UpdateOutcome::EmailTaken => wire::UpdateResponse::EmailAlreadyExists,
        UpdateOutcome::EmailChangeNotAllowed => wire::UpdateResponse::EmailChangeNotAllowed {
            reason: "New email is associated with another primary user ID".to_owned(),
        },
    })
}

async fn check_password(cx: Cx, input: wire::CheckPasswordRequest) -> Result<wire::CheckPasswordResponse> {
    let fault = service::fault_of_password(&cx, &input.password);
    Ok(fault.map_or(wire::CheckPasswordResponse::Ok, |failure_reason| {
        wire::CheckPasswordResponse::PasswordPolicyViolated { failure_reason }
    }))
}

async fn get_user(cx: Cx, input: wire::GetUserRequest) -> Result<wire::GetUserResponse> {
    let cdi = cx.cdi;
    let shape = |user: User| wire::GetUserResponse::Ok { user: to_wire(&user, cdi) };
    match (input.user_id, input.email) {
        (Some(_), Some(_)) => Err(Error::bad_input("Please provide only one of userId or email")),
        (None, None) => Err(Error::bad_input("Please provide one of userId or email")),
        (Some(id), None) => {
            cx.require_public_tenant()?;
            let cx = cx.of_user(&id).await?;
            let user = service::find_by_id(&cx, &id).await?;
            Ok(user.map_or(wire::GetUserResponse::UnknownUserId, shape))
        }
        (None, Some(email)) => {
            tenancy::require(&cx.app, &cx.scope).await?;
            let user = service::find_by_email(&cx, &normalise_email(&email)).await?;
            Ok(user.map_or(wire::GetUserResponse::UnknownEmail, shape))
        }
    }
}

async fn import_user(cx: Cx, input: wire::ImportRequest) -> Result<wire::ImportResponse> {
    let hash = input.password_hash.trim();
    let kind = model::check_import(hash, input.hashing_algorithm.as_deref()).map_err(Error::bad_input)?;
    check_enabled(&cx)?;
    let (user, did_user_already_exist) =
        service::import_user(&cx, &normalise_email(&input.email), (hash, kind)).await?;
    Ok(wire::ImportResponse::Ok { user: to_wire(&user, cx.cdi), did_user_already_exist })
}
