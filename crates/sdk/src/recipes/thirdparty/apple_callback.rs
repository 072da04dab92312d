//! Where Apple's answer is led on to. Apple sends it to this server, which sends the browser on to the frontend
//! with it; whoever can choose the frontend gets the user's code.

use crate::{Cx, Error, Result};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use url::Url;

/// With padding or without it.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The frontend's address with everything that Apple told.
pub(super) fn location(cx: &Cx, form: &[(String, String)]) -> Result<String> {
    let state = form.iter().find(|(name, _)| name == "state").map(|(_, state)| state.as_str());
    let target =
        state.and_then(frontend).ok_or_else(|| Error::bad_input("The state is none of a frontend's"))?;
    if !is_allowed(cx, &target)? {
        return Err(Error::bad_input("The state names an address that is not one of the app's"));
    }
    Ok(with_params(target, form).into())
}

/// The address that a state names.
fn frontend(state: &str) -> Option<Url> {
    let bytes = STANDARD.decode(state).or_else(|_| URL_SAFE.decode(state)).ok()?;
    let state: Value = serde_json::from_slice(&bytes).ok()?;
    Url::parse(state.get("frontendRedirectURI")?.as_str()?).ok()
}

/// Whether an address is of one of the app's websites, or an app link that was named.
fn is_allowed(cx: &Cx, target: &Url) -> Result<bool> {
    let is_web = matches!(target.scheme(), "http" | "https");
    let has_no_user = target.username().is_empty() && target.password().is_none();
    let origin = target.origin().ascii_serialization();
    if is_web && has_no_user && cx.sdk().app().known_website(&origin).is_some() {
        return Ok(true);
    }
    let bare = bare(target);
    Ok(cx.sdk().third_party()?.app_links.iter().any(|link| self::bare(link) == bare))
}

fn bare(link: &Url) -> Url {
    let mut bare = link.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    bare
}

/// The form's fields replace parameters of the same name.
fn with_params(mut target: Url, form: &[(String, String)]) -> Url {
    let kept: Vec<(String, String)> = target.query_pairs().into_owned().collect();
    let kept = kept.iter().filter(|(name, _)| !form.iter().any(|(field, _)| field == name));
    let all: Vec<_> = kept.chain(form).collect();
    target.query_pairs_mut().clear().extend_pairs(all.iter().map(|(name, value)| (name, value)));
    target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::session::SessionRecipe;
    use crate::recipes::thirdparty::ThirdPartyRecipe;
    use crate::{AppInfo, Portcullis};
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::LazyLock;

    fn cx() -> Cx {
        let info = AppInfo::new("Demo", "https://api.example.com", "https://example.com");
        let recipe = ThirdPartyRecipe::new().apple_app_link("com.example.app:/callback");
        let sdk = Portcullis::builder(info.also_website("http://localhost:3000"))
            .core("http://localhost:3567")
            .recipe(recipe.apple_app_link("signin://callback/apple"))
            .recipe(SessionRecipe::new())
            .build();
        Cx::new(&sdk.unwrap())
    }

    fn lead_to(cx: &Cx, target: &str) -> Option<String> {
        let state = json!({"frontendRedirectURI": target}).to_string();
        let form = [("state".to_owned(), STANDARD.encode(state)), ("code".to_owned(), "c d".to_owned())];
        location(cx, &form).ok()
    }

    #[test]
    fn only_the_app_s_own_frontends_get_the_answer() {
        let cx = cx();
        for target in [
            "https://example.com/auth/callback/apple",
            "https://EXAMPLE.com:443/other?x=1",
            "http://localhost:3000/",
            "com.example.app:/callback",
            "com.example.app:/callback?x=1",
            "signin://callback/apple",
        ] {
            let location = lead_to(&cx, target).expect(target);
            assert!(location.ends_with("code=c+d") && location.contains("state="), "{location}");
        }
        for target in [
            "https://evil.example/auth/callback/apple",
            "https://example.com.evil.example/",
            "https://example.com@evil.example/",
            "https://user:pw@example.com/",
            "https://evil.example/?https://example.com",
            "http://example.com/",
            "https://example.com:8443/",
            "http://localhost:3001/",
            "https://api.example.com/",
            "//example.com/",
            "/auth/callback/apple",
            "javascript:alert(1)//https://example.com",
            "data:text/html,https://example.com",
            "com.example.app:/callback/more",
            "com.example.app:/other",
            "signin://callback/",
            "signin://evil/apple",
            "COM.evil.app:/callback",
            "",
        ] {
            assert_eq!(lead_to(&cx, target), None, "{target}");
        }
    }

    #[test]
    fn a_state_is_base64_of_either_kind() {
        let state = json!({"frontendRedirectURI": "https://example.com/?a=>>>???"}).to_string();
        let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&state);
        for text in [STANDARD.encode(&state), STANDARD.encode(&state).replace('=', ""), url_safe] {
            assert!(frontend(&text).is_some(), "{text}");
        }
        for state in
            ["", "{}", "not base64!", &STANDARD.encode("{"), &STANDARD.encode(r#"{"frontendRedirectURI":7}"#)]
        {
            assert!(frontend(state).is_none(), "{state}");
        }
    }

    #[test]
    fn what_apple_tells_replaces_what_the_address_had() {
        let target = Url::parse("https://example.com/x?code=old&keep=1#there").unwrap();
        let form = [("code".to_owned(), "new".to_owned()), ("user".to_owned(), "{\"a\":1}".to_owned())];
        let expected = "https://example.com/x?keep=1&code=new&user=%7B%22a%22%3A1%7D#there";
        assert_eq!(with_params(target, &form).as_str(), expected);
    }

    proptest! {
        #[test]
        fn whatever_the_state_names_the_browser_stays_with_the_app(
            target in "(https?:)?[/\\\\]{0,3}[a-z@.:]{0,12}(example\\.com)?[/:@?#.a-z]{0,12}",
        ) {
            static CX: LazyLock<Cx> = LazyLock::new(cx);
            if let Some(location) = lead_to(&CX, &target) {
                let url = Url::parse(&location).unwrap();
                prop_assert!(["example.com", "localhost"].contains(&url.host_str().unwrap()), "{}", location);
            }
        }
    }
}
