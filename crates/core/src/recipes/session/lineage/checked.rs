//! Every course that a session can take, within bounds, by a model checker that calls the decisions
//! themselves: tabs that share a jar, a thief, three cores whose clocks differ, and what gets lost.
//!
//! What is supposed of the world: the tabs of a jar refresh in turns, as the web SDK's lock has them do; a
//! request that its sender gave up is not served after the next one; a refresh whose answer was lost is tried
//! again within the grace period, less what the clocks differ. What happens without is shown too.

use super::{Exchange, Lineage, Moment, Regime, Shown};
use crate::crypto::digest::sha256_hex;
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A token's number, in the order of making.
type Token = usize;

/// Tokens that one session may have: bounds the search.
const TOKENS: usize = 6;
const VALIDITY: i64 = 1000;

/// What is promised; the engine may be given another one.
const GRACE: i64 = 4;
const ROTATING: Regime = Regime::WhenMade { grace: GRACE };

static HASHES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let hash1 = (0..TOKENS).map(|token| format!("token {token}"));
    hash1.map(|hash1| (hash1.clone(), sha256_hex(&hash1))).collect()
});

type Decide = fn(&mut Lineage, Shown<'_>, String, Moment, Regime) -> Exchange;

/// A world to be searched.
#[derive(Clone)]
struct World {
    regime: Regime,
    decide: Decide,
    /// How much each core's clock is fast.
    clocks: [i64; 3],
    /// How many tabs may wait for an answer at a time.
    at_a_time: usize,
    /// The last moment.
    end: i64,
    tokens: usize,
}

impl World {
    fn of(regime: Regime) -> Self {
        let (end, tokens) = match regime {
            Regime::AtFirstUse => (0, TOKENS - 1),
            Regime::WhenMade { .. } => (GRACE + APART + 1, TOKENS - 1),
        };
        Self { regime, decide: Lineage::exchange, clocks: [-1, 0, 1], at_a_time: 1, end, tokens }
    }

    fn rotates(&self) -> bool {
        self.regime != Regime::AtFirstUse
    }
}

/// How much two clocks may differ.
const APART: i64 = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: i64,
    row: Option<Lineage>,
    /// Of each token that was made, the one that it was made from.
    parents: Vec<Option<Token>>,
    /// The browser's refresh token.
    jar: Token,
    /// Whether the browser's access token still names its refresh token's parent.
    is_new: bool,
    requests: Vec<Token>,
    answers: Vec<Token>,
    /// What the thief has.
    stolen: Vec<Token>,
    history: History,
    /// The properties that turned out to be broken.
    broken: BTreeSet<&'static str>,
}

/// What happened, told without looking at what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct History {
    /// The token that has the session, as far as anybody could know: before CDI 5.6 the last one that was
    /// used, else the last one that was made.
    heir: Token,
    /// The token that was exchanged last, and when first.
    exchanged: Option<(Token, i64)>,
    thief_acted: bool,
    /// Theft was answered and the SDK is about to end the session.
    ending: bool,
    ended: bool,
}

/// The search goes no further.
struct OutOfBounds;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Tick,
    /// A tab sends the jar's refresh token.
    Send,
    /// A request never arrives.
    LoseRequest(usize),
    /// A core serves a request.
    Serve(usize, usize),
    LoseAnswer(usize),
    /// An answer arrives, and the jar has new tokens.
    Deliver(usize),
    /// The browser's access token is used.
    Use(usize),
    /// The thief copies the jar.
    Steal,
    /// The thief shows a refresh token.
    Replay(usize, usize),
    /// The thief uses the access token that it got with the refresh token.
    ReplayUse(usize, usize),
    /// The SDK ends the session after a theft, before CDI 5.6.
    End,
}

fn shown(parents: &[Option<Token>], token: Token) -> Shown<'static> {
    let parent_hash1 = parents[token].map(|parent| HASHES[parent].0.as_str());
    Shown { hash1: &HASHES[token].0, parent_hash1 }
}

impl State {
    /// Whether the true owner of the session could show this token, by what happened: surely, or perhaps.
    fn is_due(&self, world: &World, token: Token) -> (bool, bool) {
        let History { heir, exchanged, .. } = self.history;
        if !world.rotates() {
            let due = token == heir || self.parents[token] == Some(heir);
            return (due, due);
        }
        let since = exchanged.filter(|(last, _)| *last == token).map(|(_, first)| self.now - first);
        let within = |grace| token == heir || since.is_some_and(|since| since <= grace);
        (within(GRACE - APART), within(GRACE + APART))
    }

