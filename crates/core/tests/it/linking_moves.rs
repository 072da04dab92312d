//! Random moves on users, several at once, beside a model: there must be an order in which the model gives the same
//! answers and ends in the same state.

use crate::accountlinking::{make_tenant, reserved};
use crate::linking_model::{Contact, EMAILS, Method, Model, Move, TENANTS, moves};
use crate::passwordless;
use crate::webauthn::{ORIGIN, answer, register_options};
use portcullis_testkit::authenticator::{Algorithm, Authenticator, Ceremony};
use portcullis_testkit::{Reply, TestCore};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Signs in with a code that is new. A sign-in with the same address or number at the same time takes the codes of all
/// others away, so that one of them has to begin again.
async fn use_code(core: &TestCore, contact: Contact) -> Reply {
    loop {
        let body = json!({contact.field(): contact.info().1});
        let code = passwordless::begin(core, body).await;
        let reply = passwordless::consume(core, passwordless::link(&code)).await;
        if reply.status != 200 || reply.status_word() != "RESTART_FLOW_ERROR" {
            return reply;
        }
    }
}

async fn make_passkey(core: &TestCore, email: &str) -> Reply {
    let options = register_options(core, email).await;
    let credential = Authenticator::new(Algorithm::Es256).create(&Ceremony::of(&options, ORIGIN));
    core.post("/recipe/webauthn/signup", answer(&options, &credential)).await
}

async fn change_passkey_email(core: &TestCore, id: &str, email: &str) -> Reply {
    core.put("/recipe/webauthn/user/email", json!({"recipeUserId": id, "email": email})).await
}

async fn change_contact(core: &TestCore, id: &str, contact: Contact, is_set: bool) -> Reply {
    let value = is_set.then(|| contact.info().1);
    let body = json!({"recipeUserId": id, contact.field(): value});
    core.header("rid", "passwordless").put("/recipe/user", body).await
}

/// Makes a move with the core: its answer in the model's words, and the id of whoever was made.
async fn call(core: &TestCore, ids: &[String], what: &Move) -> (String, String) {
    let path = |tenant: usize, path: &str| format!("/{}{path}", TENANTS[tenant]);
    let reply = match what {
        Move::SignUp { tenant, email } => {
            let body = json!({"email": EMAILS[*email], "password": "password1"});
            core.post(&path(*tenant, "/recipe/signup"), body).await
        }
        Move::SignInUp { tenant, provider_user, email } => {
            let body = json!({
                "thirdPartyId": "google", "thirdPartyUserId": provider_user.to_string(),
                "email": {"id": EMAILS[*email], "isVerified": false},
            });
            core.post(&path(*tenant, "/recipe/signinup"), body).await
        }
        Move::UseCode { tenant, contact } => use_code(&core.at(&path(*tenant, "")), *contact).await,
        Move::MakePasskey { tenant, email } => {
            make_passkey(&core.at(&path(*tenant, "")), EMAILS[*email]).await
        }
        Move::MakePrimary(user) => {
            core.post("/recipe/accountlinking/user/primary", json!({"recipeUserId": ids[*user]})).await
        }
        Move::Link(user, primary) => {
            let body = json!({"recipeUserId": ids[*user], "primaryUserId": ids[*primary]});
            core.post("/recipe/accountlinking/user/link", body).await
        }
        Move::Unlink(user) => {
            core.post("/recipe/accountlinking/user/unlink", json!({"recipeUserId": ids[*user]})).await
        }
        Move::ChangeEmail(user, email) => {
            let body = json!({"recipeUserId": ids[*user], "email": EMAILS[*email]});
            core.header("rid", "emailpassword").put("/recipe/user", body).await
        }
        Move::ChangePasskeyEmail(user, email) => {
            change_passkey_email(core, &ids[*user], EMAILS[*email]).await
        }
        Move::ChangeContact(user, contact, is_set) => {
            change_contact(core, &ids[*user], *contact, *is_set).await
        }
        Move::Join(user, tenant) => {
            let body = json!({"recipeUserId": ids[*user]});
            core.post(&path(*tenant, "/recipe/multitenancy/tenant/user"), body).await
        }
        Move::Leave(user, tenant) => {
            let body = json!({"recipeUserId": ids[*user]});
            core.post(&path(*tenant, "/recipe/multitenancy/tenant/user/remove"), body).await
        }
        Move::Delete(user, all) => {
            let body = json!({"userId": ids[*user], "removeAllLinkedAccounts": all});
            core.post("/user/remove", body).await
        }
    };
    if reply.status != 200 {
        return (reply.status.to_string(), String::new());
    }
    let json = reply.json();
    let mut answer = json["status"].as_str().unwrap().to_owned();
    if answer == "OK" {
        if json["createdNewUser"] == true {
            answer.push_str(" created");
        }
        for flag in [
            "wasAlreadyAPrimaryUser",
            "accountsAlreadyLinked",
            "wasRecipeUserDeleted",
            "wasLinked",
            "wasAlreadyAssociated",
            "wasAssociated",
        ] {
            if let Some(flag) = json[flag].as_bool() {
                answer.push_str(&format!(" {flag}"));
            }
        }
    }
    let is_sign_up = matches!(what, Move::SignUp { .. } | Move::MakePasskey { .. });
    let is_new = is_sign_up || json["createdNewUser"] == true;
    let id = json["user"]["id"].as_str().filter(|_| is_new).unwrap_or_default().to_owned();
    (answer, id)
}

