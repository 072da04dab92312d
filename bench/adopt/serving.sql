-- What SuperTokens' core of then does for a sign-in with a password, and for one in ten a sign-up.
\set n random(1, :number / 10) * 10
\set new random(1, 1000000000000)
\set is_new random(1, 10)
select u.user_id, u.password_hash from emailpassword_user_to_tenant t join emailpassword_users u
    on u.app_id = t.app_id and u.user_id = t.user_id
    where t.app_id = 'public' and t.tenant_id = 'public' and t.email = 'user' || :n || '@example.com';
insert into session_info (app_id, tenant_id, session_handle, user_id, refresh_token_hash_2, session_data, expires_at,
    created_at_time, jwt_user_payload, use_static_key)
    values ('public', 'public', gen_random_uuid()::text, 'u' || :n, repeat('0', 64), '{}', 4000000000000, :n, '{}', false);
insert into user_last_active (app_id, user_id, last_active_time) values ('public', 'u' || :n, :n)
    on conflict (app_id, user_id) do update set last_active_time = excluded.last_active_time;
\if :is_new = 1
begin;
insert into app_id_to_user_id (app_id, user_id, recipe_id, primary_or_recipe_user_id)
    values ('public', 'new' || :new, 'emailpassword', 'new' || :new);
insert into all_auth_recipe_users values ('public', 'public', 'new' || :new, 'new' || :new, false, 'emailpassword', :new, :new);
insert into emailpassword_users values ('public', 'new' || :new, 'new' || :new || '@example.com', 'x', :new);
insert into emailpassword_user_to_tenant values ('public', 'public', 'new' || :new, 'new' || :new || '@example.com');
commit;
\endif
