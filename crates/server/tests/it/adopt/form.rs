//! The forms that SuperTokens' tables had, newest first: each step takes away what a version added, as its change log
//! tells it.

/// What makes the form of a version, and of all those that came before it on the way back.
pub(super) fn statements(version: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (name, step) in STEPS {
        all.extend(step.iter().map(|statement| (*statement).to_owned()));
        if name == version {
            return all;
        }
    }
    unreachable!("no such version: {version}")
}

/// All tables and constraints of a version that are called otherwise by a prefix.
pub(super) const PREFIXED: &str = "do $$ declare name text; held text; begin
    for name in select tablename from pg_tables where schemaname = current_schema() loop
        execute format('alter table %I rename to %I', name, 'st_' || name);
        for held in select conname from pg_constraint where conrelid = format('%I', 'st_' || name)::regclass
            and contype in ('p', 'u', 'f') and conislocal loop
            execute format('alter table %I rename constraint %I to %I', 'st_' || name, held, 'st_' || held);
        end loop;
    end loop; end $$";

/// What a core in MIGRATED mode leaves of the older tables: they stay as they were.
pub(super) const STALE: [&str; 2] = [
    "delete from emailpassword_user_to_tenant where email like '%1@%'",
    "delete from all_auth_recipe_users where (app_id, tenant_id, user_id) not in
        (select app_id, tenant_id, user_id from emailpassword_user_to_tenant)",
];

/// What an operator may drop once everybody is moved.
pub(super) const WITHOUT_OLDER: &str = "drop table emailpassword_user_to_tenant, thirdparty_user_to_tenant,
    passwordless_user_to_tenant, webauthn_user_to_tenant, all_auth_recipe_users cascade";