/// What the core has of these ids, in the model's words.
async fn state(core: &TestCore, ids: &[String]) -> Model {
    let mut model = Model::default();
    for id in ids {
        let reply = core.get(&format!("/user/id?userId={id}")).await.json();
        let user = &reply["user"];
        if user.is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        model.rows.insert(id.clone(), (text(&user["id"]), user["isPrimaryUser"] == true));
        let methods = user["loginMethods"].as_array().unwrap();
        let Some(own) = methods.iter().find(|method| method["recipeUserId"] == json!(id)) else { continue };
        let mut infos = BTreeSet::new();
        for (kind, field) in [("email", "email"), ("phone", "phoneNumber")] {
            infos.extend(own[field].as_str().map(|value| (kind, value.to_owned())));
        }
        if let Some(user) = own["thirdParty"]["userId"].as_str() {
            infos.insert(("tparty", format!("google::{user}")));
        }
        let known = ["emailpassword", "thirdparty", "passwordless", "webauthn"];
        let recipe = known.into_iter().find(|recipe| own["recipeId"] == *recipe).unwrap();
        let tenants = own["tenantIds"].as_array().unwrap();
        let tenants =
            tenants.iter().map(|id| TENANTS.into_iter().find(|known| id == known).unwrap()).collect();
        model.methods.insert(id.clone(), Method { recipe, infos, tenants });
    }
    model
}

/// All orders of up to three things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    match count {
        1 => vec![vec![0]],
        2 => vec![vec![0, 1], vec![1, 0]],
        _ => vec![vec![0, 1, 2], vec![0, 2, 1], vec![1, 0, 2], vec![1, 2, 0], vec![2, 0, 1], vec![2, 1, 0]],
    }
}

/// The move with users who are among the newest of those known.
fn resolve(what: Move, count: usize, newest: usize) -> Option<Move> {
    // The newest first; many of the others are gone.
    let among = |user: usize| count.saturating_sub(1 + user % count.clamp(1, newest));
    let needs_users = !matches!(
        what,
        Move::SignUp { .. } | Move::SignInUp { .. } | Move::UseCode { .. } | Move::MakePasskey { .. }
    );
    if needs_users && count == 0 {
        return None;
    }
    Some(match what {
        Move::MakePrimary(user) => Move::MakePrimary(among(user)),
        Move::Link(user, primary) => Move::Link(among(user), among(primary)),
        Move::Unlink(user) => Move::Unlink(among(user)),
        Move::ChangeEmail(user, email) => Move::ChangeEmail(among(user), email),
        Move::ChangePasskeyEmail(user, email) => Move::ChangePasskeyEmail(among(user), email),
        Move::ChangeContact(user, contact, is_set) => Move::ChangeContact(among(user), contact, is_set),
        Move::Join(user, tenant) => Move::Join(among(user), tenant),
        Move::Leave(user, tenant) => Move::Leave(among(user), tenant),
        Move::Delete(user, all) => Move::Delete(among(user), all),
        what => what,
    })
}

