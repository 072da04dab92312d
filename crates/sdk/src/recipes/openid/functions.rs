//! What the issuer does. Each function can be replaced.

use crate::recipes::jwt::NewJwt;
use crate::{Cx, Result};
use async_trait::async_trait;
use serde::Serialize;

/// The discovery document. The endpoints of OAuth are those that the official SDKs name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discovery {
    /// Who issues tokens: API domain and API base path.
    pub issuer: String,
    /// Where the public keys are.
    pub jwks_uri: String,
    /// Where an OAuth flow begins.
    pub authorization_endpoint: String,
    /// Where a code becomes a token.
    pub token_endpoint: String,
    /// Where a token's user is described.
    pub userinfo_endpoint: String,
    /// Where tokens are revoked.
    pub revocation_endpoint: String,
    /// Where tokens are looked at.
    pub token_introspection_endpoint: String,
    /// Where users sign out.
    pub end_session_endpoint: String,
    /// `public`: every client sees the same user id.
    pub subject_types_supported: Vec<String>,
    /// `RS256`.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// What an OAuth flow may answer.
    pub response_types_supported: Vec<String>,
}

/// The functions of the openid recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// The discovery document. Sessions and tokens are issued by the `issuer` in it.
    async fn discovery(&self, cx: &Cx) -> Result<Discovery> {
        self.original().discovery(cx).await
    }

    /// Signs a token with the issuer's name in it, unless its claims name another.
    async fn create_jwt(&self, cx: &Cx, new: NewJwt) -> Result<String> {
        self.original().create_jwt(cx, new).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn discovery(&self, cx: &Cx) -> Result<Discovery> {
        let app = cx.sdk().app();
        let base = format!("{}{}", app.api_domain, app.api_base_path);
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        Ok(Discovery {
            jwks_uri: format!("{base}/jwt/jwks.json"),
            authorization_endpoint: format!("{base}/oauth/auth"),
            token_endpoint: format!("{base}/oauth/token"),
            userinfo_endpoint: format!("{base}/oauth/userinfo"),
            revocation_endpoint: format!("{base}/oauth/revoke"),
            token_introspection_endpoint: format!("{base}/oauth/introspect"),
            end_session_endpoint: format!("{base}/oauth/end_session"),
            subject_types_supported: texts(&["public"]),
            id_token_signing_alg_values_supported: texts(&["RS256"]),
            response_types_supported: texts(&["code", "id_token", "id_token token"]),
            issuer: base,
        })
    }

    async fn create_jwt(&self, cx: &Cx, mut new: NewJwt) -> Result<String> {
        let issuer = cx.sdk().open_id().functions.discovery(cx).await?.issuer;
        new.payload.entry("iss").or_insert_with(|| issuer.into());
        cx.sdk().jwt().functions.create(cx, new).await
    }
}
