-- From Portcullis' tables, empty still, to those of SuperTokens 11.3.
create table all_auth_recipe_users (
    app_id varchar(64) not null default 'public', tenant_id varchar(64) not null default 'public',
    user_id char(36) not null, primary_or_recipe_user_id char(36) not null,
    is_linked_or_is_a_primary_user boolean not null default false, recipe_id varchar(128) not null,
    time_joined bigint not null, primary_or_recipe_user_time_joined bigint not null,
    primary key (app_id, tenant_id, user_id),
    foreign key (app_id, tenant_id) references tenants on delete cascade,
    foreign key (app_id, primary_or_recipe_user_id) references app_id_to_user_id on delete cascade on update cascade,
    foreign key (app_id, user_id) references app_id_to_user_id on delete cascade on update cascade);
create index all_auth_recipe_users_pagination_index1 on all_auth_recipe_users
    (app_id, tenant_id, primary_or_recipe_user_time_joined desc, primary_or_recipe_user_id desc);
create index all_auth_recipe_user_id_app_id_index on all_auth_recipe_users (app_id, user_id);
create index all_auth_recipe_users_primary_user_id_index on all_auth_recipe_users (primary_or_recipe_user_id, app_id);
create table emailpassword_user_to_tenant (app_id varchar(64), tenant_id varchar(64), user_id char(36),
    email varchar(256) not null, unique (app_id, tenant_id, email), primary key (app_id, tenant_id, user_id),
    foreign key (app_id, tenant_id, user_id) references all_auth_recipe_users on delete cascade);
create table thirdparty_user_to_tenant (app_id varchar(64), tenant_id varchar(64), user_id char(36),
    third_party_id varchar(28) not null, third_party_user_id varchar(256) not null,
    unique (app_id, tenant_id, third_party_id, third_party_user_id), primary key (app_id, tenant_id, user_id),
    foreign key (app_id, tenant_id, user_id) references all_auth_recipe_users on delete cascade);
create table passwordless_user_to_tenant (app_id varchar(64), tenant_id varchar(64), user_id char(36),
    email varchar(256), phone_number varchar(256), unique (app_id, tenant_id, email),
    unique (app_id, tenant_id, phone_number), primary key (app_id, tenant_id, user_id),
    foreign key (app_id, tenant_id, user_id) references all_auth_recipe_users on delete cascade);
create table saml_clients (app_id varchar(64), tenant_id varchar(64), client_id varchar(256),
    primary key (app_id, tenant_id, client_id));
drop table recipe_user_account_infos, recipe_user_tenants, primary_user_tenants, activity_log;
drop table portcullis_migrations, portcullis_guesses, portcullis_audit_seals, portcullis_audit_head,
    portcullis_webhook_deliveries, webauthn_assertions;
alter table app_id_to_user_id drop column time_joined, drop column primary_or_recipe_user_time_joined;
alter table session_info drop column prev_refresh_token_hash_2, drop column refresh_token_rotated_at;
create index if not exists app_id_to_user_id_primary_user_id_index on app_id_to_user_id (primary_or_recipe_user_id, app_id);
create index if not exists emailpassword_users_email_index on emailpassword_users (app_id, email);
