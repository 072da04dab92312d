//! Requests to providers. Whatever they answer, a call waits for a bounded time and keeps a bounded amount.

use crate::core_client::HttpTransport;
use crate::{Error, Result, Transport, TransportError};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::request::Builder;
use http::{Method, Request, Response};
use quick_cache::sync::Cache;
use serde_json::Value;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// How long a provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
pub(super) const ANSWER_MAX: usize = 1 << 20;
/// How many discovery documents and lists of keys are kept.
const DOCUMENTS_MAX: usize = 256;
/// How long one is kept before it is read again.
const FRESH: Duration = Duration::from_mins(10);
/// A key that is missing makes a list be read again, but not more often than this.
const PAUSE: Duration = Duration::from_secs(30);
/// After a failure nothing is asked for so long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How long a document is good enough that cannot be read again.
const STALE_MAX: Duration = Duration::from_hours(24);

/// The way to providers, and what is kept of their answers.
pub(crate) struct Remote {
    transport: Arc<dyn Transport>,
    documents: Cache<String, Arc<Mutex<Kept>>>,
}

/// A document, and what came of the last attempt to read it.
#[derive(Default)]
struct Kept {
    document: Option<(Arc<Value>, Instant)>,
    failure: Option<(Error, Instant)>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("documents", &self.documents.len()).finish_non_exhaustive()
    }
}

