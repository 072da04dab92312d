//! The providers that the suite signs in with. Two of them take what comes back to the page for the truth.

use portcullis::recipes::thirdparty::{
    Client, OAuthTokens, ProviderConfig, ProviderEmail, ProviderForClient, ProviderFunctions, RawUserInfo,
    RedirectUriInfo, ThirdPartyRecipe, TokenSource, UserInfo,
};
use portcullis::{Cx, Result, async_trait};
use std::sync::Arc;

/// The recipe with the providers that are asked for, or with all of them.
pub(crate) fn recipe(website: &str, enabled: Option<&[String]>) -> ThirdPartyRecipe {
    let is_enabled = |id: &str| enabled.is_none_or(|enabled| enabled.iter().any(|known| known == id));
    let asked_for = all(website).into_iter().filter(|(id, _)| is_enabled(id));
    asked_for.fold(ThirdPartyRecipe::new(), |recipe, (_, provider)| recipe.provider(provider))
}

fn all(website: &str) -> [(&'static str, ProviderConfig); 5] {
    let built_in = |id| (id, ProviderConfig::new(id).client(Client::new("test").secret("test")));
    let auth0 = ProviderConfig::new("auth0")
        .name("Auth0")
        .client(Client::new("test").secret("test").scope(["openid", "profile"]))
        .authorization_endpoint("https://auth0.example.com/authorize")
        .token_endpoint("https://auth0.example.com/oauth/token")
        .override_functions(Believing);
    let mock = ProviderConfig::new("mock-provider")
        .name("Mock Provider")
        .client(Client::new("supertokens").secret(""))
        .authorization_endpoint(format!("{website}/mockProvider/auth"))
        .token_endpoint(format!("{website}/mockProvider/token"))
        .override_functions(Believing);
    let [google, github, facebook] = ["google", "github", "facebook"].map(built_in);
    [google, github, facebook, ("auth0", auth0), ("mock-provider", mock)]
}

/// Asks nobody: the parameters of the page say who signs in.
struct Believing(Arc<dyn ProviderFunctions>);

#[async_trait]
impl ProviderFunctions for Believing {
    fn original(&self) -> &dyn ProviderFunctions {
        &*self.0
    }

    async fn exchange_auth_code(
        &self,
        _: &Cx,
        _: &str,
        _: &ProviderForClient,
        came_back: &RedirectUriInfo,
    ) -> Result<OAuthTokens> {
        let source = TokenSource::Provider { pkce_code_verifier: None };
        Ok(OAuthTokens { values: came_back.redirect_uri_query_params.clone(), source })
    }

    async fn user_info(
        &self,
        _: &Cx,
        _: &str,
        _: &ProviderForClient,
        tokens: &OAuthTokens,
    ) -> Result<UserInfo> {
        let email = tokens.text("email").unwrap_or("email@test.com").to_owned();
        Ok(UserInfo {
            third_party_user_id: tokens.text("userId").unwrap_or("user").to_owned(),
            email: Some(ProviderEmail { id: email, is_verified: tokens.text("isVerified") != Some("false") }),
            raw: RawUserInfo::default(),
        })
    }
}
