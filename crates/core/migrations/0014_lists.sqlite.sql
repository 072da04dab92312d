-- Read backwards, an index that ascends gives the order that falls; users who joined in the same millisecond are
-- sorted when they are read. What is new comes last, where SQLite fills its pages.
drop index if exists app_id_to_user_id_pagination_index1;
create index app_id_to_user_id_pagination_index1 on app_id_to_user_id (app_id, primary_or_recipe_user_time_joined, primary_or_recipe_user_id);
drop index if exists app_id_to_user_id_pagination_index2;
drop index if exists app_id_to_user_id_pagination_index3;
create index app_id_to_user_id_pagination_index3 on app_id_to_user_id (recipe_id, app_id, primary_or_recipe_user_time_joined, primary_or_recipe_user_id);
drop index if exists app_id_to_user_id_pagination_index4;
