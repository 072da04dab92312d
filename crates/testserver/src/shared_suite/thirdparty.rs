//! Sign-in with what other services know of the user.

use crate::accountlinking::not_linked;
use crate::body::{Body, unknown};
use crate::emailpassword::take_from_request;
use crate::record::Record;
use crate::session::session_of;
use bytes::Bytes;
use portcullis::recipes::thirdparty::{
    Apis, CreatedOrUpdated, OAuthTokens, ProviderConfig, ProviderEmail, ProviderForClient, ProviderFunctions,
    ProviderSettings, ProviderUser, RawUserInfo, RedirectUriInfo, SignInUpOutcome, SignInUpRequest,
    ThirdPartyRecipe, TokenSource, UserInfo,
};
use portcullis::{Cx, Error, Result, Transport, TransportError, async_trait};
use serde_json::{Value, json};
use std::sync::Arc;

/// The recipe as the suite describes it.
pub(crate) fn recipe(config: &Body, record: &Arc<Record>) -> Result<ThirdPartyRecipe> {
    let mut recipe = ThirdPartyRecipe::new().transport(Documents);
    for described in config.inner("signInAndUpFeature").list("providers") {
        recipe = recipe.provider(provider(&described.into())?);
    }
    if config.inner("override").has("apis") {
        recipe = recipe.override_apis(|original| Replaced { original, record: Arc::clone(record) });
    }
    Ok(recipe)
}

/// Stands in for the providers that the suite names: it must run without them.
#[derive(Debug)]
struct Documents;

#[async_trait]
impl Transport for Documents {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> std::result::Result<http::Response<Bytes>, TransportError> {
        let (host, path) = (request.uri().host().unwrap_or_default(), request.uri().path());
        let issuer = path.strip_suffix("/.well-known/openid-configuration").unwrap_or_default();
        let authorization = match (host, issuer) {
            ("accounts.google.com", "") => "/o/oauth2/v2/auth".to_owned(),
            ("dev-8636097.okta.com", "") => "/oauth2/v1/authorize".to_owned(),
            ("login.microsoftonline.com", "/97f9a564-fcee-4b88-ae34-a1fbc4656593/v2.0") => {
                issuer.replace("/v2.0", "/oauth2/v2.0/authorize")
            }
            _ => {
                return http::Response::builder().status(404).body(Bytes::new()).map_err(TransportError::new);
            }
        };
        let document = json!({
            "issuer": format!("https://{host}{issuer}"),
            "authorization_endpoint": format!("https://{host}{authorization}"),
            "token_endpoint": format!("https://{host}{issuer}/token"),
            "jwks_uri": format!("https://{host}{issuer}/keys"),
        });
        Ok(http::Response::new(document.to_string().into()))
    }
}

fn provider(described: &Body) -> Result<ProviderConfig> {
    let settings = serde_json::from_value::<ProviderSettings>(described.object("config").into());
    let mut config = ProviderConfig::from(settings.map_err(|error| Error::Internal(error.to_string()))?);
    if described.flag("includeInNonPublicTenantsByDefault") == Some(true) {
        config = config.in_every_tenant();
    }
    let replacement = described.optional("override").and_then(Replacement::of);
    Ok(match replacement {
        Some(replacement) => config.override_functions(move |original| Replaces { original, replacement }),
        None => config,
    })
}

/// What the suite puts in place of a provider, by the provider's id in the slot.
#[derive(Clone, Copy, Debug)]
enum Replacement {
    /// A user with a verified address, who is made up unless the frontend says who.
    Verified,
    /// The same with an address that is not verified.
    Unverified,
    /// The user whom the frontend says.
    AsTold,
    /// Users whose id begins with the provider's, in front of their address.
    ByIdAndAddress,
    /// Users whose id is their address.
    ByAddress,
}

impl Replacement {
    fn of(text: &str) -> Option<Self> {
        let id = text.split_once(".providers.")?.1.split_once(".override")?.0;
        match id {
            "custom-ev" => Some(Self::Verified),
            "custom-no-ev" => Some(Self::Unverified),
            "custom" => Some(Self::AsTold),
            "custom2" => Some(Self::ByIdAndAddress),
            "custom3" => Some(Self::ByAddress),
            _ => None,
        }
    }

