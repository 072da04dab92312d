//! A session in the hands of the app.

use super::access_token::AccessToken;
use super::config::TransferMethod;
use super::functions::merged;
use super::types::{NewTokens, SessionTokens};
use super::{Claim, ClaimSubject, ClaimValidator, SessionInformation, tokens};
use crate::{Cx, Error, Exchange, Result, SessionError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_wire::{Object, session as wire};
use serde_json::{Value, json};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A session: whose it is, what its access token says, and ways to change it. Clones share everything.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    /// The token that the session was found by: says whose it is, which never changes.
    found_by: AccessToken,
    state: Mutex<State>,
}

struct State {
    access_token: AccessToken,
    /// What the next access token will say, if that is not what this one says.
    next_payload: Option<Arc<Object>>,
    new: NewTokens,
    /// Where changes of the access token go.
    attached: Option<(Arc<Exchange>, TransferMethod)>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("handle", &self.handle()).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn from_tokens(made: wire::SessionTokens) -> Result<Self> {
        let new = NewTokens {
            refresh: Some((made.refresh_token.token, made.refresh_token.expiry)),
            anti_csrf: made.anti_csrf_token,
            is_access_new: true,
        };
        Self::parsed(&made.access_token.token, new)
    }

    pub(super) fn from_new_access_token(token: &str) -> Result<Self> {
        Self::parsed(token, NewTokens { is_access_new: true, ..NewTokens::default() })
    }

    fn parsed(token: &str, new: NewTokens) -> Result<Self> {
        Ok(Self::with(read_made(token)?, new))
    }

    pub(super) fn from_access_token(token: AccessToken) -> Self {
        Self::with(token, NewTokens::default())
    }

