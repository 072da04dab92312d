//! What SuperTokens' core must find in its tables once Portcullis has written there, as its own statements read them in
//! the mode MIGRATED.

use crate::caller::Caller;
use crate::place::{Place, is_postgres};
use portcullis_db::{Tx, args};
use serde_json::{Value, json};

const CDI: &str = "5.4";

/// What must be nowhere, the rows where it is nevertheless, and a statement that brings it about.
type Fault = (&'static str, &'static str, &'static str);

/// What the recipes' own tables say that a user has.
const OWN: &str = "with own as (
    select app_id, cast(user_id as text) as id, 'emailpassword' as recipe, 'email' as kind, email as value, '' as provider,
        '' as provider_user from emailpassword_users
    union all select app_id, cast(user_id as text), 'webauthn', 'email', email, '', '' from webauthn_users
    union all select app_id, cast(user_id as text), 'passwordless', 'email', email, '', '' from passwordless_users
        where email is not null
    union all select app_id, cast(user_id as text), 'passwordless', 'phone', phone_number, '', '' from passwordless_users
        where phone_number is not null
    union all select app_id, cast(user_id as text), 'thirdparty', 'email', email, third_party_id, third_party_user_id
        from thirdparty_users
    union all select app_id, cast(user_id as text), 'thirdparty', 'tparty', third_party_id || '::' || third_party_user_id,
        '', '' from thirdparty_users),
    stored as (select app_id, cast(recipe_user_id as text) as id, recipe_id as recipe, account_info_type as kind,
        account_info_value as value, third_party_id as provider, third_party_user_id as provider_user
        from recipe_user_account_infos),
    members as (select distinct app_id, tenant_id, cast(recipe_user_id as text) as id from recipe_user_tenants),
    reserved as (
        select distinct u.app_id, m.tenant_id, s.kind, s.value, cast(u.primary_or_recipe_user_id as text) as id
        from app_id_to_user_id u
        join app_id_to_user_id v on v.app_id = u.app_id and v.primary_or_recipe_user_id = u.primary_or_recipe_user_id
        join stored s on s.app_id = u.app_id and s.id = cast(u.user_id as text)
        join members m on m.app_id = u.app_id and m.id = cast(v.user_id as text)
        where u.is_linked_or_is_a_primary_user),
    methods as (
        select app_id, user_id, 'emailpassword' as recipe, time_joined from emailpassword_users
        union all select app_id, user_id, 'passwordless', time_joined from passwordless_users
        union all select app_id, user_id, 'thirdparty', time_joined from thirdparty_users
        union all select app_id, user_id, 'webauthn', time_joined from webauthn_users),
    kept as (
        select app_id, user_id from user_metadata union all select app_id, user_id from user_roles
        union all select app_id, user_id from session_info union all select app_id, user_id from totp_users
        union all select app_id, user_id from emailverification_verified_emails)";

const APART: &str = "a tenant is described and is not there, or the other way round";

