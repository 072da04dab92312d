//! Sessions: functions of the recipe, and of a session that the suite keeps as JSON.

use crate::body::{Body, unknown};
use crate::record::{Record, Side};
use portcullis::recipes::session::{
    AntiCsrf, Claim, ClaimValidator, Functions, NewSession, Session, SessionInformation, SessionRecipe,
    TransferMethod, VerifyOptions,
};
use portcullis::recipes::{emailverification, multifactorauth};
use portcullis::{Cx, Error, Result, SessionError, async_trait};
use serde_json::{Value, json};
use std::sync::Arc;

/// The recipe as the suite describes it.
pub(crate) fn recipe(config: &Body, record: &Arc<Record>) -> SessionRecipe {
    let mut recipe = SessionRecipe::new();
    recipe = match config.optional("antiCsrf") {
        Some("VIA_TOKEN") => recipe.anti_csrf(AntiCsrf::ViaToken),
        Some("VIA_CUSTOM_HEADER") => recipe.anti_csrf(AntiCsrf::ViaCustomHeader),
        Some("NONE") => recipe.anti_csrf(AntiCsrf::None),
        _ => recipe,
    };
    recipe = match config.optional("getTokenTransferMethod") {
        Some("cookie") => recipe.choose_transfer(|_, _| Some(TransferMethod::Cookie)),
        Some("header") => recipe.choose_transfer(|_, _| Some(TransferMethod::Header)),
        _ => recipe,
    };
    if let Some(dynamic) = config.flag("useDynamicAccessTokenSigningKey") {
        recipe = recipe.use_dynamic_signing_key(dynamic);
    }
    if config.inner("override").has("functions") {
        recipe = recipe.override_functions(|original| TellsWhose { original, record: Arc::clone(record) });
    }
    recipe
}

/// Keeps whose session is made: what the suite's claim is told that it adds there.
struct TellsWhose {
    original: Arc<dyn Functions>,
    record: Arc<Record>,
}

#[async_trait]
impl Functions for TellsWhose {
    fn original(&self) -> &dyn Functions {
        &*self.original
    }

    async fn create_session(&self, cx: &Cx, new: NewSession) -> Result<Session> {
        let user = cx.sdk().find_user(cx, &new.recipe_user_id).await?;
        let user_id = user.map_or_else(|| new.recipe_user_id.clone(), |user| user.id);
        self.record.keep("userIdInCallback", user_id);
        self.record.keep("recipeUserIdInCallback", new.recipe_user_id.as_str());
        self.original().create_session(cx, new).await
    }
}

/// The routes of the suite's own application.
pub(crate) async fn route(cx: &Cx, path: &str, body: &Body) -> Result<Value> {
    let sessions = cx.sdk().session()?;
    let whose =
        |session: &Session| json!({"userId": session.user_id(), "recipeUserId": session.recipe_user_id()});
    match path {
        "/create" => {
            sessions.create(cx, NewSession::of(body.recipe_user_id())).await?;
            Ok(Value::Null)
        }
        "/getsession" => Ok(whose(&needed(sessions.verify(cx, &VerifyOptions::new()).await?)?)),
        "/refreshsession" => Ok(whose(&sessions.refresh(cx).await?)),
        "/verify" => {
            needed(sessions.verify(cx, &VerifyOptions::new()).await?)?;
            Ok(json!({"status": "OK"}))
        }
        _ => Err(unknown(path)),
    }
}

fn needed(session: Option<Session>) -> Result<Session> {
    let missing = SessionError::Unauthorised { message: "no session".to_owned(), clear_tokens: false };
    session.ok_or_else(|| missing.into())
}

