-- What happened, one row an event: the reference's table and index, by month.
create table if not exists activity_log (
    id bigint generated always as identity,
    app_id varchar(64) not null default 'public',
    tenant_id varchar(64) not null default 'public',
    recipe_user_id varchar(128),
    primary_or_recipe_user_id varchar(128),
    event_type varchar(64) not null,
    status varchar(128),
    auth_principal varchar(256),
    identifier varchar(256),
    created_at bigint not null,
    payload text
) partition by range (created_at);
create table if not exists activity_log_default partition of activity_log default;
create index if not exists activity_log_created_at_brin on activity_log using brin (created_at);
create index if not exists portcullis_activity_log_id on activity_log (id);

-- The chain that shows whether the log was changed: see docs/audit.md.
create table portcullis_audit_seals (
    position bigint not null primary key,
    previous_hash bytea not null,
    hash bytea not null,
    event_count bigint not null,
    newest_created_at bigint not null,
    sealed_at bigint not null,
    events bytea not null
);
create table portcullis_audit_head (
    id bigint not null primary key check (id = 1),
    position bigint not null,
    hash bytea not null,
    highest_id bigint not null,
    -- Ids below the highest that were not there yet, each with when that was noticed.
    gaps bytea not null,
    -- What is older than this may have been deleted, as its time was over.
    kept_since bigint not null
);
insert into portcullis_audit_head (id, position, hash, highest_id, gaps, kept_since)
    values (1, 0, decode(repeat('00', 32), 'hex'), 0, decode('', 'hex'), 0);

-- Events that are to be told to endpoints.
create table portcullis_webhook_deliveries (
    endpoint varchar(64) not null,
    event_id bigint not null,
    -- The app and the user; empty for events without a user. What has the same key is told in order.
    order_key varchar(256) not null,
    body text not null,
    state varchar(16) not null,
    attempts bigint not null,
    next_attempt_at bigint not null,
    last_error text,
    created_at bigint not null,
    ended_at bigint,
    primary key (endpoint, event_id)
);
create index portcullis_webhook_deliveries_due on portcullis_webhook_deliveries (next_attempt_at) where state = 'pending';
create index portcullis_webhook_deliveries_order on portcullis_webhook_deliveries (endpoint, order_key, event_id) where state = 'pending';
