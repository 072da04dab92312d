//! A browser: a jar of tokens, the tabs that share it, and now and then a thief.

use crate::cores::{Cores, Fate, RETRY_WITHIN};
use crate::simulation::{Plan, Tally};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// Replaced tokens that a thief may have kept.
const KEPT: usize = 16;

/// A browser with one session.
#[derive(Debug)]
pub(crate) struct Browser {
    plan: Plan,
    /// The web SDK's lock: one tab refreshes at a time.
    jar: Mutex<Jar>,
}

/// What the tabs share, and what is known about it from outside.
#[derive(Debug)]
struct Jar {
    chance: fastrand::Rng,
    tally: Tally,
    user_id: String,
    handle: String,
    refresh: String,
    access: String,
    /// Goes up with each refresh: a tab that waited for the lock sees that it need not refresh.
    version: u64,
    /// Whether the refresh token may have been exchanged already.
    exchanged: bool,
    /// Children of the refresh token whose answers were lost.
    lost: Vec<String>,
    /// Tokens that will be replaced when the refresh token takes over; none from CDI 5.6 on, where it has.
    waiting: Vec<String>,
    /// Tokens that were replaced, the newest last.
    replaced: Vec<String>,
    /// What the thief got for the browser's refresh token.
    robbed_of: Option<String>,
    is_over: bool,
}

impl Browser {
    pub(crate) fn new(plan: &Plan, seed: u64) -> Self {
        let jar = Jar {
            chance: fastrand::Rng::with_seed(seed),
            tally: Tally::default(),
            user_id: format!("user-{seed}"),
            handle: String::new(),
            refresh: String::new(),
            access: String::new(),
            version: 0,
            exchanged: false,
            lost: Vec::new(),
            waiting: Vec::new(),
            replaced: Vec::new(),
            robbed_of: None,
            is_over: true,
        };
        Self { plan: plan.clone(), jar: Mutex::new(jar) }
    }

    fn rotates(&self) -> bool {
        self.plan.cdi.as_str() >= "5.6"
    }

    /// An hour, which began at that time: access tokens have expired, and so has any grace period.
    pub(crate) async fn live(&mut self, cores: &Cores, began: i64) -> Tally {
        let cdi = self.plan.cdi.clone();
        let (rotates, plan) = (self.rotates(), &self.plan);
        let jar = self.jar.get_mut();
        if jar.is_over {
            jar.sign_in(cores, &cdi).await;
        } else if let Some(theirs) = jar.robbed_of.take() {
            // The thief was first: now the browser's own token is the replay.
            let own = jar.refresh.clone();
            jar.replay(cores, &cdi, &own, &theirs).await;
        } else if jar.chance.f64() < plan.stolen {
            let kept = jar.chance.usize(..=jar.replaced.len().min(KEPT));
            if kept == 0 {
                jar.rob(cores, &cdi, rotates).await;
            } else {
                let (stolen, own) = (jar.replaced[jar.replaced.len() - kept].clone(), jar.refresh.clone());
                jar.replay(cores, &cdi, &stolen, &own).await;
            }
        } else {
            let version = jar.version;
            join_all((0..self.plan.tabs).map(|_| self.tab(cores, began, version))).await;
        }
        std::mem::take(&mut self.jar.get_mut().tally)
    }

    /// A tab whose access token has expired.
    async fn tab(&self, cores: &Cores, began: i64, version: u64) {
        loop {
            let mut jar = self.jar.lock().await;
            if jar.is_over {
                return;
            }
            if jar.version != version {
                break;
            }
            self.refresh(&mut jar, cores, began).await;
        }
        self.verify(cores).await;
    }

    fn fate(&self, chance: &mut fastrand::Rng) -> Fate {
        if chance.f64() >= self.plan.lost {
            return Fate::Answered;
        }
        match chance.u8(..3) {
            0 => Fate::Unsent,
            1 => Fate::Cut(chance.usize(1..6)),
            _ => Fate::Unheard,
        }
    }

    async fn refresh(&self, jar: &mut Jar, cores: &Cores, began: i64) {
        cores.pass_to((cores.now() + jar.chance.i64(..4_000)).min(began + RETRY_WITHIN));
        let fate = self.fate(&mut jar.chance);
        let (core, token) = (jar.chance.usize(..), jar.refresh.clone());
        let answer = cores.call((core, &self.plan.cdi), REFRESH, asking_to_refresh(&token), fate).await;
        let again = jar.exchanged;
        jar.exchanged |= fate != Fate::Unsent;
        let Some(answer) = answer else {
            match fate {
                Fate::Unsent => jar.tally.unsent += 1,
                _ => jar.tally.cut += 1,
            }
            return;
        };
        if answer["status"] != "OK" {
            jar.sign_out_for_nothing(REFRESH, &answer);
            return;
        }
        jar.tally.refreshes += 1;
        jar.tally.retries += u64::from(again);
        // Up to CDI 5.5 the token that was shown has taken over with that.
        jar.take_over();
        let child = text(&answer, "refreshToken");
        if fate == Fate::Unheard {
            jar.tally.unheard += 1;
            jar.lost.push(child);
            return;
        }
        jar.waiting = std::mem::take(&mut jar.lost);
        jar.waiting.push(token);
        if self.rotates() {
            jar.take_over();
        }
        jar.refresh = child;
        jar.access = text(&answer, "accessToken");
        jar.version += 1;
        jar.exchanged = false;
    }