pub(crate) async fn call(cx: &Cx, record: &Arc<Record>, function: &str, body: &Body) -> Result<Value> {
    if let Some(method) = function.strip_prefix("sessionobject/") {
        return of_object(cx, record, method, body).await;
    }
    let (sessions, handle) = (cx.sdk().session()?, body.text("sessionHandle"));
    let (user_id, tenant) = (body.text("userId"), body.optional("tenantId"));
    Ok(match function {
        "createnewsessionwithoutrequestresponse" => {
            let mut new = NewSession::of(body.recipe_user_id())
                .tenant(body.tenant())
                .payload(body.object("accessTokenPayload"))
                .session_data(body.object("sessionDataInDatabase"));
            new.disable_anti_csrf = body.flag("disableAntiCsrf").unwrap_or(false);
            shown(record, &sessions.create_without_request(cx, new).await?, &Body::default())
        }
        "getsessionwithoutrequestresponse" => {
            let (token, anti_csrf) = (body.text("accessToken"), body.optional("antiCsrfToken"));
            let options = options(&body.inner("options"));
            let session = sessions.verify_without_request(cx, token, anti_csrf, &options).await?;
            session.map_or(Value::Null, |session| shown(record, &session, &Body::default()))
        }
        "refreshsessionwithoutrequestresponse" => {
            let (token, anti_csrf) = (body.text("refreshToken"), body.optional("antiCsrfToken"));
            let disable = body.flag("disableAntiCsrf").unwrap_or(false);
            let session = sessions.refresh_without_request(cx, token, anti_csrf, disable).await?;
            shown(record, &session, &Body::default())
        }
        "getsessioninformation" => {
            sessions.information(cx, handle).await?.map_or(Value::Null, |found| information(&found))
        }
        "getallsessionhandlesforuser" => {
            let linked = body.flag("fetchSessionsForAllLinkedAccounts").unwrap_or(true);
            json!(sessions.all_handles_of_user(cx, user_id, linked, tenant).await?)
        }
        "revokeallsessionsforuser" => {
            let linked = body.flag("revokeSessionsForLinkedAccounts").unwrap_or(true);
            json!(sessions.revoke_all_of_user(cx, user_id, linked, tenant).await?)
        }
        "mergeintoaccesspayload" => {
            let update = body.object("accessTokenPayloadUpdate");
            sessions.merge_into_access_token_payload(cx, handle, update).await?.into()
        }
        "fetchandsetclaim" => {
            let claim = claim(record, &body.inner("claim"))?;
            sessions.fetch_and_set_claim(cx, handle, &claim).await?.into()
        }
        "validateclaimsforsessionhandle" => {
            let options = VerifyOptions::new();
            match sessions.validate_claims_for_session_handle(cx, handle, &options).await? {
                Some(failures) => json!({"status": "OK", "invalidClaims": failures}),
                None => json!({"status": "SESSION_DOES_NOT_EXIST_ERROR"}),
            }
        }
        _ => return Err(unknown(function)),
    })
}

fn options(told: &Body) -> VerifyOptions {
    let mut options = VerifyOptions::new();
    if told.flag("sessionRequired") == Some(false) {
        options = options.optional();
    }
    if let Some(check) = told.flag("antiCsrfCheck") {
        options = options.anti_csrf_check(check);
    }
    if told.flag("checkDatabase") == Some(true) {
        options = options.check_database();
    }
    options
}

fn information(found: &SessionInformation) -> Value {
    json!({
        "sessionHandle": found.handle,
        "userId": found.user_id,
        "recipeUserId": {"recipeUserId": found.recipe_user_id},
        "tenantId": found.tenant_id,
        "sessionDataInDatabase": found.session_data,
        "customClaimsInAccessTokenPayload": found.payload,
        "expiry": found.expires_at,
        "timeCreated": found.created_at,
    })
}

/// The session of a call, as the suite keeps it. It goes on using one whose access token has expired, as an app
/// does that holds a session of the Node SDK.
pub(crate) async fn session_of(cx: &Cx, body: &Body) -> Result<Option<Session>> {
    let kept = body.inner("session");
    let Some(token) = kept.optional("accessToken") else { return Ok(None) };
    let options = VerifyOptions::new().anti_csrf_check(false).without_claims();
    match cx.sdk().session()?.verify_without_request(cx, token, None, &options).await {
        Err(error @ Error::Session(SessionError::TryRefreshToken { .. })) => {
            let record: Option<Arc<Record>> = cx.user_context().get();
            record.and_then(|record| record.session(token)).map(Some).ok_or(error)
        }
        verified => verified,
    }
}

