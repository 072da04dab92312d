-- Passkeys: whom they belong to, what was offered to make or use one, and tokens to get an account back.
create table if not exists webauthn_users (
    app_id varchar(64) not null default 'public',
    user_id char(36) not null,
    email varchar(256) not null,
    rp_id varchar(256) not null,
    time_joined bigint not null,
    constraint webauthn_users_pkey primary key (app_id, user_id),
    constraint webauthn_users_user_id_fkey foreign key (app_id, user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade
);
create table if not exists webauthn_generated_options (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    id char(36) not null,
    challenge varchar(256) not null,
    email varchar(256),
    rp_id varchar(256) not null,
    rp_name varchar(256) not null,
    origin varchar(256) not null,
    expires_at bigint not null,
    created_at bigint not null,
    user_presence_required boolean not null default false,
    user_verification varchar(12) not null default 'preferred',
    constraint webauthn_generated_options_pkey primary key (app_id, tenant_id, id),
    constraint webauthn_generated_options_tenant_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade
);
create index if not exists webauthn_user_challenges_expires_at_index on webauthn_generated_options (app_id, tenant_id, expires_at);
create table if not exists webauthn_credentials (
    id varchar(256) not null,
    app_id varchar(64) not null default 'public',
    rp_id varchar(256),
    user_id char(36),
    counter bigint not null,
    public_key bytea not null,
    transports text not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint webauthn_credentials_pkey primary key (app_id, rp_id, id),
    constraint webauthn_credentials_user_id_fkey foreign key (app_id, user_id) references webauthn_users (app_id, user_id) on delete cascade
);
create index if not exists webauthn_credentials_user_id_index on webauthn_credentials (user_id);
create table if not exists webauthn_account_recovery_tokens (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    user_id char(36) not null,
    email varchar(256) not null,
    token varchar(256) not null,
    expires_at bigint not null,
    constraint webauthn_account_recovery_token_pkey primary key (app_id, tenant_id, user_id, token),
    constraint webauthn_account_recovery_token_user_id_fkey foreign key (app_id, user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade
);
create index if not exists webauthn_account_recovery_token_token_index on webauthn_account_recovery_tokens (app_id, tenant_id, token);
create index if not exists webauthn_account_recovery_token_email_index on webauthn_account_recovery_tokens (app_id, tenant_id, email);
create index if not exists webauthn_account_recovery_token_expires_at_index on webauthn_account_recovery_tokens (expires_at desc);
-- Ours: SDKs look users up by a passkey alone at each sign-in.
create index if not exists webauthn_credentials_app_id_id_index on webauthn_credentials (app_id, id);
-- Ours: what was answered to options, where callers before CDI 5.5 ask twice about one answer.
create table if not exists webauthn_assertions (
    app_id varchar(64) not null,
    tenant_id varchar(64) not null,
    options_id char(36) not null,
    hash char(64) not null,
    constraint webauthn_assertions_pkey primary key (app_id, tenant_id, options_id),
    constraint webauthn_assertions_options_id_fkey foreign key (app_id, tenant_id, options_id) references webauthn_generated_options (app_id, tenant_id, id) on delete cascade
);