    /// Some tabs' requests make the backend ask the core, at the same time.
    async fn verify(&self, cores: &Cores) {
        let mut jar = self.jar.lock().await;
        if jar.chance.u8(..8) > 0 {
            return;
        }
        let fate = self.fate(&mut jar.chance);
        let (core, access, version) = (jar.chance.usize(..), jar.access.clone(), jar.version);
        let body = json!({
            "accessToken": access, "doAntiCsrfCheck": false, "enableAntiCsrf": false,
            "checkDatabase": self.rotates() || jar.chance.bool(),
        });
        drop(jar);
        let answer = cores.call((core, &self.plan.cdi), VERIFY, body, fate).await;
        let mut jar = self.jar.lock().await;
        let Some(answer) = answer else { return };
        if answer["status"] != "OK" {
            jar.sign_out_for_nothing(VERIFY, &answer);
            return;
        }
        jar.tally.verified += 1;
        jar.take_over();
        if fate != Fate::Unheard && jar.version == version && answer.get("accessToken").is_some() {
            jar.access = text(&answer, "accessToken");
        }
    }
}

const REFRESH: &str = "/recipe/session/refresh";
const VERIFY: &str = "/recipe/session/verify";

impl Jar {
    async fn sign_in(&mut self, cores: &Cores, cdi: &str) {
        let body = json!({
            "userId": self.user_id, "enableAntiCsrf": false, "useDynamicSigningKey": true,
            "userDataInJWT": {"role": "reader"}, "userDataInDatabase": {},
        });
        let core = self.chance.usize(..);
        let made = cores.call((core, cdi), "/recipe/session", body, Fate::Answered).await.unwrap_or_default();
        assert_eq!(made["status"], "OK", "{made}");
        made["session"]["handle"].as_str().unwrap_or_default().clone_into(&mut self.handle);
        self.refresh = text(&made, "refreshToken");
        self.access = text(&made, "accessToken");
        self.version += 1;
        self.exchanged = false;
        self.is_over = false;
        for tokens in [&mut self.lost, &mut self.waiting, &mut self.replaced] {
            tokens.clear();
        }
    }

    /// The refresh token has taken over from those that were waiting for it.
    fn take_over(&mut self) {
        self.replaced.append(&mut self.waiting);
        let surplus = self.replaced.len().saturating_sub(KEPT);
        self.replaced.drain(..surplus);
    }

    fn sign_out_for_nothing(&mut self, path: &str, answer: &Value) {
        self.tally.false_sign_outs.push(format!("{path}: {answer}"));
        self.is_over = true;
    }

    /// A thief exchanges a copy of the browser's token, and uses what it got, before the browser does.
    async fn rob(&mut self, cores: &Cores, cdi: &str, rotates: bool) {
        let core = self.chance.usize(..);
        let mut got =
            cores.call((core, cdi), REFRESH, asking_to_refresh(&self.refresh), Fate::Answered).await;
        if !rotates {
            let child = text(got.as_ref().unwrap_or(&Value::Null), "refreshToken");
            got = cores.call((core + 1, cdi), REFRESH, asking_to_refresh(&child), Fate::Answered).await;
        }
        self.robbed_of = Some(text(&got.unwrap_or_default(), "refreshToken"));
    }

    /// Shows a token that was replaced: it must be found, and the other party's token must be worth nothing
    /// from then on.
    async fn replay(&mut self, cores: &Cores, cdi: &str, replaced: &str, other: &str) {
        let core = self.chance.usize(..);
        let answer = cores.call((core, cdi), REFRESH, asking_to_refresh(replaced), Fate::Answered).await;
        let answer = answer.unwrap_or_default();
        self.tally.replays += 1;
        self.is_over = true;
        if answer["status"] == "TOKEN_THEFT_DETECTED" {
            self.tally.found += 1;
        }
        if cdi < "5.6" {
            // What the backend's SDK does about it.
            let body = json!({"sessionHandles": [self.handle]});
            cores.call((core, cdi), "/recipe/session/remove", body, Fate::Answered).await;
        }
        let answer = cores.call((core + 1, cdi), REFRESH, asking_to_refresh(other), Fate::Answered).await;
        if answer.unwrap_or_default()["status"] != "UNAUTHORISED" {
            self.tally.survived += 1;
        }
    }
}

fn asking_to_refresh(token: &str) -> Value {
    json!({"refreshToken": token, "enableAntiCsrf": false, "useDynamicSigningKey": true})
}

fn text(answer: &Value, token: &str) -> String {
    answer[token]["token"].as_str().unwrap_or_default().to_owned()
}
