//! Calls to the core whose answers do not come.

use crate::app::info;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use portcullis::recipes::emailpassword::{EmailPassword, SignUp};
use portcullis::recipes::session::SessionRecipe;
use portcullis::{Builder, CoreAddress, CoreError, Cx, Error, Portcullis, Result, Transport, TransportError};
use portcullis_embedded::Clock;
use portcullis_testkit::{Shape, ShapedCore};
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

fn app(core: impl Into<CoreAddress>) -> Builder {
    Portcullis::builder(info()).core(core).recipe(EmailPassword::new()).recipe(SessionRecipe::new())
}

async fn sign_up(sdk: &Portcullis, email: &str) -> Result<SignUp> {
    sdk.email_password()?.sign_up(&Cx::new(sdk), "public", email, "correct1horse").await
}

async fn users(sdk: &Portcullis) -> i64 {
    sdk.user_count(&Cx::new(sdk), &[], None).await.unwrap()
}

fn assert_unanswered(told: Result<SignUp>) {
    let told = told.unwrap_err();
    assert!(
        matches!(&told, Error::Core(CoreError::Unanswered { path, .. }) if path.ends_with("/recipe/signup")),
        "{told:?}"
    );
}

/// Stands before a core and can lose its next answer.
struct Relay {
    address: String,
    loses_next: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Relay {
    async fn before(core: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let loses_next = Arc::new(AtomicBool::new(false));
        let lost = Arc::clone(&loses_next);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((caller, _)) = listener.accept().await {
                connections.spawn(carry(caller, core.clone(), Arc::clone(&lost)));
            }
        });
        Self { address, loses_next, _tasks: tasks }
    }

    fn lose_next(&self) {
        self.loses_next.store(true, Ordering::SeqCst);
    }
}

/// Until one of the two has closed the connection, or an answer is lost, which closes both.
async fn carry(mut caller: TcpStream, core: String, loses_next: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut core = TcpStream::connect(core).await?;
    let (mut asked, mut answered) = ([0; 8192], [0; 8192]);
    loop {
        tokio::select! {
            length = caller.read(&mut asked) => match length? {
                0 => return Ok(()),
                length => core.write_all(&asked[..length]).await?,
            },
            length = core.read(&mut answered) => match length? {
                0 => return Ok(()),
                _ if loses_next.swap(false, Ordering::SeqCst) => return Ok(()),
                length => caller.write_all(&answered[..length]).await?,
            },
        }
    }
}

/// Only cores that are reached over HTTP can be several.
#[tokio::test]
async fn a_sign_up_whose_answer_is_lost_is_not_made_twice() {
    let core = Shape::Http.start_core(&json!({}), Clock::system()).await;
    let CoreAddress::Http(url) = core.address() else { panic!("it has an address") };
    let relay = Relay::before(url.strip_prefix("http://").unwrap().to_owned()).await;
    let sdk = app(format!("{0};{0}", relay.address)).build().unwrap();
    assert_eq!(users(&sdk).await, 0);
    relay.lose_next();
    assert_unanswered(sign_up(&sdk, "ann@example.com").await);
    relay.lose_next();
    assert_eq!(users(&sdk).await, 1, "what only reads is asked for again; and the core had served the call");
    assert!(!relay.loses_next.load(Ordering::SeqCst));

    // A core that is not there has served nothing.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let sdk = app(format!("http://{free};{url}")).build().unwrap();
    for email in ["bob@example.com", "cara@example.com"] {
        let made = sign_up(&sdk, email).await;
        assert!(matches!(made, Ok(SignUp::Ok { .. })), "{made:?}");
    }
    assert_eq!(users(&sdk).await, 3);
}

/// A core that can fall silent.
#[derive(Debug)]
struct Silent {
    core: ShapedCore,
    is_silent: AtomicBool,
}

#[async_trait]
impl Transport for Silent {
    async fn send(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, TransportError> {
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.core.send(request).await
    }
}

#[rstest]
#[tokio::test]
async fn the_app_says_how_long_it_waits(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let core = shape.start_core(&json!({}), Clock::system()).await;
    // Which opens the database, for as long as it takes.
    core.call(Method::GET, "/users/count", &Value::Null).await;
    let core = Arc::new(Silent { core, is_silent: AtomicBool::new(false) });
    let address = CoreAddress::Transport(Arc::clone(&core) as _);
    let sdk = app(address).core_timeout(Duration::from_secs(3)).build().unwrap();
    assert_eq!(users(&sdk).await, 0);
    core.is_silent.store(true, Ordering::SeqCst);
    let began = Instant::now();
    assert_unanswered(sign_up(&sdk, "ann@example.com").await);
    let waited = began.elapsed().as_secs();
    assert!((3..30).contains(&waited), "{waited} s");
    let told = sdk.user_count(&Cx::new(&sdk), &[], None).await.unwrap_err();
    assert!(
        matches!(&told, Error::Core(CoreError::Unreachable(why)) if why == "no answer in time"),
        "{told:?}"
    );
}
