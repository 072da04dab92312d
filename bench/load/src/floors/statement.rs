//! The statements that a path cannot do without, each as one round trip.

use super::Floor;
use crate::paths::Users;

/// An argument.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Text(String),
    Int(i64),
}

/// The statements; several only where the engine cannot say it in one.
pub(super) fn texts(floor: Floor, is_postgres: bool) -> Vec<&'static str> {
    match floor {
        Floor::FindUser => vec![FIND_USER],
        Floor::FindUserAndLog if is_postgres => vec![FIND_USER_AND_LOG],
        Floor::FindUserAndLog => vec![INSERT_EVENT, FIND_USER],
        Floor::FindByEmail => vec![FIND_BY_EMAIL],
        Floor::ListUsers => vec![LIST_USERS],
        Floor::InsertUser if is_postgres => vec![INSERT_USER],
        Floor::InsertUser => INSERT_USER_APART.into_iter().chain([INSERT_EVENT]).collect(),
        Floor::FindSession => vec![FIND_SESSION],
        Floor::InsertSession if is_postgres => vec![INSERT_SESSION_AND_EVENT],
        Floor::InsertSession => vec![INSERT_SESSION, INSERT_EVENT],
        Floor::UpdateSession => vec![UPDATE_SESSION],
        Floor::InsertToken => vec![INSERT_TOKEN],
        Floor::Sign | Floor::Verify | Floor::Hash | Floor::CheapHash | Floor::TokenKey => vec![],
    }
}

/// Whether it changes something.
pub(super) fn writes(floor: Floor) -> bool {
    use Floor::{FindUserAndLog, InsertSession, InsertToken, InsertUser, UpdateSession};
    matches!(floor, FindUserAndLog | InsertUser | InsertSession | UpdateSession | InsertToken)
}

/// Makes arguments, and remembers what it has inserted.
#[derive(Debug)]
pub(super) struct Arguments {
    users: Users,
    sessions: usize,
    count: usize,
}

const HASH: &str = "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5";

impl Arguments {
    pub(super) fn new(users: Users) -> Self {
        Self { users, sessions: 0, count: 0 }
    }

    pub(super) fn next(&mut self, floor: Floor) -> Vec<Argument> {
        use Argument::{Int, Text};
        self.count += 1;
        // Each at a time of its own, as people come.
        let at = 1_764_000_000_000 + i64::try_from(self.count).unwrap_or(0);
        let user = &self.users[self.count * 31 % self.users.len()];
        let handle = |number: usize| Text(format!("floor-{number:030}"));
        match floor {
            Floor::FindUser => vec![Text(user.id.clone())],
            Floor::FindByEmail => vec![Text(user.email.clone())],
            // The second is whom the event is about.
            Floor::FindUserAndLog => vec![Text(user.id.clone()), Text(user.id.clone())],
            Floor::InsertUser => {
                let id = format!("f1000000-0000-4000-8000-{:012}", self.count);
                let email = format!("floor-{}@example.com", self.count);
                vec![Text(id), Text(email), Text(format!("$argon2id$v=19$m=8,t=1,p=1${HASH}")), Int(at)]
            }
            Floor::FindSession => vec![handle(self.count * 31 % self.sessions)],
            Floor::InsertSession => {
                self.sessions += 1;
                vec![handle(self.sessions - 1), Text(user.id.clone()), Text(HASH.to_owned()), Int(at)]
            }
            Floor::UpdateSession => {
                vec![handle(self.count * 31 % self.sessions), Text(HASH.to_owned()), Int(at)]
            }
            Floor::InsertToken => {
                let email = format!("floor-{}@example.com", self.count);
                let token = format!("{}{:030}", &HASH[..34], self.count);
                vec![Text(user.id.clone()), Text(email), Text(token), Int(at)]
            }
            _ => vec![],
        }
    }
}

macro_rules! find_user {
    () => {
        "select a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user,
    a.recipe_id, a.time_joined, m.external_user_id, i.account_info_type, i.account_info_value,
    i.third_party_id, i.third_party_user_id, t.tenant_id, v.email
    from app_id_to_user_id a
    left join userid_mapping m on m.app_id = a.app_id and m.supertokens_user_id = a.user_id
    left join recipe_user_account_infos i on i.app_id = a.app_id and i.recipe_user_id = a.user_id
    left join recipe_user_tenants t on t.app_id = a.app_id and t.recipe_user_id = a.user_id
    left join emailverification_verified_emails v on v.app_id = a.app_id and v.user_id = cast(a.user_id as text)
        and v.email = i.account_info_value
    where a.app_id = 'public' and a.user_id = $1"
    };
}

/// The event that tells of the change, about a user.
macro_rules! insert_event {
    ($user:literal) => {
        concat!(
            "insert into activity_log (app_id, tenant_id, recipe_user_id, primary_or_recipe_user_id, event_type,
             status, created_at, payload) values ('public', 'public', ",
            $user,
            ", ",
            $user,
            ", 'user_signed_in', 'success', 1764000000000, '{\"v\":1,\"by\":\"cdi\"}')"
        )
    };
}