    fn note(&mut self, what: &'static str, happened: bool) {
        if happened {
            self.broken.insert(what);
        }
    }

    /// A core is shown a refresh token; the child, if it gives one.
    fn show(&mut self, world: &World, token: Token, core: usize) -> Result<Option<Token>, OutOfBounds> {
        let (surely, perhaps) = self.is_due(world, token);
        let Some(row) = &mut self.row else { return Ok(None) };
        let child = self.parents.len();
        let moment = Moment { now: self.now + world.clocks[core], validity: VALIDITY };
        let hash2 = HASHES.get(child).map(|hashes| hashes.1.clone()).unwrap_or_default();
        let outcome = (world.decide)(row, shown(&self.parents, token), hash2, moment, world.regime);
        if outcome == Exchange::Expired {
            self.note(CALM, true);
            return Ok(None);
        }
        if let Exchange::Reused(subtype) = outcome {
            self.note(HEIR, surely);
            self.note(CALM, !self.history.thief_acted);
            if subtype.is_some() {
                self.row = None;
                self.history.ended = true;
            } else {
                self.history.ending = true;
            }
            return Ok(None);
        }
        if child == world.tokens {
            return Err(OutOfBounds);
        }
        self.parents.push(Some(token));
        self.note(FOUND, !perhaps);
        let history = &mut self.history;
        if !world.rotates() {
            history.heir = token;
        } else if history.exchanged.is_some_and(|(last, _)| last == token) {
            history.heir = child;
        } else {
            history.exchanged = Some((token, self.now));
            history.heir = child;
        }
        Ok(Some(child))
    }

    /// A core is shown an access token that still names its refresh token's parent; whether it holds.
    fn use_access(&mut self, world: &World, token: Token, core: usize) -> bool {
        let shown = shown(&self.parents, token);
        let moment = Moment { now: self.now + world.clocks[core], validity: VALIDITY };
        let Some(row) = &mut self.row else { return false };
        if world.rotates() {
            return row.knows(Shown { parent_hash1: None, ..shown });
        }
        let is_child = self.parents[token] == Some(self.history.heir);
        if row.promote(shown, moment) {
            self.history.heir = token;
            self.note(FOUND, !is_child);
        }
        true
    }

