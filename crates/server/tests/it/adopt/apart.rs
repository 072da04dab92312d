//! Apps and tenants with a database of their own, which SuperTokens' core keeps so: who they are stands in the default
//! domain's database alone, and theirs has a row for each app and tenant that lives there.

use super::{SETTINGS, adopt, adopt_through_kills, crowd, execute, form, knows, moved, names, rows, run};
use super::{
    people::{Knows, People},
    way_back,
};
use crate::caller::Caller;
use crate::place::{Place, is_postgres};
use serde_json::{Value, json};
use std::process::Command;

/// What tenants are called in a place.
type Tenant<'a> = (&'a str, &'a str);

/// The settings that name a place.
fn settings(place: &Place) -> Value {
    let (url, schema) = place.address();
    json!({"postgresql_connection_uri": url, "postgresql_table_schema": schema, "postgresql_connection_pool_size": 2})
}

/// A database in which only this tenant lives, with users.
async fn home(name: &str, (app_id, tenant_id): Tenant<'_>) -> Place {
    let place = Place::new(name, &SETTINGS);
    let (clean, log) = place.start().stop();
    assert!(clean, "{log}");
    let clear = [
        "delete from apps",
        "delete from tenant_configs",
        "delete from session_access_token_signing_keys",
        "delete from jwt_signing_keys",
    ];
    execute(&place, &clear.map(str::to_owned)).await;
    let rows = [
        format!("insert into apps values ('{app_id}', 1)"),
        format!("insert into tenants values ('{app_id}', '{tenant_id}', 1)"),
    ];
    execute(&place, &rows).await;
    execute(&place, &crowd(app_id, tenant_id)).await;
    place
}

/// Describes a tenant in the database of all tenants.
async fn describe(base: &Place, domain: &str, (app_id, tenant_id): Tenant<'_>, settings: &Value) {
    let row = format!(
        "insert into tenant_configs values ('{domain}', '{app_id}', '{tenant_id}', '{settings}', true, true, true, true)"
    );
    execute(base, &[row]).await;
}

/// The database of all tenants, and those of a tenant and of an app.
struct Homes {
    base: Place,
    tenant: Place,
    app: Place,
}

impl Homes {
    const TENANT: Tenant<'static> = ("public", "t");
    const APP: Tenant<'static> = ("a", "public");

    /// `more` is what the tenant's settings say beside where it lives.
    async fn new(name: &str, more: &Value) -> Self {
        let base = Place::new(name, &SETTINGS);
        super::add_crowd(&base).await;
        let tenant = home(&format!("{name}_t"), Self::TENANT).await;
        let app = home(&format!("{name}_a"), Self::APP).await;
        let mut own = settings(&tenant);
        for (name, value) in more.as_object().expect("an object") {
            own[name] = value.clone();
        }
        describe(&base, "", Self::TENANT, &own).await;
        describe(&base, "", Self::APP, &settings(&app)).await;
        Self { base, tenant, app }
    }

    fn all(&self) -> [&Place; 3] {
        [&self.base, &self.tenant, &self.app]
    }

    /// Everything that must be as if it had been ours from the beginning.
    async fn told(&self) -> Vec<Told> {
        let mut all = Vec::new();
        for place in self.all() {
            let db = place.open_database().await;
            let described = [rows(&db, "apps").await, rows(&db, "tenants").await];
            db.close().await;
            all.push((moved(place).await, described, names(place).await));
        }
        all
    }

    /// Nothing is missing, or otherwise.
    async fn check(&self, before: &[Told]) {
        for ((rows, described, names), (rows_before, described_before, names_before)) in
            self.told().await.iter().zip(before)
        {
            for (now, before) in described.iter().zip(described_before) {
                let lost: Vec<&String> = before.iter().filter(|row| !now.contains(row)).collect();
                assert!(lost.is_empty(), "{lost:?}");
            }
            for ((table, before), (_, after)) in rows_before.iter().zip(rows) {
                assert!(before == after, "{table}: {} rows, {} before", after.len(), before.len());
            }
            let lost: Vec<&String> = names_before.iter().filter(|name| !names.contains(name)).collect();
            assert!(lost.is_empty(), "{lost:?}");
        }
        let said = adopt(&self.base, &[]);
        assert_eq!(said.matches("it is Portcullis' already").count(), 3, "{said}");
        for place in self.all() {
            let (_, said) = run(place.command(&["migrate"]));
            assert!(said.contains("nothing to do"), "{said}");
        }
    }
}

