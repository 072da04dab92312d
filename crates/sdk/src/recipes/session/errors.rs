//! What a caller is told when there is no session that would do.

use super::{Sessions, tokens};
use crate::handle::{json_response, message};
use crate::{Cx, Error, SessionError};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

impl Sessions {
    /// Whoever is answered an error gets no new session with it.
    pub(crate) fn take_back_new(&self, cx: &Cx) {
        if let Some(exchange) = cx.exchange() {
            tokens::take_back_new(&self.config, exchange);
        }
    }

    /// The answer to a session error, by the app's own handler if it has one.
    pub(crate) async fn error_response(&self, cx: &Cx, error: &SessionError) -> Response<Bytes> {
        let (config, handlers) = (&self.config, &self.config.error_handlers);
        let expired = config.session_expired_status;
        tracing::debug!(%error, "no session that would do");
        clear_tokens(cx, error);
        match error.clone() {
            SessionError::Unauthorised { message: text, .. } => match &handlers.on_unauthorised {
                Some(handler) => handler(cx.clone(), text).await,
                None => message(expired, "unauthorised"),
            },
            SessionError::TryRefreshToken { message: text } => match &handlers.on_try_refresh_token {
                Some(handler) => handler(cx.clone(), text).await,
                None => message(expired, "try refresh token"),
            },
            SessionError::TokenTheftDetected { session_handle, user_id, recipe_user_id } => {
                if let Some(handler) = &handlers.on_token_theft_detected {
                    return handler(cx.clone(), (session_handle, user_id, recipe_user_id)).await;
                }
                match self.functions.revoke_session(cx, &session_handle).await {
                    Ok(_) => message(expired, "token theft detected"),
                    Err(error) => breakdown(&error),
                }
            }
            SessionError::InvalidClaims(failures) => {
                if let Some(handler) = &handlers.on_invalid_claim {
                    return handler(cx.clone(), failures).await;
                }
                let body = json!({"message": "invalid claim", "claimValidationErrors": failures});
                json_response(config.invalid_claim_status, &body)
            }
            SessionError::DuplicateCookies => {
                let text = "The request contains multiple session cookies. We are clearing the cookie from olderCookieDomain. Session will be refreshed in the next refresh call.";
                match &handlers.on_clear_duplicate_cookies {
                    Some(handler) => handler(cx.clone(), text.to_owned()).await,
                    None => message(StatusCode::OK, text),
                }
            }
        }
    }
}

fn clear_tokens(cx: &Cx, error: &SessionError) {
    let clears = matches!(
        error,
        SessionError::Unauthorised { clear_tokens: true, .. } | SessionError::TokenTheftDetected { .. }
    );
    let Some(exchange) = cx.exchange().filter(|_| clears) else { return };
    if let Err(error) = tokens::clear_all(cx, exchange) {
        tracing::error!(%error, "tokens could not be taken away");
    }
}

fn breakdown(error: &Error) -> Response<Bytes> {
    tracing::error!(%error, "a stolen session could not be revoked");
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}