macro_rules! insert_session {
    () => {
        "insert into session_info (app_id, tenant_id, session_handle, user_id,
    refresh_token_hash_2, session_data, expires_at, created_at_time, jwt_user_payload, use_static_key)
    values ('public', 'public', $1, $2, $3, '{}', $4, $4, '{\"st-role\":{\"v\":[\"admin\"]}}', false)"
    };
}

const FIND_USER: &str = find_user!();

const FIND_USER_AND_LOG: &str =
    concat!("with logged as (", insert_event!("cast($2 as text)"), ") ", find_user!());

const INSERT_EVENT: &str = insert_event!("$2");

const FIND_BY_EMAIL: &str = "select u.user_id, u.password_hash from recipe_user_tenants t
    join emailpassword_users u on u.app_id = t.app_id and u.user_id = t.recipe_user_id
    where t.app_id = 'public' and t.tenant_id = 'public' and t.recipe_id = 'emailpassword'
    and t.account_info_type = 'email' and t.third_party_id = '' and t.third_party_user_id = ''
    and t.account_info_value = $1";

const LIST_USERS: &str = "select a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user,
    a.recipe_id, a.time_joined, i.account_info_value
    from (select * from app_id_to_user_id where app_id = 'public'
        order by primary_or_recipe_user_time_joined, primary_or_recipe_user_id desc limit 100) a
    join recipe_user_account_infos i on i.app_id = a.app_id and i.recipe_user_id = a.user_id";

const FIND_SESSION: &str = "select user_id, refresh_token_hash_2, session_data, expires_at, created_at_time,
    jwt_user_payload, use_static_key, prev_refresh_token_hash_2, refresh_token_rotated_at
    from session_info where app_id = 'public' and tenant_id = 'public' and session_handle = $1";

const INSERT_SESSION: &str = insert_session!();

const INSERT_SESSION_AND_EVENT: &str =
    concat!("with logged as (", insert_event!("cast($2 as text)"), ") ", insert_session!());

const UPDATE_SESSION: &str = "update session_info set prev_refresh_token_hash_2 = refresh_token_hash_2,
    refresh_token_hash_2 = $2, refresh_token_rotated_at = $3, expires_at = $3
    where app_id = 'public' and tenant_id = 'public' and session_handle = $1
    returning user_id, session_data, jwt_user_payload, created_at_time";

const INSERT_TOKEN: &str = "insert into emailverification_tokens
    (app_id, tenant_id, user_id, email, token, token_expiry) values ('public', 'public', $1, $2, $3, $4)";

const INSERT_USER_APART: [&str; 5] = [
    "insert into recipe_user_tenants (app_id, recipe_user_id, tenant_id, recipe_id, account_info_type,
     account_info_value, third_party_id, third_party_user_id)
     values ('public', $1, 'public', 'emailpassword', 'email', $2, '', '')",
    "insert into app_id_to_user_id (app_id, user_id, recipe_id, primary_or_recipe_user_id, time_joined,
     primary_or_recipe_user_time_joined) values ('public', $1, 'emailpassword', $1, $4, $4)",
    "insert into recipe_user_account_infos (app_id, recipe_user_id, recipe_id, account_info_type,
     account_info_value, third_party_id, third_party_user_id)
     values ('public', $1, 'emailpassword', 'email', $2, '', '')",
    "insert into user_last_active (app_id, user_id, last_active_time) values ('public', $1, $4)",
    "insert into emailpassword_users (app_id, user_id, email, password_hash, time_joined)
     values ('public', $1, $2, $3, $4)",
];

const INSERT_USER: &str = concat!(
    "with e as (",
    insert_event!("cast($1 as text)"),
    "), a as (
    insert into recipe_user_tenants (app_id, recipe_user_id, tenant_id, recipe_id, account_info_type,
    account_info_value, third_party_id, third_party_user_id)
    values ('public', cast($1 as text), 'public', 'emailpassword', 'email', cast($2 as text), '', '')
), b as (
    insert into app_id_to_user_id (app_id, user_id, recipe_id, primary_or_recipe_user_id, time_joined,
    primary_or_recipe_user_time_joined) values ('public', cast($1 as text), 'emailpassword', cast($1 as text), $4, $4)
), c as (
    insert into recipe_user_account_infos (app_id, recipe_user_id, recipe_id, account_info_type,
    account_info_value, third_party_id, third_party_user_id)
    values ('public', cast($1 as text), 'emailpassword', 'email', cast($2 as text), '', '')
), d as (
    insert into user_last_active (app_id, user_id, last_active_time) values ('public', cast($1 as text), $4)
)
insert into emailpassword_users (app_id, user_id, email, password_hash, time_joined)
values ('public', cast($1 as text), cast($2 as text), $3, $4)"
);
