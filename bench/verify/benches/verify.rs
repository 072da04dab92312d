//! `bench/verify/run`: a session verified in the process, claims included, beside the bare RSA-2048
//! verification by the same library; and what the middleware adds to a route that needs no session.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise, and prints"
)]

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body_util::Full;
use portcullis::recipes::session::{Claim, NewSession, SessionRecipe, VerifyOptions};
use portcullis::{AppInfo, Cx, Exchange, Portcullis, Transport};
use portcullis_embedded::Embedded;
use quick_cache::sync::Cache;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Runtime;
use tower_layer::Layer;
use tower_service::Service;

/// The core's own, and faster than the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds of each case, taken in turn so that a busy machine slows all of them alike.
const ROUNDS: usize = 41;
const CALLS: u32 = 400;
/// How many tokens take turns, so that none is in the processor's memory because it has just been used.
const TOKENS: usize = 50_000;

/// The processor's time that this thread has had: what others do on the machine is not in it.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// The median time of one call in each case.
fn measure<const N: usize>(mut cases: [&mut dyn FnMut(); N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter_mut().zip(&mut times) {
            let start = thread_time();
            for _ in 0..CALLS {
                case();
            }
            times.push(thread_time().saturating_sub(start) / CALLS);
        }
    }
    times.map(|mut times| {
        times.sort();
        times[ROUNDS / 2]
    })
}

/// A route that does nothing.
#[derive(Clone, Copy)]
struct Route;

impl Service<Request<Full<Bytes>>> for Route {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        std::future::ready(Ok(Response::new(Full::default())))
    }
}

fn browser_request() -> Request<Full<Bytes>> {
    Request::get("/comments?page=2")
        .header("host", "localhost:3001")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)")
        .header("accept", "application/json, text/plain, */*")
        .header("origin", "http://localhost:3000")
        .header("cookie", "theme=dark; other=1")
        .body(Full::default())
        .unwrap()
}

/// The key that a token names, from the core's list.
fn key_of(runtime: &Runtime, core: &Embedded, token: &str) -> ParsedPublicKey {
    let request = Request::get("http://core/.well-known/jwks.json").body(Bytes::new()).unwrap();
    let reply = runtime.block_on(core.send(request)).unwrap();
    let list: Value = serde_json::from_slice(reply.body()).unwrap();
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let key = list["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let components = PublicKeyComponents { n: number("n"), e: number("e") };
    components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let core = Arc::new(Embedded::in_memory());
    let sdk_with = |recipe| {
        Portcullis::builder(AppInfo::new("Bench", "http://localhost:3001", "http://localhost:3000"))
            .core(Arc::clone(&core))
            .recipe(recipe)
            .build()
            .unwrap()
    };
    let sdk = sdk_with(SessionRecipe::new().verified_tokens_max(2 * TOKENS));
    // The same, but each token is new to it.
    let forgetful = sdk_with(SessionRecipe::new().verified_tokens_max(0));
    let role = Claim::new("st-role", |_, _| Box::pin(async { Ok(Some(json!(["admin", "editor"]))) }));
    let cx = Cx::new(&sdk);
    let make_token = async || {
        let sessions = sdk.session().unwrap();
        let session = sessions.create_without_request(&cx, NewSession::of("a-user")).await.unwrap();
        session.fetch_and_set_claim(&cx, &role).await.unwrap();
        session.access_token()
    };
    let tokens: Vec<_> = (0..TOKENS).map(|_| runtime.block_on(make_token())).collect();
    let key = key_of(&runtime, &core, &tokens[0]);
    let signed = tokens.iter().map(|token| {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        (signed, URL_SAFE_NO_PAD.decode(signature).unwrap())
    });
    let signed: Vec<_> = signed.collect();
    // What it costs at least to know a token again: to find its text among all, and to count a reference.
    let known = Cache::new(2 * TOKENS);
    for token in &tokens {
        known.insert(token.clone(), Arc::new(()));
    }

    let plain = VerifyOptions::new();
    let with_claim = VerifyOptions::new().also(role.includes("admin", None));
    // The middleware makes these, one for each request, whether or not anybody asks for a session: see the last row.
    let exchanges = tokens.iter().map(|token| {
        let request = Request::get("/comments").header("authorization", format!("Bearer {token}"));
        Arc::new(Exchange::new(&request.body(()).unwrap().into_parts().0, Bytes::new()))
    });
    let exchanges: Vec<_> = exchanges.collect();
    let turn = Cell::new(0);
    let next = || {
        turn.set((turn.get() + 1) % TOKENS);
        turn.get()
    };
    let mut bare_route = Route;
    let mut with_sdk = sdk.layer().layer(sdk.error_layer().layer(Route));

    let verify = |sdk: &Portcullis, options: &VerifyOptions| {
        let cx = Cx::of_request(sdk, Arc::clone(&exchanges[next()]));
        let session = sdk.session().unwrap().verify(&cx, options).now_or_never();
        black_box(session.unwrap().unwrap().unwrap());
    };

    let meet = |sdk: &Portcullis, token: &str| {
        let (sessions, cx) = (sdk.session().unwrap(), Cx::new(sdk));
        runtime.block_on(sessions.verify_without_request(&cx, token, None, &with_claim)).unwrap().unwrap();
    };
    meet(&forgetful, &tokens[0]); // which reads the keys
    for token in &tokens {
        meet(&sdk, token);
    }
    // From here on calls are polled as in a handler that is at work already, with nothing to wait for: to begin and end
    // a runtime's turn for each would be no part of them.
    let _entered = runtime.enter();
    print(&measure([
        &mut || {
            let (signed, signature) = &signed[next()];
            key.verify_sig(black_box(signed.as_bytes()), black_box(signature)).unwrap();
        },
        &mut || {
            black_box(known.get(black_box(&tokens[next()])).unwrap());
        },
        &mut || verify(&forgetful, &plain),
        &mut || verify(&forgetful, &with_claim),
        &mut || verify(&sdk, &plain),
        &mut || verify(&sdk, &with_claim),
        &mut || {
            black_box(runtime.block_on(bare_route.call(browser_request())).unwrap());
        },
        &mut || {
            black_box(runtime.block_on(with_sdk.call(browser_request())).unwrap());
        },
    ]));
}

/// The cases in the order in which they were measured.
fn print(times: &[Duration; 8]) {
    let [bare, lookup, verified, with_claim, seen, seen_with_claim, bare_route, with_sdk] = *times;
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("bare RSA-2048 verification              {:8.2} µs", micros(bare));
    println!("bare lookup among {TOKENS} tokens           {:8.2} µs", micros(lookup));
    println!("session verified                        {:8.2} µs", micros(verified));
    println!("session verified, claim included        {:8.2} µs", micros(with_claim));
    println!("session of a token seen before          {:8.2} µs", micros(seen));
    println!("the same, claim included                {:8.2} µs", micros(seen_with_claim));
    println!("added to a route that needs no session  {:8.2} µs", micros(with_sdk) - micros(bare_route));
    println!("claim included, over the bare one       {:8.2}", micros(with_claim) / micros(bare));
    println!("ratio sdk-verify {:.3}", micros(bare) / micros(verified));
    println!("ratio sdk-verify-claims {:.3}", micros(bare) / micros(with_claim));
    println!("ratio sdk-verify-cached {:.3}", micros(lookup) / micros(seen));
}