const FAULTS: [Fault; 24] = [
    ("something that a user has is not found by it", "select 1 from (select * from own except select * from stored) x",
        "delete from recipe_user_account_infos where account_info_type = 'tparty'"),
    ("a user is found by something that it has not", "select 1 from (select * from stored except select * from own) x",
        "update recipe_user_account_infos set third_party_id = 'x' where account_info_type = 'tparty'"),
    ("a member of a tenant is not found there by all that it has",
        "select 1 from members m join recipe_user_account_infos a on a.app_id = m.app_id and a.recipe_user_id = m.id
        where not exists (select 1 from recipe_user_tenants t where t.app_id = a.app_id and t.tenant_id = m.tenant_id
            and t.recipe_user_id = a.recipe_user_id and t.recipe_id = a.recipe_id
            and t.account_info_type = a.account_info_type and t.account_info_value = a.account_info_value
            and t.third_party_id = a.third_party_id and t.third_party_user_id = a.third_party_user_id)",
        "delete from recipe_user_tenants where account_info_type = 'tparty'"),
    ("a member of a tenant is found there by what it has not",
        "select 1 from recipe_user_tenants t where not exists (select 1 from recipe_user_account_infos a
            where a.app_id = t.app_id and a.recipe_user_id = t.recipe_user_id and a.recipe_id = t.recipe_id
            and a.account_info_type = t.account_info_type and a.account_info_value = t.account_info_value
            and a.third_party_id = t.third_party_id and a.third_party_user_id = t.third_party_user_id)",
        "update recipe_user_tenants set account_info_value = 'x' || account_info_value"),
    ("a login method is of no user, or of one of another recipe",
        "select 1 from methods m left join app_id_to_user_id u
            on u.app_id = m.app_id and u.user_id = m.user_id and u.recipe_id = m.recipe where u.user_id is null",
        "update app_id_to_user_id set recipe_id = 'webauthn' where recipe_id = 'emailpassword'"),
    ("a user seems not to be moved yet, or joined at another time than its login method",
        "select 1 from methods m join app_id_to_user_id u on u.app_id = m.app_id and u.user_id = m.user_id
        where u.time_joined = 0 or u.time_joined <> m.time_joined",
        "update app_id_to_user_id set time_joined = 0"),
    ("a group joined at another time than the first of its login methods",
        "select 1 from app_id_to_user_id u join (select app_id, primary_or_recipe_user_id as id, min(time_joined) as first
            from app_id_to_user_id v where (app_id, user_id) in (select app_id, user_id from methods) group by 1, 2) g
            on g.app_id = u.app_id and g.id = u.primary_or_recipe_user_id
        where u.primary_or_recipe_user_time_joined <> g.first",
        "update app_id_to_user_id set primary_or_recipe_user_time_joined = 1"),
    ("a user who is not linked has another one's id",
        "select 1 from app_id_to_user_id where not is_linked_or_is_a_primary_user and primary_or_recipe_user_id <> user_id",
        "update app_id_to_user_id set is_linked_or_is_a_primary_user = false"),
    ("both tables do not say the same of a user's group",
        "select 1 from recipe_user_account_infos a
        join app_id_to_user_id u on u.app_id = a.app_id and u.user_id = a.recipe_user_id
        where a.primary_user_id is distinct from
            case when u.is_linked_or_is_a_primary_user then u.primary_or_recipe_user_id end",
        "update recipe_user_account_infos set primary_user_id = null"),
    ("something is not reserved for a group in one of its tenants",
        "select 1 from (select * from reserved except select app_id, tenant_id, account_info_type, account_info_value,
            cast(primary_user_id as text) from primary_user_tenants) x",
        "delete from primary_user_tenants where account_info_type = 'email'"),
    ("something is reserved for a group that it has not",
        "select 1 from (select app_id, tenant_id, account_info_type, account_info_value, cast(primary_user_id as text)
            from primary_user_tenants except select * from reserved) x",
        "update primary_user_tenants set account_info_value = 'x' || account_info_value"),
    ("a table of Portcullis' own keeps SuperTokens' core from deleting what it refers to",
        "select 1 from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and k.contype = 'f' and k.confdeltype <> 'c'",
        "alter table webauthn_assertions drop constraint webauthn_assertions_options_id_fkey,
            add constraint webauthn_assertions_options_id_fkey foreign key (app_id, tenant_id, options_id)
            references webauthn_generated_options (app_id, tenant_id, id)"),
    ("what is kept about a user with another id is kept under the internal one",
        "select 1 from kept k join userid_mapping m on m.app_id = k.app_id and m.supertokens_user_id = k.user_id",
        "insert into userid_mapping (app_id, supertokens_user_id, external_user_id)
            select app_id, user_id, 'x' from emailpassword_users e where (app_id, user_id) in (select app_id, user_id
                from session_info) and (app_id, user_id) not in (select app_id, supertokens_user_id from userid_mapping)
            limit 1"),
    ("an id is padded", "select 1 from kept where user_id <> rtrim(user_id)", "update session_info set user_id = user_id || ' '"),
    ("a session is not readable",
        "select 1 from session_info where refresh_token_hash_2 !~ '^[0-9a-f]{64}$' or jsonb_typeof(session_data::jsonb) <> 'object'
            or jsonb_typeof(jwt_user_payload::jsonb) <> 'object' or expires_at < created_at_time",
        "update session_info set session_data = '[]'"),
    ("a signing key is not readable",
        "select 1 from (select value as pair, 'RS256' as algorithm, 's-' as id from session_access_token_signing_keys
            union all select key_string, algorithm, key_id from jwt_signing_keys) k
        where pair !~ '^[A-Za-z0-9+/=]+[|][A-Za-z0-9+/=]+$' or algorithm <> 'RS256' or id not like 's-%'",
        "update jwt_signing_keys set key_string = replace(key_string, '|', ';')"),
    ("the key of refresh tokens is not readable",
        "select 1 from key_value where name = 'refresh_token_key' and value !~ '^1000:[0-9a-f]{128}:[0-9a-f]{128}$'",
        "update key_value set value = 'x' where name = 'refresh_token_key'"),
    ("metadata are no object", "select 1 from user_metadata where jsonb_typeof(user_metadata::jsonb) <> 'object'",
        "update user_metadata set user_metadata = '1'"),
    ("a password's hash is of no known form",
        "select 1 from (select password_hash from emailpassword_users union all select password_hash from dashboard_users) x
        where password_hash !~ '^[$](2a[$][0-9]{2}[$].{53}$|argon2id[$]|f_scrypt[$])'",
        "update emailpassword_users set password_hash = 'x'"),
    ("a passkey is not readable",
        "select 1 from webauthn_credentials c left join webauthn_users u on u.app_id = c.app_id and u.user_id = c.user_id
        where u.rp_id is distinct from c.rp_id or jsonb_typeof(transports::jsonb) <> 'array' or length(public_key) < 40",
        "update webauthn_credentials set transports = '{}'"),
    ("a device is not readable",
        "select 1 from totp_user_devices where secret_key !~ '^[A-Z2-7]+=*$' or period < 1 or skew < 0",
        "update totp_user_devices set secret_key = 'x1'"),
    ("a token is stored as it is",
        "select 1 from (select token from emailpassword_pswd_reset_tokens union all select token from emailverification_tokens) x
        where token !~ '^[0-9a-f]{64}$'",
        "update emailverification_tokens set token = 'x' || email"),
    (APART,
        "select 1 from tenants t full join tenant_configs c on c.app_id = t.app_id and c.tenant_id = t.tenant_id
        where t.app_id is null or c.app_id is null or jsonb_typeof(c.core_config::jsonb) <> 'object'",
        "delete from tenant_configs where tenant_id = 't1'"),
    ("an entry of the import's queue does not go by its user's id",
        "select 1 from bulk_import_users b where b.id <> (
            select m ->> 'superTokensUserId' from json_array_elements(cast(b.raw_data as json) -> 'loginMethods') m
            order by cast(m ->> 'isPrimary' as boolean) desc, cast(m ->> 'timeJoinedInMSSinceEpoch' as bigint) limit 1)",
        "update bulk_import_users set id = cast(gen_random_uuid() as text)"),
];

