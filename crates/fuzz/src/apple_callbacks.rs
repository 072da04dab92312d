//! What Apple sends: the first byte says whether the whole form follows, or the address that the state names and,
//! in the next line, a code.

use crate::input::{choice, lines};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::ThirdPartyRecipe;
use portcullis::{AppInfo, Portcullis};
use serde_json::json;
use std::sync::LazyLock;
use tokio::runtime::Builder;
use url::Url;

/// An app with two websites and an app link. Its core is asked nothing.
static SDK: LazyLock<Portcullis> = LazyLock::new(|| {
    let info = AppInfo::new("Demo", "https://api.example.com", "https://example.com");
    Portcullis::builder(info.also_website("http://localhost:3000"))
        .core("http://localhost:3567")
        .recipe(ThirdPartyRecipe::new().apple_app_link("com.example.app:/callback"))
        .recipe(SessionRecipe::new())
        .build()
        .unwrap()
});

/// The browser is led on to nobody but the app, with everything that came.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    let body = if form % 2 == 0 {
        rest.to_vec()
    } else {
        let Some([target, code]) = lines(rest) else { return };
        let state = STANDARD.encode(json!({"frontendRedirectURI": target}).to_string());
        let fields = [("state", state.as_str()), ("code", code)];
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
    };
    let (head, ()) = Request::post("/auth/callback/apple").body(()).unwrap().into_parts();
    let runtime = Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(SDK.serve(&head, Full::new(Bytes::from(body.clone()))));
    let Some(location) = response.headers().get(LOCATION) else {
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        return;
    };
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = location.to_str().expect("an address is ASCII");
    let target = Url::parse(location).expect("an address is complete");
    let origin = target.origin().ascii_serialization();
    let is_website = ["https://example.com", "http://localhost:3000"].contains(&origin.as_str());
    let is_app_link =
        (target.scheme(), target.path()) == ("com.example.app", "/callback") && !target.has_host();
    assert!(is_website || is_app_link, "{location}");
    assert!(target.username().is_empty() && target.password().is_none(), "{location}");
    let came: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let led: Vec<(String, String)> = target.query_pairs().into_owned().collect();
    assert!(led.ends_with(&came), "{location}");
}
