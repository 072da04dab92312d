//! The chain over the audit trail: what is found in it, that each event is sealed once, and how long events are kept.

use portcullis_core::ground::audit::{self, Filter, Finding, Report, StoredEvent, verify};
use portcullis_db::{Engine, Value, args};
use portcullis_testkit::{START, TestCore};
use serde_json::json;

const DAY: i64 = 86_400_000;

async fn run(core: &TestCore, sql: &str, args: &[Value<'_>]) -> u64 {
    let mut tx = core.app.db.write().await.unwrap();
    let changed = tx.execute(sql.to_owned(), args).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

async fn events(core: &TestCore) -> Vec<StoredEvent> {
    audit::list(&core.app.db, 0, &Filter::default(), 100_000).await.unwrap()
}

async fn settle(core: &TestCore) {
    audit::settle(&core.app, "", &core.app.db, core.clock.now()).await.unwrap();
}

async fn walk(core: &TestCore) -> Report {
    verify(&core.app.db, core.clock.now() - 31 * DAY, None).await.unwrap()
}

async fn findings(core: &TestCore) -> Vec<Finding> {
    walk(core).await.findings
}

/// Makes events, one for each role.
async fn make(core: &TestCore, count: usize) {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    for _ in 0..count {
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let role = json!({"role": format!("role-{number}"), "permissions": []});
        assert_eq!(core.put("/recipe/role", role).await.status_word(), "OK");
    }
}

/// An event of a writer that draws its own number.
async fn insert(core: &TestCore, id: i64) {
    let columns = "id, app_id, tenant_id, event_type, created_at";
    let values = "values ($1, 'public', 'public', 'user_last_active', $2)";
    let sql = match core.app.db.engine() {
        Engine::Sqlite => format!("insert into activity_log ({columns}) {values}"),
        Engine::Postgres => format!("insert into activity_log ({columns}) overriding system value {values}"),
    };
    assert_eq!(run(core, &sql, args![id, core.clock.now()]).await, 1);
}

/// A core with three links of three events.
async fn chain() -> (TestCore, Vec<i64>) {
    let core = TestCore::start().await;
    for _ in 0..3 {
        make(&core, 3).await;
        settle(&core).await;
    }
    let ids = events(&core).await.iter().map(|event| event.id).collect();
    let report = walk(&core).await;
    assert_eq!((report.seals, report.events, report.unsealed, report.position), (3, 9, 0, 3));
    assert_eq!(report.findings, []);
    (core, ids)
}

#[tokio::test]
async fn an_event_that_was_changed_is_found() {
    let (core, ids) = chain().await;
    for column in ["identifier", "payload", "status", "recipe_user_id", "auth_principal", "tenant_id"] {
        let sql = format!("select {column} from activity_log where id = $1");
        let before: Vec<(Option<String>,)> =
            core.app.db.read().await.unwrap().fetch_all(sql, args![ids[4]]).await.unwrap();
        let set = format!("update activity_log set {column} = $2 where id = $1");
        assert_eq!(run(&core, &set, args![ids[4], "something else"]).await, 1);
        assert_eq!(findings(&core).await, [Finding::ChangedEvent(ids[4])], "{column}");
        run(&core, &set, args![ids[4], &before[0].0]).await;
        assert_eq!(findings(&core).await, [], "{column}");
    }
}

#[tokio::test]
async fn an_event_that_was_deleted_or_added_is_found() {
    let (core, ids) = chain().await;
    let sql = "delete from activity_log where id = $1";
    assert_eq!(run(&core, sql, args![ids[4]]).await, 1);
    assert_eq!(findings(&core).await, [Finding::MissingEvent(ids[4], START)]);
    insert(&core, ids[4]).await;
    assert_eq!(findings(&core).await, [Finding::ChangedEvent(ids[4])]);
    insert(&core, 0).await;
    let both = [Finding::ChangedEvent(ids[4]), Finding::AddedEvent(0)];
    assert_eq!(findings(&core).await, both, "below all that there ever were");
    insert(&core, ids[8] + 1).await;
    assert_eq!(walk(&core).await.unsealed, 1, "above all that were sealed");
}

#[tokio::test]
async fn an_event_that_was_added_to_sealed_ones_is_found() {
    let core = TestCore::start().await;
    insert(&core, 10).await;
    settle(&core).await;
    insert(&core, 20).await;
    settle(&core).await;
    core.advance(601_000);
    insert(&core, 30).await;
    settle(&core).await;
    assert_eq!(findings(&core).await, []);
    insert(&core, 15).await;
    settle(&core).await;
    assert_eq!(findings(&core).await, [Finding::AddedEvent(15)]);
}

#[tokio::test]
async fn links_that_were_changed_or_taken_away_are_found() {
    let changes: [(&str, &[Finding]); 8] = [
        ("update portcullis_audit_seals set sealed_at = 7 where position = 2", &[Finding::ChangedLink(2)]),
        (
            "update portcullis_audit_seals set hash = previous_hash where position = 2",
            &[Finding::ChangedLink(2), Finding::BrokenLink(3)],
        ),
        (
            "update portcullis_audit_seals set previous_hash = hash where position = 2",
            &[Finding::ChangedLink(2), Finding::BrokenLink(2)],
        ),
        ("delete from portcullis_audit_seals where position = 3", &[Finding::MissingLinks(3, 3)]),
        ("delete from portcullis_audit_seals where position = 1", &[Finding::MissingBeginning(2)]),
        ("delete from portcullis_audit_seals where position = 2", &[Finding::MissingLinks(2, 2)]),
        ("delete from portcullis_audit_seals", &[Finding::MissingLinks(1, 3)]),
        (
            "update portcullis_audit_head set hash = (select hash from portcullis_audit_seals where position = 1)",
            &[Finding::WrongHead],
        ),
    ];
    for (change, expected) in changes {
        let (core, _) = chain().await;
        assert!(run(&core, change, &[]).await > 0);
        let mut found = findings(&core).await;
        // The events of a link that is gone look as if they had been added.
        found.retain(|finding| !matches!(finding, Finding::AddedEvent(_)));
        assert_eq!(found, expected, "{change}");
    }
}

#[tokio::test]
async fn a_whole_new_chain_is_found_by_an_end_that_was_noted_elsewhere() {
    let (core, ids) = chain().await;
    let report = walk(&core).await;
    let expected = Some((report.position, report.hash.as_str()));
    let oldest = core.clock.now() - 31 * DAY;
    assert_eq!(verify(&core.app.db, oldest, expected).await.unwrap().findings, []);
    run(&core, "delete from portcullis_audit_seals", &[]).await;
    run(&core, "delete from activity_log where id = $1", args![ids[0]]).await;
    let zero = [0_u8; 32];
    let sql = "update portcullis_audit_head set position = 0, hash = $1, highest_id = 0, gaps = $2";
    run(&core, sql, args![&zero[..], &zero[..0]]).await;
    for _ in 0..3 {
        settle(&core).await;
    }
    assert_eq!(findings(&core).await, [], "it looks whole");
    let found = verify(&core.app.db, oldest, expected).await.unwrap().findings;
    assert_eq!(found, [Finding::Unexpected(3)]);
}

#[tokio::test]
async fn an_event_that_comes_late_is_sealed_and_one_that_comes_too_late_is_found() {
    let core = TestCore::start().await;
    make(&core, 1).await;
    let first = events(&core).await[0].id;
    insert(&core, first + 3).await;
    settle(&core).await;
    assert_eq!(walk(&core).await.events, 2);
    // Two units of work that had drawn their numbers before.
    insert(&core, first + 2).await;
    assert_eq!((walk(&core).await.unsealed, findings(&core).await.len()), (1, 0), "it may still come");
    settle(&core).await;
    assert_eq!((walk(&core).await.events, walk(&core).await.unsealed), (3, 0));
    core.advance(600_001);
    insert(&core, first + 4).await;
    settle(&core).await;
    insert(&core, first + 1).await;
    settle(&core).await;
    assert_eq!(findings(&core).await, [Finding::AddedEvent(first + 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_cores_seal_each_event_once_while_others_write() {
    let core = TestCore::start().await;
    let other = core.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let core = core.clone();
        tasks.spawn(async move { make(&core, 25).await });
    }
    for core in [core.clone(), other.clone()] {
        tasks.spawn(async move {
            for _ in 0..20 {
                settle(&core).await;
            }
        });
    }
    tasks.join_all().await;
    settle(&other).await;
    let report = walk(&core).await;
    assert_eq!((report.events, report.unsealed, report.findings.as_slice()), (100, 0, &[][..]));
}

#[tokio::test]
async fn more_than_a_link_may_name_become_several_links() {
    let core = TestCore::start().await;
    let sql = match core.app.db.engine() {
        Engine::Sqlite => {
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
             insert into activity_log (event_type, created_at) select 'user_last_active', $1 + i * 0 from n"
        }
        Engine::Postgres => {
            "insert into activity_log (event_type, created_at)
             select 'user_last_active', $1 from generate_series(1, 5000)"
        }
    };
    assert_eq!(run(&core, sql, args![core.clock.now()]).await, 5000);
    settle(&core).await;
    let report = walk(&core).await;
    assert_eq!((report.seals, report.events, report.findings.as_slice()), (3, 5000, &[][..]));
}

async fn delete_old(core: &TestCore) {
    audit::delete_old(&core.app, "", &core.app.db, core.clock.now()).await.unwrap();
}

async fn count(core: &TestCore, table: &str) -> i64 {
    let sql = format!("select count(*) from {table}");
    let rows: Vec<(i64,)> = core.app.db.read().await.unwrap().fetch_all(sql, &[]).await.unwrap();
    rows[0].0
}

#[tokio::test]
async fn old_events_go_with_their_links_and_the_chain_holds() {
    let core = TestCore::start().await;
    for _ in 0..3 {
        make(&core, 1).await;
        settle(&core).await;
    }
    core.advance(40 * DAY);
    make(&core, 1).await;
    settle(&core).await;
    // On PostgreSQL a month goes as a whole: November is over 31 days later.
    core.advance(24 * DAY);
    make(&core, 1).await;
    settle(&core).await;
    assert_eq!(count(&core, "activity_log").await, 5);
    delete_old(&core).await;
    assert_eq!(count(&core, "activity_log").await, 2);
    // The last link that names nothing but what is gone stays, as the chain's beginning.
    assert_eq!(count(&core, "portcullis_audit_seals").await, 3);
    let report = walk(&core).await;
    assert_eq!((report.position, report.findings.as_slice()), (5, &[][..]));
    run(&core, "delete from portcullis_audit_seals where position = 3", &[]).await;
    assert!(findings(&core).await.contains(&Finding::MissingBeginning(4)));
}

#[tokio::test]
async fn what_is_deleted_before_its_time_is_found() {
    let core = TestCore::start_with(&json!({"audit_retention_days": 10})).await;
    make(&core, 1).await;
    settle(&core).await;
    core.advance(60 * DAY);
    make(&core, 1).await;
    settle(&core).await;
    delete_old(&core).await;
    assert_eq!(count(&core, "activity_log").await, 1);
    let since = |days: i64| core.clock.now() - days * DAY;
    assert_eq!(verify(&core.app.db, since(10), None).await.unwrap().findings, []);
    let found = verify(&core.app.db, since(90), None).await.unwrap().findings;
    assert!(matches!(found[..], [Finding::DeletedEarly(_)]), "{found:?}");
}

async fn partitions(core: &TestCore) -> Vec<String> {
    let sql =
        "select cast(part.relname as text) from pg_inherits i join pg_class part on part.oid = i.inhrelid
        where i.inhparent = cast('activity_log' as regclass) order by 1";
    let rows: Vec<(String,)> = core.app.db.read().await.unwrap().fetch_all(sql, &[]).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

#[tokio::test]
async fn months_are_made_ahead_and_dropped_once_all_of_them_is_old() {
    let core = TestCore::start().await;
    if core.app.db.engine() == Engine::Sqlite {
        make(&core, 1).await;
        core.advance(31 * DAY);
        delete_old(&core).await;
        assert_eq!(count(&core, "activity_log").await, 1);
        core.advance(1);
        delete_old(&core).await;
        assert_eq!(count(&core, "activity_log").await, 0);
        return;
    }
    assert_eq!(
        partitions(&core).await,
        ["activity_log_default", "activity_log_p202311", "activity_log_p202312"]
    );
    make(&core, 1).await;
    // Of a time for which there is no part.
    core.clock.set(START - 60 * DAY);
    insert(&core, 1000).await;
    assert_eq!(count(&core, "activity_log_default").await, 1);
    core.clock.set(START + 46 * DAY);
    delete_old(&core).await;
    assert_eq!(
        (count(&core, "activity_log_p202311").await, count(&core, "activity_log_default").await),
        (1, 0)
    );
    core.advance(3 * DAY);
    delete_old(&core).await;
    assert_eq!(
        partitions(&core).await,
        ["activity_log_default", "activity_log_p202312", "activity_log_p202401", "activity_log_p202402"],
        "the first of January is 31 days after the last of November"
    );
}

#[tokio::test]
async fn whoever_looks_for_events_finds_those_and_no_others() {
    let core = TestCore::start().await;
    core.sign_up("ann@example.com", "password1").await;
    core.advance(1000);
    core.sign_up("bob@example.com", "password1").await;
    let all = events(&core).await;
    let found = async |filter: Filter| {
        let events = audit::list(&core.app.db, 0, &filter, 100).await.unwrap();
        events.iter().map(|event| event.id).collect::<Vec<_>>()
    };
    let (ann, bob) = (&all[0], &all[1]);
    let kind = Some("emailpassword_sign_up".to_owned());
    let app_id = Some("public".to_owned());
    for (filter, expected) in [
        (Filter { user_id: ann.user_id.clone(), ..Filter::default() }, vec![ann.id]),
        (Filter { kind, app_id, since: Some(bob.created_at), ..Filter::default() }, vec![bob.id]),
        (Filter { kind: Some("user_deleted".to_owned()), ..Filter::default() }, vec![]),
        (Filter { tenant_id: Some("t1".to_owned()), ..Filter::default() }, vec![]),
        (Filter { tenant_id: Some("public".to_owned()), ..Filter::default() }, vec![ann.id, bob.id]),
    ] {
        assert_eq!(found(filter.clone()).await, expected, "{filter:?}");
    }
}
