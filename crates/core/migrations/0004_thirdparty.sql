-- Users of providers, and the providers of tenants.
create table if not exists thirdparty_users (
    app_id varchar(64) not null default 'public',
    third_party_id varchar(28) not null,
    third_party_user_id varchar(256) not null,
    user_id char(36) not null,
    email varchar(256) not null,
    time_joined bigint not null,
    constraint thirdparty_users_user_id_fkey foreign key (app_id, user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade,
    constraint thirdparty_users_pkey primary key (app_id, user_id)
);
create index if not exists thirdparty_users_email_index on thirdparty_users (app_id, email);
create index if not exists thirdparty_users_thirdparty_user_id_index on thirdparty_users (app_id, third_party_id, third_party_user_id);
create table if not exists tenant_thirdparty_providers (
    connection_uri_domain varchar(256) not null default '',
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    third_party_id varchar(28) not null,
    name varchar(64),
    authorization_endpoint text,
    authorization_endpoint_query_params text,
    token_endpoint text,
    token_endpoint_body_params text,
    user_info_endpoint text,
    user_info_endpoint_query_params text,
    user_info_endpoint_headers text,
    jwks_uri text,
    oidc_discovery_endpoint text,
    require_email boolean,
    user_info_map_from_id_token_payload_user_id varchar(64),
    user_info_map_from_id_token_payload_email varchar(64),
    user_info_map_from_id_token_payload_email_verified varchar(64),
    user_info_map_from_user_info_endpoint_user_id varchar(64),
    user_info_map_from_user_info_endpoint_email varchar(64),
    user_info_map_from_user_info_endpoint_email_verified varchar(64),
    constraint tenant_thirdparty_providers_pkey primary key (connection_uri_domain, app_id, tenant_id, third_party_id),
    constraint tenant_thirdparty_providers_tenant_id_fkey foreign key (connection_uri_domain, app_id, tenant_id) references tenant_configs (connection_uri_domain, app_id, tenant_id) on delete cascade
);
create index if not exists tenant_thirdparty_providers_tenant_id_index on tenant_thirdparty_providers (connection_uri_domain, app_id, tenant_id);
