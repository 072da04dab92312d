-- So many users of SuperTokens 11.3: half with a password, three tenths of providers, a fifth with codes. A tenth of the
-- first are linked to one of a provider each, a twentieth of all is in a second tenant too, and a third has a session.
create temporary table made as select n, gen_random_uuid()::text as id,
    case when n % 10 < 5 then 'emailpassword' when n % 10 < 8 then 'thirdparty' else 'passwordless' end as recipe,
    1600000000000 + n as joined from generate_series(1, :number) n;
insert into apps values ('public', 0) on conflict do nothing;
insert into tenants values ('public', 'public', 0), ('public', 't1', 0) on conflict do nothing;
-- The fifth of each ten is linked to the fourth, if it is of the first of ten tens.
create index on made (n);
create temporary table grouped as select m.*, coalesce(p.id, m.id) as primary_id,
    p.id is not null or (m.n % 100 = 4 and m.n < :number) as is_linked
    from made m left join made p on m.n % 100 = 5 and p.n = m.n - 1;
insert into app_id_to_user_id (app_id, user_id, recipe_id, primary_or_recipe_user_id, is_linked_or_is_a_primary_user)
    select 'public', id, recipe, primary_id, is_linked from grouped;
insert into all_auth_recipe_users select 'public', tenant, id, primary_id, is_linked, recipe, joined,
    case when n % 100 = 5 then joined - 1 else joined end
    from grouped join (values ('public'), ('t1')) t (tenant) on tenant = 'public' or n % 20 = 0;
insert into emailpassword_users select 'public', id, 'user' || n || '@example.com',
    '$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm', joined from made where recipe = 'emailpassword';
insert into thirdparty_users (app_id, third_party_id, third_party_user_id, user_id, email, time_joined)
    select 'public', 'google', n, id, 'user' || n || '@example.com', joined from made where recipe = 'thirdparty';
insert into passwordless_users select 'public', id, case when n % 2 = 0 then 'user' || n || '@example.com' end,
    case when n % 2 = 1 then '+49309' || n end, joined from made where recipe = 'passwordless';
insert into emailpassword_user_to_tenant select u.app_id, tenant_id, u.user_id, email
    from emailpassword_users u join all_auth_recipe_users a on a.user_id = u.user_id;
insert into thirdparty_user_to_tenant select u.app_id, tenant_id, u.user_id, third_party_id, third_party_user_id
    from thirdparty_users u join all_auth_recipe_users a on a.user_id = u.user_id;
insert into passwordless_user_to_tenant select u.app_id, tenant_id, u.user_id, email, phone_number
    from passwordless_users u join all_auth_recipe_users a on a.user_id = u.user_id;
insert into session_info (app_id, tenant_id, session_handle, user_id, refresh_token_hash_2, session_data, expires_at,
    created_at_time, jwt_user_payload, use_static_key)
    select 'public', 'public', gen_random_uuid()::text || '_public', id, repeat('0', 64), '{}', 4000000000000, joined, '{}',
    false from made where n % 3 = 0;
insert into user_metadata (app_id, user_id, user_metadata) select 'public', id, '{"a":1}' from made where n % 10 = 0;
insert into user_last_active (app_id, user_id, last_active_time) select 'public', id, joined from made where n % 2 = 0;