    /// Whether the owner has put off a retry for as long as the grace period, surely, allows.
    fn must_retry(&self) -> bool {
        let exchanged = self.history.exchanged.filter(|(last, _)| *last == self.jar);
        !self.history.thief_acted && exchanged.is_some_and(|(_, first)| self.now >= first + GRACE - APART)
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let history = History { heir: 0, exchanged: None, thief_acted: false, ending: false, ended: false };
        vec![State {
            now: 0,
            row: Some(Lineage::new(&HASHES[0].0, VALIDITY)),
            parents: vec![None],
            jar: 0,
            is_new: false,
            requests: Vec::new(),
            answers: Vec::new(),
            stolen: Vec::new(),
            history,
            broken: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // The row is gone: every token is refused from here on.
        if state.history.ended {
            return;
        }
        let cores = 0..self.clocks.len();
        let each =
            |count: usize| (0..count).flat_map(|item| (0..self.clocks.len()).map(move |core| (item, core)));
        if state.now < self.end && !state.must_retry() {
            actions.push(Action::Tick);
        }
        if state.requests.len() + state.answers.len() < self.at_a_time {
            actions.push(Action::Send);
        }
        actions.extend((0..state.requests.len()).map(Action::LoseRequest));
        actions.extend(each(state.requests.len()).map(|(request, core)| Action::Serve(request, core)));
        for answer in 0..state.answers.len() {
            actions.extend([Action::LoseAnswer(answer), Action::Deliver(answer)]);
        }
        if state.is_new {
            // No clock is read where nothing takes over.
            actions.extend(cores.skip(if self.rotates() { 2 } else { 0 }).map(Action::Use));
        }
        if !state.stolen.contains(&state.jar) {
            actions.push(Action::Steal);
        }
        actions.extend(each(state.stolen.len()).map(|(token, core)| Action::Replay(token, core)));
        if !self.rotates() {
            actions.extend(each(state.stolen.len()).map(|(token, core)| Action::ReplayUse(token, core)));
        }
        if state.history.ending {
            actions.push(Action::End);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tick => state.now += 1,
            Action::Send => state.requests.push(state.jar),
            Action::LoseRequest(request) => drop(state.requests.remove(request)),
            Action::Serve(request, core) => {
                let token = state.requests.remove(request);
                let child = state.show(self, token, core).ok()?;
                state.answers.extend(child);
            }
            Action::LoseAnswer(answer) => drop(state.answers.remove(answer)),
            Action::Deliver(answer) => {
                state.jar = state.answers.remove(answer);
                state.is_new = true;
            }
            Action::Use(core) => {
                let holds = state.use_access(self, state.jar, core);
                state.note(CALM, !holds && !state.history.thief_acted);
                state.is_new = false;
            }
            Action::Steal => state.stolen.push(state.jar),
            Action::Replay(stolen, core) => {
                state.history.thief_acted = true;
                let child = state.show(self, state.stolen[stolen], core).ok()?;
                state.stolen.extend(child);
            }
            Action::ReplayUse(stolen, core) => {
                state.history.thief_acted = true;
                state.use_access(self, state.stolen[stolen], core);
            }
            Action::End => {
                state.row = None;
                state.history.ending = false;
                state.history.ended = true;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(CALM, |_, state: &State| !state.broken.contains(CALM)),
            Property::always(HEIR, |_, state: &State| !state.broken.contains(HEIR)),
            Property::always(FOUND, |_, state: &State| !state.broken.contains(FOUND)),
            // Without these the search could be empty.
            Property::sometimes("a theft is found", |_, state: &State| state.history.ended),
            Property::sometimes("a lost answer is made good", |_, state: &State| {
                state.parents.iter().enumerate().any(|(token, parent)| {
                    state.jar == token && parent.is_some() && state.parents[..token].contains(parent)
                })
            }),
        ]
    }
}

/// Nobody is signed out before a thief has acted.
const CALM: &str = "no sign-out for nothing";
/// Whoever has the newest token, or its parent within the grace period, is never taken for a thief.
const HEIR: &str = "the heir is never refused";
/// Any other token is refused at its first use: so there is one living lineage.
const FOUND: &str = "every replay is found at its first use";
const ALL: [&str; 3] = [CALM, HEIR, FOUND];

fn search(world: World) -> impl Checker<World> {
    world.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join()
}

/// The property that the world breaks.
fn broken(world: World) -> Vec<&'static str> {
    let checker = search(world);
    let mut names: Vec<_> = checker.discoveries().into_keys().filter(|name| ALL.contains(name)).collect();
    names.sort_unstable();
    names
}

fn assert_calm(regime: Regime) {
    let checker = search(World::of(regime));
    checker.assert_properties();
    assert!(checker.is_done() && checker.unique_state_count() > 10_000);
}

#[test]
fn calm_and_watchful_when_a_token_takes_over_at_its_first_use() {
    assert_calm(Regime::AtFirstUse);
}

#[test]
fn calm_and_watchful_when_a_token_takes_over_when_it_is_made() {
    assert_calm(ROTATING);
}

#[test]
fn without_a_grace_period_lost_answers_look_like_theft() {
    let world = World { regime: Regime::WhenMade { grace: 0 }, ..World::of(ROTATING) };
    assert!(broken(world).contains(&CALM));
}

#[test]
fn clocks_that_differ_by_more_than_is_supposed_break_the_promise() {
    let world = World { clocks: [-3, 0, 3], ..World::of(ROTATING) };
    assert!(!broken(world).is_empty());
}

/// Why the web SDK's lock is needed.
#[test]
fn tabs_that_do_not_take_turns_look_like_thieves() {
    for regime in [Regime::AtFirstUse, ROTATING] {
        let world = World { at_a_time: 2, ..World::of(regime) };
        assert!(broken(world).contains(&CALM), "{regime:?}");
    }
}

#[test]
fn a_decision_that_forgives_is_found_out() {
    let forgive: Decide = |row, shown, child, moment, regime| match row.exchange(shown, child, moment, regime)
    {
        Exchange::Reused(_) => Exchange::Granted { moved: false },
        other => other,
    };
    for regime in [Regime::AtFirstUse, ROTATING] {
        let world = World { decide: forgive, ..World::of(regime) };
        assert!(broken(world).contains(&FOUND), "{regime:?}");
    }
}

#[test]
fn a_retry_that_buys_another_grace_period_is_found_out() {
    let prolong: Decide = |row, shown, child, moment, regime| {
        let outcome = row.exchange(shown, child, moment, regime);
        row.rotated_at = Some(moment.now);
        outcome
    };
    assert!(broken(World { decide: prolong, ..World::of(ROTATING) }).contains(&FOUND));
}