async fn count(tx: &mut Tx, (fault, offenders, _): &Fault) -> i64 {
    let sql = format!("{OWN} select count(*) from ({offenders}) found (one)");
    let found = tx.fetch_all::<(i64,)>(sql, args![]).await;
    assert!(found.is_ok(), "{fault}: {found:?}");
    found.map_or(0, |rows| rows.iter().map(|(count,)| count).sum())
}

/// Nothing stands in the way back.
pub(super) async fn check(place: &Place) {
    check_but(place, "").await;
}

/// The same of one of several databases: tenants are described in another one than that in which they are.
pub(super) async fn check_one_of_several(place: &Place) {
    check_but(place, APART).await;
}

async fn check_but(place: &Place, passed_over: &str) {
    let db = place.open_database().await;
    let mut tx = db.read().await.expect("the database answers");
    for fault in FAULTS.iter().filter(|(fault, ..)| *fault != passed_over) {
        assert_eq!(count(&mut tx, fault).await, 0, "{}", fault.0);
    }
    drop(tx);
    db.close().await;
}

fn call(caller: &Caller, path: &str, body: &Value) -> Value {
    let reply = caller.post(CDI, path, body).expect("answers");
    assert_eq!(reply["status"], "OK", "{path} {body}: {reply}");
    reply
}

