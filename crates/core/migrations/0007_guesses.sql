-- Failed attempts at secrets, by a hash of whose they are or of who makes them.
create table if not exists portcullis_guesses (
    app_id varchar(64) not null,
    subject varchar(64) not null,
    began_at bigint not null,
    attempts bigint not null,
    constraint portcullis_guesses_pkey primary key (app_id, subject),
    constraint portcullis_guesses_app_id_fkey foreign key (app_id) references apps (app_id) on delete cascade
);
create index if not exists portcullis_guesses_began_at_index on portcullis_guesses (began_at);