    fn with(token: AccessToken, new: NewTokens) -> Self {
        let state = State { access_token: token.clone(), next_payload: None, new, attached: None };
        Self(Arc::new(Inner { found_by: token, state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handle: names the session without giving access to it.
    pub fn handle(&self) -> &str {
        &self.0.found_by.claims().session_handle
    }

    /// The primary user.
    pub fn user_id(&self) -> &str {
        &self.0.found_by.claims().user_id
    }

    /// The login method.
    pub fn recipe_user_id(&self) -> &str {
        &self.0.found_by.claims().recipe_user_id
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &str {
        &self.0.found_by.claims().tenant_id
    }

    /// Whose claims the session's are.
    pub(super) fn subject(&self) -> ClaimSubject {
        ClaimSubject::of_token(self.0.found_by.clone())
    }

    /// The access token.
    pub fn access_token(&self) -> String {
        self.state().access_token.as_str().to_owned()
    }

    /// What the access token says.
    pub fn access_token_payload(&self) -> Object {
        Object::clone(&self.payload())
    }

    fn payload(&self) -> Arc<Object> {
        Arc::clone(self.state().payload())
    }

    /// All tokens, for callers that carry them themselves. Whoever has them has the session.
    pub fn all_tokens_dangerously(&self) -> SessionTokens {
        let state = self.state();
        SessionTokens {
            access_token: state.access_token.as_str().to_owned(),
            access_and_front_token_updated: state.new.is_access_new,
            refresh_token: state.new.refresh.as_ref().map(|(token, _)| token.clone()),
            front_token: state.front_token(),
            anti_csrf_token: state.new.anti_csrf.clone(),
        }
    }

    /// Gives new tokens to a response, and later changes of the access token as well.
    pub fn attach(&self, cx: &Cx, transfer: TransferMethod) -> Result<()> {
        let Some(exchange) = cx.exchange() else {
            return Err(Error::Internal("the call belongs to no request".to_owned()));
        };
        let mut state = self.state();
        state.attached = Some((Arc::clone(exchange), transfer));
        if state.new.is_access_new {
            let (token, front) = (state.access_token.as_str(), state.front_token());
            tokens::set_access(cx, exchange, transfer, token, &front)?;
            if let Some((token, expires_at)) = &state.new.refresh {
                tokens::set_refresh(cx, exchange, transfer, token, *expires_at)?;
            }
            if let Some(token) = &state.new.anti_csrf {
                tokens::set_anti_csrf(exchange, token);
            }
        }
        Ok(())
    }

    /// Ends the session, and takes the tokens out of the browser.
    pub async fn revoke(&self, cx: &Cx) -> Result<()> {
        cx.session()?.functions.revoke_session(cx, self.handle()).await?;
        let attached = self.state().attached.clone();
        if let Some((exchange, transfer)) = attached {
            tokens::clear(cx, &exchange, transfer)?;
        }
        Ok(())
    }

    async fn information(&self, cx: &Cx) -> Result<SessionInformation> {
        let found = cx.session()?.functions.session_information(cx, self.handle()).await?;
        found.ok_or_else(|| SessionError::over("Session does not exist anymore").into())
    }

    /// The data that stay in the database.
    pub async fn session_data(&self, cx: &Cx) -> Result<Object> {
        Ok(self.information(cx).await?.session_data)
    }

    /// Replaces the data that stay in the database.
    pub async fn update_session_data(&self, cx: &Cx, data: Object) -> Result<()> {
        let updated = cx.session()?.functions.update_session_data(cx, self.handle(), data).await?;
        if updated { Ok(()) } else { Err(SessionError::over("Session does not exist anymore").into()) }
    }

    /// When the session was made, in milliseconds.
    pub async fn created_at(&self, cx: &Cx) -> Result<i64> {
        Ok(self.information(cx).await?.created_at)
    }

    /// When the session dies unless it is refreshed, in milliseconds.
    pub async fn expires_at(&self, cx: &Cx) -> Result<i64> {
        Ok(self.information(cx).await?.expires_at)
    }

    /// Lays claims over those of the access token; a `null` takes one away. The response gets the new
    /// token.
    pub async fn merge_into_access_token_payload(&self, cx: &Cx, update: Object) -> Result<()> {
        let (access_token, payload) = {
            let state = self.state();
            (state.access_token.clone(), merged(state.payload(), update))
        };
        let functions = &cx.session()?.functions;
        let outcome = functions.regenerate_access_token(cx, access_token.as_str(), payload).await?;
        let Some((stored, token)) = outcome else {
            return Err(SessionError::over("Session does not exist anymore").into());
        };
        let mut state = self.state();
        let Some(token) = token else {
            // The old token died meanwhile: the frontend refreshes, and learns of the change then.
            let mut payload = Object::clone(state.payload());
            payload.extend(stored);
            state.next_payload = Some(Arc::new(payload));
            return Ok(());
        };
        state.access_token = read_made(&token)?;
        state.next_payload = None;
        state.new.is_access_new = true;
        if let Some((exchange, transfer)) = &state.attached {
            tokens::set_access(cx, exchange, *transfer, &token, &state.front_token())?;
        }
        Ok(())
    }

    /// Fetches what is stale, then validates; an error if anything is missing.
    pub async fn assert_claims(&self, cx: &Cx, validators: &[ClaimValidator]) -> Result<()> {
        if validators.is_empty() {
            return Ok(());
        }
        let (subject, payload) = (self.subject(), self.payload());
        let outcome = cx.session()?.functions.validate_claims(cx, &subject, &payload, validators).await?;
        if let Some(update) = outcome.update {
            // Apart, as most calls have no use for the room that it takes.
            Box::pin(self.merge_into_access_token_payload(cx, merged(&update, Object::new()))).await?;
        }
        if outcome.failures.is_empty() {
            Ok(())
        } else {
            Err(SessionError::InvalidClaims(outcome.failures).into())
        }
    }

    /// Fetches a claim's value and puts it into the access token.
    pub async fn fetch_and_set_claim(&self, cx: &Cx, claim: &Claim) -> Result<()> {
        let update = claim.build(cx, &self.subject(), &self.payload()).await?;
        self.merge_into_access_token_payload(cx, update).await
    }

    /// Puts a claim's value into the access token.
    pub async fn set_claim_value(
        &self,
        cx: &Cx,
        claim: &Claim,
        value: impl Into<Value> + Send,
    ) -> Result<()> {
        let mut update = Object::new();
        claim.add_to(&mut update, &value.into(), cx.now());
        self.merge_into_access_token_payload(cx, update).await
    }

    /// A claim's value in the access token.
    pub fn claim_value(&self, claim: &Claim) -> Option<Value> {
        claim.value_in(&self.payload()).cloned()
    }

    /// Takes a claim out of the access token.
    pub async fn remove_claim(&self, cx: &Cx, claim: &Claim) -> Result<()> {
        let mut update = Object::new();
        update.insert(claim.key().to_owned(), Value::Null);
        self.merge_into_access_token_payload(cx, update).await
    }
}

impl State {
    fn payload(&self) -> &Arc<Object> {
        self.next_payload.as_ref().unwrap_or_else(|| self.access_token.payload())
    }

    /// What the frontend may know of a session: standard base64 with padding, as browsers' `atob` reads it.
    fn front_token(&self) -> String {
        let (claims, payload) = (self.access_token.claims(), &**self.payload());
        let (user_id, expires_at) = (&claims.user_id, claims.expires_at);
        STANDARD.encode(json!({"uid": user_id, "ate": expires_at, "up": payload}).to_string())
    }
}

/// A token that the core made.
fn read_made(token: &str) -> Result<AccessToken> {
    AccessToken::parse(token).ok_or_else(|| Error::Internal("the core made no access token".to_owned()))
}