fn put(caller: &Caller, path: &str, body: &Value) {
    let reply = caller.put(CDI, path, body).expect("answers");
    assert_eq!(reply["status"], "OK", "{path} {body}: {reply}");
}

fn sign_up(caller: &Caller, email: &str) -> String {
    let reply = call(caller, "/recipe/signup", &json!({"email": email, "password": "password1"}));
    reply["recipeUserId"].as_str().expect("an id").to_owned()
}

fn by_provider(caller: &Caller, user: &str, email: &str) -> String {
    let told = json!({"thirdPartyId": "google", "thirdPartyUserId": user, "email": {"id": email, "isVerified": true}});
    call(caller, "/recipe/signinup", &told)["recipeUserId"].as_str().expect("an id").to_owned()
}

/// What moves rows about: users who are linked, parted, moved among tenants, renamed and deleted.
pub(super) fn live(caller: &Caller) {
    let users: Vec<String> =
        (0..8).map(|number| sign_up(caller, &format!("live{number}@example.com"))).collect();
    let linked: Vec<String> = (0..6)
        .map(|number| by_provider(caller, &format!("l{number}"), &format!("l{number}@example.com")))
        .collect();
    put(caller, "/recipe/multitenancy/tenant/v2", &json!({"tenantId": "t1"}));
    put(caller, "/recipe/multitenancy/tenant/v2", &json!({"tenantId": "live"}));
    put(caller, "/recipe/role", &json!({"role": "admin", "permissions": ["read"]}));
    for (user_id, other) in users.iter().zip(&linked) {
        call(caller, "/recipe/accountlinking/user/primary", &json!({"recipeUserId": user_id}));
        call(
            caller,
            "/recipe/accountlinking/user/link",
            &json!({"recipeUserId": other, "primaryUserId": user_id}),
        );
    }
    for user_id in [&users[0], &linked[1], &users[2], &users[7]] {
        call(caller, "/live/recipe/multitenancy/tenant/user", &json!({"recipeUserId": user_id}));
        call(caller, "/t1/recipe/multitenancy/tenant/user", &json!({"recipeUserId": user_id}));
    }
    // Addresses of one who is linked and of one who is not, told by the user and by the provider.
    put(caller, "/recipe/user", &json!({"recipeUserId": users[0], "email": "renamed0@example.com"}));
    put(
        caller,
        "/recipe/user",
        &json!({"recipeUserId": users[7], "email": "renamed7@example.com", "password": "password2"}),
    );
    by_provider(caller, "l1", "renamed1@example.com");
    // One leaves a tenant and the group stays there; a whole group leaves; one is parted; the first of a group goes.
    call(caller, "/t1/recipe/multitenancy/tenant/user/remove", &json!({"recipeUserId": linked[1]}));
    call(caller, "/recipe/multitenancy/tenant/user/remove", &json!({"recipeUserId": users[2]}));
    call(caller, "/recipe/accountlinking/user/unlink", &json!({"recipeUserId": linked[3]}));
    call(caller, "/recipe/accountlinking/user/unlink", &json!({"recipeUserId": users[4]}));
    call(caller, "/user/remove", &json!({"userId": users[5], "removeAllLinkedAccounts": false}));
    call(caller, "/user/remove", &json!({"userId": users[6]}));
    call(caller, "/recipe/multitenancy/tenant/remove", &json!({"tenantId": "live"}));
    // What waits, and what is kept.
    call(
        caller,
        "/recipe/user/password/reset/token",
        &json!({"userId": users[0], "email": "renamed0@example.com"}),
    );
    call(
        caller,
        "/recipe/user/email/verify/token",
        &json!({"userId": users[7], "email": "renamed7@example.com"}),
    );
    call(caller, "/recipe/userid/map", &json!({"superTokensUserId": users[7], "externalUserId": "live-7"}));
    put(caller, "/recipe/user/role", &json!({"userId": "live-7", "role": "admin"}));
    put(
        caller,
        "/recipe/user/metadata",
        &json!({"userId": "live-7", "metadataUpdate": {"a": {"b": [1, null]}}}),
    );
    call(
        caller,
        "/recipe/totp/device",
        &json!({"userId": "live-7", "deviceName": "phone", "skew": 1, "period": 30}),
    );
    let payload = json!({"payload": {}, "validity": 60, "jwksDomain": "https://example.com", "algorithm": "RS256",
        "useStaticSigningKey": true});
    call(caller, "/recipe/jwt", &payload);
    let imported = json!({"externalUserId": "live-8", "userMetadata": {"a": 1}, "userRoles": [
        {"role": "admin", "tenantIds": ["public", "t1"]}], "loginMethods": [
        {"recipeId": "emailpassword", "email": "live8@example.com", "plainTextPassword": "password1", "isVerified": true,
            "isPrimary": true, "timeJoinedInMSSinceEpoch": 1_700_000_000_000_i64, "tenantIds": ["public", "t1"]},
        {"recipeId": "thirdparty", "email": "live9@example.com", "thirdPartyId": "google", "thirdPartyUserId": "live9",
            "timeJoinedInMSSinceEpoch": 1_600_000_000_000_i64},
        {"recipeId": "passwordless", "email": "live10@example.com", "phoneNumber": "+4930901820999"}]});
    call(caller, "/bulk-import/import", &imported);
    // One that stays in the queue, as the address is taken.
    let queued = json!({"users": [{"loginMethods": [
        {"recipeId": "thirdparty", "email": "live11@example.com", "thirdPartyId": "google", "thirdPartyUserId": "live11"},
        {"recipeId": "emailpassword", "email": "renamed0@example.com", "plainTextPassword": "password1", "isPrimary": true}]}]});
    call(caller, "/bulk-import/users", &queued);
    for user_id in [&users[1], &linked[4], &"live-8".to_owned()] {
        let session = json!({"userId": user_id, "enableAntiCsrf": false, "userDataInJWT": {}, "userDataInDatabase": {},
            "useDynamicSigningKey": false});
        call(caller, "/recipe/session", &session);
    }
}

#[tokio::test]
async fn each_fault_that_is_looked_for_is_found() {
    if !is_postgres() {
        return;
    }
    let place = Place::new("adopt_faults", &super::SETTINGS);
    let core = place.start();
    let caller = Caller::new(&core.address);
    super::People::sign_up(&caller, super::knows("12.1"));
    live(&caller);
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    check(&place).await;
    let db = place.open_database().await;
    for fault in &FAULTS {
        // It is undone with the unit of work.
        let mut tx = db.write().await.expect("a unit of work");
        let outcome = tx.execute(fault.2, &[]).await;
        assert!(outcome.is_ok(), "{}: {outcome:?}", fault.2);
        assert!(count(&mut tx, fault).await > 0, "{}", fault.0);
    }
    db.close().await;
}
