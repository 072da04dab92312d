-- Codes and links by e-mail and phone.
create table if not exists passwordless_users (
    app_id varchar(64) not null default 'public',
    user_id char(36) not null,
    email varchar(256),
    phone_number varchar(256),
    time_joined bigint not null,
    constraint passwordless_users_user_id_fkey foreign key (app_id, user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade,
    constraint passwordless_users_pkey primary key (app_id, user_id)
);
create index if not exists passwordless_users_email_index on passwordless_users (app_id, email);
create index if not exists passwordless_users_phone_number_index on passwordless_users (app_id, phone_number);
create table if not exists passwordless_devices (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    device_id_hash char(44) not null,
    email varchar(256),
    phone_number varchar(256),
    link_code_salt char(44) not null,
    failed_attempts int not null,
    constraint passwordless_devices_tenant_id_fkey foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade,
    constraint passwordless_devices_pkey primary key (app_id, tenant_id, device_id_hash)
);
create index if not exists passwordless_devices_email_index on passwordless_devices (app_id, tenant_id, email);
create index if not exists passwordless_devices_phone_number_index on passwordless_devices (app_id, tenant_id, phone_number);
create index if not exists passwordless_devices_tenant_id_index on passwordless_devices (app_id, tenant_id);
create table if not exists passwordless_codes (
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    code_id char(36) not null,
    device_id_hash char(44) not null,
    link_code_hash char(44) not null,
    created_at bigint not null,
    constraint passwordless_codes_link_code_hash_key unique (app_id, tenant_id, link_code_hash),
    constraint passwordless_codes_pkey primary key (app_id, tenant_id, code_id),
    constraint passwordless_codes_device_id_hash_fkey foreign key (app_id, tenant_id, device_id_hash) references passwordless_devices (app_id, tenant_id, device_id_hash) on delete cascade on update cascade
);
create index if not exists passwordless_codes_created_at_index on passwordless_codes (app_id, tenant_id, created_at);
create index if not exists passwordless_codes_device_id_hash_index on passwordless_codes (app_id, tenant_id, device_id_hash);
