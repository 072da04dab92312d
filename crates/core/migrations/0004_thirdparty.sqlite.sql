-- Scopes are a JSON array: SQLite has no arrays.
create table if not exists tenant_thirdparty_provider_clients (
    connection_uri_domain varchar(256) not null default '',
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    third_party_id varchar(28) not null,
    client_type varchar(64) not null default '',
    client_id varchar(256) not null,
    client_secret text,
    scope text,
    force_pkce boolean,
    additional_config text,
    constraint tenant_thirdparty_provider_clients_pkey primary key (connection_uri_domain, app_id, tenant_id, third_party_id, client_type),
    constraint tenant_thirdparty_provider_clients_third_party_id_fkey foreign key (connection_uri_domain, app_id, tenant_id, third_party_id) references tenant_thirdparty_providers (connection_uri_domain, app_id, tenant_id, third_party_id) on delete cascade
);
create index if not exists tenant_thirdparty_provider_clients_third_party_id_index on tenant_thirdparty_provider_clients (connection_uri_domain, app_id, tenant_id, third_party_id);