impl Remote {
    pub(super) fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, documents: Cache::new(DOCUMENTS_MAX) }
    }

    /// Over HTTP and HTTPS. An error if the system has no certificates.
    pub(super) fn over_http() -> std::result::Result<Self, TransportError> {
        Ok(Self::new(Arc::new(HttpTransport::new()?.answers_up_to(ANSWER_MAX))))
    }

    /// Asks, with parameters in the URL.
    pub(super) async fn get(
        &self,
        url: &str,
        params: &[(String, String)],
        headers: &[(String, String)],
    ) -> Result<Value> {
        let mut full = Url::parse(url).map_err(|_| Error::Internal(format!("'{url}' is no URL")))?;
        if !params.is_empty() {
            full.query_pairs_mut().extend_pairs(params.iter().map(|(name, value)| (name, value)));
        }
        self.send(Request::get(full.as_str()), headers, Bytes::new()).await
    }

    /// Sends a form.
    pub(super) async fn post_form(
        &self,
        url: &str,
        fields: &[(String, String)],
        headers: &[(String, String)],
    ) -> Result<Value> {
        let pairs = fields.iter().map(|(name, value)| (name, value));
        let form: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, headers, form.into()).await
    }

    /// Sends JSON.
    pub(super) async fn post_json(
        &self,
        url: &str,
        body: &Value,
        headers: &[(String, String)],
    ) -> Result<Value> {
        let request = Request::post(url).header(CONTENT_TYPE, "application/json");
        self.send(request, headers, body.to_string().into()).await
    }

    /// A document that changes seldom.
    pub(super) async fn document(&self, url: &str) -> Result<Arc<Value>> {
        self.document_of(url, FRESH).await
    }

    /// The same, where what is kept does not hold what it should.
    pub(super) async fn document_again(&self, url: &str) -> Result<Arc<Value>> {
        self.document_of(url, PAUSE).await
    }

    async fn document_of(&self, url: &str, max_age: Duration) -> Result<Arc<Value>> {
        let kept = self.documents.get_or_insert_with(url, || Ok::<_, Infallible>(Arc::default()));
        let Ok(kept) = kept;
        // Held while reading, so that calls that wait find what the first one read.
        let mut kept = kept.lock().await;
        if let Some((document, read_at)) = &kept.document
            && read_at.elapsed() < max_age
        {
            return Ok(Arc::clone(document));
        }
        let failure = kept.failure.as_ref().filter(|(_, at)| at.elapsed() < PAUSE_AFTER_FAILURE);
        let error = match failure.map(|(error, _)| error.clone()) {
            Some(error) => error,
            None => match self.get(url, &[], &[]).await {
                Ok(document) => {
                    let document = Arc::new(document);
                    *kept = Kept { document: Some((Arc::clone(&document), Instant::now())), failure: None };
                    return Ok(document);
                }
                Err(error) => {
                    // It is not the caller who asked for something wrong here.
                    let error = match error {
                        Error::BadInput(_) => Error::Provider(format!("{url} cannot be read")),
                        other => other,
                    };
                    kept.failure = Some((error.clone(), Instant::now()));
                    error
                }
            },
        };
        let usable = kept.document.as_ref().filter(|(_, read_at)| read_at.elapsed() < STALE_MAX);
        usable.map(|(document, _)| Arc::clone(document)).ok_or(error)
    }

    /// Sends a request and reads the answer, which must be JSON.
    async fn send(&self, request: Builder, headers: &[(String, String)], body: Bytes) -> Result<Value> {
        let place = place(&request);
        let failed = |what: &dyn fmt::Display| Error::Provider(format!("{place}: {what}"));
        let reply = self.ask(request, headers, body).await?;
        let body: Option<Value> = serde_json::from_slice(reply.body()).ok();
        let status = reply.status();
        match body {
            Some(body) if status.is_success() => Ok(body),
            body if status.is_client_error() => {
                let code = body.as_ref().and_then(error_code).unwrap_or_default();
                tracing::warn!(%place, %status, code, "a provider refuses a request");
                Err(Error::BadInput("The provider refuses what it is shown".to_owned()))
            }
            _ if status.is_success() => Err(failed(&"the answer is no JSON")),
            _ => Err(failed(&status)),
        }
    }

    /// Sends a request and reads the answer, whatever it is. Errors hold nothing of the request but the host and
    /// the path: parameters may be tokens.
    pub(crate) async fn ask(
        &self,
        request: Builder,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Response<Bytes>> {
        let place = place(&request);
        let failed = |what: &dyn fmt::Display| Error::Provider(format!("{place}: {what}"));
        let mut request = request.header(USER_AGENT, "portcullis");
        let has_accept = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(ACCEPT.as_str()));
        if !has_accept {
            // Some answer forms unless they are asked for JSON.
            request = request.header(ACCEPT, "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(body);
        let request = request.map_err(|error| Error::Internal(format!("a provider's settings: {error}")))?;
        let reply = tokio::time::timeout(TIMEOUT, self.transport.send(request)).await;
        let reply = reply.map_err(|_| failed(&"no answer in time"))?.map_err(|error| failed(&error))?;
        if reply.body().len() > ANSWER_MAX {
            return Err(failed(&"the answer is too large"));
        }
        Ok(reply)
    }
}

/// Method, host and path.
fn place(request: &Builder) -> String {
    let method = request.method_ref().map(Method::as_str).unwrap_or_default();
    let (host, path) =
        request.uri_ref().map(|uri| (uri.host().unwrap_or_default(), uri.path())).unwrap_or_default();
    format!("{method} {host}{path}")
}

/// The code of an OAuth error, if it is one: a word of few characters.
fn error_code(body: &Value) -> Option<&str> {
    let code = body.get("error")?.as_str()?;
    let is_code = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::sync::Mutex as SyncMutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers as it is told, and counts.
    #[derive(Debug, Default)]
    struct Told {
        answer: SyncMutex<Option<(u16, String)>>,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl Transport for Told {
        async fn send(&self, _: Request<Bytes>) -> std::result::Result<Response<Bytes>, TransportError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let answer = self.answer.lock().unwrap().clone();
            let Some((status, body)) = answer else { return std::future::pending().await };
            Ok(Response::builder().status(status).body(body.into()).unwrap())
        }
    }

    const URL: &str = "https://accounts.example.com/keys?access_token=hidden";

    fn remote() -> (Arc<Told>, Remote) {
        let told = Arc::new(Told::default());
        let remote = Remote::new(Arc::new(Arc::clone(&told)));
        (told, remote)
    }

    impl Told {
        fn says(&self, status: u16, body: &str) {
            *self.answer.lock().unwrap() = Some((status, body.to_owned()));
        }

        fn asked(&self) -> usize {
            self.asked.swap(0, Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn documents_are_kept_for_a_time_and_longer_only_if_they_cannot_be_read() {
        let (told, remote) = remote();
        let read = async || remote.document(URL).await.map(|document| document.to_string());
        told.says(200, "1");
        assert_eq!((read().await.unwrap().as_str(), told.asked()), ("1", 1));
        told.says(200, "2");
        tokio::time::advance(FRESH / 2).await;
        assert_eq!((read().await.unwrap().as_str(), told.asked()), ("1", 0));
        tokio::time::advance(FRESH / 2).await;
        assert_eq!((read().await.unwrap().as_str(), told.asked()), ("2", 1));

        told.says(503, "3");
        tokio::time::advance(FRESH).await;
        assert_eq!((read().await.unwrap().as_str(), told.asked()), ("2", 1));
        assert_eq!((read().await.unwrap().as_str(), told.asked()), ("2", 0), "not asked at once again");
        tokio::time::advance(PAUSE_AFTER_FAILURE).await;
        assert_eq!((read().await.unwrap().as_str(), told.asked()), ("2", 1));
        tokio::time::advance(STALE_MAX).await;
        assert!(matches!(read().await, Err(Error::Provider(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_key_makes_a_list_be_read_again_after_a_pause() {
        let (told, remote) = remote();
        told.says(200, "1");
        remote.document(URL).await.unwrap();
        told.says(200, "2");
        assert_eq!(*remote.document_again(URL).await.unwrap(), 1);
        tokio::time::advance(PAUSE).await;
        assert_eq!(*remote.document_again(URL).await.unwrap(), 2);
        assert_eq!(told.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_the_same_time_read_once() {
        let (told, remote) = remote();
        told.says(200, "1");
        let all = futures_util::future::join_all((0..8).map(|_| remote.document(URL))).await;
        assert!(all.iter().all(|read| read.as_ref().is_ok_and(|document| **document == 1)));
        assert_eq!(told.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_documents_are_kept_than_there_is_room_for() {
        let (told, remote) = remote();
        told.says(200, "{}");
        for number in 0..3 * DOCUMENTS_MAX {
            remote.document(&format!("https://example.com/{number}")).await.unwrap();
        }
        assert!(remote.documents.len() <= DOCUMENTS_MAX, "{}", remote.documents.len());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_provider_answers_tells_nothing_of_the_request_and_is_waited_for_no_longer() {
        let (told, remote) = remote();
        let large = format!("\"{}\"", "x".repeat(ANSWER_MAX));
        for (answer, expected) in [
            (None, "the provider: GET accounts.example.com/keys: no answer in time"),
            (Some((500, "{}")), "the provider: GET accounts.example.com/keys: 500 Internal Server Error"),
            (Some((302, "{}")), "the provider: GET accounts.example.com/keys: 302 Found"),
            (Some((200, "<html>")), "the provider: GET accounts.example.com/keys: the answer is no JSON"),
            (
                Some((200, large.as_str())),
                "the provider: GET accounts.example.com/keys: the answer is too large",
            ),
            (Some((401, r#"{"error":"invalid_token"}"#)), "The provider refuses what it is shown"),
            (Some((404, "")), "The provider refuses what it is shown"),
        ] {
            *told.answer.lock().unwrap() = answer.map(|(status, body)| (status, body.to_owned()));
            let error = remote.get(URL, &[], &[]).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let error =
            remote.get(URL, &[], &[("authorization".to_owned(), "a\nb".to_owned())]).await.unwrap_err();
        assert!(matches!(error, Error::Internal(_)), "{error}");
    }

    #[test]
    fn only_what_is_a_code_is_logged() {
        let code = |text: &str| error_code(&serde_json::json!({"error": text})).map(str::to_owned);
        assert_eq!(code("invalid_grant").as_deref(), Some("invalid_grant"));
        for text in ["", "The token eyJhbGciOi is invalid", &"a".repeat(65)] {
            assert_eq!(code(text).filter(|code| !code.is_empty()), None, "{text}");
        }
    }
}
