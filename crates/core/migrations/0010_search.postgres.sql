-- A search by the beginning of an address, of its domain, or of a provider's user shall not go through everybody.
-- The first one is the reference's index, which compares by bytes now; it finds equal values as before.
drop index if exists idx_recipe_user_tenants_account_info;
create index idx_recipe_user_tenants_account_info on recipe_user_tenants (app_id, tenant_id, account_info_type, account_info_value text_pattern_ops);
create index portcullis_email_domains on recipe_user_tenants (app_id, tenant_id, substr(account_info_value, strpos(account_info_value, '@') + 1) text_pattern_ops) where account_info_type = 'email';
create index portcullis_third_parties on recipe_user_tenants (app_id, tenant_id, lower(account_info_value) text_pattern_ops) where account_info_type = 'tparty';