async fn run(rounds: Vec<Vec<Move>>, newest: usize) -> Result<(), TestCaseError> {
    let core = TestCore::start().await;
    for tenant in &TENANTS[1..] {
        make_tenant(&core, tenant).await;
    }
    let (mut model, mut ids) = (Model::default(), Vec::<String>::new());
    let mut seen = BTreeSet::new();
    for round in rounds {
        let round: Vec<Move> =
            round.into_iter().filter_map(|what| resolve(what, ids.len(), newest)).collect();
        if round.is_empty() {
            continue;
        }
        let replies = futures_util::future::join_all(round.iter().map(|what| call(&core, &ids, what))).await;
        let mut known = ids.clone();
        known.extend(replies.iter().map(|(_, id)| id.clone()).filter(|id| !id.is_empty()));
        let after = state(&core, &known).await;
        let in_order = |order: &Vec<usize>| {
            let mut model = model.clone();
            let fits = order.iter().all(|at| {
                let (answer, new_id) = &replies[*at];
                model.make(&ids, &round[*at], new_id) == *answer
            });
            (fits && model == after).then_some(model)
        };
        let Some(next) = orders(round.len()).iter().find_map(in_order) else {
            return Err(TestCaseError::fail(format!(
                "no order of {round:?} explains {replies:?}\nbefore: {model:#?}\nafter: {after:#?}\nids: {ids:?}"
            )));
        };
        let kept: BTreeSet<_> = reserved(&core).await.into_iter().collect();
        let wanted: BTreeSet<_> = next
            .reserved()
            .into_iter()
            .map(|(tenant, (kind, value), owner)| (tenant.to_owned(), kind.to_owned(), value, owner))
            .collect();
        prop_assert_eq!(kept, wanted, "after {:?}", round);
        seen.extend(replies.into_iter().map(|(answer, _)| answer));
        (model, ids) = (next, known);
    }
    prop_assert!(seen.len() > 1, "a run that only ever sees {:?}", seen);
    Ok(())
}

/// Runs random rounds of moves; users are named by their place among the newest.
fn run_all(cases: u32, newest: usize, rounds: &impl Strategy<Value = Vec<Vec<Move>>>) {
    let config = Config { cases, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(rounds, |rounds| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.map_err(|error| TestCaseError::fail(error.to_string()))?.block_on(run(rounds, newest))
        })
        .unwrap();
}

#[test]
fn moves_at_once_are_as_good_as_moves_one_after_the_other() {
    let round = prop::collection::vec(moves(), 1..=3);
    let first = (Just(vec![Move::SignUp { tenant: 0, email: 0 }]), prop::collection::vec(round, 40..60));
    let rounds = first.prop_map(|(first, rest)| std::iter::once(first).chain(rest).collect::<Vec<_>>());
    run_all(12, usize::MAX, &rounds);
}

/// How many users deletions are about.
const NEWEST: usize = 4;

/// A group is made of new users; then somebody is deleted while others are linked and unlinked.
fn deletions() -> impl Strategy<Value = Vec<Vec<Move>>> {
    let change = || {
        prop_oneof![
            4 => (0..NEWEST, 0..NEWEST).prop_map(|(user, primary)| Move::Link(user, primary)),
            2 => (0..NEWEST).prop_map(Move::Unlink),
            1 => (0..NEWEST).prop_map(Move::MakePrimary),
        ]
    };
    let deletion = (0..NEWEST, any::<bool>()).prop_map(|(user, all)| Move::Delete(user, all));
    let at_once = (prop::collection::vec(change(), 1..=2), deletion);
    (0..TENANTS.len(), 0..EMAILS.len(), change(), at_once).prop_map(
        |(tenant, email, before, (mut at_once, deletion))| {
            let new = |at: usize| Move::SignUp { tenant, email: (email + at) % EMAILS.len() };
            at_once.push(deletion);
            // Of the two that are linked, one is older than the one that they are linked to.
            let one_by_one =
                [new(0), new(1), new(2), Move::MakePrimary(1), Move::Link(0, 1), Move::Link(2, 1)];
            let one_by_one = one_by_one.into_iter().chain([before]).map(|what| vec![what]);
            one_by_one.chain([at_once]).collect()
        },
    )
}

#[test]
fn who_is_deleted_while_others_are_linked_is_gone_or_linked() {
    let rounds = prop::collection::vec(deletions(), 4..7).prop_map(|parts| parts.concat());
    run_all(8, NEWEST, &rounds);
}