const STEPS: [(&str, &[&str]); 9] = [
    ("12.1 DUAL", DUAL),
    ("12.1 LEGACY", &[
        "delete from primary_user_tenants",
        "delete from recipe_user_tenants",
        "delete from recipe_user_account_infos",
        "update app_id_to_user_id set time_joined = 0, primary_or_recipe_user_time_joined = 0",
    ]),
    ("11.3", &[
        "drop table recipe_user_account_infos, recipe_user_tenants, primary_user_tenants, activity_log",
        "alter table app_id_to_user_id drop column time_joined, drop column primary_or_recipe_user_time_joined",
        "alter table session_info drop column prev_refresh_token_hash_2, drop column refresh_token_rotated_at",
        "alter table webauthn_account_recovery_tokens drop constraint webauthn_account_recovery_token_user_id_fkey,
            add constraint webauthn_account_recovery_token_user_id_fkey foreign key (app_id, tenant_id, user_id)
            references all_auth_recipe_users (app_id, tenant_id, user_id) on delete cascade",
        "alter table webauthn_users drop constraint webauthn_users_user_id_fkey,
            add constraint webauthn_users_user_id_fkey foreign key (app_id, user_id)
            references app_id_to_user_id (app_id, user_id) on delete cascade",
        "alter table emailpassword_users drop constraint emailpassword_users_user_id_fkey,
            add constraint emailpassword_users_user_id_fkey foreign key (app_id, user_id)
            references app_id_to_user_id (app_id, user_id) on delete cascade",
        "alter table userid_mapping drop constraint userid_mapping_supertokens_user_id_fkey,
            add constraint userid_mapping_supertokens_user_id_fkey foreign key (app_id, supertokens_user_id)
            references app_id_to_user_id (app_id, user_id) on delete cascade",
        "create table saml_clients (app_id varchar(64) not null, tenant_id varchar(64) not null,
            client_id varchar(256) not null, primary key (app_id, tenant_id, client_id))",
    ]),
    ("10.0", &[
        "drop table saml_clients",
        "drop table webauthn_user_to_tenant, webauthn_credentials, webauthn_users, webauthn_account_recovery_tokens,
            webauthn_generated_options",
        "drop index user_roles_app_id_user_id_index, emailverification_verified_emails_app_id_email_index",
    ]),
    ("9.0", &[
        "drop table bulk_import_users",
        "drop index session_info_user_id_app_id_index, user_last_active_last_active_time_index,
            emailpassword_users_email_index",
        "alter table tenant_configs drop column is_first_factors_null",
    ]),
    ("8.0", &[
        "drop table tenant_first_factors, tenant_required_secondary_factors",
        "alter table totp_user_devices drop column created_at",
    ]),
    ("7.0", &["alter table user_roles add constraint user_roles_role_fkey foreign key (app_id, role)
        references roles (app_id, role) on delete cascade"]),
    ("6.0", &[
        "alter table all_auth_recipe_users drop column primary_or_recipe_user_id,
            drop column is_linked_or_is_a_primary_user, drop column primary_or_recipe_user_time_joined",
        "alter table app_id_to_user_id drop column primary_or_recipe_user_id,
            drop column is_linked_or_is_a_primary_user",
        "alter table emailpassword_pswd_reset_tokens drop column email,
            drop constraint emailpassword_pswd_reset_tokens_user_id_fkey,
            add constraint emailpassword_pswd_reset_tokens_user_id_fkey foreign key (app_id, user_id)
            references emailpassword_users (app_id, user_id) on delete cascade",
    ]),
    ("5.0", SINGLE),
];

/// From ours to that of 12.1 while both kinds of tables are written.
const DUAL: &[&str] = &[
    "create table all_auth_recipe_users (
        app_id varchar(64) default 'public', tenant_id varchar(64) default 'public', user_id char(36) not null,
        primary_or_recipe_user_id char(36) not null, is_linked_or_is_a_primary_user boolean not null default false,
        recipe_id varchar(128) not null, time_joined bigint not null,
        primary_or_recipe_user_time_joined bigint not null,
        constraint all_auth_recipe_users_pkey primary key (app_id, tenant_id, user_id),
        constraint all_auth_recipe_users_tenant_id_fkey foreign key (app_id, tenant_id)
            references tenants (app_id, tenant_id) on delete cascade,
        constraint all_auth_recipe_users_primary_or_recipe_user_id_fkey
            foreign key (app_id, primary_or_recipe_user_id)
            references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade,
        constraint all_auth_recipe_users_user_id_fkey foreign key (app_id, user_id)
            references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade)",
    "insert into all_auth_recipe_users select distinct t.app_id, t.tenant_id, t.recipe_user_id,
        u.primary_or_recipe_user_id, u.is_linked_or_is_a_primary_user, u.recipe_id, u.time_joined,
        u.primary_or_recipe_user_time_joined
        from recipe_user_tenants t join app_id_to_user_id u on u.app_id = t.app_id and u.user_id = t.recipe_user_id",
    "create index all_auth_recipe_users_pagination_index1 on all_auth_recipe_users
        (app_id, tenant_id, primary_or_recipe_user_time_joined desc, primary_or_recipe_user_id desc)",
    "create table emailpassword_user_to_tenant (app_id varchar(64), tenant_id varchar(64), user_id char(36),
        email varchar(256) not null, unique (app_id, tenant_id, email), primary key (app_id, tenant_id, user_id),
        foreign key (app_id, tenant_id, user_id) references all_auth_recipe_users on delete cascade)",
    "insert into emailpassword_user_to_tenant select app_id, tenant_id, recipe_user_id, account_info_value
        from recipe_user_tenants where recipe_id = 'emailpassword'",
    "create table thirdparty_user_to_tenant (app_id varchar(64), tenant_id varchar(64), user_id char(36),
        third_party_id varchar(28) not null, third_party_user_id varchar(256) not null,
        unique (app_id, tenant_id, third_party_id, third_party_user_id), primary key (app_id, tenant_id, user_id),
        foreign key (app_id, tenant_id, user_id) references all_auth_recipe_users on delete cascade)",
    "insert into thirdparty_user_to_tenant select app_id, tenant_id, recipe_user_id, third_party_id, third_party_user_id
        from recipe_user_tenants where recipe_id = 'thirdparty' and account_info_type = 'email'",
    "create table passwordless_user_to_tenant (app_id varchar(64), tenant_id varchar(64), user_id char(36),
        email varchar(256), phone_number varchar(256), unique (app_id, tenant_id, email),
        unique (app_id, tenant_id, phone_number), primary key (app_id, tenant_id, user_id),
        foreign key (app_id, tenant_id, user_id) references all_auth_recipe_users on delete cascade)",
    "insert into passwordless_user_to_tenant select t.app_id, t.tenant_id, t.user_id, p.email, p.phone_number
        from all_auth_recipe_users t join passwordless_users p on p.app_id = t.app_id and p.user_id = t.user_id",
    "create table webauthn_user_to_tenant (app_id varchar(64), tenant_id varchar(64), user_id char(36),
        email varchar(256) not null, unique (app_id, tenant_id, email), primary key (app_id, tenant_id, user_id),
        foreign key (app_id, tenant_id, user_id) references all_auth_recipe_users on delete cascade)",
    "insert into webauthn_user_to_tenant select app_id, tenant_id, recipe_user_id, account_info_value
        from recipe_user_tenants where recipe_id = 'webauthn'",
    "drop table portcullis_migrations, portcullis_guesses, portcullis_audit_seals, portcullis_audit_head,
        portcullis_webhook_deliveries, webauthn_assertions",
    "drop index portcullis_email_domains, portcullis_third_parties, portcullis_activity_log_id,
        webauthn_credentials_app_id_id_index, idx_recipe_user_tenants_account_info,
        app_id_to_user_id_pagination_index1, user_last_active_last_active_time_index",
    "create index idx_recipe_user_tenants_account_info on recipe_user_tenants
        (app_id, tenant_id, account_info_type, account_info_value)",
    "create index app_id_to_user_id_pagination_index1 on app_id_to_user_id
        (app_id, primary_or_recipe_user_time_joined desc, primary_or_recipe_user_id desc)",
    "create index app_id_to_user_id_pagination_index3 on app_id_to_user_id
        (recipe_id, app_id, primary_or_recipe_user_time_joined desc, primary_or_recipe_user_id desc)",
    "create index user_last_active_last_active_time_index on user_last_active (last_active_time desc, app_id desc)",
    "create index tenants_app_id_index on tenants (app_id)",
    "create index app_id_to_user_id_user_id_index on app_id_to_user_id (user_id, app_id)",
    "create index emailpassword_users_email_index on emailpassword_users (app_id, email)",
    "create index session_info_tenant_id_index on session_info (app_id, tenant_id)",
    "create index userid_mapping_supertokens_user_id_index on userid_mapping (app_id, supertokens_user_id)",
];

