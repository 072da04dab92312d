-- What is new comes last, and PostgreSQL leaves pages half empty where it is added at the beginning of an index: read
-- backwards, one that ascends gives the same order as the one that fell.
drop index if exists app_id_to_user_id_pagination_index1;
create index app_id_to_user_id_pagination_index1 on app_id_to_user_id (app_id, primary_or_recipe_user_time_joined, primary_or_recipe_user_id);
drop index if exists user_last_active_last_active_time_index;
create index user_last_active_last_active_time_index on user_last_active (last_active_time, app_id);
drop index if exists bulk_import_users_pagination_index1;
create index bulk_import_users_pagination_index1 on bulk_import_users (app_id, status, created_at, id);
drop index if exists bulk_import_users_pagination_index2;
create index bulk_import_users_pagination_index2 on bulk_import_users (app_id, created_at, id);
-- A recipe's users are found by the key of recipe_user_tenants, or in the order of all users.
drop index if exists app_id_to_user_id_pagination_index3;
drop index if exists app_id_to_user_id_pagination_index4;
