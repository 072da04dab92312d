-- Users who wait to be imported.
create table if not exists bulk_import_users (
    id char(36),
    app_id varchar(64) not null default 'public',
    primary_user_id varchar(36),
    raw_data text not null,
    status varchar(128) default 'NEW',
    error_msg text,
    created_at bigint not null,
    updated_at bigint not null,
    constraint bulk_import_users_pkey primary key (app_id, id),
    constraint bulk_import_users_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists bulk_import_users_status_updated_at_index on bulk_import_users (app_id, status, updated_at);
create index if not exists bulk_import_users_pagination_index1 on bulk_import_users (app_id, status, created_at desc, id desc);
create index if not exists bulk_import_users_pagination_index2 on bulk_import_users (app_id, created_at desc, id desc);