/// Before there were apps and tenants.
const SINGLE: &[&str] = &[
    "drop table emailpassword_user_to_tenant, thirdparty_user_to_tenant, passwordless_user_to_tenant",
    "drop table tenant_thirdparty_provider_clients, tenant_thirdparty_providers, tenant_configs",
    "alter table key_value drop column app_id, drop column tenant_id",
    "alter table key_value add constraint key_value_pkey primary key (name)",
    "alter table all_auth_recipe_users drop column app_id, drop column tenant_id",
    "alter table all_auth_recipe_users add constraint all_auth_recipe_users_pkey primary key (user_id)",
    "create index all_auth_recipe_users_pagination_index on all_auth_recipe_users (time_joined desc, user_id desc)",
    "alter table session_info drop column app_id, drop column tenant_id",
    "alter table session_info add constraint session_info_pkey primary key (session_handle)",
    "alter table session_access_token_signing_keys drop column app_id",
    "alter table session_access_token_signing_keys
        add constraint session_access_token_signing_keys_pkey primary key (created_at_time)",
    "alter table jwt_signing_keys drop column app_id",
    "alter table jwt_signing_keys add constraint jwt_signing_keys_pkey primary key (key_id)",
    "alter table emailverification_verified_emails drop column app_id",
    "alter table emailverification_verified_emails
        add constraint emailverification_verified_emails_pkey primary key (user_id, email)",
    "alter table emailverification_tokens drop column app_id, drop column tenant_id",
    "alter table emailverification_tokens
        add constraint emailverification_tokens_pkey primary key (user_id, email, token)",
    "alter table emailpassword_pswd_reset_tokens drop column app_id",
    "alter table emailpassword_users drop column app_id",
    "alter table emailpassword_users add constraint emailpassword_users_pkey primary key (user_id),
        add constraint emailpassword_users_email_key unique (email)",
    "alter table emailpassword_pswd_reset_tokens
        add constraint emailpassword_pswd_reset_tokens_pkey primary key (user_id, token),
        add constraint emailpassword_pswd_reset_tokens_user_id_fkey foreign key (user_id)
        references emailpassword_users (user_id) on delete cascade on update cascade",
    "alter table passwordless_users drop column app_id",
    "alter table passwordless_users add constraint passwordless_users_pkey primary key (user_id),
        add constraint passwordless_users_email_key unique (email),
        add constraint passwordless_users_phone_number_key unique (phone_number)",
    "alter table passwordless_codes drop column app_id, drop column tenant_id",
    "alter table passwordless_devices drop column app_id, drop column tenant_id",
    "alter table passwordless_devices add constraint passwordless_devices_pkey primary key (device_id_hash)",
    "alter table passwordless_codes add constraint passwordless_codes_pkey primary key (code_id),
        add constraint passwordless_codes_link_code_hash_key unique (link_code_hash),
        add constraint passwordless_codes_device_id_hash_fkey foreign key (device_id_hash)
        references passwordless_devices (device_id_hash) on delete cascade on update cascade",
    "create index passwordless_devices_email_index on passwordless_devices (email)",
    "create index passwordless_codes_created_at_index on passwordless_codes (created_at)",
    "alter table thirdparty_users drop column app_id",
    "alter table thirdparty_users
        add constraint thirdparty_users_pkey primary key (third_party_id, third_party_user_id),
        add constraint thirdparty_users_user_id_key unique (user_id)",
    "alter table userid_mapping drop column app_id",
    "alter table userid_mapping add constraint userid_mapping_pkey primary key (supertokens_user_id, external_user_id),
        add constraint userid_mapping_supertokens_user_id_key unique (supertokens_user_id),
        add constraint userid_mapping_external_user_id_key unique (external_user_id),
        add constraint userid_mapping_supertokens_user_id_fkey foreign key (supertokens_user_id)
        references all_auth_recipe_users (user_id) on delete cascade",
    "alter table user_roles drop column app_id, drop column tenant_id",
    "alter table role_permissions drop column app_id",
    "alter table roles drop column app_id",
    "alter table roles add constraint roles_pkey primary key (role)",
    "alter table role_permissions add constraint role_permissions_pkey primary key (role, permission),
        add constraint role_permissions_role_fkey foreign key (role) references roles (role) on delete cascade",
    "alter table user_roles add constraint user_roles_pkey primary key (user_id, role),
        add constraint user_roles_role_fkey foreign key (role) references roles (role) on delete cascade",
    "create index user_roles_role_index on user_roles (role)",
    "alter table user_metadata drop column app_id",
    "alter table user_metadata add constraint user_metadata_pkey primary key (user_id)",
    "alter table dashboard_user_sessions drop column app_id",
    "alter table dashboard_users drop column app_id",
    "alter table dashboard_users add constraint dashboard_users_pkey primary key (user_id),
        add constraint dashboard_users_email_key unique (email)",
    "alter table dashboard_user_sessions add primary key (session_id), add foreign key (user_id)
        references dashboard_users (user_id) on delete cascade on update cascade",
    "do $$ begin
        alter table totp_used_codes drop column app_id, drop column tenant_id;
        alter table totp_user_devices drop column app_id;
        alter table totp_users drop column app_id;
        alter table totp_users add primary key (user_id);
        alter table totp_user_devices add primary key (user_id, device_name),
            add foreign key (user_id) references totp_users (user_id) on delete cascade;
        alter table totp_used_codes add primary key (user_id, created_time_ms),
            add foreign key (user_id) references totp_users (user_id) on delete cascade;
        alter table user_last_active drop column app_id;
        alter table user_last_active add primary key (user_id);
    end $$",
    "drop table app_id_to_user_id cascade",
    "drop table tenants, apps cascade",
];
