//! Whole requests to a core on an empty database in memory: one after the other, as text. See the seeds.

use crate::input::{request, requests};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use portcullis_core::http::handle;
use portcullis_core::{App, AppSettings, Clock};
use portcullis_db::{Db, Settings};
use std::cell::RefCell;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// After so many inputs the core begins anew: what it keeps shall not grow for ever.
const INPUTS: usize = 2000;

struct Core {
    runtime: Runtime,
    app: Arc<App>,
    inputs: usize,
}

thread_local! {
    static CORE: RefCell<Option<Core>> = const { RefCell::new(None) };
}

/// Whatever is asked, the core does not break down.
pub fn run(data: &[u8]) {
    CORE.with_borrow_mut(|slot| {
        if let Some(old) = slot.take_if(|core| core.inputs == INPUTS) {
            old.runtime.block_on(old.app.stop());
        }
        let core = slot.get_or_insert_with(Core::start);
        core.inputs += 1;
        for request in requests(data).take(8).filter_map(request) {
            core.serve(request.map(Full::new));
        }
    });
}

impl Core {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let app = runtime.block_on(async {
            let db = Db::open("sqlite::memory:", &Settings::default()).await.unwrap();
            let base_values = [("bcrypt_log_rounds".to_owned(), 4.into())].into_iter().collect();
            let clock = Clock::fixed(1_700_000_000_000);
            App::open(AppSettings { db, base_values, config_path: None, test_mode: true, clock }).await
        });
        Self { runtime, app: app.unwrap(), inputs: 0 }
    }

    fn serve(&self, request: Request<Full<bytes::Bytes>>) {
        let path = request.uri().path().to_ascii_lowercase();
        if *request.method() == Method::PUT && path.contains("connectionuridomain") {
            // It would connect to whatever database is named.
            return;
        }
        let (head, body) = self.runtime.block_on(async {
            let (head, body) = handle(Arc::clone(&self.app), request, None).await.into_parts();
            let Ok(body) = body.collect().await;
            (head, body.to_bytes())
        });
        let text = String::from_utf8(body.to_vec()).expect("every answer is UTF-8");
        assert!(!head.status.is_server_error(), "{}: {text}", head.status);
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?}");
        if head.headers[http::header::CONTENT_TYPE].as_bytes().starts_with(b"application/json") {
            serde_json::from_str::<serde_json::Value>(&text).expect("what is called JSON is JSON");
        }
    }
}
