//! Rounds of an hour: in each, every browser's access token has expired, and all its tabs notice.

use crate::browser::Browser;
use crate::cores::Cores;
use std::ops::AddAssign;
use std::sync::Arc;
use tokio::task::JoinSet;

const HOUR: i64 = 3_600_000;

/// How much is simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The protocol version, as in `5.4`.
    pub cdi: String,
    /// Refreshes that are granted, at least.
    pub refreshes: u64,
    /// Browsers that are at it at a time.
    pub browsers: usize,
    /// Tabs of each.
    pub tabs: usize,
    /// What of all calls is lost.
    pub lost: f64,
    /// What of all sessions is stolen in an hour.
    pub stolen: f64,
    /// Where chance begins.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Refreshes that were granted.
    pub refreshes: u64,
    /// Of these, such of a token that had been exchanged before.
    pub retries: u64,
    /// Calls whose request never arrived.
    pub unsent: u64,
    /// Calls that were cut off in the middle.
    pub cut: u64,
    /// Calls whose answer was lost.
    pub unheard: u64,
    /// Verifications.
    pub verified: u64,
    /// Tokens that were shown although they had been replaced.
    pub replays: u64,
    /// Of these, such that were found.
    pub found: u64,
    /// Sessions that went on after that.
    pub survived: u64,
    /// Sessions that ended without a replay; what was answered.
    pub false_sign_outs: Vec<String>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.refreshes += other.refreshes;
        self.retries += other.retries;
        self.unsent += other.unsent;
        self.cut += other.cut;
        self.unheard += other.unheard;
        self.verified += other.verified;
        self.replays += other.replays;
        self.found += other.found;
        self.survived += other.survived;
        self.false_sign_outs.extend(other.false_sign_outs);
    }
}

/// Runs the plan.
pub async fn run(cores: &Arc<Cores>, plan: &Plan) -> Tally {
    let mut tally = Tally::default();
    let mut browsers: Vec<Browser> =
        (0..plan.browsers).map(|number| Browser::new(plan, plan.seed + number as u64)).collect();
    while tally.refreshes < plan.refreshes {
        let mut round = JoinSet::new();
        cores.pass_to(cores.now() + HOUR);
        for mut browser in browsers.drain(..) {
            let (cores, began) = (Arc::clone(cores), cores.now());
            round.spawn(async move {
                let tally = browser.live(&cores, began).await;
                (browser, tally)
            });
        }
        for (browser, of_browser) in round.join_all().await {
            browsers.push(browser);
            tally += of_browser;
        }
    }
    tally
}