/// A session as the suite keeps it; what a call did not bring forth anew stays as it was.
fn shown(record: &Record, session: &Session, before: &Body) -> Value {
    record.keep_session(session);
    let tokens = session.all_tokens_dangerously();
    let refresh_token = tokens.refresh_token.map(|token| json!({"token": token}));
    let anti_csrf_token = tokens.anti_csrf_token.map(Value::from);
    json!({
        "accessToken": tokens.access_token,
        "frontToken": tokens.front_token,
        "refreshToken": refresh_token.or_else(|| before.get("refreshToken").cloned()),
        "antiCsrfToken": anti_csrf_token.or_else(|| before.get("antiCsrfToken").cloned()),
        "sessionHandle": session.handle(),
        "userId": session.user_id(),
        "recipeUserId": {"recipeUserId": session.recipe_user_id()},
        "userDataInAccessToken": session.access_token_payload(),
        "accessTokenUpdated": tokens.access_and_front_token_updated,
        "tenantId": session.tenant_id(),
    })
}

async fn of_object(cx: &Cx, record: &Arc<Record>, method: &str, body: &Body) -> Result<Value> {
    let session = session_of(cx, body).await?;
    let session = session.ok_or_else(|| Error::Internal("the call has no session".to_owned()))?;
    let answer = match method {
        "revokesession" => {
            session.revoke(cx).await?;
            Value::Null
        }
        "getsessiondatafromdatabase" => Value::Object(session.session_data(cx).await?),
        "updatesessiondataindatabase" => {
            session.update_session_data(cx, body.object("newSessionData")).await?;
            Value::Null
        }
        "mergeintoaccesstokenpayload" => {
            let update = body.object("accessTokenPayloadUpdate");
            session.merge_into_access_token_payload(cx, update).await?;
            Value::Null
        }
        "gettimecreated" => session.created_at(cx).await?.into(),
        "getexpiry" => session.expires_at(cx).await?.into(),
        "assertclaims" => {
            let validators = body.list("claimValidators");
            let validators: Result<Vec<_>> =
                validators.into_iter().map(|told| validator(&told.into())).collect();
            session.assert_claims(cx, &validators?).await?;
            Value::Null
        }
        "fetchandsetclaim" => {
            session.fetch_and_set_claim(cx, &claim(record, &body.inner("claim"))?).await?;
            Value::Null
        }
        "setclaimvalue" => {
            let value = body.get("value").cloned().unwrap_or_default();
            session.set_claim_value(cx, &claim(record, &body.inner("claim"))?, value).await?;
            Value::Null
        }
        "getclaimvalue" => json!(session.claim_value(&claim(record, &body.inner("claim"))?)),
        "removeclaim" => {
            session.remove_claim(cx, &claim(record, &body.inner("claim"))?).await?;
            Value::Null
        }
        _ => return Err(unknown(method)),
    };
    Ok(json!({"retVal": answer, "updatedSession": shown(record, &session, &body.inner("session"))}))
}

/// A claim of the SDK's, or one of the suite's own, whose values come with it.
fn claim(record: &Arc<Record>, told: &Body) -> Result<Claim> {
    let key = told.text("key");
    if let Some(key) = key.strip_prefix("st-stub-") {
        let (record, value) = (Arc::clone(record), told.get("values").cloned());
        let name = format!("claim-{key}.fetchValue");
        return Ok(Claim::new(key, move |_, subject| {
            let whose = json!({"userId": subject.user_id(), "recipeUserId": subject.recipe_user_id(),
                "tenantId": subject.tenant_id()});
            record.log(Side::Call, &name, &whose);
            let value = value.clone();
            Box::pin(async move { Ok(value) })
        }));
    }
    match key {
        "st-ev" => Ok(emailverification::claim()),
        "st-mfa" => Ok(multifactorauth::claim()),
        _ => Err(unknown(key)),
    }
}

/// One of the validators that come with the SDK's claims.
fn validator(told: &Body) -> Result<ClaimValidator> {
    let arguments = told.list("args");
    let seconds = |at: usize| arguments.get(at).and_then(Value::as_i64);
    match (told.text("key"), told.text("validatorName")) {
        ("st-ev", "isVerified") => Ok(emailverification::is_verified(seconds(0), seconds(1))),
        (key, name) => Err(unknown(&format!("{key}.{name}"))),
    }
}
