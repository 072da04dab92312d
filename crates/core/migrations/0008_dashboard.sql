-- Who may use the dashboard, and their sessions there.
create table if not exists dashboard_users (
    app_id varchar(64) not null default 'public',
    user_id char(36) not null,
    email varchar(256) not null,
    password_hash varchar(256) not null,
    time_joined bigint not null,
    constraint dashboard_users_email_key unique (app_id, email),
    constraint dashboard_users_pkey primary key (app_id, user_id),
    constraint dashboard_users_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists dashboard_users_app_id_index on dashboard_users (app_id);
create table if not exists dashboard_user_sessions (
    app_id varchar(64) not null default 'public',
    session_id char(36) not null,
    user_id char(36) not null,
    time_created bigint not null,
    expiry bigint not null,
    constraint dashboard_user_sessions_pkey primary key (app_id, session_id),
    constraint dashboard_user_sessions_user_id_fkey foreign key (app_id, user_id) references dashboard_users (app_id, user_id) on delete cascade on update cascade
);
create index if not exists dashboard_user_sessions_expiry_index on dashboard_user_sessions (expiry);
create index if not exists dashboard_user_sessions_user_id_index on dashboard_user_sessions (app_id, user_id);
