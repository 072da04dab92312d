//! The recipe's endpoints.

use super::model::{self, DashboardUser, Whom};
use super::service::{self, Updated};
use crate::config::{Key, Kind, Owner, Scope};
use crate::crypto::digest::Secret;
use crate::ground::users::model::normalise_email;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::admin::StatusOk;
use portcullis_wire::{Cdi, Status, dashboard as wire};
use serde_json::Value;

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CreateUser>(create_user)
        .at::<wire::UpdateUser>(update_user)
        .at::<wire::DeleteUser>(delete_user)
        .at::<wire::ListUsers>(list_users)
        .at::<wire::ListSessions>(list_sessions)
        .at::<wire::RevokeSession>(revoke_session)
        .at::<wire::SignIn>(sign_in)
        .at::<wire::VerifySession>(verify_session)
        .at::<wire::GetSettings>(get_settings)
}

fn trimmed(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::BadInput(format!("Field name '{field}' cannot be an empty String")));
    }
    Ok(text.to_owned())
}

fn to_wire(user: DashboardUser) -> wire::DashboardUser {
    wire::DashboardUser { email: user.email, user_id: user.user_id, time_joined: user.time_joined }
}

/// A normalised address, or what is wrong with it.
fn email(field: &str, text: &str) -> Result<std::result::Result<String, wire::UserResponse>> {
    let email = normalise_email(&trimmed(field, text)?);
    Ok(if model::is_email(&email) { Ok(email) } else { Err(wire::UserResponse::InvalidEmail) })
}

/// A password that may be chosen, or what is wrong with it.
fn password(cx: &Cx, field: &str, text: &str) -> Result<std::result::Result<Secret, wire::UserResponse>> {
    let password = trimmed(field, text)?;
    let fault = service::fault_of_password(cx, &password);
    Ok(fault.map_or_else(
        || Ok(Secret::new(password)),
        |message| Err(wire::UserResponse::WeakPassword { message }),
    ))
}

fn whom(user_id: Option<String>, email: Option<String>) -> Result<Whom> {
    match (user_id, email) {
        (Some(id), _) => Ok(Whom::Id(trimmed("userId", &id)?)),
        (None, Some(email)) => Ok(Whom::Email(normalise_email(&trimmed("email", &email)?))),
        (None, None) => Err(Error::bad_input("Either field 'email' or 'userId' must be present")),
    }
}

async fn create_user(cx: Cx, input: wire::CreateUserRequest) -> Result<wire::UserResponse> {
    let email = match email("email", &input.email)? {
        Ok(email) => email,
        Err(refusal) => return Ok(refusal),
    };
    let password = match password(&cx, "password", &input.password)? {
        Ok(password) => password,
        Err(refusal) => return Ok(refusal),
    };
    let made = service::create_user(&cx, email, password).await?;
    Ok(made.map_or(wire::UserResponse::EmailAlreadyExists, |user| wire::UserResponse::Ok {
        user: to_wire(user),
    }))
}

async fn update_user(cx: Cx, input: wire::UpdateUserRequest) -> Result<wire::UserResponse> {
    let email = match input.new_email.map(|text| email("newEmail", &text)).transpose()?.transpose() {
        Ok(email) => email,
        Err(refusal) => return Ok(refusal),
    };
    let password = input.new_password.map(|text| password(&cx, "newPassword", &text)).transpose()?;
    let password = match password.transpose() {
        Ok(password) => password,
        Err(refusal) => return Ok(refusal),
    };
    let whom = whom(input.user_id, input.email)?;
    Ok(match service::update_user(&cx, &whom, email, password).await? {
        Updated::Done(user) => wire::UserResponse::Ok { user: to_wire(user) },
        Updated::UnknownUser => wire::UserResponse::UnknownUser,
        Updated::EmailTaken => wire::UserResponse::EmailAlreadyExists,
    })
}

async fn delete_user(cx: Cx, input: wire::DeleteUserRequest) -> Result<wire::DeleteUserResponse> {
    let did_user_exist = service::delete_user(&cx, &whom(input.user_id, input.email)?).await?;
    Ok(wire::DeleteUserResponse { status: Status::Ok, did_user_exist })
}

async fn list_users(cx: Cx, (): ()) -> Result<wire::UsersResponse> {
    let users = service::list_users(&cx).await?.into_iter().map(to_wire).collect();
    Ok(wire::UsersResponse { status: Status::Ok, users })
}

async fn list_sessions(cx: Cx, input: wire::UserSessionsRequest) -> Result<wire::SessionsResponse> {
    let sessions = service::list_sessions(&cx, &trimmed("userId", &input.user_id)?).await?;
    let sessions = sessions.into_iter().map(|session| wire::DashboardSession {
        user_id: session.user_id,
        session_id: session.session_id,
        time_created: session.created_at,
        expiry: session.expires_at,
    });
    Ok(wire::SessionsResponse { status: Status::Ok, sessions: sessions.collect() })
}

async fn revoke_session(cx: Cx, input: wire::SessionRequest) -> Result<StatusOk> {
    service::revoke_session(&cx, &trimmed("sessionId", &input.session_id)?).await?;
    Ok(StatusOk::default())
}

async fn sign_in(cx: Cx, input: wire::SignInRequest) -> Result<wire::SignInResponse> {
    let email = normalise_email(&trimmed("email", &input.email)?);
    let password = Secret::new(trimmed("password", &input.password)?);
    let session_id = service::sign_in(&cx, email, password).await?;
    Ok(session_id.map_or(wire::SignInResponse::InvalidCredentials, |session_id| wire::SignInResponse::Ok {
        session_id,
    }))
}

async fn verify_session(cx: Cx, input: wire::SessionRequest) -> Result<wire::VerifySessionResponse> {
    let email = service::verify_session(&cx, &trimmed("sessionId", &input.session_id)?).await?;
    Ok(email.map_or(wire::VerifySessionResponse::InvalidSession, |email| wire::VerifySessionResponse::Ok {
        email: (cx.cdi >= Cdi::V3_0).then_some(email),
    }))
}

async fn get_settings(cx: Cx, (): ()) -> Result<wire::SettingsResponse> {
    let config = service::list_settings(&cx).into_iter().map(setting).collect();
    Ok(wire::SettingsResponse { status: Status::Ok, config })
}

fn setting((key, value): (&Key, Value)) -> wire::Setting {
    let choices = (!key.choices.is_empty()).then(|| key.choices.iter().copied().map(str::to_owned).collect());
    let value_type = match key.kind {
        Kind::Text if choices.is_some() => wire::ValueType::Enum,
        Kind::Text => wire::ValueType::String,
        Kind::Boolean => wire::ValueType::Boolean,
        Kind::Integer | Kind::OptionalInteger | Kind::Long | Kind::Double => wire::ValueType::Number,
    };
    let default_value = key.standard_value();
    wire::Setting {
        key: key.name.to_owned(),
        value_type,
        value,
        description: key.description.to_owned(),
        is_different_across_tenants: key.scope == Scope::Tenant,
        possible_values: choices,
        is_nullable: default_value.is_null(),
        default_value,
        is_plugin_property: key.owner != Owner::Core,
        is_plugin_property_editable: key.owner == Owner::Storage { editable: true },
    }
}
