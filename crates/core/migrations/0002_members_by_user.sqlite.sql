-- Without statistics an index of all members of a tenant is preferred to one of a user's memberships as long as
-- neither has more columns that fit: a page of users would take longer the more users there are.
drop index idx_recipe_user_tenants_recipe_user_id;
create index idx_recipe_user_tenants_recipe_user_id on recipe_user_tenants (app_id, recipe_user_id, tenant_id);