type Told = (Vec<(&'static str, Vec<String>)>, [Vec<String>; 2], Vec<String>);

#[tokio::test]
async fn databases_of_tenants_and_apps_are_taken_over_together() {
    if !is_postgres() {
        return;
    }
    let homes = Homes::new("adopt_apart", &json!({})).await;
    let before = homes.told().await;
    for place in homes.all() {
        execute(place, &form::statements("11.3")).await;
    }
    let said = adopt(&homes.base, &[]);
    for text in [
        "\ndatabase of tenant t: tables of SuperTokens 11.3 or later, before 12.0, 2500 users\napps in it, with their tenants: public (t)",
        "\ndatabase of app a: tables of SuperTokens 11.3 or later, before 12.0, 2500 users\napps in it, with their tenants: a (public)",
        "apps in it, with their tenants: public (public)",
        "all databases: about",
        "nothing was changed",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    adopt(&homes.base, &["--apply"]);
    assert!(adopt(&homes.base, &[]).matches("begun before").count() == 3);
    let said = adopt(&homes.base, &["--finish"]);
    let at = |title: &str| said.find(&format!("\n{title}: taking over")).expect("it is told");
    assert!(
        at("database of tenant t") < at("database") && at("database of app a") < at("database"),
        "{said}"
    );
    homes.check(&before).await;
}

#[tokio::test]
async fn each_database_has_the_mode_of_those_who_live_in_it() {
    if !is_postgres() {
        return;
    }
    let homes = Homes::new("adopt_modes", &json!({"migration_mode": "MIGRATED"})).await;
    let before = homes.told().await;
    execute(&homes.base, &form::statements("12.1 LEGACY")).await;
    execute(&homes.app, &form::statements("12.1 DUAL")).await;
    // Of the older tables, those of a core in this mode are out of date.
    execute(&homes.tenant, &form::statements("12.1 DUAL")).await;
    execute(&homes.tenant, &form::STALE.map(str::to_owned)).await;
    let said = adopt(&homes.base, &[]);
    let tenant = said.split("\ndatabase of tenant t").nth(1).expect("it is told");
    assert!(tenant.contains("in the newer tables (MIGRATED)"), "{said}");
    assert_eq!(said.matches("in the older tables").count(), 2, "{said}");
    adopt(&homes.base, &["--finish"]);
    homes.check(&before).await;
}

#[tokio::test]
async fn their_tables_have_the_prefix_that_they_inherit() {
    if !is_postgres() {
        return;
    }
    let homes = Homes::new("adopt_apart_st", &json!({})).await;
    let before = homes.told().await;
    for place in homes.all() {
        execute(place, &form::statements("11.3")).await;
        execute(place, &[form::PREFIXED.to_owned()]).await;
    }
    let prefixed = |flags: &[&str]| {
        let mut command: Command = homes.base.command(&[&["adopt"], flags].concat());
        command.env("POSTGRESQL_TABLE_NAMES_PREFIX", "st");
        let (succeeded, said) = run(command);
        assert!(succeeded, "{said}");
        said
    };
    // One whose database could not be reached as it was made.
    let late = format!(
        "insert into st_tenant_configs values ('', 'a', 'late', '{}', true, true, true, true)",
        settings(&homes.app)
    );
    execute(&homes.base, &[late]).await;
    let said = prefixed(&[]);
    assert_eq!(said.matches("rename table st_apps to apps").count(), 3, "{said}");
    assert_eq!(said.matches("add 1 tenants that are described and not there yet").count(), 1, "{said}");
    prefixed(&["--finish"]);
    homes.check(&before).await;
    let db = homes.app.open_database().await;
    let tenants = rows(&db, "tenants").await;
    assert!(tenants.len() == 2 && tenants[0].contains("\"late\""), "{tenants:?}");
    db.close().await;
}

#[tokio::test]
async fn several_databases_go_on_where_kill_9_broke_them_off() {
    if !is_postgres() {
        return;
    }
    let homes = Homes::new("adopt_apart_kill", &json!({})).await;
    let before = homes.told().await;
    for place in homes.all() {
        execute(place, &form::statements("9.0")).await;
    }
    let kills = adopt_through_kills(&homes.base);
    assert!(kills > 4, "{kills}");
    homes.check(&before).await;
}

#[tokio::test]
async fn nothing_is_changed_where_one_of_them_cannot_be_taken_over() {
    if !is_postgres() {
        return;
    }
    let homes = Homes::new("adopt_apart_faults", &json!({})).await;
    for place in homes.all() {
        execute(place, &form::statements("11.3")).await;
    }
    let refused = |expected: &str| {
        for flags in [&["adopt"][..], &["adopt", "--apply"], &["adopt", "--finish"]] {
            let (succeeded, said) = homes.base.run(flags);
            assert!(!succeeded && said.contains(expected) && said.contains("nothing was changed"), "{said}");
            // The others are looked at all the same.
            assert!(said.contains("database of app a: tables of SuperTokens 11.3"), "{said}");
        }
    };
    let forget = ["delete from tenant_configs where tenant_id = 'u'".to_owned()];
    // A server that does not answer, and a schema that is not there.
    let nobody = json!({"postgresql_connection_uri": "postgresql://u@127.0.0.1:1/d"});
    describe(&homes.base, "", ("public", "u"), &nobody).await;
    refused("FAULT: database of tenant u: ");
    execute(&homes.base, &forget).await;
    describe(&homes.base, "", ("public", "u"), &json!({"postgresql_table_schema": "not_there"})).await;
    refused("FAULT: database of tenant u: there is no schema not_there");
    execute(&homes.base, &forget).await;
    // Tenants of another domain.
    describe(&homes.base, "d", ("public", "u"), &settings(&homes.tenant)).await;
    refused("FAULT: tenant u of d has no database of its own, but that of domain ''");
    for place in homes.all() {
        assert!(!names(place).await.iter().any(|name| name.contains("portcullis")));
    }
}

/// Users of a tenant and of an app that have databases of their own: each of them gets in after the adoption.
async fn people_are_adopted(name: &str, form: &str, mode: Option<&str>) {
    if !is_postgres() {
        return;
    }
    let base = Place::new(name, &SETTINGS);
    let (tenant, app) =
        (Place::new(&format!("{name}_t"), &SETTINGS), Place::new(&format!("{name}_a"), &SETTINGS));
    let core = base.start();
    let caller = Caller::new(&core.address);
    for (kind, id, place) in [("tenant", "t", &tenant), ("app", "a", &app)] {
        let mut own = settings(place);
        if let Some(mode) = mode {
            own["migration_mode"] = mode.into();
        }
        let body = json!({format!("{kind}Id"): id, "coreConfig": own});
        let reply = caller.put("5.4", &format!("/recipe/multitenancy/{kind}/v2"), &body).expect("answers");
        assert_eq!(reply["status"], "OK", "{reply}");
    }
    let version = form.split(' ').next().expect("a version");
    let of_tenant = Knows { tenants: false, ..knows(version) };
    let mut people = [
        People::sign_up_at(&caller, of_tenant, ("", "/t")),
        People::sign_up_at(&caller, knows(version), ("/appid-a", "")),
        People::sign_up(&caller, knows(version)),
    ];
    let told = people.each_ref().map(|people| people.told(&caller));
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    let places = [&tenant, &app, &base];
    let mut before = Vec::new();
    for place in places {
        before.push(moved(place).await);
        execute(place, &form::statements(form)).await;
    }
    if mode == Some("MIGRATED") {
        for place in [&tenant, &app] {
            execute(place, &form::STALE.map(str::to_owned)).await;
        }
    }
    adopt(&base, &[]);
    adopt(&base, &["--apply"]);
    adopt(&base, &["--finish"]);
    for (place, before) in places.iter().zip(before) {
        for ((table, before), (_, after)) in before.iter().zip(moved(place).await) {
            assert_eq!(*before, after, "{table}");
        }
    }
    let core = base.start();
    let caller = Caller::new(&core.address);
    for (people, told) in people.iter_mut().zip(told) {
        let now = people.told(&caller);
        for (name, before) in told.as_object().expect("an object") {
            // What `--finish` puts right in the settings.
            if name != "tenants" || mode.is_none() {
                assert_eq!(now[name], *before, "{name}");
            }
        }
        people.get_in(&caller);
    }
    way_back::live(&caller);
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    for place in places {
        way_back::check_one_of_several(place).await;
    }
}

#[tokio::test]
async fn people_of_version_9_are_adopted_apart() {
    people_are_adopted("adopt_apart_9", "9.0", None).await;
}

#[tokio::test]
async fn people_of_version_11_are_adopted_apart() {
    people_are_adopted("adopt_apart_11", "11.3", None).await;
}

#[tokio::test]
async fn people_of_version_12_are_adopted_apart_before_they_are_moved() {
    people_are_adopted("adopt_apart_12", "12.1 LEGACY", Some("LEGACY")).await;
}

#[tokio::test]
async fn people_of_version_12_are_adopted_apart_while_both_tables_are_written() {
    people_are_adopted("adopt_apart_dual", "12.1 DUAL", Some("DUAL_WRITE_READ_NEW")).await;
}

#[tokio::test]
async fn people_of_version_12_are_adopted_apart_once_they_are_moved() {
    people_are_adopted("adopt_apart_moved", "12.1 DUAL", Some("MIGRATED")).await;
}