    fn user_info(self, tokens: &OAuthTokens) -> Result<UserInfo> {
        let told = |name: &str| tokens.text(name).map(str::to_owned);
        let or = |name: &str, default: &str| told(name).unwrap_or_else(|| default.to_owned());
        let (user_id, email, is_verified) = match self {
            Self::Verified => (or("userId", "user"), Some(or("email", "email@test.com")), true),
            Self::Unverified => (or("userId", "user"), Some(or("email", "email@test.com")), false),
            Self::AsTold => {
                if tokens.values.contains_key("error") {
                    return Err(Error::Internal("the credentials are wrong".to_owned()));
                }
                let is_verified = tokens.values.get("isVerified") == Some(&true.into());
                (or("userId", "userId"), told("email"), is_verified)
            }
            Self::ByIdAndAddress => (format!("custom2{}", or("email", "")), told("email"), true),
            Self::ByAddress => (or("email", ""), told("email"), true),
        };
        let email = email.map(|id| ProviderEmail { id, is_verified });
        Ok(UserInfo { third_party_user_id: user_id, email, raw: RawUserInfo::default() })
    }
}

struct Replaces {
    original: Arc<dyn ProviderFunctions>,
    replacement: Replacement,
}

#[async_trait]
impl ProviderFunctions for Replaces {
    fn original(&self) -> &dyn ProviderFunctions {
        &*self.original
    }

    async fn exchange_auth_code(
        &self,
        cx: &Cx,
        _: &str,
        _: &ProviderForClient,
        came_back: &RedirectUriInfo,
    ) -> Result<OAuthTokens> {
        let values = match self.replacement {
            Replacement::ByIdAndAddress | Replacement::ByAddress => {
                came_back.redirect_uri_query_params.clone()
            }
            // What came back as a whole, beside whose parameters the suite writes who it is.
            _ => {
                let request = cx.exchange().map(|exchange| Body::read(exchange.body()));
                request.unwrap_or_default().object("redirectURIInfo")
            }
        };
        Ok(OAuthTokens { values, source: TokenSource::Provider { pkce_code_verifier: None } })
    }

    async fn user_info(
        &self,
        _: &Cx,
        _: &str,
        _: &ProviderForClient,
        tokens: &OAuthTokens,
    ) -> Result<UserInfo> {
        self.replacement.user_info(tokens)
    }
}

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let (recipe, id) = (cx.sdk().third_party()?, body.text("thirdPartyId"));
    Ok(match function {
        "manuallycreateorupdateuser" => {
            let user_id = body.text("thirdPartyUserId");
            let mut user = ProviderUser::new(body.tenant(), id, user_id, body.text("email"));
            user.is_verified = body.flag("isVerified").unwrap_or(false);
            user.session = session_of(cx, body).await?;
            user.link_to_session_user = Some(user.session.is_some());
            made(recipe.manually_create_or_update_user(cx, &user).await?)?
        }
        "getprovider" => {
            let client_type = body.optional("clientType");
            match recipe.get_provider(cx, body.tenant(), id, client_type).await? {
                Some(provider) => {
                    let config = provider.config();
                    let mut shown = Body::from(json!(config.provider.settings)).into_fields();
                    shown.remove("clients");
                    shown.extend(Body::from(json!(config.client)).into_fields());
                    json!({"id": provider.id(), "config": shown})
                }
                None => json!({}),
            }
        }
        _ => return Err(unknown(function)),
    })
}

fn made(outcome: CreatedOrUpdated) -> Result<Value> {
    Ok(match outcome {
        CreatedOrUpdated::Ok { user, recipe_user_id, created_new_recipe_user } => {
            json!({"status": "OK", "createdNewRecipeUser": created_new_recipe_user, "user": user,
                "recipeUserId": recipe_user_id})
        }
        CreatedOrUpdated::EmailChangeNotAllowed { reason } => {
            json!({"status": "EMAIL_CHANGE_NOT_ALLOWED_ERROR", "reason": reason})
        }
        CreatedOrUpdated::LinkingFailed(failure) => not_linked(failure),
        other => return Err(Error::Internal(format!("{other:?}"))),
    })
}

/// What the suite replaces.
struct Replaced {
    original: Arc<dyn Apis>,
    record: Arc<Record>,
}

#[async_trait]
impl Apis for Replaced {
    fn original(&self) -> &dyn Apis {
        &*self.original
    }

    async fn sign_in_up(&self, cx: &Cx, request: SignInUpRequest) -> Result<SignInUpOutcome> {
        take_from_request(cx, "DO_LINK");
        let outcome = self.original().sign_in_up(cx, request).await?;
        if let SignInUpOutcome::Ok { user, .. } = &outcome {
            self.record.keep("userInCallback", json!(user));
        }
        Ok(outcome)
    }
}
