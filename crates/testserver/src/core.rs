//! What the suite asks of the core directly.

use bytes::Bytes;
use http::{Method, Request, Response};
use portcullis::{CoreAddress, HttpTransport, Transport, TransportError, async_trait};
use serde_json::{Value, json};
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A core in test mode.
#[derive(Debug)]
pub(crate) struct Core {
    url: String,
    http: Arc<HttpTransport>,
}

/// An app in a core. Every application of the server reaches it over the same connections: a new one is there
/// at once, which the suite does not wait for.
#[derive(Debug)]
struct App {
    url: String,
    http: Arc<HttpTransport>,
}

#[async_trait]
impl Transport for App {
    async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> std::result::Result<Response<Bytes>, TransportError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("{}{path}", self.url).parse().map_err(TransportError::new)?;
        self.http.send(request).await
    }
}

impl Core {
    pub(crate) fn at(host: &str, port: &str) -> std::result::Result<Self, Box<dyn std::error::Error>> {
        Ok(Self { url: format!("http://{host}:{port}"), http: Arc::new(HttpTransport::new()?) })
    }

    /// Where the default app is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How the SDK reaches an app.
    pub(crate) fn app(&self, url: &str) -> CoreAddress {
        CoreAddress::Transport(Arc::new(App { url: url.to_owned(), http: Arc::clone(&self.http) }))
    }

    /// Makes an app, and answers where it is.
    pub(crate) async fn make_app(&self, id: &str, config: &Value) -> Result<String> {
        let body = json!({"appId": id, "coreConfig": config});
        let url = format!("{}/recipe/multitenancy/app/v2", self.url);
        self.call(Method::PUT, &url, None, &body).await?;
        Ok(format!("{}/appid-{id}", self.url))
    }

    /// Makes a session as a backend did that spoke version 2.18 of the protocol, before access tokens named
    /// their key.
    pub(crate) async fn make_old_session(&self, app: &str, user_id: &str, payload: &Value) -> Result<Value> {
        let body = json!({"userId": user_id, "enableAntiCsrf": false, "userDataInJWT": payload, "userDataInDatabase": {}});
        self.call(Method::POST, &format!("{app}/recipe/session"), Some("2.18"), &body).await
    }

    async fn call(&self, method: Method, url: &str, version: Option<&str>, body: &Value) -> Result<Value> {
        let mut request =
            Request::builder().method(method).uri(url).header("content-type", "application/json");
        if let Some(version) = version {
            request = request.header("cdi-version", version).header("rid", "session");
        }
        let answer = self.http.send(request.body(Bytes::from(body.to_string()))?).await?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        match serde_json::from_str::<Value>(&text) {
            Ok(body) if answer.status() == 200 && body["status"] == "OK" => Ok(body),
            _ => Err(format!("the core answered {} with {text}", answer.status()).into()),
        }
    }
}
