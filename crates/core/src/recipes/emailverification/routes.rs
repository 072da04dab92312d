//! The recipe's endpoints.

use super::service;
use crate::ground::users::model::normalise_email;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::Status;
use portcullis_wire::admin::StatusOk;
use portcullis_wire::emailverification as wire;

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CreateToken>(create_token)
        .at::<wire::Verify>(verify)
        .at::<wire::IsVerified>(is_verified)
        .at::<wire::RemoveTokens>(remove_tokens)
        .at::<wire::Unverify>(unverify)
}

async fn create_token(cx: Cx, input: wire::UserEmailRequest) -> Result<wire::TokenResponse> {
    let token = service::create_token(&cx, &input.user_id, &normalise_email(&input.email)).await?;
    Ok(token.map_or(wire::TokenResponse::EmailAlreadyVerified, |token| wire::TokenResponse::Ok { token }))
}

async fn verify(cx: Cx, input: wire::VerifyRequest) -> Result<wire::VerifyResponse> {
    if input.method != "token" {
        return Err(Error::bad_input("Unsupported method for email verification"));
    }
    Ok(match service::verify(&cx, &input.token).await? {
        Some((user_id, email)) => wire::VerifyResponse::Ok { user_id, email },
        None => wire::VerifyResponse::InvalidToken,
    })
}

async fn is_verified(cx: Cx, input: wire::UserEmailRequest) -> Result<wire::IsVerifiedResponse> {
    let cx = cx.of_user(&input.user_id).await?;
    let is_verified = service::is_verified(&cx, &input.user_id, &input.email).await?;
    Ok(wire::IsVerifiedResponse { status: Status::Ok, is_verified })
}

async fn remove_tokens(cx: Cx, input: wire::UserEmailRequest) -> Result<StatusOk> {
    service::remove_tokens(&cx, &input.user_id, &normalise_email(&input.email)).await?;
    Ok(StatusOk::default())
}

async fn unverify(cx: Cx, input: wire::UserEmailRequest) -> Result<StatusOk> {
    let cx = cx.of_user(&input.user_id).await?;
    service::unverify(&cx, &input.user_id, &normalise_email(&input.email)).await?;
    Ok(StatusOk::default())
}
