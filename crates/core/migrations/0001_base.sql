-- The tables of SuperTokens 12.1 in their migrated form: same names, columns and meaning, so that an
-- existing database can be used as it is. `if not exists` because that database may already be there.
create table if not exists apps (
    app_id varchar(64) not null default 'public',
    created_at_time bigint,
    constraint apps_pkey primary key (app_id)
);
create table if not exists tenants (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    created_at_time bigint,
    constraint tenants_pkey primary key (app_id, tenant_id),
    constraint tenants_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists tenants_app_id_index on tenants (app_id);
create table if not exists key_value (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    name varchar(128) not null,
    value text,
    created_at_time bigint,
    constraint key_value_pkey primary key (app_id, tenant_id, name),
    constraint key_value_tenant_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade
);
create index if not exists key_value_tenant_id_index on key_value (app_id, tenant_id);

-- Tenants and what each of them may do.
create table if not exists tenant_configs (
    connection_uri_domain varchar(256) not null default '',
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    core_config text,
    email_password_enabled boolean,
    passwordless_enabled boolean,
    third_party_enabled boolean,
    is_first_factors_null boolean,
    constraint tenant_configs_pkey primary key (connection_uri_domain, app_id, tenant_id)
);
create table if not exists tenant_first_factors (
    connection_uri_domain varchar(256) not null default '',
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    factor_id varchar(128) not null,
    constraint tenant_first_factors_pkey primary key (connection_uri_domain, app_id, tenant_id, factor_id),
    constraint tenant_first_factors_tenant_id_fkey foreign key (connection_uri_domain, app_id, tenant_id) references tenant_configs (connection_uri_domain, app_id, tenant_id) on delete cascade
);
create index if not exists tenant_first_factors_tenant_id_index on tenant_first_factors (connection_uri_domain, app_id, tenant_id);
create table if not exists tenant_required_secondary_factors (
    connection_uri_domain varchar(256) not null default '',
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    factor_id varchar(128) not null,
    constraint tenant_required_secondary_factors_pkey primary key (connection_uri_domain, app_id, tenant_id, factor_id),
    constraint tenant_required_secondary_factors_tenant_id_fkey foreign key (connection_uri_domain, app_id, tenant_id) references tenant_configs (connection_uri_domain, app_id, tenant_id) on delete cascade
);
create index if not exists tenant_default_required_factor_ids_tenant_id_index on tenant_required_secondary_factors (connection_uri_domain, app_id, tenant_id);

-- Users: who exists, how they sign in, where an identity is taken.
create table if not exists app_id_to_user_id (
    app_id varchar(64) not null default 'public',
    user_id char(36) not null,
    recipe_id varchar(128) not null,
    primary_or_recipe_user_id char(36) not null,
    is_linked_or_is_a_primary_user boolean not null default false,
    time_joined bigint not null default 0,
    primary_or_recipe_user_time_joined bigint not null default 0,
    constraint app_id_to_user_id_pkey primary key (app_id, user_id),
    constraint app_id_to_user_id_primary_or_recipe_user_id_fkey foreign key (app_id, primary_or_recipe_user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade,
    constraint app_id_to_user_id_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists app_id_to_user_id_app_id_index on app_id_to_user_id (app_id);
create index if not exists app_id_to_user_id_primary_user_id_index on app_id_to_user_id (primary_or_recipe_user_id, app_id);
create index if not exists app_id_to_user_id_user_id_index on app_id_to_user_id (user_id, app_id);
create index if not exists app_id_to_user_id_pagination_index1 on app_id_to_user_id (app_id, primary_or_recipe_user_time_joined desc, primary_or_recipe_user_id desc);
create index if not exists app_id_to_user_id_pagination_index2 on app_id_to_user_id (app_id, primary_or_recipe_user_time_joined asc, primary_or_recipe_user_id desc);
create index if not exists app_id_to_user_id_pagination_index3 on app_id_to_user_id (recipe_id, app_id, primary_or_recipe_user_time_joined desc, primary_or_recipe_user_id desc);
create index if not exists app_id_to_user_id_pagination_index4 on app_id_to_user_id (recipe_id, app_id, primary_or_recipe_user_time_joined asc, primary_or_recipe_user_id desc);
create table if not exists recipe_user_account_infos (
    app_id varchar(64) not null,
    recipe_user_id char(36) not null,
    recipe_id varchar(128) not null,
    account_info_type varchar(8) not null,
    account_info_value text not null,
    third_party_id varchar(28) not null,
    third_party_user_id varchar(256) not null,
    primary_user_id char(36),
    constraint recipe_user_account_infos_pkey primary key (app_id, recipe_id, recipe_user_id, account_info_type, third_party_id, third_party_user_id),
    constraint recipe_user_account_infos_tenant_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists idx_recipe_user_account_infos_app_recipe_user on recipe_user_account_infos (app_id, recipe_user_id);
create table if not exists recipe_user_tenants (
    app_id varchar(64) not null,
    recipe_user_id char(36) not null,
    tenant_id varchar(64) not null,
    recipe_id varchar(128) not null,
    account_info_type varchar(8) not null,
    account_info_value text not null,
    third_party_id varchar(28) not null,
    third_party_user_id varchar(256) not null,
    constraint recipe_user_tenants_pkey primary key (app_id, tenant_id, recipe_id, account_info_type, third_party_id, third_party_user_id, account_info_value),
    constraint recipe_user_tenants_tenant_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade
);
create index if not exists idx_recipe_user_tenants_tenant on recipe_user_tenants (app_id, tenant_id);
create index if not exists idx_recipe_user_tenants_recipe_user_id on recipe_user_tenants (app_id, recipe_user_id);
create index if not exists idx_recipe_user_tenants_account_info on recipe_user_tenants (app_id, tenant_id, account_info_type, account_info_value);
create table if not exists primary_user_tenants (
    app_id varchar(64) not null,
    tenant_id varchar(64) not null,
    account_info_type varchar(8) not null,
    account_info_value text not null,
    primary_user_id char(36) not null,
    constraint primary_user_tenants_pkey primary key (app_id, tenant_id, account_info_type, account_info_value),
    constraint primary_user_tenants_app_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade
);
create index if not exists idx_primary_user_tenants_primary on primary_user_tenants (primary_user_id);
create table if not exists userid_mapping (
    app_id varchar(64) not null default 'public',
    supertokens_user_id char(36) not null,
    external_user_id varchar(128) not null,
    external_user_id_info text,
    constraint userid_mapping_supertokens_user_id_key unique (app_id, supertokens_user_id),
    constraint userid_mapping_external_user_id_key unique (app_id, external_user_id),
    constraint userid_mapping_pkey primary key (app_id, supertokens_user_id, external_user_id),
    constraint userid_mapping_supertokens_user_id_fkey foreign key (app_id, supertokens_user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade
);
create index if not exists userid_mapping_supertokens_user_id_index on userid_mapping (app_id, supertokens_user_id);
create table if not exists user_last_active (
    app_id varchar(64) not null default 'public',
    user_id varchar(128) not null,
    last_active_time bigint,
    constraint user_last_active_pkey primary key (app_id, user_id),
    constraint user_last_active_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists user_last_active_app_id_index on user_last_active (app_id);
create index if not exists user_last_active_last_active_time_index on user_last_active (last_active_time desc, app_id desc);

-- Email and password.
create table if not exists emailpassword_users (
    app_id varchar(64) not null default 'public',
    user_id char(36) not null,
    email varchar(256) not null,
    password_hash varchar(256) not null,
    time_joined bigint not null,
    constraint emailpassword_users_user_id_fkey foreign key (app_id, user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade,
    constraint emailpassword_users_pkey primary key (app_id, user_id)
);
create index if not exists emailpassword_users_email_index on emailpassword_users (app_id, email);
create table if not exists emailpassword_pswd_reset_tokens (
    app_id varchar(64) not null default 'public',
    user_id char(36) not null,
    token varchar(128) not null constraint emailpassword_pswd_reset_tokens_token_key unique,
    email varchar(256),
    token_expiry bigint not null,
    constraint emailpassword_pswd_reset_tokens_pkey primary key (app_id, user_id, token),
    constraint emailpassword_pswd_reset_tokens_user_id_fkey foreign key (app_id, user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade
);
create index if not exists emailpassword_pswd_reset_tokens_user_id_index on emailpassword_pswd_reset_tokens (app_id, user_id);
create index if not exists emailpassword_password_reset_token_expiry_index on emailpassword_pswd_reset_tokens (token_expiry);

-- Email verification.
create table if not exists emailverification_verified_emails (
    app_id varchar(64) not null default 'public',
    user_id varchar(128) not null,
    email varchar(256) not null,
    constraint emailverification_verified_emails_pkey primary key (app_id, user_id, email),
    constraint emailverification_verified_emails_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists emailverification_verified_emails_app_id_index on emailverification_verified_emails (app_id);
create index if not exists emailverification_verified_emails_app_id_email_index on emailverification_verified_emails (app_id, email);
create table if not exists emailverification_tokens (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    user_id varchar(128) not null,
    email varchar(256) not null,
    token varchar(128) not null constraint emailverification_tokens_token_key unique,
    token_expiry bigint not null,
    constraint emailverification_tokens_pkey primary key (app_id, tenant_id, user_id, email, token),
    constraint emailverification_tokens_tenant_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade
);
create index if not exists emailverification_tokens_tenant_id_index on emailverification_tokens (app_id, tenant_id);
create index if not exists emailverification_tokens_index on emailverification_tokens (token_expiry);

-- Sessions and signing keys.
create table if not exists session_info (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    session_handle varchar(255) not null,
    user_id varchar(128) not null,
    refresh_token_hash_2 varchar(128) not null,
    session_data text,
    expires_at bigint not null,
    created_at_time bigint not null,
    jwt_user_payload text,
    use_static_key boolean not null,
    prev_refresh_token_hash_2 varchar(128),
    refresh_token_rotated_at bigint,
    constraint session_info_pkey primary key (app_id, tenant_id, session_handle),
    constraint session_info_tenant_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade
);
create index if not exists session_info_tenant_id_index on session_info (app_id, tenant_id);
create index if not exists session_expiry_index on session_info (expires_at);
create index if not exists session_info_user_id_app_id_index on session_info (user_id, app_id);
create table if not exists session_access_token_signing_keys (
    app_id varchar(64) not null default 'public',
    created_at_time bigint not null,
    value text,
    constraint session_access_token_signing_keys_pkey primary key (app_id, created_at_time),
    constraint session_access_token_signing_keys_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists access_token_signing_keys_app_id_index on session_access_token_signing_keys (app_id);
create table if not exists jwt_signing_keys (
    app_id varchar(64) not null default 'public',
    key_id varchar(255) not null,
    key_string text not null,
    algorithm varchar(10) not null,
    created_at bigint,
    constraint jwt_signing_keys_pkey primary key (app_id, key_id),
    constraint jwt_signing_keys_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists jwt_signing_keys_app_id_index on jwt_signing_keys (app_id);

-- User metadata, roles and permissions.
create table if not exists user_metadata (
    app_id varchar(64) not null default 'public',
    user_id varchar(128) not null,
    user_metadata text not null,
    constraint user_metadata_pkey primary key (app_id, user_id),
    constraint user_metadata_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists user_metadata_app_id_index on user_metadata (app_id);
create table if not exists roles (
    app_id varchar(64) not null default 'public',
    role varchar(255) not null,
    constraint roles_pkey primary key (app_id, role),
    constraint roles_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists roles_app_id_index on roles (app_id);
create table if not exists role_permissions (
    app_id varchar(64) not null default 'public',
    role varchar(255) not null,
    permission varchar(255) not null,
    constraint role_permissions_pkey primary key (app_id, role, permission),
    constraint role_permissions_role_fkey foreign key (app_id, role) references roles (app_id, role) on delete cascade
);
create index if not exists role_permissions_role_index on role_permissions (app_id, role);
create index if not exists role_permissions_permission_index on role_permissions (app_id, permission);
create table if not exists user_roles (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    user_id varchar(128) not null,
    role varchar(255) not null,
    constraint user_roles_pkey primary key (app_id, tenant_id, user_id, role),
    constraint user_roles_tenant_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade
);
create index if not exists user_roles_tenant_id_index on user_roles (app_id, tenant_id);
create index if not exists user_roles_app_id_role_index on user_roles (app_id, role);
create index if not exists user_roles_role_index on user_roles (app_id, tenant_id, role);
create index if not exists user_roles_app_id_user_id_index on user_roles (app_id, user_id);
