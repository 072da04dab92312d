-- Devices that make one-time codes, and the codes that were shown.
create table if not exists totp_users (
    app_id varchar(64) not null default 'public',
    user_id varchar(128) not null,
    constraint totp_users_pkey primary key (app_id, user_id),
    constraint totp_users_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists totp_users_app_id_index on totp_users (app_id);
create table if not exists totp_user_devices (
    app_id varchar(64) not null default 'public',
    user_id varchar(128) not null,
    device_name varchar(256) not null,
    secret_key varchar(256) not null,
    period integer not null,
    skew integer not null,
    verified boolean not null,
    created_at bigint,
    constraint totp_user_devices_pkey primary key (app_id, user_id, device_name),
    constraint totp_user_devices_user_id_fkey foreign key (app_id, user_id) references totp_users (app_id, user_id) on delete cascade
);
create index if not exists totp_user_devices_user_id_index on totp_user_devices (app_id, user_id);
create table if not exists totp_used_codes (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    user_id varchar(128) not null,
    code varchar(8) not null,
    is_valid boolean not null,
    expiry_time_ms bigint not null,
    created_time_ms bigint not null,
    constraint totp_used_codes_pkey primary key (app_id, tenant_id, user_id, created_time_ms),
    constraint totp_used_codes_user_id_fkey foreign key (app_id, user_id) references totp_users (app_id, user_id) on delete cascade,
    constraint totp_used_codes_tenant_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade
);
create index if not exists totp_used_codes_user_id_index on totp_used_codes (app_id, user_id);
create index if not exists totp_used_codes_tenant_id_index on totp_used_codes (app_id, tenant_id);
create index if not exists totp_used_codes_expiry_time_ms_index on totp_used_codes (app_id, tenant_id, expiry_time_ms);
