//! A backend's calls to a core.

use serde_json::Value;
use std::time::Duration;
use ureq::typestate::WithBody;
use ureq::{Agent, RequestBuilder};

/// The call broke off: nobody knows whether it was served.
#[derive(Debug)]
pub(crate) struct Lost;

/// One backend, with connections of its own.
pub(crate) struct Caller {
    agent: Agent,
    address: String,
}

/// A reply to a call that was served.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) cache_control: Option<String>,
    pub(crate) text: String,
}

impl Caller {
    pub(crate) fn new(address: &str) -> Self {
        let settings = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { agent: settings.into(), address: address.to_owned() }
    }

    /// `POST` in a protocol version.
    pub(crate) fn post(&self, cdi: &str, path: &str, body: &Value) -> Result<Value, Lost> {
        send(self.agent.post(self.url(path)), cdi, body)
    }

    /// `PUT` in a protocol version.
    pub(crate) fn put(&self, cdi: &str, path: &str, body: &Value) -> Result<Value, Lost> {
        send(self.agent.put(self.url(path)), cdi, body)
    }

    /// `POST`, whatever comes of it.
    pub(crate) fn reply(&self, cdi: &str, path: &str, body: &Value) -> Result<Reply, Lost> {
        read(self.agent.post(self.url(path)).header("cdi-version", cdi).send(body.to_string()))
    }

    pub(crate) fn get(&self, path: &str) -> Result<Reply, Lost> {
        read(self.agent.get(self.url(path)).call())
    }

    /// `GET`, of a host by another name than its address.
    pub(crate) fn get_at(&self, host: &str, path: &str) -> Result<Reply, Lost> {
        read(self.agent.get(self.url(path)).header("host", host).call())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Every refusal by HTTP status is a fault of the core.
fn send(request: RequestBuilder<WithBody>, cdi: &str, body: &Value) -> Result<Value, Lost> {
    let reply = read(request.header("cdi-version", cdi).send(body.to_string()))?;
    assert_eq!(reply.status, 200, "{:.200}: {}", body.to_string(), reply.text);
    Ok(serde_json::from_str(&reply.text).expect("JSON"))
}

/// An answer counts once it has arrived whole.
fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Reply, Lost> {
    let mut answer = answer.map_err(|_| Lost)?;
    let text = answer.body_mut().read_to_string().map_err(|_| Lost)?;
    let header = answer.headers().get("cache-control").and_then(|value| value.to_str().ok());
    Ok(Reply { status: answer.status().as_u16(), cache_control: header.map(str::to_owned), text })
}
